"""What the evidence says about one message, read back from its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.store.rows import AnyRow
from protocol.evidence.chain import Finding
from protocol.evidence.records import EvidenceRecord, Kind, RecordUnreadable, decode

#: What a queue entry's state must be after the last record of these kinds about it.
QUEUE_STATES: Final[Mapping[Kind, str]] = {
    Kind.HANDED_OFF: "LEASED",
    Kind.RELEASED: "QUEUED",
    Kind.UNPARKED: "QUEUED",
    Kind.PARKED: "PARKED",
    Kind.ACKNOWLEDGED: "ACKNOWLEDGED",
    Kind.REJECTED: "REJECTED",
}

#: Records that are about one message, and therefore point to its row.
ABOUT_A_MESSAGE: Final = frozenset(Kind) - {
    Kind.STARTED,
    Kind.WITNESS_BEGUN,
    Kind.EPOCH_DECLARED,
    Kind.REFUSED,
    Kind.GROUP_FAILED,
    Kind.ALERTED,
    Kind.ALERT_ACKNOWLEDGED,
    Kind.CASE_STEP,
    Kind.CASE_SETTLED,
    Kind.CLOCK_ANCHORED,
    Kind.CLOCK_ANSWERED,
    Kind.DIRECTORY_CHANGED,
    Kind.DIRECTORY_UPDATE_REFUSED,
}


@dataclass(slots=True)
class Claims:
    """The records about one message: the last of each kind, and the last about each queue entry."""

    records: dict[Kind, EvidenceRecord] = field(default_factory=dict)
    queue: dict[str, EvidenceRecord] = field(default_factory=dict)  # by notice; "" for the message
    deliveries: dict[str, int] = field(default_factory=dict)  # by notice
    told: dict[str, str] = field(default_factory=dict)  # whose queue a notice of a case is in
    standing: Mapping[str, Any] | None = None  # where a message on its way out stands

    def take(self, record: EvidenceRecord) -> None:
        """One more record, in order."""
        self.records[record.kind] = record
        if record.kind in QUEUE_STATES:
            self._take_queue_step(record)
        if record.kind in (Kind.CLOCK_TOLD, Kind.FORWARDED) and record.facts.get("notice"):
            self.told[str(record.facts["notice"])] = str(record.facts["authority"])
        if record.kind is Kind.SUBMITTED:
            self.standing = {"state": "READY", "attempts": 0}
        elif "state" in record.facts:
            self.standing = record.facts

    def facts(self, kind: Kind) -> Mapping[str, Any] | None:
        """What the last record of this kind says."""
        record = self.records.get(kind)
        return None if record is None else record.facts

    def _take_queue_step(self, record: EvidenceRecord) -> None:
        notice = str(record.facts.get("notice") or "")
        self.queue[notice] = record
        if record.kind is Kind.HANDED_OFF:
            self.deliveries[notice] = self.deliveries.get(notice, 0) + 1
        elif record.kind is Kind.UNPARKED:
            self.deliveries[notice] = 0


def claims_of(rows: Iterable[AnyRow]) -> Claims:
    """What these evidence rows say; rows that cannot be read are findings of the chain already."""
    claims = Claims()
    for _, record in _readable(rows):
        claims.take(record)
    return claims


def strangers(rows: Iterable[AnyRow], message: AnyRow) -> Iterator[Finding]:
    """Evidence rows that point to `message` but are about another one."""
    for row, record in _readable(rows):
        facts = record.facts
        if (facts.get("partner"), facts.get("message_id")) != (message.partner, message.message_id):
            about = f"is about {facts.get('message_id')}, and points to {message.message_id}"
            yield Finding(f"evidence row {row.sequence}", about)


def _readable(rows: Iterable[AnyRow]) -> Iterator[tuple[AnyRow, EvidenceRecord]]:
    for row in rows:
        try:
            yield row, decode(row.record)
        except RecordUnreadable:
            continue
