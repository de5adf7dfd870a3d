"""Signals that we owe: kept with what they answer, posted until the partner has them.

A receipt is owed in the transaction that stores its message, an error in the one that records the
refusal. A claim moves a signal into the future, so that one whose claimer died is due again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update

from gateway.store.alerts import note_txn
from gateway.store.engine import Engine
from gateway.store.rows import AnyRow, insert_once
from gateway.store.tables import INBOUND, OWED_ONCE, callback, message
from gateway.store.transaction import Transaction
from gateway.store.values import OwedSignal
from protocol.evidence.records import Json, Kind

CLAIM_SECONDS: Final = 300.0  # longer than one post may take; a node that restarts need not wait

_OWE: Final = {
    dialect: insert_once(callback, OWED_ONCE, ("signal_id",), dialect)
    for dialect in ("sqlite", "postgresql")
}
_RECEIPT: Final = select(message.c.id, message.c.receipt_id, message.c.receipt).where(
    message.c.direction == INBOUND,
    message.c.partner == bindparam("from_partner"),
    message.c.message_id == bindparam("about"),
)
_BY_SIGNAL: Final = callback.c.signal_id == bindparam("signal")
_HURRY: Final = update(callback).where(_BY_SIGNAL, callback.c.node.is_(None))
_MOVE: Final = update(callback).where(_BY_SIGNAL)
_RELEASE: Final = update(callback).where(callback.c.node == bindparam("mine"))


def owe_txn(unit: Transaction, owed: OwedSignal) -> None:
    """The signal is due, once: if it is owed already, it is due at once."""
    columns = {
        "partner": owed.partner,
        "signal_id": owed.signal_id,
        "ref_to_message_id": owed.ref_to_message_id,
        "message": owed.message,
        "envelope": owed.envelope,
        "owed_at": owed.owed_at,
        "attempts": owed.attempts,
        "due_at": owed.owed_at,
    }
    unit.connection.execute(_OWE[unit.connection.dialect.name], columns)
    unit.connection.execute(_HURRY, {"signal": owed.signal_id, "due_at": owed.owed_at})


def owe_receipt_txn(unit: Transaction, partner: str, message_id: str, at: datetime) -> bool:
    """The receipt that we gave for this message is owed again; False if there is none."""
    wanted = {"from_partner": partner, "about": message_id}
    row = unit.connection.execute(_RECEIPT, wanted).one_or_none()
    if row is None:
        return False
    receipt = OwedSignal(partner, row.receipt_id, message_id, row.receipt, at, message=row.id)
    owe_txn(unit, receipt)
    return True


def claim_txn(
    unit: Transaction, partners: Collection[str], now: datetime, limit: int, node: str
) -> list[OwedSignal]:
    """At most `limit` due signals for `partners` are ours to post, those due longest first."""
    due = unit.connection.execute(
        select(callback)
        .where(callback.c.due_at <= now, callback.c.partner.in_(sorted(partners)))
        .order_by(callback.c.due_at, callback.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    again = now + timedelta(seconds=CLAIM_SECONDS)
    claimed = [replace(_signal(row), attempts=row.attempts + 1) for row in due]
    for owed in claimed:
        _move_txn(unit, owed, attempts=owed.attempts, due_at=again, node=node)
    return claimed


def next_due_txn(unit: Transaction, partners: Collection[str]) -> datetime | None:
    """When the next signal for one of `partners` is due; None if none is owed."""
    wanted = callback.c.partner.in_(sorted(partners))
    due: datetime | None = unit.connection.execute(
        select(func.min(callback.c.due_at)).where(wanted)
    ).scalar()
    return due


def postpone_txn(unit: Transaction, owed: OwedSignal, due_at: datetime) -> None:
    """The signal is due again at `due_at`."""
    _move_txn(unit, owed, due_at=due_at, node=None)


def end_txn(
    unit: Transaction, owed: OwedSignal, kind: Kind, at: datetime, said: Mapping[str, Json]
) -> None:
    """The signal is owed no more; for a receipt, `kind` says why in evidence."""
    unit.connection.execute(delete(callback).where(_BY_SIGNAL), {"signal": owed.signal_id})
    if owed.message is None:
        return
    told: dict[str, Json] = {
        "partner": owed.partner,
        "message_id": owed.ref_to_message_id,
        "receipt_id": owed.signal_id,
        **said,
    }
    unit.record(kind, at, told, owed.message)


def release_txn(unit: Transaction, node: str, now: datetime) -> int:
    """What this node had claimed when it stopped is due at once; returns how many there were."""
    done = unit.connection.execute(_RELEASE, {"mine": node, "due_at": now, "node": None})
    return done.rowcount


def _move_txn(unit: Transaction, owed: OwedSignal, **columns: object) -> None:
    unit.connection.execute(_MOVE, {"signal": owed.signal_id, **columns})


def _signal(row: AnyRow) -> OwedSignal:
    return OwedSignal(
        row.partner,
        row.signal_id,
        row.ref_to_message_id,
        row.envelope,
        row.owed_at,
        row.attempts,
        row.message,
    )


@dataclass(frozen=True, slots=True)
class Owed:
    """The signals that this State owes. Every method is one transaction."""

    engine: Engine
    node: str

    async def receipt(self, partner: str, message_id: str, at: datetime) -> bool:
        """The receipt for this message is owed again; False if we gave none."""
        return await self.engine.run(lambda unit: owe_receipt_txn(unit, partner, message_id, at))

    async def refusal(self, owed: OwedSignal, facts: Mapping[str, Json]) -> None:
        """The refusal of a message is in evidence, and the error that says so is owed."""

        def refuse_txn(unit: Transaction) -> None:
            unit.record(Kind.REFUSED, owed.owed_at, facts)
            note_txn(unit, facts, owed.owed_at)
            owe_txn(unit, owed)

        await self.engine.run(refuse_txn)

    async def claim(self, partners: Collection[str], now: datetime, limit: int) -> list[OwedSignal]:
        """At most `limit` due signals are ours to post."""
        return await self.engine.run(lambda unit: claim_txn(unit, partners, now, limit, self.node))

    async def next_due(self, partners: Collection[str]) -> datetime | None:
        """When the next one is due."""
        return await self.engine.run(lambda unit: next_due_txn(unit, partners))

    async def postpone(self, owed: OwedSignal, due_at: datetime) -> None:
        """It could not be posted; it is due again at `due_at`."""
        await self.engine.run(lambda unit: postpone_txn(unit, owed, due_at))

    async def delivered(self, owed: OwedSignal, at: datetime) -> None:
        """The partner has it."""
        await self.engine.run(lambda unit: end_txn(unit, owed, Kind.CALLBACK_DELIVERED, at, {}))

    async def abandoned(self, owed: OwedSignal, at: datetime, reason: str) -> None:
        """It will not be posted any more."""
        said = {"reason": reason}
        await self.engine.run(lambda unit: end_txn(unit, owed, Kind.CALLBACK_ABANDONED, at, said))

    async def release_claimed(self, now: datetime) -> int:
        """What this node was posting when it stopped is due at once."""
        return await self.engine.run(lambda unit: release_txn(unit, self.node, now))
