"""What else moves a case: the fate of a message of ours, a clock, a person."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from gateway.store.case_keeping import BY_NUMBER, STEPS, Mover, anchor_txn, keep_txn, times_of
from gateway.store.case_rows import case_of, entry_of
from gateway.store.case_tables import case_step
from gateway.store.rows import AnyRow
from gateway.store.transaction import Transaction
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry, Event, Flag, FlagCode
from protocol.convention.lifecycle.machine import opened, replay, step, undone, with_flags
from protocol.convention.lifecycle.policy import Times
from protocol.convention.lifecycle.rows import DELIVERED, NOT_TAKEN
from protocol.convention.lifecycle.states import Cause, Trigger

_STEP_OF: Final = (
    select(case_step)
    .where(case_step.c.message == bindparam("number"))
    .order_by(case_step.c.case_file.desc(), case_step.c.number)
)
UNDELIVERED: Final = Trigger("Undelivered", "", Cause.RECEIPT)


def settled_txn(
    unit: Transaction, row: AnyRow, at: datetime, *, delivered: bool, refused: bool = False
) -> None:
    """A message of ours arrived, or never will: its case and its clocks know."""
    found = unit.connection.execute(_STEP_OF, {"number": row.id}).first()
    if found is None:
        return
    times = times_of(unit)
    held = unit.connection.execute(BY_NUMBER, {"case": found.case_file}).one()
    case, number = case_of(held), held.id
    own_side = Side(held.own_side)
    mover = Mover(row.id, row.message_id, row.partner, at, found.own_authority, own_side)
    opening, entry = found.number == 1, entry_of(found)
    if delivered and not opening and _was_undone_txn(unit, row.id, number):
        keep_txn(unit, number, case, step(case, entry.event, at, times.policy.terms), mover, times)
    elif delivered:
        after = step(case, Event(DELIVERED, message_id=row.message_id), at, times.policy.terms)
        if opening and not after.history[-1].is_irregular:
            keep_txn(unit, number, case, after, mover, times)
        anchor_txn(unit, number, mover, after if opening else case, times)
    elif opening and refused:
        event = Event(NOT_TAKEN, message_id=row.message_id)
        keep_txn(unit, number, case, step(case, event, at, times.policy.terms), mover, times)
    else:
        _undo_txn(unit, held, entry, mover, times)


def _was_undone_txn(unit: Transaction, number: int, case: int) -> bool:
    """Whether the last that the case noted of this message is that it never arrived."""
    steps = unit.connection.execute(_STEP_OF, {"number": number}).all()
    noted = [entry_of(one) for one in steps if one.case_file == case]
    return bool(noted) and noted[-1].event.trigger == UNDELIVERED


def take_step_txn(
    unit: Transaction, number: int, event: Event, at: datetime, flags: tuple[Flag, ...] = ()
) -> Case:
    """A clock, or a person, has moved the case in row `number`; where it stands now."""
    times = times_of(unit)
    row = unit.connection.execute(BY_NUMBER, {"case": number}).one()
    case = case_of(row)
    after = step(case, event, at, times.policy.terms)
    if flags:
        after = with_flags(after, flags)
    mover = Mover(None, None, row.partner, at, None, Side(row.own_side))
    keep_txn(unit, number, case, after, mover, times)
    return after


def _undo_txn(unit: Transaction, held: AnyRow, lost: Entry, mover: Mover, times: Times) -> None:
    """The case stands where it would without a message that never arrived; a person is told."""
    entries = [entry_of(row) for row in unit.connection.execute(STEPS, {"case": held.id})]
    gone = {_id_of(lost), *(_id_of(one) for one in entries if one.event.trigger == UNDELIVERED)}
    first = opened(
        held.kind, held.request_id, held.requesting_authority, held.requested_authority,
        held.urgency, held.opened_at,
    )  # fmt: skip
    kept = [(one.event, one.at) for one in entries if one.number == 1 or _id_of(one) not in gone]
    case = case_of(held)
    flag = Flag(
        FlagCode.UNDELIVERED, f"{lost.event.trigger} never reached the partner; send it again"
    )
    without = case if lost.number == 1 else replay(first, kept, times.policy.terms)
    event = Event(UNDELIVERED, message_id=mover.message_id)
    after = undone(case, without, event, mover.at, flag)
    keep_txn(unit, held.id, case, after, mover, times)


def _id_of(entry: Entry) -> str | None:
    return entry.event.message_id
