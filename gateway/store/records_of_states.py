"""State records that were in force, one after the other, and the updates that partners sent.

A record comes into force from a file that was signed, or from a partner's update; either way the
row, the evidence and the decision about the update are one transaction. The newest row of a State
is what this gateway goes by; the file beside it is written from it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update

from gateway.store.alerts import raise_txn, settle_txn
from gateway.store.engine import Engine
from gateway.store.rows import AnyRow, blob_of
from gateway.store.tables import directory_update, message, part, state_record
from gateway.store.transaction import Transaction
from gateway.store.values import StoredBlob
from protocol.evidence.records import Json, Kind, instant

DIRECTORY: Final = "directory"  # whom an update wakes; no authority has such a name
APPLIED: Final = "APPLIED"
REFUSED: Final = "REFUSED"


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What was in force from `at` on; without `octets` the State was taken out of the directory.

    `signature` is that of config.directory_signature by its fields; `number` counts from 1.
    """

    state: str
    number: int
    sha256: str | None
    octets: bytes | None = field(repr=False)
    signature: Mapping[str, str] | None = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record that is to be in force, as it was signed. `after` is the digest that it follows."""

    state: str
    sha256: str | None
    octets: bytes | None = field(repr=False)
    signature: Mapping[str, str] | None = field(repr=False)
    after: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """A partner's update about which nobody has decided; `document` is None when it is gone."""

    number: int  # of the message's row
    partner: str
    message_id: str
    received_at: datetime
    document: StoredBlob | None


class Applying(Enum):
    """What came of applying an update."""

    DONE = "done"
    DECIDED = "decided"  # somebody decided about it meanwhile
    OLDER = "older"  # what was applied last was issued later
    MOVED_ON = "moved on"  # another record is in force than the one that it was made from


_NEWEST: Final = select(
    state_record.c.state, func.max(state_record.c.number).label("number")
).group_by(state_record.c.state)
_PENDING: Final = (
    select(message.c.id, message.c.partner, message.c.message_id, message.c.at)
    .join_from(directory_update, message)
    .where(directory_update.c.decision.is_(None))
    .order_by(message.c.id)
)


