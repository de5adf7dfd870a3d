"""What a person reads at the end of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.demo.nodes import RunningNode

HEADINGS = ("message", "kind", "from", "to authority", "receipt", "hand-off", "evidence")
SHOWN_ID_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One message that crossed."""

    message_id: str
    kind: str
    requesting: str
    authority: str
    to_state: str
    receipt_id: str
    hand_off: str
    evidence: str = ""

    def with_evidence(self, evidence: str) -> Row:
        """The same row, with what the audit of the receiving gateway said."""
        return replace(self, evidence=evidence)

    def cells(self) -> tuple[str, ...]:
        """As it is printed; ids are cut to their first characters."""
        return (
            self.message_id[:SHOWN_ID_CHARACTERS],
            self.kind,
            self.requesting,
            self.authority,
            self.receipt_id[:SHOWN_ID_CHARACTERS],
            self.hand_off,
            self.evidence,
        )


def print_table(rows: Sequence[Row]) -> None:
    """One line for each message, in columns."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADINGS))]
    print()
    for number, line in enumerate(lines):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print(f"\n{len(rows)} messages crossed, each with a receipt, a hand-off and its evidence.")


def print_talk(nodes: Sequence[RunningNode]) -> None:
    """How to talk to gateways that were left running."""
    print("\nBoth gateways stay up. To talk to them:")
    for node in nodes:
        pid = node.process.pid if node.process is not None else "?"
        print(f"\n  {node.state}: process {pid}, log {node.log}")
        tokens = sorted(path.stem for path in (node.folder / "credentials").glob("*.token"))
        print(f"    credentials: {', '.join(tokens)}")
        authority = next((t for t in tokens if t != "auditor"), "AUTHORITY")
        print(f"    hanoi-gateway take {node.folder} --as {authority} --wait 30")
        print(f"    hanoi-gateway audit verify {node.folder}")
    pids = " ".join(str(node.process.pid) for node in nodes if node.process is not None)
    print(f"\n  To stop them: kill {pids}")
