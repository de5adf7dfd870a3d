"""Nodes to damage: made once, copied for each test, with every mode as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.card import add_partner
from config.new_node import write_node
from tests.keys.certificates import NOW

SUITE = "edelivery-as4-1.15"  # whose keys tests.keys.certificates makes


@pytest.fixture(scope="session")
def ground(tmp_path_factory) -> Path:
    """AZ and XU, each with the other's card, agreed on profile 1.15. Nobody writes here."""
    folder = tmp_path_factory.mktemp("ground")
    for state, ports in (("AZ", (9001, 9002)), ("XU", (9003, 9004))):
        write_node(folder / state, state, as4_port=ports[0], local_port=ports[1], now=NOW)
    add_partner(folder / "AZ", folder / "XU" / "card.toml", suite=SUITE, now=NOW)
    add_partner(folder / "XU", folder / "AZ" / "card.toml", suite=SUITE, now=NOW)
    return folder


@pytest.fixture
def nodes(ground, tmp_path) -> Path:
    """A copy of both nodes for one test."""
    for state in ("AZ", "XU"):
        shutil.copytree(ground / state, tmp_path / state)
    return tmp_path


@pytest.fixture
def az(nodes) -> Path:
    """The folder of AZ, whose partner is XU."""
    return nodes / "AZ"


def edit(path: Path, old: str, new: str) -> None:
    """`old`, which must be in the file, is now `new`."""
    text = path.read_text("utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), "utf-8")


def line(path: Path, key: str, value: str | None) -> None:
    """The last line (or the array, over several) that sets `key` sets it to `value`, or is gone."""
    lines = path.read_text("utf-8").splitlines()
    found = [n for n, text in enumerate(lines) if text.startswith(f"{key} = ")][-1]
    last = lines.index("]", found) if lines[found].endswith("= [") else found
    lines[found : last + 1] = [] if value is None else [f"{key} = {value}"]
    path.write_text("\n".join(lines) + "\n", "utf-8")
