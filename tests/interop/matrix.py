"""What was exchanged with whom, and how it ended: the table that `make interop` prints at its end.

A test says in its marker what it exchanges: `@pytest.mark.exchange(peer, profile, pattern,
direction)`. Its own name says what crossed. A parameter that decides one of these overrides it by
`record_property`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

HERE = Path(__file__).parent
OUTBOUND = "ours to peer"
INBOUND = "peer to ours"
PEER_ALONE = "peer to peer"
PUSH = "One-Way/Push"
PULL = "One-Way/Pull"
PROFILE_1_15 = "1.15"
WHAT_WIDTH = 96  # a row fits a screen of 200 columns


@dataclass(frozen=True, slots=True)
class Pin:
    """Where the version of a peer is written: the file and what stands before the number."""

    file: str
    before: str

    def version(self) -> str:
        """The version that the file pins."""
        found = re.search(re.escape(self.before) + r"([0-9][0-9A-Za-z.]*)", self._text())
        if found is None:
            raise LookupError(f"{self.file} pins no version after {self.before!r}")
        return found.group(1)

    def _text(self) -> str:
        return (HERE / self.file).read_text()


PEERS = {
    "phase4": Pin("phase4/pom.xml", "<phase4.version>"),
    "WSS4J": Pin("phase4/pom.xml", "<wss4j.version>"),
    "as4": Pin("as4/requirements.in", "as4=="),
    "xmlsec1": Pin("xmlsec/requirements.in", "holds xmlsec1 "),
    "Bergshamra": Pin("xmlsec/requirements.in", "pybergshamra=="),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange with a peer."""

    peer: str
    version: str
    profile: str
    pattern: str
    direction: str
    what: str
    result: str

    @classmethod
    def of(cls, where: Sequence[str], test: str, result: str) -> Row:
        """The row of the test named `test`, whose marker says `where`."""
        peer, profile, pattern, direction = where
        return cls(peer, PEERS[peer].version(), profile, pattern, direction, what(test), result)

    def with_properties(self, properties: Iterable[tuple[str, object]]) -> Row:
        """The row with what the test recorded about itself."""
        names = {field.name for field in fields(self)}
        return replace(self, **{name: str(said) for name, said in properties if name in names})


def what(test: str) -> str:
    """The sentence that a test's name is, its parameters in parentheses."""
    name, _, parameters = test.partition("[")
    sentence = name.removeprefix("test_").replace("_", " ")
    return f"{sentence} ({parameters.removesuffix(']')})" if parameters else sentence


def peer_of_module(name: str) -> str | None:
    """The peer that a test module meets, by its file name `test_PEER….py`."""
    return next((peer for peer in PEERS if name.startswith(f"test_{peer.lower()}")), None)


def table(rows: Iterable[Row]) -> list[str]:
    """The lines of a table for a person: a heading, then one line for each row."""
    cells = [tuple(field.name for field in fields(Row)), *map(_cells, sorted_rows(rows))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def totals(rows: Iterable[Row]) -> list[str]:
    """One line for each peer: how many exchanges ended how."""
    counted = Counter((row.peer, row.version, row.result) for row in rows)
    return [f"{peer} {version}: {n} {how}" for (peer, version, how), n in sorted(counted.items())]


def write(rows: Iterable[Row], file: Path) -> None:
    """The table as JSON, for a machine."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in sorted_rows(rows)], indent=1) + "\n")


def sorted_rows(rows: Iterable[Row]) -> list[Row]:
    """By peer, profile, pattern and direction, then by what crossed."""
    return sorted(rows, key=lambda row: tuple(asdict(row).values()))


def _cells(row: Row) -> tuple[str, ...]:
    cells = asdict(row)
    if len(row.what) > WHAT_WIDTH:
        cells["what"] = row.what[: WHAT_WIDTH - 1] + "…"
    return tuple(cells.values())
