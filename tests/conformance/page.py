"""docs/conformance.md holds the list of assertions as it is in the code: `--write` renews it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.conformance.assertions import ASSERTIONS, Assertion

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
HEAD = "| assertion | side under test | level | what must hold | tested |\n|---|---|---|---|---|\n"


def table() -> str:
    """The list of assertions as a table."""
    return HEAD + "".join(_rows())


def renewed(text: str) -> str:
    """`text` with the real list below its heading."""
    before, found, _ = text.partition(HEAD)
    assert found, f"{PAGE} has lost the head of its table"
    return before + table()


def _rows() -> Iterator[str]:
    for one in ASSERTIONS:
        yield (
            f"| {one.id} | {one.side.value} | {one.level.value} | {one.sentence} "
            f"| {_tested(one)} |\n"
        )


def _tested(assertion: Assertion) -> str:
    if assertion.absent is not None:
        return f"does not apply: {assertion.absent}"
    return "from outside" if assertion.probe else "inside"


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(renewed(PAGE.read_text()))
