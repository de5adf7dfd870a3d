"""The whole audit, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select

from config.node import Node
from gateway.audit import pages
from gateway.audit.claims import claims_of
from gateway.audit.messages import Counted, Material, check_message, check_standing
from gateway.audit.pages import Reading
from gateway.spool import Spool
from gateway.store.ports import KeyWrap
from gateway.store.tables import exchange
from protocol.evidence.chain import ChainRow, ChainWalk, Finding, Head
from protocol.evidence.records import Kind, RecordUnreadable, decode

Step = Mapping[str, object]
PROGRESS_EVERY = 1000  # evidence rows or messages between two lines of progress


@dataclass(slots=True)
class _Walked:
    """What the chain says, as far as the rows must be held against it later."""

    records: int = 0
    messages: dict[int, str] = field(default_factory=dict)  # row number -> MessageId
    head: Head = field(default_factory=Head)


def verify_running(
    store: Reading, node: Node, spool: Spool, now: Callable[[], datetime]
) -> Iterator[Step]:
    """The audit of a gateway that runs. Blocks: for a worker thread."""
    return verify_store(store, node.storage_key, spool, now)


def verify_store(
    store: Reading, storage_key: KeyWrap, spool: Spool, now: Callable[[], datetime]
) -> Iterator[Step]:
    """Every step of the audit; the last one is the end, with what was counted."""
    counted, walked, findings = Counted(), _Walked(), 0
    yield {"event": "checking", "what": "the chain of evidence records", "at": now().isoformat()}
    for step in _chain(store, storage_key, walked):
        findings += step["event"] == "finding"
        yield step
    certificates = pages.certificates(store)
    yield {"event": "checking", "what": "messages, receipts, signatures and payloads"}
    for finding in _certificates(certificates):
        findings += 1
        yield _found(finding)
    material = Material(certificates, spool)
    for step in _messages(store, material, walked, counted):
        findings += step["event"] == "finding"
        yield step
    yield {
        "event": "end",
        "findings": findings,
        "records": walked.records,
        **asdict(counted),
        "head": walked.head.chain_hash.hex(),
        "at": now().isoformat(),
    }


def _chain(store: Reading, storage_key: KeyWrap, walked: _Walked) -> Iterator[Step]:
    # The head is read first: records that come while we read lie behind it and are walked too.
    head, seal = pages.sealed_head(store)
    if not pages.seal_of(store, storage_key).holds(head, seal):
        yield _found(Finding("evidence head", "was not written by this gateway: its seal is wrong"))
    walk, at_head = ChainWalk(), ChainWalk()
    for row in pages.evidence_rows(store):
        link = ChainRow(row.sequence, row.record, row.leaf_hash, row.chain_hash)
        for finding in walk.take(link):
            yield _found(finding)
        if row.sequence <= head.sequence:
            at_head.take(link)
        walked.records += 1
        walked.head = Head(row.sequence, row.chain_hash)
        yield from _row_claims(row.sequence, row.kind, row.message, row.record, walked)
        if walked.records % PROGRESS_EVERY == 0:
            yield {"event": "progress", "records": walked.records}
    for finding in at_head.end(head):
        yield _found(finding)


def _row_claims(
    sequence: int, kind: str, number: int | None, record: bytes, walked: _Walked
) -> Iterator[Step]:
    """The columns beside a record must say what the record says."""
    try:
        read = decode(record)
    except RecordUnreadable:
        return
    if read.kind.value != kind:
        yield _found(Finding(f"evidence row {sequence}", "its kind column was changed"))
    if read.kind in (Kind.RECEIVED, Kind.SUBMITTED):
        message_id = str(read.facts.get("message_id"))
        if number is None:
            yield _found(Finding(f"evidence row {sequence}", "lost the message it is about"))
        else:
            walked.messages[number] = message_id


def _certificates(certificates: Mapping[str, bytes]) -> Iterator[Finding]:
    for fingerprint, der in certificates.items():
        if sha256(der).hexdigest() != fingerprint:
            yield Finding(f"certificate {fingerprint}", "was changed")


def _messages(
    store: Reading, material: Material, walked: _Walked, counted: Counted
) -> Iterator[Step]:
    missing = dict(walked.messages)
    for row in pages.message_rows(store):
        missing.pop(row.id, None)
        claims = claims_of(pages.evidence_of(store, row.id))
        parts, entries = pages.parts_of(store, row.id), pages.queue_entries_of(store, row.id)
        for finding in check_message(row, parts, entries, claims, material, counted):
            yield _found(finding)
        if row.direction == "out":
            state = _exchange_state(store, row.id)
            for finding in check_standing(row, state, claims):
                yield _found(finding)
        if counted.messages % PROGRESS_EVERY == 0:
            yield {"event": "progress", "messages": counted.messages}
    for number, message_id in missing.items():
        yield _found(Finding(f"message {message_id} (row {number})", "is missing"))


def _exchange_state(store: Reading, number: int) -> str | None:
    wanted = select(exchange.c.state).where(exchange.c.message == number)
    return store.run_blocking(lambda unit: unit.connection.execute(wanted).scalar_one_or_none())


def _found(finding: Finding) -> Step:
    return {"event": "finding", "where": finding.where, "what": finding.what}
