"""No reference message and no vector is left out: some test names each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .expect import reference_folder

TESTS = Path(__file__).resolve().parents[2]
#: What is not a message or a vector but belongs to one: keys, plain texts, what is said of them.
BESIDE = (".pem", ".der", ".data", ".md")


def _named_by_tests() -> str:
    own = Path(__file__)
    return "\n".join(file.read_text() for file in TESTS.rglob("test_*.py") if file != own)


def _mentions(file: Path) -> re.Pattern[str]:
    """Its name in quotes: whole, without extension, or its number and what stands before it."""
    number = re.match(r"(?:ok-|bad-)?\d\d[a-z]?(?=-)", file.name)
    forms = [re.escape(file.name), re.escape(file.stem), *([number[0]] if number else [])]
    return re.compile(rf"[\"'](?:{'|'.join(forms)})[\"']")


@pytest.mark.parametrize("folder", ["samples", "examples", "crypto-vectors"])
def test_every_file_is_named_by_a_test(folder: str) -> None:
    tests = _named_by_tests()
    files = [file for file in (reference_folder() / folder).iterdir() if file.is_file()]
    wanted = [file for file in files if file.suffix not in BESIDE]
    assert wanted
    assert [file.name for file in wanted if not _mentions(file).search(tests)] == []
