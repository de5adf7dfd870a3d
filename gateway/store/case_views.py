"""What an authority may see of the cases that it is a party to; those of others are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, literal, or_, select

from gateway.store.case_rows import case_of, clock_of, entry_of
from gateway.store.case_tables import case_clock, case_file, case_link, case_party, case_step
from gateway.store.columns import JsonText
from gateway.store.rows import AnyRow
from gateway.store.tables import message
from gateway.store.transaction import Transaction
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry
from protocol.convention.lifecycle.clocks import Clock
from protocol.convention.lifecycle.correlation import Relation
from protocol.convention.lifecycle.machine import LegalStep, legal_next
from protocol.convention.lifecycle.states import TERMINAL

MAX_SHOWN: Final = 1000  # cases, or clocks, in one answer

_OPEN_FLAGS: Final = (
    select(func.count())
    .where(
        case_step.c.case_file == case_file.c.id,
        case_step.c.flags != literal([], JsonText),
        case_step.c.settled_at.is_(None),
        or_(
            case_step.c.own_authority.is_(None),
            case_step.c.own_authority == bindparam("authority"),
        ),
    )
    .scalar_subquery()
)
_NEXT_DUE: Final = (
    select(func.min(case_clock.c.due_at))
    .where(
        case_clock.c.case_file == case_file.c.id,
        case_clock.c.stopped_at.is_(None),
        case_clock.c.paused_at.is_(None),
    )
    .scalar_subquery()
)
_OWN: Final = (
    select(case_file, _OPEN_FLAGS.label("flagged"), _NEXT_DUE.label("next_due"))
    .join_from(case_party, case_file)
    .where(case_party.c.authority == bindparam("authority"))
)
_STEPS: Final = (
    select(case_step, message.c.message_id, message.c.direction)
    .outerjoin_from(case_step, message, message.c.id == case_step.c.message)
    .where(
        case_step.c.case_file == bindparam("case"),
        or_(
            case_step.c.own_authority.is_(None),
            case_step.c.own_authority == bindparam("authority"),
        ),
    )
    .order_by(case_step.c.number)
)
_GOING: Final = (
    select(case_clock, case_file.c.partner, case_file.c.request_id, case_file.c.own_side)
    .join_from(case_party, case_file)
    .join(case_clock, case_clock.c.case_file == case_file.c.id)
    .where(case_party.c.authority == bindparam("authority"), case_clock.c.stopped_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case. `flagged` counts the steps that a person must look at."""

    partner: str
    own_side: Side
    case: Case
    flagged: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class StepView:
    """One line of a case's history, and who looked at it if it was flagged."""

    entry: Entry
    message_id: str | None
    direction: str | None
    settled_at: datetime | None
    settled_by: str | None


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock of a case. `number` names it when it is answered."""

    number: int
    partner: str
    request_id: str
    own: bool  # whether our side must act
    clock: Clock
    told_until: datetime | None
    answered_at: datetime | None
    answered_by: str | None


@dataclass(frozen=True, slots=True)
class LinkView:
    """Another case of the same authority that this one names, or that names this one."""

    request_id: str
    relation: Relation
    is_earlier: bool


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about one case. `legal` is what its authority may send now."""

    view: CaseView
    steps: tuple[StepView, ...]
    clocks: tuple[ClockView, ...]
    links: tuple[LinkView, ...]
    legal: tuple[LegalStep, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for. None, or False, asks for all."""

    partner: str | None = None
    state: str | None = None
    only_open: bool = False
    only_flagged: bool = False


def cases_txn(unit: Transaction, authority: str, wanted: Wanted) -> list[CaseView]:
    """The cases of `authority`, the newest first, MAX_SHOWN at most."""
    rows = _OWN.order_by(case_file.c.id.desc()).limit(MAX_SHOWN)
    if wanted.partner is not None:
        rows = rows.where(case_file.c.partner == wanted.partner)
    if wanted.state is not None:
        rows = rows.where(case_file.c.state == wanted.state)
    if wanted.only_open:
        rows = rows.where(case_file.c.state.not_in([state.value for state in TERMINAL]))
    if wanted.only_flagged:
        rows = rows.where(_OPEN_FLAGS > 0)
    return [_view(row) for row in unit.connection.execute(rows, {"authority": authority})]


def case_txn(
    unit: Transaction, authority: str, request_id: str, partner: str | None
) -> CaseFile | None:
    """The case as `authority` may see it; None if it is not theirs or not there.

    Of two partners' cases with one RequestId, the one that was there first is meant if `partner`
    is not given.
    """
    row = own_row_txn(unit, authority, request_id, partner)
    if row is None:
        return None
    mine = {"authority": authority, "case": row.id}
    view = _view(row)
    clocks = _GOING.where(case_clock.c.case_file == row.id).order_by(case_clock.c.id)
    return CaseFile(
        view=view,
        steps=tuple(_step_view(one) for one in unit.connection.execute(_STEPS, mine)),
        clocks=_clock_views(unit, clocks, authority),
        links=tuple(_links_txn(unit, row.id, authority)),
        legal=legal_next(view.case, view.own_side),
    )


def deadlines_txn(unit: Transaction, authority: str, before: datetime | None) -> list[ClockView]:
    """What runs in the cases of `authority`: what is due first comes first, what has no end last.

    Of what is due `before` only, if that is given. MAX_SHOWN at most.
    """
    due = case_clock.c.due_at
    clocks = _GOING.order_by(due.is_(None), due, case_clock.c.id).limit(MAX_SHOWN)
    if before is not None:
        clocks = clocks.where(due < before)
    return list(_clock_views(unit, clocks, authority))


def own_row_txn(
    unit: Transaction, authority: str, request_id: str, partner: str | None
) -> AnyRow | None:
    """The row of a case of `authority`; None if it is not theirs or not there."""
    rows = _OWN.where(case_file.c.request_id == request_id)
    if partner is not None:
        rows = rows.where(case_file.c.partner == partner)
    found = rows.order_by(case_file.c.id).limit(1)
    return unit.connection.execute(found, {"authority": authority}).one_or_none()


def _clock_views(unit: Transaction, clocks: Select[Any], authority: str) -> tuple[ClockView, ...]:
    rows: Sequence[AnyRow] = unit.connection.execute(clocks, {"authority": authority}).all()
    return tuple(map(clock_view, rows))


def clock_view(row: AnyRow) -> ClockView:
    """The clock in a row of case_clock with partner, request_id and own_side of its case."""
    return ClockView(
        number=row.id,
        partner=row.partner,
        request_id=row.request_id,
        own=row.acts == row.own_side,
        clock=clock_of(row),
        told_until=row.told_until,
        answered_at=row.answered_at,
        answered_by=row.answered_by,
    )


def _links_txn(unit: Transaction, number: int, authority: str) -> list[LinkView]:
    """Those whose other case is the authority's too: a link opens no case to anybody."""
    found = []
    later, earlier = case_link.c.later, case_link.c.earlier
    for this, other, is_earlier in ((later, earlier, True), (earlier, later, False)):
        rows = (
            select(case_file.c.request_id, case_link.c.relation)
            .join_from(case_link, case_file, case_file.c.id == other)
            .join(case_party, case_party.c.case_file == case_file.c.id)
            .where(this == number, case_party.c.authority == authority)
            .order_by(case_file.c.id)
        )
        for row in unit.connection.execute(rows):
            found.append(LinkView(row.request_id, Relation(row.relation), is_earlier))
    return found


def _view(row: AnyRow) -> CaseView:
    return CaseView(row.partner, Side(row.own_side), case_of(row), row.flagged, row.next_due)


def _step_view(row: AnyRow) -> StepView:
    return StepView(entry_of(row), row.message_id, row.direction, row.settled_at, row.settled_by)
