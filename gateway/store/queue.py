"""The queues of the domestic authorities: leases, and how each hand-off ends.

QUEUED -> LEASED -> ACKNOWLEDGED | REJECTED; back to QUEUED by release, and free by itself when the
lease is over; PARKED after too many deliveries, until an operator puts the entry back.
Every step is evidence. An authority reaches its own entries only: another's lease is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

from sqlalchemy import and_, bindparam, func, or_, select, update

from gateway.store.received import QUEUED
from gateway.store.rows import AnyRow
from gateway.store.tables import message, queue_entry
from gateway.store.transaction import Transaction
from gateway.store.values import Leased
from protocol.evidence.records import Json, Kind, instant

LEASED: Final = "LEASED"
ACKNOWLEDGED: Final = "ACKNOWLEDGED"
REJECTED: Final = "REJECTED"
PARKED: Final = "PARKED"

MAX_DELIVERIES: Final = 10  # a message that an authority cannot take must not be tried for ever
LEASE_ID_BYTES: Final = 16  # 128 random bits: a lease cannot be guessed

_ENTRY: Final = select(
    queue_entry.c.id,
    queue_entry.c.message,
    queue_entry.c.notice,
    queue_entry.c.about,
    queue_entry.c.authority,
    queue_entry.c.state,
    queue_entry.c.deliveries,
    queue_entry.c.lease_id,
    message.c.direction,
    message.c.partner,
    message.c.message_id,
).join_from(queue_entry, message)

_FREE: Final = (
    _ENTRY.where(
        queue_entry.c.authority == bindparam("authority"),
        or_(
            queue_entry.c.state == QUEUED,
            and_(queue_entry.c.state == LEASED, queue_entry.c.leased_until <= bindparam("now")),
        ),
    )
    .order_by(queue_entry.c.priority.desc(), queue_entry.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=queue_entry, skip_locked=True)
)
_BY_LEASE: Final = _ENTRY.where(
    queue_entry.c.lease_id == bindparam("lease_id"),
    queue_entry.c.authority == bindparam("authority"),
).with_for_update(of=queue_entry)
_CHANGE: Final = update(queue_entry).where(queue_entry.c.id == bindparam("entry"))


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms entries are handed off."""

    now: datetime
    lease_seconds: float
    max_deliveries: int


def lease_txn(unit: Transaction, authority: str, terms: Terms, limit: int) -> list[Leased]:
    """At most `limit` entries are under a lease of their own: by priority, then by age.

    Entries that were delivered too often are parked on the way. Writes nothing if nothing is free.
    """
    leased: list[Leased] = []
    while len(leased) < limit:
        wanted = limit - len(leased)
        free = unit.connection.execute(
            _FREE, {"authority": authority, "now": terms.now, "limit": wanted}
        ).all()
        for entry in free:
            if entry.deliveries >= terms.max_deliveries:
                _park_txn(unit, entry, terms.now)
            else:
                leased.append(_hand_off_txn(unit, entry, terms))
        if len(free) < wanted:
            break
    return leased


def ack_txn(unit: Transaction, authority: str, lease_id: str, now: datetime) -> bool:
    """The authority has taken the message over. False: it has no such lease.

    Said again, it is still true, and is recorded once. A lease that is over still counts while
    nobody else has the entry.
    """
    return _end_txn(unit, authority, lease_id, now, ACKNOWLEDGED, Kind.ACKNOWLEDGED, {})


def reject_txn(
    unit: Transaction, authority: str, lease_id: str, reason: str, now: datetime
) -> bool:
    """The authority refuses the message for `reason`. False: it has no such lease."""
    return _end_txn(unit, authority, lease_id, now, REJECTED, Kind.REJECTED, {"reason": reason})


def release_txn(unit: Transaction, authority: str, lease_id: str, now: datetime) -> bool:
    """The entry waits again. False: the authority has no such lease."""
    entry = _leased_txn(unit, authority, lease_id)
    if entry is None or entry.state != LEASED:
        return False
    _change_txn(unit, entry, state=QUEUED, lease_id=None, leased_until=None)
    unit.record(Kind.RELEASED, now, {**_facts(entry), "lease_id": lease_id}, entry.message)
    unit.wake(authority)
    return True


def unpark_txn(unit: Transaction, authority: str, message_id: str, now: datetime) -> int:
    """Every parked entry of `authority` with this MessageId waits again; returns how many."""
    parked = unit.connection.execute(
        _ENTRY.where(
            queue_entry.c.authority == authority,
            queue_entry.c.state == PARKED,
            message.c.message_id == message_id,
        ).with_for_update(of=queue_entry)
    ).all()
    for entry in parked:
        _change_txn(unit, entry, state=QUEUED, deliveries=0)
        unit.record(Kind.UNPARKED, now, _facts(entry), entry.message)
    if parked:
        unit.wake(authority)
    return len(parked)


def depths_txn(unit: Transaction) -> dict[tuple[str, str], int]:
    """How many entries each authority has in each state that still needs somebody."""
    rows = unit.connection.execute(
        select(queue_entry.c.authority, queue_entry.c.state, func.count())
        .where(queue_entry.c.state.in_((QUEUED, LEASED, PARKED)))
        .group_by(queue_entry.c.authority, queue_entry.c.state)
    )
    return {(authority, state): count for authority, state, count in rows}


def _hand_off_txn(unit: Transaction, entry: AnyRow, terms: Terms) -> Leased:
    lease_id = token_hex(LEASE_ID_BYTES)
    until = terms.now + timedelta(seconds=terms.lease_seconds)
    deliveries = entry.deliveries + 1
    _change_txn(
        unit, entry, state=LEASED, lease_id=lease_id, leased_until=until, deliveries=deliveries
    )
    told = {"lease_id": lease_id, "expires_at": instant(until), "deliveries": deliveries}
    unit.record(Kind.HANDED_OFF, terms.now, {**_facts(entry), **told}, entry.message)
    return Leased(
        lease_id,
        entry.message_id,
        until,
        deliveries,
        entry.notice or None,
        entry.partner,
        entry.direction,
        entry.about,
    )


def _park_txn(unit: Transaction, entry: AnyRow, now: datetime) -> None:
    _change_txn(unit, entry, state=PARKED, lease_id=None, leased_until=None)
    told = {**_facts(entry), "deliveries": entry.deliveries}
    unit.record(Kind.PARKED, now, told, entry.message)


def _end_txn(
    unit: Transaction,
    authority: str,
    lease_id: str,
    now: datetime,
    state: str,
    kind: Kind,
    said: dict[str, Json],
) -> bool:
    entry = _leased_txn(unit, authority, lease_id)
    if entry is None or entry.state not in (LEASED, state):
        return False
    if entry.state == LEASED:
        _change_txn(unit, entry, state=state, leased_until=None)
        unit.record(kind, now, {**_facts(entry), "lease_id": lease_id, **said}, entry.message)
    return True


def _leased_txn(unit: Transaction, authority: str, lease_id: str) -> AnyRow | None:
    return unit.connection.execute(
        _BY_LEASE, {"lease_id": lease_id, "authority": authority}
    ).one_or_none()


def _change_txn(unit: Transaction, entry: AnyRow, **columns: object) -> None:
    unit.connection.execute(_CHANGE, {"entry": entry.id, **columns})


def _facts(entry: AnyRow) -> dict[str, Json]:
    return {
        "authority": entry.authority,
        "partner": entry.partner,
        "direction": entry.direction,
        "message_id": entry.message_id,
        "notice": entry.notice,
    }
