"""Fragments on their way in: each stored with its receipt, all of them joined or given up together.

The rules of a group are in `protocol.as4.fragment_rules`; here they are made durable.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from gateway.store.engine import Engine
from gateway.store.group_rows import group_columns, group_of
from gateway.store.joining import (
    OPEN_STATES,
    Ending,
    Failure,
    HeldGroup,
    fail_txn,
    held_group_txn,
    join_txn,
)
from gateway.store.received import accept_txn, find_received_txn
from gateway.store.rows import AnyRow, insert_once
from gateway.store.tables import (
    GROUP_ONCE,
    INBOUND,
    fragment,
    fragment_group,
    message,
)
from gateway.store.transaction import Transaction
from gateway.store.values import AcceptOutcome, Arrival, Stored, StoredBlob
from protocol.as4.fragment_group import (
    Arriving,
    FragmentGroup,
    GroupState,
    Rejected,
    Room,
    Taken,
    expected_bytes,
    expires_at,
)
from protocol.as4.fragment_rules import begin, step
from protocol.as4.pmode import Splitting

OVERDUE_LIMIT: Final = 20  # groups given up in one look; those left over are next

_BEGIN: Final = {
    dialect: insert_once(fragment_group, GROUP_ONCE, ("partner", "direction", "group_id"), dialect)
    for dialect in ("sqlite", "postgresql")
}
_GROUP: Final = select(fragment_group).where(
    fragment_group.c.direction == INBOUND,
    fragment_group.c.partner == bindparam("from_partner"),
    fragment_group.c.group_id == bindparam("group"),
)
_HELD: Final = select(fragment.c.number).where(fragment.c.fragment_group == bindparam("row"))
_ROOM: Final = select(
    func.count().label("groups"), func.coalesce(func.sum(fragment_group.c.promised_bytes), 0)
).where(
    fragment_group.c.direction == INBOUND,
    fragment_group.c.partner == bindparam("from_partner"),
    fragment_group.c.state.in_(OPEN_STATES),
    fragment_group.c.group_id != bindparam("group"),
)
_MOVE: Final = update(fragment_group).where(fragment_group.c.id == bindparam("row"))
_COMPLETE: Final = (
    select(fragment_group.c.id)
    .where(
        fragment_group.c.direction == INBOUND,
        fragment_group.c.state == GroupState.COMPLETE.value,
    )
    .order_by(fragment_group.c.id)
)
_OVERDUE: Final = (
    select(fragment_group.c.id)
    .where(
        fragment_group.c.direction == INBOUND,
        fragment_group.c.state == GroupState.OPEN.value,
        fragment_group.c.expires_at < bindparam("now"),
    )
    .where(fragment_group.c.partner.in_(bindparam("partners", expanding=True)))
    .order_by(fragment_group.c.expires_at)
    .limit(OVERDUE_LIMIT)
)


def judge_txn(
    unit: Transaction, partner: str, arriving: Arriving, agreed: Splitting, now: datetime
) -> Taken | Rejected:
    """What would become of the fragment if it came whole now; nothing is changed."""
    _, group = _group_txn(unit, partner, arriving, now)
    missing = (expected_bytes(group.terms) or agreed.fragment_bytes) - group.held_bytes
    likely = replace(arriving, size_bytes=min(agreed.fragment_bytes, max(0, missing)))
    return step(group, likely, now, agreed, _room_txn(unit, partner, group.group_id))


def accept_fragment_txn(
    unit: Transaction, arrival: Arrival, arriving: Arriving, agreed: Splitting
) -> AcceptOutcome | Rejected:
    """The fragment is stored with its receipt and belongs to its group; or why it does not."""
    now = arrival.received_at
    if find_received_txn(unit, arrival.partner, arrival.message_id) is not None:
        return accept_txn(unit, arrival)  # which tells a repetition from a conflict
    _begin_txn(unit, arrival.partner, arriving, agreed, now)
    row, group = _group_txn(unit, arrival.partner, arriving, now, lock=True)
    room = _room_txn(unit, arrival.partner, group.group_id)
    outcome = step(group, arriving, now, agreed, room)
    if isinstance(outcome, Rejected):
        _forget_if_empty_txn(unit, row, group)
        return outcome
    accepted = accept_txn(unit, arrival)
    if isinstance(accepted, Stored) and row is not None:
        _add_txn(unit, row, outcome.group, arrival, arriving)
    return accepted


def _begin_txn(
    unit: Transaction, partner: str, arriving: Arriving, agreed: Splitting, now: datetime
) -> None:
    group = begin(arriving, now)
    columns = {
        **group_columns(group),
        "direction": INBOUND,
        "partner": partner,
        "group_id": group.group_id,
        "header": asdict(group.header),
        "promised_bytes": 0,
        "begun_at": now,
        "expires_at": expires_at(group, agreed),
    }
    unit.connection.execute(_BEGIN[unit.connection.dialect.name], columns)


def _group_txn(
    unit: Transaction,
    partner: str,
    arriving: Arriving,
    now: datetime,
    *,
    lock: bool = False,
) -> tuple[AnyRow | None, FragmentGroup]:
    """The group that `arriving` names, or one of which nothing is there."""
    wanted = {"from_partner": partner, "group": arriving.fragment.group_id}
    statement = _GROUP.with_for_update() if lock else _GROUP
    row = unit.connection.execute(statement, wanted).one_or_none()
    if row is None:
        return None, begin(arriving, now)
    held = unit.connection.execute(_HELD, {"row": row.id}).scalars()
    return row, group_of(row, held)


def _forget_if_empty_txn(unit: Transaction, row: AnyRow | None, group: FragmentGroup) -> None:
    """A first fragment that was refused has begun nothing."""
    if row is not None and not group.held and group.state is GroupState.OPEN:
        unit.connection.execute(delete(fragment_group).where(fragment_group.c.id == row.id))


def _room_txn(unit: Transaction, partner: str, group_id: str) -> Room:
    wanted = {"from_partner": partner, "group": group_id}
    groups, promised_bytes = unit.connection.execute(_ROOM, wanted).one()
    return Room(groups, int(promised_bytes))


def _add_txn(
    unit: Transaction, row: AnyRow, group: FragmentGroup, arrival: Arrival, arriving: Arriving
) -> None:
    number = select(message.c.id).where(
        message.c.direction == INBOUND,
        message.c.partner == arrival.partner,
        message.c.message_id == arrival.message_id,
    )
    columns = {
        "message": unit.connection.execute(number).scalar_one(),
        "fragment_group": row.id,
        "number": arriving.fragment.number,
    }
    unit.connection.execute(insert(fragment), columns)
    promised_bytes = max(group.held_bytes, expected_bytes(group.terms) or 0)
    moved = {"row": row.id, "promised_bytes": promised_bytes, **group_columns(group)}
    unit.connection.execute(_MOVE, moved)


@dataclass(frozen=True, slots=True)
class Fragments:
    """The groups that partners send. Every method is one transaction."""

    engine: Engine

    async def judge(
        self, partner: str, arriving: Arriving, agreed: Splitting, now: datetime
    ) -> Taken | Rejected:
        """What would become of a fragment, before its content is read."""
        return await self.engine.run(lambda unit: judge_txn(unit, partner, arriving, agreed, now))

    async def accept(
        self, arrival: Arrival, arriving: Arriving, agreed: Splitting
    ) -> AcceptOutcome | Rejected:
        """Stored with receipt and evidence as part of its group; or why not.

        Raises CommitUncertain when the commit itself failed: keep the spool files then.
        """
        return await self.engine.run(
            lambda unit: accept_fragment_txn(unit, arrival, arriving, agreed)
        )

    async def complete(self) -> list[int]:
        """The groups that are to be joined, the oldest first."""
        return await self.engine.run(
            lambda unit: list(unit.connection.execute(_COMPLETE).scalars())
        )

    async def overdue(self, now: datetime, partners: Collection[str]) -> list[int]:
        """Groups of `partners` that are not complete and whose time is over.

        Nobody else's: those of a partner that is not configured any more could not be given up, and
        would stand before all others for ever.
        """
        wanted = {"now": now, "partners": sorted(partners)}
        return await self.engine.run(
            lambda unit: list(unit.connection.execute(_OVERDUE, wanted).scalars())
        )

    async def held(self, row: int) -> HeldGroup | None:
        """The group with everything that is held of it."""
        return await self.engine.run(lambda unit: held_group_txn(unit, row))

    async def join(
        self, held: HeldGroup, arrival: Arrival, ending: Ending
    ) -> tuple[AcceptOutcome, tuple[StoredBlob, ...]]:
        """The joined message is stored and queued; the blobs that are of no use any more."""
        return await self.engine.run(lambda unit: join_txn(unit, held, arrival, ending))

    async def fail(self, held: HeldGroup, failure: Failure) -> tuple[StoredBlob, ...]:
        """The group has failed; the blobs that are of no use any more."""
        return await self.engine.run(lambda unit: fail_txn(unit, held, failure))
