"""The generated parts of docs/lifecycle.md; `make pages` writes them, a test holds them.

A generated part stands between two comments that name it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from config.policy import load_policy
from protocol.convention.lifecycle.picture import TITLES, as_mermaid, as_table, clock_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"
BEGIN = "<!-- generated: {} -->\n"
END = "<!-- end of generated: {} -->\n"


def machines() -> str:
    """Picture and table of every machine."""
    return "\n".join(
        f"### {title}\n\n```mermaid\n{as_mermaid(machine)}```\n\n{as_table(machine)}"
        for machine, title in TITLES.items()
    )


PARTS = {"machines": machines, "clocks": lambda: clock_table(load_policy())}


def renewed(page: str) -> str:
    """`page` with its generated parts as they are now. Raises ValueError."""
    for name, write in PARTS.items():
        begin, end = BEGIN.format(name), END.format(name)
        head, rest = page[: page.index(begin)], page[page.index(end) :]
        page = f"{head}{begin}\n{write()}\n{rest}"
    return page


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
