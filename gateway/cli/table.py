"""Answers for people: aligned columns, and nothing in them that could steer a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence


def printable(value: object) -> str:
    """`value` without control, bidirectional and other invisible characters; "-" for nothing."""
    if value is None or value == "":
        return "-"
    text = str(value)
    return "".join(
        c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def print_json(content: object) -> None:
    """`content` as indented JSON on standard output; every non-ASCII character escaped."""
    print(json.dumps(content, indent=2))


def print_fields(fields: Mapping[str, object]) -> None:
    """One name and value on each line, values aligned."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        print(f"{name:<{width}}  {printable(value)}")


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under `head`, columns as wide as they need to be."""
    table = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def complain(sentence: str) -> None:
    """One line on standard error."""
    print(sentence, file=sys.stderr)
