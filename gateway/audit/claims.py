"""What the evidence says about one message, read back from its records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.store.rows import AnyRow
from protocol.evidence.records import EvidenceRecord, Kind, RecordUnreadable, decode

#: What a queue entry's state must be after the last record of these kinds about it.
QUEUE_STATES: Mapping[Kind, frozenset[str]] = {
    Kind.HANDED_OFF: frozenset({"LEASED"}),
    Kind.RELEASED: frozenset({"QUEUED"}),
    Kind.UNPARKED: frozenset({"QUEUED"}),
    Kind.PARKED: frozenset({"PARKED"}),
    Kind.ACKNOWLEDGED: frozenset({"ACKNOWLEDGED"}),
    Kind.REJECTED: frozenset({"REJECTED"}),
}
FINAL_STATES = frozenset({"ACKNOWLEDGED", "FAILED"})


@dataclass(slots=True)
class Claims:
    """The records about one message: the last of each kind, and the last about each queue entry."""

    facts: dict[Kind, Mapping[str, Any]] = field(default_factory=dict)
    queue: dict[str, Kind] = field(default_factory=dict)  # by notice, "" for the message itself
    standing: str | None = None  # where a message on its way out stands

    def take(self, record: EvidenceRecord) -> None:
        """One more record, in order."""
        self.facts[record.kind] = record.facts
        if record.kind in QUEUE_STATES:
            self.queue[str(record.facts.get("notice") or "")] = record.kind
        state = record.facts.get("state")
        if isinstance(state, str):
            self.standing = state


def claims_of(rows: Iterable[AnyRow]) -> Claims:
    """What these evidence rows say; rows that cannot be read are findings of the chain already."""
    claims = Claims()
    for row in rows:
        try:
            claims.take(decode(row.record))
        except RecordUnreadable:
            continue
    return claims
