"""The generated parts of docs/lifecycle.md and docs/rules.md; a test holds them. `make pages`.

A generated part stands between two comments that name it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from config.policy import load_policy
from protocol.convention import rule_table
from protocol.convention.lifecycle.picture import TITLES, as_mermaid, as_table, clock_table

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN = "<!-- generated: {} -->\n"
END = "<!-- end of generated: {} -->\n"


def machines() -> str:
    """Picture and table of every machine."""
    return "\n".join(
        f"### {title}\n\n```mermaid\n{as_mermaid(machine)}```\n\n{as_table(machine)}"
        for machine, title in TITLES.items()
    )


PARTS = {
    "lifecycle.md": {"machines": machines, "clocks": lambda: clock_table(load_policy())},
    "rules.md": {"rules": rule_table.as_table},
}


def renewed(name: str) -> str:
    """The page `name` with its generated parts as they are now. Raises ValueError."""
    page = (DOCS / name).read_text("utf-8")
    for part, write in PARTS[name].items():
        begin, end = BEGIN.format(part), END.format(part)
        head, rest = page[: page.index(begin)], page[page.index(end) :]
        page = f"{head}{begin}\n{write()}\n{rest}"
    return page


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    for one in PARTS:
        (DOCS / one).write_text(renewed(one), "utf-8")
