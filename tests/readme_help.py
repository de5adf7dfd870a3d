"""The command-line help in README.md is the real one: `--write` renews it.

A fenced block that begins with ```console may hold lines like `$ hanoi-gateway run --help`; what
follows such a line, up to the next `$` or the end of the block, is the output of that command.
Blocks without a `--help` line are left alone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
COLUMNS = "100"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_SESSION = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_HELP = re.compile(r"hanoi-gateway(?: [a-z]+)* --help")


def quoted(text: str) -> Iterator[tuple[str, str]]:
    """Every command with --help in `text`, and the output that `text` gives for it."""
    for block in _BLOCK.findall(text):
        for session in _SESSION.finditer(block):
            if _HELP.fullmatch(session["command"]):
                yield session["command"], session["output"]


def renewed(text: str) -> str:
    """`text` with the real output below every command with --help."""
    return _BLOCK.sub(lambda block: _SESSION.sub(_renewed_session, block[0]), text)


def real(command: str) -> str:
    """What `command` prints on a terminal of COLUMNS columns."""
    _, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": COLUMNS},
        cwd=README.parent,
    )
    return done.stdout


def _renewed_session(session: re.Match[str]) -> str:
    if not _HELP.fullmatch(session["command"]):
        return session[0]
    return f"$ {session['command']}\n{real(session['command'])}"


def main(arguments: list[str]) -> int:
    """0 when the README is right, or has been put right with --write."""
    text = README.read_text("utf-8")
    new = renewed(text)
    if "--write" in arguments:
        README.write_text(new, "utf-8")
        return 0
    if new != text:
        print("README.md quotes other help than the real one; run: make readme", file=sys.stderr)
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
