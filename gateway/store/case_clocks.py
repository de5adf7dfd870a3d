"""What is due in cases: told to the authority that it concerns, once, and until it answers.

A notice is an entry in the queue of our authority about the message that opened the case; telling
it, the step that a clock takes when it runs out, and the evidence are one transaction. A crash
loses none and doubles none: what was told stands in the clock's row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select, update

from gateway.store.case_outcomes import take_step_txn
from gateway.store.case_rows import clock_of, is_quiet, notice_of
from gateway.store.case_tables import case_clock, case_file, case_party
from gateway.store.received import QUEUED, enqueue_txn
from gateway.store.rows import AnyRow
from gateway.store.tables import message, queue_entry
from gateway.store.transaction import Transaction
from protocol.convention.kinds import PRIORITIES, Side
from protocol.convention.lifecycle.case import Event
from protocol.convention.lifecycle.clocks import Notice, NoticeKind, next_notice, told_until
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.rows import clock as ran_out
from protocol.convention.lifecycle.states import Machine, State, Trigger
from protocol.convention.lifecycle.tables import rows_from
from protocol.evidence.records import Json, Kind, instant

FORMAL_REQUEST_NEAR: Final = "FORMAL_REQUEST_NEAR"  # the first warning of an arrest's limit
MAX_TOLD: Final = 100  # in one transaction, which keeps others from the store

_ROW: Final = (
    select(
        case_clock,
        case_file.c.partner,
        case_file.c.request_id,
        case_file.c.own_side,
        case_file.c.urgency,
        case_file.c.state,
        case_file.c.machine,
        case_file.c.requesting_authority,
        case_file.c.requested_authority,
        case_file.c.message.label("opening"),
        message.c.message_id,
    )
    .join_from(case_clock, case_file, case_file.c.id == case_clock.c.case_file)
    .join(message, message.c.id == case_file.c.message)
)
_DUE: Final = (
    _ROW.where(
        case_clock.c.next_at <= bindparam("now"),
        case_clock.c.stopped_at.is_(None),
        case_clock.c.paused_at.is_(None),
    )
    .order_by(case_clock.c.next_at, case_clock.c.id)
    .limit(MAX_TOLD)
    .with_for_update(of=case_clock, skip_locked=True)
)
_NEXT: Final = select(func.min(case_clock.c.next_at)).where(
    case_clock.c.stopped_at.is_(None), case_clock.c.paused_at.is_(None)
)
_OWN: Final = (
    _ROW.join(case_party, case_party.c.case_file == case_file.c.id)
    .where(
        case_clock.c.id == bindparam("number"),
        case_party.c.authority == bindparam("party"),
        case_clock.c.stopped_at.is_(None),
    )
    .with_for_update(of=case_clock)
)
_KEEP: Final = update(case_clock).where(case_clock.c.id == bindparam("clock"))
_WAITING: Final = (
    select(queue_entry.c.id)
    .where(
        queue_entry.c.message == bindparam("opening"),
        queue_entry.c.notice.startswith(bindparam("alarm", type_=queue_entry.c.notice.type)),
        queue_entry.c.state == QUEUED,
    )
    .limit(1)
)
_RINGING: Final = select(func.count()).where(
    case_clock.c.repeat.is_not(None),
    case_clock.c.told_until.is_not(None),
    case_clock.c.answered_at.is_(None),
    case_clock.c.stopped_at.is_(None),
    case_clock.c.acts == case_file.c.own_side,
    case_file.c.id == case_clock.c.case_file,
)
_OVERDUE: Final = select(func.count()).where(
    case_clock.c.stopped_at.is_(None),
    case_clock.c.paused_at.is_(None),
    case_clock.c.due_at <= bindparam("now"),
)


def tell_due_txn(unit: Transaction, now: datetime) -> list[dict[str, Json]]:
    """Everything due by `now` is told, MAX_TOLD at most; what was told, for the log.

    One thing at a time in each case: what is told may move it, and stop its other clocks.
    """
    told = []
    looked_at: set[int] = set()
    for row in unit.connection.execute(_DUE, {"now": now}).all():
        if row.case_file in looked_at:
            continue  # read again next time
        looked_at.add(row.case_file)
        coming = notice_of(row, Side(row.own_side))
        if coming is None or coming.at > now:
            _keep_txn(unit, row, row.told_until, coming)
        else:
            told.append(_tell_txn(unit, row, coming, now))
    return told


def next_due_txn(unit: Transaction) -> datetime | None:
    """When the next notice is due; None if none is to come."""
    found: datetime | None = unit.connection.execute(_NEXT).scalar()
    return found


def counts_txn(unit: Transaction, now: datetime) -> tuple[int, int]:
    """How many clocks ring until a person answers, and how many have run out."""
    ringing = unit.connection.execute(_RINGING).scalar_one()
    return int(ringing), int(unit.connection.execute(_OVERDUE, {"now": now}).scalar_one())


def answer_txn(unit: Transaction, authority: str, number: int, at: datetime) -> bool:
    """A person of `authority` has answered the clock, which rings no more.

    What falls due is still told. False: it is not in a case of theirs, or does not run any more.
    Said again, it is still true, and is recorded once.
    """
    row = unit.connection.execute(_OWN, {"number": number, "party": authority}).one_or_none()
    if row is None:
        return False
    if row.answered_at is None:
        coming = next_notice(clock_of(row), row.told_until, True)
        columns = {"answered_at": at, "answered_by": authority, "next_at": _at(coming)}
        unit.connection.execute(_KEEP, {"clock": row.id, **columns})
        unit.record(Kind.CLOCK_ANSWERED, at, {**_about(row), "authority": authority})
    return True


def _tell_txn(unit: Transaction, row: AnyRow, notice: Notice, now: datetime) -> dict[str, Json]:
    """One notice is in the queue, unless the same alarm waits there untaken; and in evidence."""
    until = told_until(clock_of(row), notice, now)
    coming = next_notice(clock_of(row), until, is_quiet(row, Side(row.own_side)))
    _keep_txn(unit, row, until, coming)
    authority = _told(row)
    name = f"{notice.kind}-{row.id}-"
    waits = (
        notice.kind is NoticeKind.ALARM
        and unit.connection.execute(_WAITING, {"opening": row.opening, "alarm": name}).first()
    )
    about: dict[str, Json] = {**_about(row), "notice_kind": notice.kind.value}
    facts: dict[str, Json] = {**about, "authority": authority, "notice": ""}
    facts["told_until"] = instant(until)
    if not waits:
        facts["notice"] = f"{name}{instant(until)}"
        priority = -PRIORITIES[row.urgency]
        enqueue_txn(
            unit, row.opening, authority, priority=priority, notice=str(facts["notice"]),
            about=about,
        )  # fmt: skip
    unit.record(Kind.CLOCK_TOLD, now, facts, row.opening)
    trigger = _trigger(row, notice)
    if trigger is not None and _moves(row, trigger):
        take_step_txn(unit, row.case_file, Event(trigger), now)
    return facts


def _trigger(row: AnyRow, notice: Notice) -> Trigger | None:
    """What a clock does in its case: it runs out, or the formal request must come soon."""
    if notice.kind is NoticeKind.LAPSED:
        return ran_out(row.kind)
    near = notice.kind is NoticeKind.WARNING and row.kind == ClockKind.PROVISIONAL_ARREST.value
    return ran_out(FORMAL_REQUEST_NEAR) if near else None


def _moves(row: AnyRow, trigger: Trigger) -> bool:
    """Whether the table has a line for `trigger` where the case stands."""
    return any(
        line.trigger == trigger for line in rows_from(Machine(row.machine), State(row.state))
    )


def _told(row: AnyRow) -> str:
    """Our authority that is told: who must act, or who waits for the partner."""
    own = row.own_side == Side.REQUESTING.value
    return str(row.requesting_authority if own else row.requested_authority)


def _about(row: AnyRow) -> dict[str, Json]:
    return {
        "partner": row.partner,
        "message_id": row.message_id,
        "request_id": row.request_id,
        "clock": row.kind,
        "number": row.id,
        "acts": row.acts,
        "due_at": None if row.due_at is None else instant(row.due_at),
        "article": row.article,
    }


def _keep_txn(
    unit: Transaction, row: AnyRow, told_until: datetime | None, coming: Notice | None
) -> None:
    columns = {"told_until": told_until, "next_at": _at(coming)}
    unit.connection.execute(_KEEP, {"clock": row.id, **columns})


def _at(notice: Notice | None) -> datetime | None:
    return None if notice is None else notice.at