class StateRecords:
    """The State records of the store. Every method is one transaction, durable when it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest(self) -> Mapping[str, RecordRow]:
        """What is in force, by State; empty in a new store."""
        return await self._engine.read(_newest_txn)

    async def numbers(self) -> Mapping[str, int]:
        """The number of the newest record of each State."""
        return await self._engine.read(
            lambda unit: {row.state: row.number for row in unit.connection.execute(_NEWEST)}
        )

    async def history(self, state: str) -> list[bytes]:
        """Every record of `state` that was ever in force, oldest first."""
        rows = (
            select(state_record.c.record)
            .where(state_record.c.state == state, state_record.c.record.is_not(None))
            .order_by(state_record.c.number)
        )
        return await self._engine.read(
            lambda unit: [row.record for row in unit.connection.execute(rows)]
        )

    async def put(self, new: NewRecord, at: datetime) -> bool:
        """A record from a file is in force, and in evidence; False if another follows by now."""
        return await self._engine.run(lambda unit: _put_txn(unit, new, at, {}))

    async def pending(self) -> list[PendingUpdate]:
        """The updates that wait for a decision, in the order in which they came."""
        return await self._engine.read(_pending_txn)

    async def announce(self, pending: PendingUpdate, at: datetime) -> None:
        """An alert says that a person must decide, unless one has."""
        await self._engine.run(lambda unit: _announce_txn(unit, pending, at))

    async def apply(
        self, pending: PendingUpdate, new: NewRecord, issued_at: datetime, at: datetime
    ) -> Applying:
        """The update is applied: record, evidence and decision, or nothing of them."""
        return await self._engine.run(lambda unit: _apply_txn(unit, pending, new, issued_at, at))

    async def refuse(self, pending: PendingUpdate, by: str, reason: str, at: datetime) -> bool:
        """The update is refused, in evidence; False if somebody decided about it meanwhile."""
        return await self._engine.run(lambda unit: _refuse_txn(unit, pending, by, reason, at))


def note_update_txn(unit: Transaction, number: int) -> None:
    """The message with this row is an update that waits for a decision."""
    unit.connection.execute(insert(directory_update), {"message": number})
    unit.wake(DIRECTORY)


def _newest_txn(unit: Transaction) -> dict[str, RecordRow]:
    newest = _NEWEST.subquery()
    rows = unit.connection.execute(
        select(state_record).join(
            newest,
            (newest.c.state == state_record.c.state) & (newest.c.number == state_record.c.number),
        )
    )
    return {
        row.state: RecordRow(row.state, row.number, row.sha256, row.record, row.signature, row.at)
        for row in rows
    }


def _pending_txn(unit: Transaction) -> list[PendingUpdate]:
    return [
        PendingUpdate(row.id, row.partner, row.message_id, row.at, _document_txn(unit, row))
        for row in unit.connection.execute(_PENDING).all()
    ]


def _document_txn(unit: Transaction, row: AnyRow) -> StoredBlob | None:
    found = unit.connection.execute(
        select(part).where(part.c.message == row.id, part.c.position == 0)
    ).one_or_none()
    return None if found is None else blob_of(found)


def _put_txn(unit: Transaction, new: NewRecord, at: datetime, more: Mapping[str, Json]) -> bool:
    """The record follows the one that it says it follows, or nothing happens.

    Two nodes that write the same number at once do not both succeed: the number is unique.
    """
    last = unit.connection.execute(
        select(state_record.c.number, state_record.c.sha256)
        .where(state_record.c.state == new.state)
        .order_by(state_record.c.number.desc())
        .limit(1)
    ).one_or_none()
    if (last.sha256 if last is not None else None) != new.after:
        return False
    number = 1 if last is None else last.number + 1
    unit.connection.execute(
        insert(state_record),
        {
            "state": new.state,
            "number": number,
            "sha256": new.sha256,
            "record": new.octets,
            "signature": dict(new.signature) if new.signature is not None else None,
            "at": new.at,
        },
    )
    signed = new.signature or {}
    told: dict[str, Json] = {
        "state": new.state,
        "number": number,
        "before_sha256": new.after,
        "after_sha256": new.sha256,
        "by": signed.get("by"),
        "signed_at": signed.get("at"),
        "signer_sha256": signed.get("certificate_sha256"),
        "partner": None,
        "message_id": None,
        "issued_at": None,
    }
    unit.record(Kind.DIRECTORY_CHANGED, at, {**told, **more})
    unit.wake(DIRECTORY)
    return True


def _apply_txn(
    unit: Transaction, pending: PendingUpdate, new: NewRecord, issued_at: datetime, at: datetime
) -> Applying:
    issued = unit.connection.execute(
        select(func.max(directory_update.c.issued_at))
        .join_from(directory_update, message)
        .where(message.c.partner == pending.partner, directory_update.c.decision == APPLIED)
    ).scalar_one()
    if issued is not None and issued >= issued_at:
        return Applying.OLDER
    if not _decide_txn(unit, pending, APPLIED, issued_at=issued_at, decided_at=at):
        return Applying.DECIDED
    more: dict[str, Json] = {
        "partner": pending.partner,
        "message_id": pending.message_id,
        "issued_at": instant(issued_at),
    }
    if _put_txn(unit, new, at, more):
        _settle_txn(unit, pending.partner, at)
        return Applying.DONE
    _undecide_txn(unit, pending)
    return Applying.MOVED_ON


def _refuse_txn(
    unit: Transaction, pending: PendingUpdate, by: str, reason: str, at: datetime
) -> bool:
    if not _decide_txn(unit, pending, REFUSED, decided_at=at):
        return False
    told = {
        "partner": pending.partner,
        "message_id": pending.message_id,
        "by": by,
        "reason": reason,
    }
    unit.record(Kind.DIRECTORY_UPDATE_REFUSED, at, told)
    _settle_txn(unit, pending.partner, at)
    unit.wake(DIRECTORY)
    return True


def _announce_txn(unit: Transaction, pending: PendingUpdate, at: datetime) -> None:
    rows = _PENDING.where(message.c.id == pending.number)
    if unit.connection.execute(rows).first() is not None:
        raise_txn(unit, _waits(pending.partner), at)


def _settle_txn(unit: Transaction, partner: str, at: datetime) -> None:
    """The alert is looked after once nothing of `partner` waits any more."""
    rows = _PENDING.where(message.c.partner == partner).limit(1)
    if unit.connection.execute(rows).first() is None:
        settle_txn(unit, _waits(partner), at)


def _waits(partner: str) -> str:
    return f"an update of the directory by {partner} waits: see `directory pending`"


_DECIDE: Final = update(directory_update).where(
    directory_update.c.message == bindparam("number"), directory_update.c.decision.is_(None)
)


def _decide_txn(
    unit: Transaction, pending: PendingUpdate, decision: str, **columns: object
) -> bool:
    decided = unit.connection.execute(
        _DECIDE.values(decision=decision, **columns), {"number": pending.number}
    )
    return decided.rowcount > 0


def _undecide_txn(unit: Transaction, pending: PendingUpdate) -> None:
    unit.connection.execute(
        update(directory_update)
        .where(directory_update.c.message == pending.number)
        .values(decision=None, issued_at=None, decided_at=None)
    )
