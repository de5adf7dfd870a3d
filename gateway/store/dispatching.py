"""Which messages are due, who sends them, and what came of it.

The rules of a message's life are in `protocol.as4.exchange`; here they are made durable, each step
with its evidence, in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, func, select, text, update

from gateway.store import facts
from gateway.store.case_outcomes import settled_txn
from gateway.store.group_rows import terms_of
from gateway.store.received import enqueue_txn
from gateway.store.rows import AnyRow, fingerprint, keep_certificates_txn, parts_txn
from gateway.store.sent import BY_NUMBER, exchange_of, outbound_txn, sealed_of, submission_of
from gateway.store.split_rows import (
    end_group_txn,
    group_of_fragment_txn,
    group_of_source_txn,
    outgoing_txn,
    outstanding_txn,
    siblings_txn,
)
from gateway.store.tables import exchange, message
from gateway.store.transaction import Transaction
from gateway.store.values import MESSAGE_FRAGMENT, NOBODY, Dispatch, Submission
from protocol.as4.errors import MISSING_RECEIPT
from protocol.as4.exchange import (
    Claimed,
    Event,
    Exchange,
    ExchangeState,
    FragmentsFailed,
    Interrupted,
    ReceiptHeld,
    Resume,
    Suspend,
    step,
)
from protocol.as4.fragment_group import GroupState
from protocol.evidence.records import Json, Kind

NOTICE_FAILED: Final = "FAILED"  # to the submitter: no further attempt will be made
NOTICE_LATE: Final = "ACKNOWLEDGED_LATE"  # to the submitter: the receipt came after all

DUE_STATES: Final = (ExchangeState.READY.value, ExchangeState.WAITING_FOR_RETRY.value)
_UNDER_WAY: Final = (ExchangeState.SENDING, ExchangeState.AWAITING_RECEIPT)
_ONE_CLAIMS: Final = text("SELECT pg_advisory_xact_lock(4242002)")  # or two nodes pass a limit

_DUE_PARTNERS: Final = (
    select(exchange.c.partner)
    .where(exchange.c.state.in_(DUE_STATES), exchange.c.due_at <= bindparam("now"))
    .distinct()
)
_IN_FLIGHT: Final = (
    select(exchange.c.partner, func.count().label("under_way"))
    .where(exchange.c.state == ExchangeState.SENDING.value)
    .group_by(exchange.c.partner)
)
_DUE: Final = (
    select(exchange.c.message)
    .join_from(exchange, message, message.c.id == exchange.c.message)
    .where(
        exchange.c.state.in_(DUE_STATES),
        exchange.c.partner == bindparam("partner"),
        exchange.c.due_at <= bindparam("now"),
    )
    # A request does not wait behind the fragments of a disk image.
    .order_by(message.c.kind == MESSAGE_FRAGMENT, exchange.c.due_at, exchange.c.message)
    .limit(bindparam("limit"))
    .with_for_update(of=exchange, skip_locked=True)
)
_INTERRUPTED: Final = (
    select(message.c.message_id)
    .join_from(message, exchange)
    .where(exchange.c.state == ExchangeState.SENDING.value, exchange.c.node == bindparam("mine"))
    .with_for_update(of=exchange)
)
_NEXT_DUE: Final = select(func.min(exchange.c.due_at)).where(
    exchange.c.state.in_(DUE_STATES), exchange.c.due_at > bindparam("now")
)
_MOVE: Final = update(exchange).where(exchange.c.message == bindparam("number"))
_KEEP_RECEIPT: Final = update(message).where(
    message.c.id == bindparam("number"), message.c.receipt.is_(None)
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: the evidence of it, and the receipt if it was one."""

    kind: Kind
    facts: Mapping[str, Json]
    at: datetime
    receipt_id: str | None = None
    receipt: bytes | None = field(default=None, repr=False)
    receipt_signer: bytes = field(default=b"", repr=False)


def claim_due_txn(
    unit: Transaction, now: datetime, limit: int, max_in_flight: Mapping[str, int], node: str
) -> list[Dispatch]:
    """At most `limit` due messages are ours to send: the oldest first, no partner over its limit.

    Messages for partners that `max_in_flight` does not name stay where they are.
    """
    connection = unit.connection
    due = set(connection.execute(_DUE_PARTNERS, {"now": now}).scalars()) & set(max_in_flight)
    if not due:
        return []
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_CLAIMS)
    under_way = {row.partner: row.under_way for row in connection.execute(_IN_FLIGHT)}
    claimed: list[Dispatch] = []
    for partner in sorted(due, key=lambda name: under_way.get(name, 0)):
        room = min(max_in_flight[partner] - under_way.get(partner, 0), limit - len(claimed))
        if room <= 0:
            continue
        found = connection.execute(_DUE, {"partner": partner, "now": now, "limit": room})
        claimed += [claim_txn(unit, number, now, node) for number in found.scalars().all()]
    return claimed


