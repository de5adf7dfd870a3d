"""The house stays liveable: contracts, types, lint and folders are checked like any behaviour."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("gateway", "config", "keys", "protocol", "schemas")
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_the_code_passes(command: tuple[str, ...]) -> None:
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_ours(room: str) -> None:
    """`config` and `keys` are common names: another distribution must not stand in for ours."""
    module = importlib.import_module(room)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / room


def test_the_top_level_holds_the_agreed_folders() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: the tracked files cannot be listed")
    tracked = run("git", "ls-files").stdout.splitlines()
    folders = {name.split("/")[0] for name in tracked if "/" in name} - {".ci"}
    assert folders == {"gateway", "protocol", "schemas", "keys", "config", "tests", "docs"}
    files = {name for name in tracked if "/" not in name}
    assert files <= {
        ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml",
        "requirements.txt", "ruff.toml", "setup.cfg",
    }  # fmt: skip


def test_the_build_file_has_three_lines() -> None:
    assert len((ROOT / "pyproject.toml").read_text().splitlines()) == 3


def test_no_private_key_is_tracked() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: the tracked files cannot be listed")
    found = run("git", "grep", "-lE", "^-----BEGIN ([A-Z]+ )?PRIVATE KEY")
    assert found.stdout == ""


def test_no_mark_of_a_merge_is_left() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: the tracked files cannot be listed")
    found = run("git", "grep", "-nE", "^(<{7}|>{7}) ")
    assert found.stdout == ""


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    records = sorted(p.name for p in folder.glob("[0-9]*.md"))
    assert records
    assert [name for name in records if name not in index] == []
