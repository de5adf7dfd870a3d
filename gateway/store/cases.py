"""Cases in the transaction of the message that moves them.

The rules are in `protocol.convention.lifecycle`; here they are made durable. Whatever happens to a
message happens to its case in the same transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from gateway.store.case_keeping import Mover, keep_txn, times_of
from gateway.store.case_rows import case_columns, case_of
from gateway.store.case_tables import CASE_ONCE, case_file, case_link, case_party, case_step
from gateway.store.faults import StoreFault
from gateway.store.prepared import Prepared
from gateway.store.rows import AnyRow, insert_once
from gateway.store.tables import message
from gateway.store.transaction import Transaction
from gateway.store.use_limits import Matter, keep_use_txn
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Event, Flag, FlagCode
from protocol.convention.lifecycle.correlation import FoundBy, Placement, Relation, place, tell
from protocol.convention.lifecycle.docket import Docket
from protocol.convention.lifecycle.guards import Terms
from protocol.convention.lifecycle.machine import (
    IllegalStep,
    flagged,
    opened,
    own_step,
    step,
    with_flags,
)
from protocol.convention.lifecycle.policy import Times
from protocol.convention.lifecycle.rows import DELIVERED
from protocol.convention.lifecycle.states import State

_PARTY_ONCE: Final = Prepared(
    {
        dialect: insert_once(case_party, "case_party_pk", ("case_file", "authority"), dialect)
        for dialect in ("sqlite", "postgresql")
    },
    ("case_file", "authority"),
)
_LINK_ONCE: Final = {
    dialect: insert_once(case_link, "case_link_pk", ("later", "earlier"), dialect)
    for dialect in ("sqlite", "postgresql")
}
_OPEN: Final = Prepared(
    {
        dialect: insert_once(case_file, CASE_ONCE, ("partner", "request_id"), dialect).returning(
            case_file.c.id
        )
        for dialect in ("sqlite", "postgresql")
    },
    [column.name for column in case_file.c if column.name != "id"],
)
_IS_THERE: Final = Prepared(
    select(case_file.c.id).where(
        case_file.c.partner == bindparam("partner"), case_file.c.request_id == bindparam("name")
    ),
    ("partner", "name"),
)
_CASES: Final = (
    select(case_file)
    .where(
        case_file.c.partner == bindparam("partner"),
        case_file.c.request_id.in_(bindparam("names", expanding=True)),
    )
    .order_by(case_file.c.id)
    .with_for_update()
)
_ANSWERED: Final = (
    select(case_file.c.request_id)
    .join_from(case_file, case_step)
    .join(message, message.c.id == case_step.c.message)
    .where(message.c.message_id == bindparam("about"), message.c.partner == bindparam("partner"))
    .limit(1)
)
_EARLIER: Final = (
    select(case_file, case_link.c.relation)
    .join_from(case_link, case_file, case_file.c.id == case_link.c.earlier)
    .where(case_link.c.later == bindparam("later"))
    .order_by(case_file.c.id)
    .with_for_update(of=case_file)
)
_PARTIES: Final = select(case_party.c.authority).where(case_party.c.case_file == bindparam("case"))


class StepRefused(Exception):
    """Our own authority may not take this step now; nothing of the submission is kept."""

    def __init__(self, step: IllegalStep) -> None:
        super().__init__(step.reason)
        self.step = step


def file_txn(
    unit: Transaction, docket: Docket, mover: Mover, ref_to_message_id: str | None, *, ours: bool
) -> None:
    """The document of `docket` has moved its case, and the cases that are linked to it; what it
    says about use is kept.

    Raises StepRefused where our own authority may not do that.
    """
    times = times_of(unit)
    if docket.use is not None:
        keep_use_txn(unit, docket.use, _matter(docket, mover, ref_to_message_id), ours=ours)
    filing = replace(docket.filing, event=replace(docket.filing.event, message_id=mover.message_id))
    docket = replace(docket, filing=filing)
    names = (filing.request_id, *filing.cites)
    rows = _cases_txn(unit, mover.partner, names)
    answered = None
    if filing.request_id not in rows and ref_to_message_id is not None:
        answered = _answered_txn(unit, mover.partner, ref_to_message_id)
        rows |= _cases_txn(unit, mover.partner, () if answered is None else (answered,))
    known = {name: case_of(row) for name, row in rows.items()}
    placed = place(filing, known, answered)
    row = rows.get(placed.request_id)
    case = known.get(placed.request_id) or _begun(docket, mover, placed)
    if ours:
        _refuse_stranger_txn(unit, docket, row, case)
    elif row is not None and row.own_side != docket.own_side.value:
        _flag_turned_txn(unit, row, docket, mover, times)
        return
    after = _stepped(case, docket, mover.at, times, ours=ours)
    number = row.id if row is not None else _open_txn(unit, after, docket, mover)
    if not ours and placed.found_by is not FoundBy.OPENS:
        after = _with_party_txn(unit, number, after, docket)
    keep_txn(unit, number, case, after, mover, times, opened=row is None, links=placed.links)
    for link in placed.links:
        earlier = rows[link.earlier].id
        values = {"later": number, "earlier": earlier, "relation": link.relation.value}
        unit.connection.execute(_LINK_ONCE[unit.connection.dialect.name], values)
    if row is not None or placed.links:
        _tell_linked_txn(unit, number, after, mover, times)


def _matter(docket: Docket, mover: Mover, about: str | None) -> Matter:
    if mover.number is None or mover.message_id is None:
        raise TypeError("what a document says about use is kept with its message")
    return Matter(
        mover.number, mover.partner, mover.message_id, docket.filing.request_id, about, mover.at
    )


def _cases_txn(unit: Transaction, partner: str, names: Iterable[str]) -> dict[str, AnyRow]:
    wanted = sorted(set(names))
    known = {"partner": partner}
    if not any(_IS_THERE.first(unit.connection, {**known, "name": one}) for one in wanted):
        return {}  # as a rule: a request begins its case
    rows = unit.connection.execute(_CASES, {"partner": partner, "names": wanted})
    return {row.request_id: row for row in rows}


def _answered_txn(unit: Transaction, partner: str, about: str) -> str | None:
    found: str | None = unit.connection.execute(
        _ANSWERED, {"partner": partner, "about": about}
    ).scalar()
    return found


def _begun(docket: Docket, mover: Mover, placed: Placement) -> Case:
    return opened(
        docket.filing.kind,
        placed.request_id,
        docket.requesting_authority,
        docket.requested_authority,
        docket.urgency,
        mover.at,
    )


def _refuse_stranger_txn(unit: Transaction, docket: Docket, row: AnyRow | None, case: Case) -> None:
    """What is not ours to see is not there: the same answer as for a case that nobody knows."""
    if row is None:
        return
    parties = set(unit.connection.execute(_PARTIES, {"case": row.id}).scalars())
    if docket.own_authority not in parties or row.own_side != docket.own_side.value:
        unfiled = opened("", case.request_id, "", "", case.urgency, case.opened_at)
        refused = own_step(
            unfiled, docket.filing.event, case.opened_at, times_of(unit).policy.terms
        )
        if isinstance(refused, IllegalStep):
            raise StepRefused(refused)


def _flag_turned_txn(
    unit: Transaction, row: AnyRow, docket: Docket, mover: Mover, times: Times
) -> None:
    """Nobody takes our steps in a case for us: the document is kept there, and a person is told."""
    sentence = f"{docket.filing.kind} turns round who asks and who is asked in this case"
    case = case_of(row)
    after = flagged(case, docket.filing.event, mover.at, Flag(FlagCode.WRONG_PARTY, sentence))
    keep_txn(unit, row.id, case, after, replace(mover, own_side=Side(row.own_side)), times)


def _stepped(case: Case, docket: Docket, at: datetime, times: Times, *, ours: bool) -> Case:
    event, terms = docket.filing.event, times.policy.terms
    if ours:
        after = own_step(case, event, at, terms)
        if isinstance(after, IllegalStep):
            raise StepRefused(after)
        return after
    after = step(_reached(case, docket, at, terms), event, at, terms)
    if docket.flags:
        after = with_flags(after, docket.flags)
    if case.entries == 0:  # it is here, and our receipt says so
        received = step(after, Event(DELIVERED, message_id=event.message_id), at, terms)
        return after if received.history[-1].is_irregular else received
    return after


def _reached(case: Case, docket: Docket, at: datetime, terms: Terms) -> Case:
    """The partner answers a request whose receipt we have not seen yet: so it has it."""
    if case.state is not State.SUBMITTED or docket.own_side is not Side.REQUESTING:
        return case
    return step(case, Event(DELIVERED), at, terms)


def _open_txn(unit: Transaction, case: Case, docket: Docket, mover: Mover) -> int:
    """The row of a new case."""
    columns = {
        "partner": mover.partner,
        "request_id": case.request_id,
        "machine": case.machine.value,
        "kind": case.kind,
        "requesting_authority": case.requesting_authority,
        "own_side": docket.own_side.value,
        "urgency": case.urgency,
        "opened_at": case.opened_at,
        "message": mover.number,
        **case_columns(case),
    }
    row = _OPEN.first(unit.connection, columns)
    if row is None:  # another node opened it a moment ago; the sender tries again
        raise StoreFault(f"the case {case.request_id} was opened at the same time; try again")
    number = int(row[0])
    _admit_txn(unit, number, docket.own_authority)
    return number


def _admit_txn(unit: Transaction, number: int, authority: str) -> None:
    """`authority` is a party to the case."""
    values = {"case_file": number, "authority": authority}
    _PARTY_ONCE.run(unit.connection, values)


def _with_party_txn(unit: Transaction, number: int, case: Case, docket: Docket) -> Case:
    """Whoever is new to the case is let in for its own part, and a person is told.

    After a referral a new authority of the requested State is expected.
    """
    entry = next(one for one in case.history if one.event.side is not None)
    flags = []
    parties = set(unit.connection.execute(_PARTIES, {"case": number}).scalars())
    if docket.own_authority not in parties:
        _admit_txn(unit, number, docket.own_authority)
        if parties:
            flags.append(_stranger(docket.own_authority, "is written to for the first time"))
    theirs = Side.REQUESTED if docket.own_side is Side.REQUESTING else Side.REQUESTING
    author = docket.requested_authority if theirs is Side.REQUESTED else docket.requesting_authority
    if author != case.authority(theirs):
        if theirs is Side.REQUESTED and entry.before in (State.REFERRED, State.FORWARDED):
            return replace(case, requested_authority=author)
        flags.append(_stranger(author, f"writes instead of {case.authority(theirs)}"))
    return with_flags(case, tuple(flags)) if flags else case


def _stranger(authority: str, does: str) -> Flag:
    return Flag(FlagCode.WRONG_PARTY, f"{authority} {does} in this case", "40(12)")


def _tell_linked_txn(
    unit: Transaction, number: int, after: Case, mover: Mover, times: Times
) -> None:
    """What happened in this case has moved the earlier ones that it holds."""
    rows = unit.connection.execute(_EARLIER, {"later": number}).all()
    for row in rows:
        earlier = case_of(row)
        moved = earlier
        for entry in after.history:
            relation = Relation(row.relation)
            moved = tell(entry.event, moved, relation, mover.at, times.policy.terms)
        if moved != earlier:
            told = replace(mover, own_authority=None, own_side=Side(row.own_side))
            keep_txn(unit, row.id, earlier, moved, told, times)