def next_due_txn(unit: Transaction, now: datetime) -> datetime | None:
    """When the next message is due that is not due yet at `now`; None if none waits."""
    due: datetime | None = unit.connection.execute(_NEXT_DUE, {"now": now}).scalar()
    return due


def settle_txn(
    unit: Transaction, submission: Submission, after: Exchange, outcome: Outcome
) -> Exchange:
    """Where the message stands once the outcome of our attempt is durable, with its evidence.

    `after` counts only if the attempt is still ours. If it is not (a restart, another node), a
    receipt still acknowledges the message, and any other outcome is recorded and changes nothing.
    """
    row = outbound_txn(unit, submission.message_id, lock=True)
    before = exchange_of(row)
    ours = before.state in _UNDER_WAY and before.attempts == after.attempts
    if not ours:
        after = before
        if outcome.receipt is not None:
            after = step(before, ReceiptHeld(), outcome.at)
    return conclude_txn(unit, row, after, outcome)


def conclude_txn(unit: Transaction, row: AnyRow, after: Exchange, outcome: Outcome) -> Exchange:
    """The outbound message of `row` stands where `after` says, with the evidence of why."""
    before = exchange_of(row)
    if after.state is ExchangeState.ACKNOWLEDGED and _is_outstanding_txn(unit, row):
        after = before  # the receipt is kept; the last fragment's receipt ends the matter
    told = dict(outcome.facts)
    if outcome.receipt is not None:
        _keep_receipt_txn(unit, row, outcome)
        told["receipt_id"] = outcome.receipt_id
        told["receipt_sha256"] = sha256(outcome.receipt).hexdigest()
        told["signer_sha256"] = fingerprint(outcome.receipt_signer)
    move_txn(unit, row, after)
    said = {**told, **facts.standing(row.partner, row.message_id, after)}
    unit.record(outcome.kind, outcome.at, said, row.id)
    _tell_submitter_txn(unit, row, before, after, outcome.at)
    if row.kind == MESSAGE_FRAGMENT and after.state is not before.state:
        _follow_fragment_txn(unit, row, after, outcome.at)
    return after


def fail_group_txn(unit: Transaction, row: AnyRow, code: str, sentence: str, at: datetime) -> None:
    """The message whose fragment is in `row` cannot arrive: neither it nor a fragment is tried on.

    Its submitter is told once.
    """
    group = group_of_fragment_txn(unit, row.id)
    if group.state != GroupState.OPEN.value:
        return
    end_group_txn(unit, group, GroupState.FAILED.value, code, sentence)
    count = terms_of(group.terms).fragment_count
    reason = f"Fragment {group.number} of {count}: {sentence}"
    for number in [group.message, *siblings_txn(unit, group)]:
        one = unit.connection.execute(BY_NUMBER, {"number": number}).one()
        before = exchange_of(one)
        after = step(before, FragmentsFailed(code, reason), at)
        if after != before:
            move_txn(unit, one, after)
            _tell_submitter_txn(unit, one, before, after, at)


def _follow_fragment_txn(unit: Transaction, row: AnyRow, after: Exchange, at: datetime) -> None:
    """A fragment came to an end; so does its message if this was the last, or the first to fail."""
    if after.state is ExchangeState.FAILED:
        code, sentence = after.error_code or "", after.error_sentence or ""
        fail_group_txn(unit, row, code, sentence, at)
    elif after.state is ExchangeState.ACKNOWLEDGED:
        group = group_of_fragment_txn(unit, row.id)
        source = unit.connection.execute(BY_NUMBER, {"number": group.message}).one()
        if source.receipt is None or outstanding_txn(unit, group):
            return
        end_group_txn(unit, group, GroupState.JOINED.value)
        before = exchange_of(source)
        closed = step(before, ReceiptHeld(), at)
        move_txn(unit, source, closed)
        standing = facts.standing(source.partner, source.message_id, closed)
        unit.record(Kind.FRAGMENTS_RECEIPTED, at, standing, source.id)
        _tell_submitter_txn(unit, source, before, closed, at)


