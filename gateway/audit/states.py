"""Holds the rows that change against the evidence: queue entries, exchanges, sealed parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.audit.claims import QUEUE_STATES, Claims
from gateway.audit.pages import Held
from gateway.store.columns import EPOCH
from gateway.store.dispatching import NOTICE_FAILED, NOTICE_LATE
from gateway.store.rows import AnyRow
from gateway.store.values import NOBODY
from protocol.as4.exchange import ExchangeState
from protocol.evidence.chain import Finding
from protocol.evidence.records import EvidenceRecord, Kind, instant

_STANDING: Final = ("state", "attempts", "next_attempt_at", "error_code", "error_sentence", "late")
_UNSET: Final = {"late": False}  # what a column holds while no record says anything about it


def check_queue(where: str, held: Held, claims: Claims) -> Iterator[Finding]:
    """Whether every hand-off stands where the evidence says, with the authority that it says."""
    entries = {entry.notice: entry for entry in held.queue_entries}
    expected = _expected_entries(held, claims)
    for notice in sorted(entries.keys() - expected.keys()):
        yield Finding(where, f"has a queue entry ({notice!r}) of which the evidence knows nothing")
    for notice, authority in expected.items():
        place = f"{where}, notice {notice}" if notice else where
        entry = entries.get(notice)
        if entry is None:
            yield Finding(place, "its queue entry is missing")
            continue
        for name, wanted in _expected_columns(notice, authority, claims).items():
            found = _written(getattr(entry, name))
            if found != wanted:
                yield Finding(
                    place, f"its queue entry has {name} {found!r}, in evidence {wanted!r}"
                )


def check_exchange(held: Held, claims: Claims) -> Iterator[Finding]:
    """Whether a message on its way out stands where the evidence says."""
    row, found = held.message, held.exchange
    where = f"exchange of message {row.message_id} (row {row.id})"
    if found is None:
        yield Finding(where, "is missing")
        return
    origin = claims.facts(Kind.SUBMITTED) or {}
    fixed = {
        "partner": row.partner,
        "content_digest": bytes.fromhex(str(origin.get("content_sha256", ""))),
        "idempotency_key": origin.get("idempotency_key"),
        "due_at": _written(found.next_attempt_at or row.at),
    }
    if found.state != ExchangeState.SENDING.value:
        fixed["node"] = None  # nobody is sending it
    for name, wanted in {**fixed, **_expected_standing(found, claims)}.items():
        if _written(getattr(found, name)) != wanted:
            yield Finding(where, f"its {name} is {getattr(found, name)!r}, in evidence {wanted!r}")
    yield from _check_idempotency(where, held)


def check_wire(where: str, held: Held, claims: Claims) -> Iterator[Finding]:
    """Whether the sealed parts that are still kept are those that were signed."""
    sent = claims.facts(Kind.SENT) or {}
    known = {part["content_id"]: part["sha256"] for part in sent.get("wire_parts", ())}
    for part in held.wire_parts:
        if known.get(part.content_id) != part.sha256.hex():
            yield Finding(where, f"sealed part {part.content_id} is not the one in evidence")


def _expected_entries(held: Held, claims: Claims) -> dict[str, str]:
    """For each queue entry that must be there, by notice, whose queue it is in."""
    row = held.message
    expected = dict(claims.told)
    if row.direction == "in":
        if row.receiving_authority != NOBODY:
            expected[""] = row.receiving_authority
        return expected
    if Kind.FAILED in claims.records and row.requesting_authority != NOBODY:
        expected[NOTICE_FAILED] = row.requesting_authority
    if claims.standing is not None and claims.standing.get("late"):
        expected[NOTICE_LATE] = row.requesting_authority
    return expected


def _expected_columns(notice: str, authority: str, claims: Claims) -> dict[str, Any]:
    origin = claims.facts(Kind.RECEIVED) or {}
    last = claims.queue.get(notice)
    columns: dict[str, Any] = {
        "authority": authority,
        "deliveries": claims.deliveries.get(notice, 0),
        "state": QUEUE_STATES[last.kind] if last is not None else "QUEUED",
    }
    if not notice and "priority" in origin:
        columns["priority"] = origin["priority"]
    return {**columns, **_expected_lease(last)}


def _expected_lease(last: EvidenceRecord | None) -> dict[str, Any]:
    """Who has the entry, and until when; who had it is kept when it ends."""
    if last is None or last.kind in (Kind.RELEASED, Kind.PARKED, Kind.UNPARKED):
        return {"lease_id": None, "leased_until": None}
    facts = last.facts
    return {"lease_id": facts.get("lease_id"), "leased_until": facts.get("expires_at")}


def _expected_standing(found: AnyRow, claims: Claims) -> dict[str, Any]:
    standing = claims.standing or {}
    if found.state == ExchangeState.SENDING.value:  # a claim is no evidence yet, an outcome is
        before = standing.get("state")
        begun = before in (ExchangeState.READY.value, ExchangeState.WAITING_FOR_RETRY.value)
        more = 1 if begun else 0
        return {"attempts": int(standing.get("attempts") or 0) + more}
    return {name: standing.get(name, _UNSET.get(name)) for name in _STANDING}


def _check_idempotency(where: str, held: Held) -> Iterator[Finding]:
    found, key = held.exchange, held.submission
    if found is None or found.idempotency_key is None:
        return
    wanted = (held.message.requesting_authority, found.idempotency_key, found.content_digest)
    if key is None or (key.authority, key.idempotency_key, key.content_digest) != wanted:
        yield Finding(where, "its idempotency key is not the one that was kept")


def _written(value: Any) -> Any:
    """A column's value as records write it."""
    return instant(value) if isinstance(value, type(EPOCH)) else value
