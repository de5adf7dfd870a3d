"""Which files the store names, and how content is destroyed while its evidence stays."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update

from gateway.store import facts
from gateway.store.facts import Facts
from gateway.store.faults import OutOfStep
from gateway.store.rows import parts_txn
from gateway.store.tables import message, part, wire_part
from gateway.store.transaction import Transaction
from gateway.store.values import StoredBlob
from protocol.evidence.records import Kind

_PAYLOAD_NAMES: Final = select(part.c.blob_name).where(part.c.blob_name.is_not(None))
_WIRE_NAMES: Final = select(wire_part.c.blob_name).where(wire_part.c.blob_name.is_not(None))
_MESSAGE: Final = (
    select(message.c.id)
    .where(
        message.c.direction == bindparam("direction"),
        message.c.partner == bindparam("partner"),
        message.c.message_id == bindparam("message_id"),
    )
    .with_for_update()
)


def spool_names_txn(unit: Transaction) -> set[str]:
    """Every spool file that a payload names: all others are orphans."""
    return set(unit.connection.execute(_PAYLOAD_NAMES).scalars())


def wire_names_txn(unit: Transaction) -> set[str]:
    """Every file of the wire spool that a sealed part names."""
    return set(unit.connection.execute(_WIRE_NAMES).scalars())


def destroy_content_txn(
    unit: Transaction, direction: str, partner: str, message_id: str, reason: str, at: datetime
) -> tuple[StoredBlob, ...]:
    """The keys of the message's payloads are gone, and the evidence says so and why.

    Returns the payloads, so that their files can be removed: without the key they are noise.
    Raises OutOfStep if there is no such message.
    """
    wanted = {"direction": direction, "partner": partner, "message_id": message_id}
    number = unit.connection.execute(_MESSAGE, wanted).scalar_one_or_none()
    if number is None:
        raise OutOfStep(f"there is no message {message_id!r} of {partner}")
    parts = parts_txn(unit.connection, [number])[number]
    unit.connection.execute(
        update(part)
        .where(part.c.message == number)
        .values(wrapped_key=b"", inline=None, blob_name=None)
    )
    told: Facts = {**wanted, "reason": reason, "parts": facts.parts(parts)}
    unit.record(Kind.CONTENT_DESTROYED, at, told, number)
    return tuple(stored.blob for stored in parts)