def _is_outstanding_txn(unit: Transaction, row: AnyRow) -> bool:
    """Whether the message went in fragments that are not all receipted."""
    group = group_of_source_txn(unit, row.id) if row.kind != MESSAGE_FRAGMENT else None
    if group is None:
        return False
    if outstanding_txn(unit, group):
        return True
    end_group_txn(unit, group, GroupState.JOINED.value)
    return False


def recover_txn(
    unit: Transaction, now: datetime, node: str, under_way: Collection[str] = ()
) -> list[str]:
    """Attempts of this node that nobody makes any more wait for a retry; their MessageIds.

    `under_way` are those that are being made. Others are left by a stop, or by a store that failed
    when they were claimed.
    """
    found = unit.connection.execute(_INTERRUPTED, {"mine": node}).scalars()
    recovered = [message_id for message_id in found if message_id not in under_way]
    reason = {"reason": "the gateway stopped while the attempt was under way"}
    for message_id in recovered:
        turn_txn(unit, message_id, Interrupted(), Kind.ATTEMPT_FAILED, now, reason)
    return recovered


def turn_txn(
    unit: Transaction,
    message_id: str,
    event: Event,
    kind: Kind,
    now: datetime,
    said: Mapping[str, Json],
) -> Exchange:
    """Where the message stands after `event`, which is recorded. Raises OutOfTurn, OutOfStep."""
    row = outbound_txn(unit, message_id, lock=True)
    after = step(exchange_of(row), event, now)
    move_txn(unit, row, after)
    unit.record(kind, now, {**said, **facts.standing(row.partner, message_id, after)}, row.id)
    return after


def suspend_txn(unit: Transaction, message_id: str, now: datetime) -> Exchange:
    """An operator holds the message back. Raises OutOfTurn while it is being sent."""
    return turn_txn(unit, message_id, Suspend(), Kind.SUSPENDED, now, {})


def resume_txn(unit: Transaction, message_id: str, now: datetime) -> Exchange:
    """An operator lets the message go on."""
    return turn_txn(unit, message_id, Resume(), Kind.RESUMED, now, {})


def move_txn(unit: Transaction, row: AnyRow, after: Exchange, node: str | None = None) -> None:
    """The message stands where `after` says; `node` is who sends it."""
    unit.connection.execute(
        _MOVE,
        {
            "number": row.id,
            "state": after.state.value,
            "attempts": after.attempts,
            "next_attempt_at": after.next_attempt_at,
            "due_at": after.next_attempt_at or row.at,
            "error_code": after.error_code,
            "error_sentence": after.error_sentence,
            "late": after.late,
            "node": node,
        },
    )


def claim_txn(unit: Transaction, number: int, now: datetime, node: str) -> Dispatch:
    """The due message in row `number` is `node`'s to send."""
    row = unit.connection.execute(BY_NUMBER, {"number": number}).one()
    after = step(exchange_of(row), Claimed(), now)
    move_txn(unit, row, after, node)
    parts = parts_txn(unit.connection, [number])[number]
    divided = group_of_source_txn(unit, row.id) is not None
    return Dispatch(
        submission_of(row, parts), after, sealed_of(unit, row), outgoing_txn(unit, row), divided
    )


def _keep_receipt_txn(unit: Transaction, row: AnyRow, outcome: Outcome) -> None:
    """The first receipt that holds is kept; later ones are in evidence by their digest."""
    keep_certificates_txn(unit, (outcome.receipt_signer,))
    unit.connection.execute(
        _KEEP_RECEIPT,
        {
            "number": row.id,
            "receipt_id": outcome.receipt_id,
            "receipt": outcome.receipt,
            "receipt_at": outcome.at,
            "receipt_signer": fingerprint(outcome.receipt_signer),
        },
    )


def _tell_submitter_txn(
    unit: Transaction, row: AnyRow, before: Exchange, after: Exchange, at: datetime
) -> None:
    if after.state is before.state:
        return
    if after.state is ExchangeState.ACKNOWLEDGED:
        settled_txn(unit, row, at, delivered=True)
    if after.state is ExchangeState.FAILED:
        settled_txn(unit, row, at, delivered=False, refused=_is_refusal(after))
        unit.record(Kind.FAILED, at, facts.standing(row.partner, row.message_id, after), row.id)
        if row.requesting_authority == NOBODY:
            return
        enqueue_txn(unit, row.id, row.requesting_authority, notice=NOTICE_FAILED)
    elif after.late:
        enqueue_txn(unit, row.id, row.requesting_authority, notice=NOTICE_LATE)


def _is_refusal(after: Exchange) -> bool:
    """Whether the partner said no; silence says nothing about what it has."""
    return after.error_code != MISSING_RECEIPT.code
