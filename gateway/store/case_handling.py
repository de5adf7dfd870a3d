"""What a person does in a case beside writing: looks at what was flagged, hands it to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, or_, select, update

from gateway.store.case_outcomes import take_step_txn
from gateway.store.case_rows import entry_of
from gateway.store.case_tables import case_party, case_step
from gateway.store.case_views import own_row_txn
from gateway.store.received import enqueue_txn
from gateway.store.rows import insert_once
from gateway.store.tables import INBOUND, message, queue_entry
from gateway.store.transaction import Transaction
from protocol.convention.kinds import PRIORITIES, Side
from protocol.convention.lifecycle.case import Event
from protocol.convention.lifecycle.machine import SETTLED
from protocol.convention.lifecycle.states import Cause, State, Trigger
from protocol.evidence.records import Json, Kind

NOTICE_FORWARDED: Final = "FORWARDED"  # to the authority that is to execute it

_PARTY_ONCE: Final = {
    dialect: insert_once(case_party, "case_party_pk", ("case_file", "authority"), dialect)
    for dialect in ("sqlite", "postgresql")
}
_FLAGGED: Final = (
    select(case_step)
    .where(
        case_step.c.case_file == bindparam("case"),
        case_step.c.number == bindparam("step"),
        or_(
            case_step.c.own_authority.is_(None),
            case_step.c.own_authority == bindparam("authority"),
        ),
    )
    .with_for_update()
)
_SETTLE: Final = update(case_step).where(
    case_step.c.case_file == bindparam("case"), case_step.c.number == bindparam("step")
)


@dataclass(frozen=True, slots=True)
class Flagged:
    """One flagged step. `accept`: the case is to stand where the document says that it stands."""

    request_id: str
    partner: str | None
    step: int
    accept: bool


@dataclass(frozen=True, slots=True)
class Forwarding:
    """To whom a request is handed on, and why."""

    request_id: str
    partner: str | None
    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The case that was handed on. `again`: it had been before, and nothing was done."""

    partner: str
    message_id: str
    own_side: Side
    again: bool


def settle_txn(unit: Transaction, authority: str, flagged: Flagged, at: datetime) -> bool:
    """The step was looked at by `authority`; if accepted, the case stands where it says.

    False: there is no such step, or it has no flag. Said again, it is still true, and is recorded
    once.
    """
    case = own_row_txn(unit, authority, flagged.request_id, flagged.partner)
    if case is None:
        return False
    which = {"case": case.id, "step": flagged.step}
    row = unit.connection.execute(_FLAGGED, {**which, "authority": authority}).one_or_none()
    if row is None or not row.flags:
        return False
    if row.settled_at is not None:
        return True
    unit.connection.execute(_SETTLE, {**which, "settled_at": at, "settled_by": authority})
    asserts = entry_of(row).asserts if flagged.accept else None
    told: dict[str, Json] = {
        "partner": case.partner,
        "request_id": case.request_id,
        "number": flagged.step,
        "authority": authority,
        "accepts": None if asserts is None else asserts.value,
    }
    unit.record(Kind.CASE_SETTLED, at, told)
    if asserts is not None and asserts is not State(case.state):
        take_step_txn(unit, case.id, Event(Trigger(SETTLED, asserts.value, Cause.PERSON)), at)
    return True


def forward_txn(
    unit: Transaction, authority: str, wish: Forwarding, at: datetime
) -> Forwarded | None:
    """The authority `wish.to` is a party, and the request waits in its queue, once.

    None: it is no case of `authority`, or our State does not execute it. The other State is told
    by a ReferralNotice, which is a document of its own.
    """
    case = own_row_txn(unit, authority, wish.request_id, wish.partner)
    if case is None or case.own_side != Side.REQUESTED.value:
        return None
    opening = unit.connection.execute(
        select(message.c.message_id, message.c.direction).where(message.c.id == case.message)
    ).one()
    if opening.direction != INBOUND:
        return None
    handed = select(queue_entry.c.id).where(
        queue_entry.c.message == case.message, queue_entry.c.authority == wish.to
    )
    forwarded = Forwarded(case.partner, opening.message_id, Side(case.own_side), again=False)
    if unit.connection.execute(handed.limit(1)).first() is not None:
        return Forwarded(case.partner, opening.message_id, Side(case.own_side), again=True)
    once = _PARTY_ONCE[unit.connection.dialect.name]
    unit.connection.execute(once, {"case_file": case.id, "authority": wish.to})
    notice = f"{NOTICE_FORWARDED}-{wish.to}"
    about: dict[str, Json] = {"request_id": case.request_id, "by": authority, "reason": wish.reason}
    enqueue_txn(
        unit, case.message, wish.to, priority=-PRIORITIES[case.urgency], notice=notice, about=about
    )
    told: dict[str, Json] = {
        **about,
        "partner": case.partner,
        "message_id": opening.message_id,
        "authority": wish.to,
        "notice": notice,
    }
    unit.record(Kind.FORWARDED, at, told, case.message)
    return forwarded
