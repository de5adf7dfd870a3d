"""The whole audit, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import ParamSpec

from config.node import Node
from gateway.audit import pages
from gateway.audit.alerts import AlertsAudit
from gateway.audit.cases import CasesAudit
from gateway.audit.claims import ABOUT_A_MESSAGE, claims_of
from gateway.audit.clocks import ClocksAudit
from gateway.audit.directory import DirectoryAudit
from gateway.audit.messages import Counted, Material, check_message
from gateway.audit.pages import Reading
from gateway.audit.use_limits import UseLimitsAudit
from gateway.spool import Spool
from gateway.store.faults import StoreFault, StoreRefused
from gateway.store.ports import KeyWrap
from gateway.store.rows import AnyRow
from protocol.evidence.chain import ChainRow, ChainWalk, Finding, Head
from protocol.evidence.records import Kind, RecordUnreadable, decode

Step = Mapping[str, object]
P = ParamSpec("P")
PROGRESS_EVERY = 1000  # evidence rows or messages between two lines of progress


@dataclass(slots=True)
class _Walked:
    """How far the chain was walked."""

    records: int = 0
    head: Head = field(default_factory=Head)


def verify_running(
    store: Reading, node: Node, spool: Spool, now: Callable[[], datetime]
) -> Iterator[Step]:
    """The audit of a gateway that runs. Blocks: for a worker thread."""
    return verify_store(store, node.storage_key, spool, now)


def verify_store(
    store: Reading,
    storage_key: KeyWrap,
    spool: Spool,
    now: Callable[[], datetime],
    doubts: Sequence[str] = (),
) -> Iterator[Step]:
    """Every step of the audit; the last one is the end, with what was counted.

    `doubts` are the reasons why the store may not be worked with: findings of their own.
    """
    counted, walked, findings = Counted(), _Walked(), len(doubts)
    for doubt in doubts:
        yield _found(Finding("store", doubt))
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
    for step in _messages(store, material, counted):
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
    sealed = pages.sealed_head(store)
    head = Head() if sealed is None else sealed[0]
    for finding in _seal_findings(store, storage_key, sealed):
        yield _found(finding)
    walk, at_head, alerts = ChainWalk(), ChainWalk(), AlertsAudit(store)
    directory, cases, use = DirectoryAudit(store), CasesAudit(store), UseLimitsAudit(store)
    clocks = ClocksAudit(store)
    for page in pages.evidence_pages(store):
        for row in page:
            link = _link(row)
            for finding in [*walk.take(link), *_column_findings(row, link.record)]:
                yield _found(finding)
            if row.sequence <= head.sequence:
                at_head.take(link)
            walked.records += 1
            walked.head = Head(row.sequence, row.chain_hash)
            if walked.records % PROGRESS_EVERY == 0:
                yield {"event": "progress", "records": walked.records}
        for finding in _missing(store, page):
            yield _found(finding)
        for audit in (alerts, directory, clocks, cases, use):
            for finding in _guarded(audit.take, page):
                yield _found(finding)
    for finding in at_head.end(head):
        yield _found(finding)
    for findings in (alerts.findings, cases.findings, clocks.findings, use.findings):
        for finding in _guarded(findings):
            yield _found(finding)
    for finding in _guarded(directory.findings, pages.certificates(store)):
        yield _found(finding)


def _guarded(
    find: Callable[P, Iterable[Finding] | None], *args: P.args, **words: P.kwargs
) -> Iterator[Finding]:
    """What `find` finds; a record that lacks what its kind must say does not end the audit."""
    try:
        yield from find(*args, **words) or ()
    except (ArithmeticError, LookupError, TypeError, ValueError) as e:
        what = f"do not say what they must: {type(e).__name__}: {e}"
        yield Finding("evidence records", what)


def _seal_findings(
    store: Reading, storage_key: KeyWrap, sealed: tuple[Head, bytes] | None
) -> Iterator[Finding]:
    if sealed is None:
        yield Finding("evidence head", "is missing")
        return
    try:
        if pages.seal_of(store, storage_key).holds(*sealed):
            return
    except StoreRefused as e:
        yield Finding("evidence head", f"its seal cannot be checked: {e}")
        return
    yield Finding("evidence head", "was not written by this gateway: its seal is wrong")


def _link(row: AnyRow) -> ChainRow:
    """The row of the chain; where somebody put something else than octets, there are none."""
    octets = [
        found if isinstance(found, bytes) else b""
        for found in (row.record, row.leaf_hash, row.chain_hash)
    ]
    return ChainRow(row.sequence, *octets)


def _column_findings(row: AnyRow, record: bytes) -> Iterator[Finding]:
    """The columns beside a record must say what the record says."""
    where = f"evidence row {row.sequence}"
    try:
        read = decode(record)
    except RecordUnreadable:
        return  # a finding of the chain already
    if read.kind.value != row.kind:
        yield Finding(where, "its kind column was changed")
    if read.kind in ABOUT_A_MESSAGE and not isinstance(row.message, int):
        yield Finding(where, "lost the message it is about")
    if read.kind not in ABOUT_A_MESSAGE and row.message is not None:
        yield Finding(where, "points to a message, and is about none")


def _missing(store: Reading, page: Sequence[AnyRow]) -> Iterator[Finding]:
    """Messages that came here by these records and have no row any more."""
    came = {
        row.message: row
        for row in page
        if row.kind in (Kind.RECEIVED, Kind.SUBMITTED) and isinstance(row.message, int)
    }
    for number in sorted(pages.missing_messages(store, came)):
        try:
            message_id = decode(came[number].record).facts.get("message_id")
        except RecordUnreadable:
            message_id = "unknown"
        yield Finding(f"message {message_id} (row {number})", "is missing")


def _certificates(certificates: Mapping[str, bytes]) -> Iterator[Finding]:
    for fingerprint, der in certificates.items():
        if sha256(der).hexdigest() != fingerprint:
            yield Finding(f"certificate {fingerprint}", "was changed")


def _messages(store: Reading, material: Material, counted: Counted) -> Iterator[Step]:
    for number in pages.message_numbers(store):
        for finding in _message(store, number, material, counted):
            yield _found(finding)
        if counted.messages % PROGRESS_EVERY == 0:
            yield {"event": "progress", "messages": counted.messages}


def _message(
    store: Reading, number: int, material: Material, counted: Counted
) -> Iterator[Finding]:
    """What is wrong with one message. Whatever stands in its rows, the others are checked, too."""
    try:
        held = pages.held(store, number)
        if held is not None:
            yield from check_message(held, claims_of(held.evidence), material, counted)
    except StoreFault:
        raise  # not what stands in the rows: the store itself
    except Exception as e:  # noqa: BLE001 - a row may hold anything; no type of it is known here
        yield Finding(f"message in row {number}", f"cannot be checked: {type(e).__name__}: {e}")


def _found(finding: Finding) -> Step:
    return {"event": "finding", "where": finding.where, "what": finding.what}
