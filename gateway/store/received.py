"""Messages on their way in: stored once, with receipt, evidence and queue entry, or not at all."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select

from gateway.store import facts
from gateway.store.case_keeping import Mover
from gateway.store.cases import file_txn
from gateway.store.owed import owe_txn
from gateway.store.prepared import Prepared
from gateway.store.records_of_states import note_update_txn
from gateway.store.rows import (
    Columns,
    fingerprint,
    insert_once,
    keep_certificates_txn,
    part_columns,
    references_json,
    references_of,
)
from gateway.store.tables import (
    INBOUND,
    RECEIVED_ONCE,
    RECEIVED_ONCE_COLUMNS,
    message,
    part,
    queue_entry,
)
from gateway.store.transaction import Transaction
from gateway.store.values import (
    NOBODY,
    AcceptOutcome,
    Arrival,
    Conflict,
    DuplicateOf,
    OwedSignal,
    Received,
    Stored,
)
from protocol.as4.values import SignedReference
from protocol.convention.directory_update import KIND as DIRECTORY_UPDATE
from protocol.convention.lifecycle.docket import Docket
from protocol.evidence.records import Json, Kind

QUEUED: Final = "QUEUED"  # the first state of a queue entry; the others are in gateway.store.queue

_MESSAGE_COLUMNS: Final = (
    "direction", "partner", "message_id", "conversation_id", "ref_to_message_id", "action", "kind",
    "requesting_authority", "receiving_authority", "request_id", "at", "claimed_at", "envelope",
    "references", "signer", "tls_fingerprint", "receipt_id", "receipt", "receipt_at",
    "receipt_signer", "routing",
)  # fmt: skip
_STORE: Final = Prepared(
    {
        dialect: insert_once(message, RECEIVED_ONCE, RECEIVED_ONCE_COLUMNS, dialect).returning(
            message.c.id
        )
        for dialect in ("sqlite", "postgresql")
    },
    _MESSAGE_COLUMNS,
)
_STORE_PART: Final = Prepared(insert(part), part.c.keys())
_ENQUEUE: Final = Prepared(
    insert(queue_entry),
    ("message", "notice", "about", "authority", "priority", "state", "deliveries"),
)
_FIND: Final = Prepared(
    select(message.c.references, message.c.receipt).where(
        message.c.direction == INBOUND,
        message.c.partner == bindparam("partner"),
        message.c.message_id == bindparam("message_id"),
    ),
    ("partner", "message_id"),
)


_KNOW: Final = Prepared(
    select(message.c.id).where(
        message.c.message_id == bindparam("message_id"),
        message.c.partner == bindparam("partner"),
        message.c.conversation_id == bindparam("conversation"),
    ),
    ("message_id", "partner", "conversation"),
)


Came = tuple[str, str, datetime]  # partner, MessageId, when it was received


def find_received_txn(unit: Transaction, partner: str, message_id: str) -> Received | None:
    """What we hold from `partner` under this MessageId."""
    wanted = {"partner": partner, "message_id": message_id}
    row = _FIND.first(unit.connection, wanted)
    if row is None:
        return None
    references, receipt = row
    return Received(message_id, references_of(json.loads(references)), receipt)


def received_lately_txn(unit: Transaction, limit: int) -> list[Came]:
    """The newest `limit` messages that we hold, the oldest of them first."""
    rows = (
        select(message.c.partner, message.c.message_id, message.c.at)
        .where(message.c.direction == INBOUND)
        .order_by(message.c.id.desc())
        .limit(limit)
    )
    newest = [(row.partner, row.message_id, row.at) for row in unit.connection.execute(rows)]
    return newest[::-1]


def accept_txn(unit: Transaction, arrival: Arrival) -> AcceptOutcome:
    """The message, its receipt, its queue entry and the evidence of both are there together.

    Of several that arrive at once, one is stored; the others get its receipt if they sign the same.
    """
    connection = unit.connection
    keep_certificates_txn(unit, (arrival.signer_certificate, arrival.receipt_signer))
    row = _STORE.first(connection, _message_columns(arrival))
    if row is None:
        return _repeated_txn(unit, arrival)
    number = row[0]
    if arrival.parts:
        rows = [part_columns(number, stored) for stored in arrival.parts]
        _STORE_PART.run_many(connection, rows)
    if arrival.authority != NOBODY:
        enqueue_txn(unit, number, arrival.authority, priority=arrival.priority)
    unit.record(Kind.RECEIVED, arrival.received_at, facts.received(arrival), number)
    unit.record(Kind.RECEIPT_SENT, arrival.received_at, facts.receipt_sent(arrival), number)
    if arrival.docket is not None:
        mover = _mover(arrival, arrival.docket, number)
        file_txn(unit, arrival.docket, mover, arrival.ref_to_message_id, ours=False)
    if arrival.kind == DIRECTORY_UPDATE:
        note_update_txn(unit, number)
    if arrival.call_back:
        owe_txn(unit, _owed(arrival, number))
    return Stored(arrival.authority)


def knows_txn(unit: Transaction, partner: str, conversation_id: str, message_id: str) -> bool:
    """Whether a message with this id went to or came from `partner` in this conversation."""
    wanted = {"partner": partner, "conversation": conversation_id, "message_id": message_id}
    return _KNOW.first(unit.connection, wanted) is not None


def _mover(arrival: Arrival, docket: Docket, number: int) -> Mover:
    at, authority = arrival.received_at, arrival.authority
    return Mover(number, arrival.message_id, arrival.partner, at, authority, docket.own_side)


def _owed(arrival: Arrival, number: int) -> OwedSignal:
    return OwedSignal(
        arrival.partner,
        arrival.receipt_id,
        arrival.message_id,
        arrival.receipt,
        arrival.received_at,
        message=number,
    )


def enqueue_txn(
    unit: Transaction,
    number: int,
    authority: str,
    *,
    priority: int = 0,
    notice: str = "",
    about: Mapping[str, Json] | None = None,
) -> None:
    """The message, or a notice about it, waits in the queue of `authority`.

    `about` is what the notice says besides the message.
    """
    columns = {
        "message": number,
        "notice": notice,
        "about": about,
        "authority": authority,
        "priority": priority,
        "state": QUEUED,
        "deliveries": 0,
    }
    _ENQUEUE.run(unit.connection, columns)
    unit.wake(authority)


def same_signed(one: Collection[SignedReference], other: Collection[SignedReference]) -> bool:
    """Whether two messages sign the same: URI, algorithm and digest, in whatever order."""
    return set(one) == set(other)


def _repeated_txn(unit: Transaction, arrival: Arrival) -> AcceptOutcome:
    known = find_received_txn(unit, arrival.partner, arrival.message_id)
    if known is None or not same_signed(known.references, arrival.references):
        return Conflict()
    return DuplicateOf(known.receipt)


def _message_columns(arrival: Arrival) -> Columns:
    return {
        "direction": INBOUND,
        "partner": arrival.partner,
        "message_id": arrival.message_id,
        "conversation_id": arrival.conversation_id,
        "ref_to_message_id": arrival.ref_to_message_id,
        "action": arrival.action,
        "kind": arrival.kind,
        "requesting_authority": arrival.requesting_authority,
        "receiving_authority": arrival.authority,
        "request_id": arrival.request_id,
        "at": arrival.received_at,
        "claimed_at": arrival.claimed_at,
        "envelope": arrival.envelope,
        "references": references_json(arrival.references),
        "signer": fingerprint(arrival.signer_certificate),
        "tls_fingerprint": arrival.tls_fingerprint,
        "receipt_id": arrival.receipt_id,
        "receipt": arrival.receipt,
        "receipt_at": arrival.received_at,
        "receipt_signer": fingerprint(arrival.receipt_signer),
        "routing": dict(arrival.routing),
    }
