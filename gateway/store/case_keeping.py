"""A case as it is kept: its row, its steps, its clocks, and the evidence of every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select, update

from gateway.store.case_rows import (
    case_columns,
    case_digest,
    clock_columns,
    clock_digest,
    clock_of,
    is_quiet,
    step_columns,
)
from gateway.store.case_tables import case_clock, case_file, case_step
from gateway.store.faults import StoreFault
from gateway.store.prepared import Prepared
from gateway.store.rows import AnyRow
from gateway.store.transaction import Transaction
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry
from protocol.convention.lifecycle.clocks import Clock, anchored, wind
from protocol.convention.lifecycle.correlation import Link
from protocol.convention.lifecycle.policy import Times
from protocol.evidence.records import Json, Kind, instant

_CLOCKS: Final = select(case_clock).where(
    case_clock.c.case_file == bindparam("case"), case_clock.c.stopped_at.is_(None)
)
_STEP: Final = Prepared(insert(case_step), case_step.c.keys())
_NOT_SETTLED: Final = {"settled_at": None, "settled_by": None}
_CLOCK: Final = Prepared(
    insert(case_clock).returning(case_clock.c.id),
    [column.name for column in case_clock.c if column.name != "id"],
)
_NOTHING_TOLD: Final = {"told_until": None, "answered_at": None, "answered_by": None}
_KEEP: Final = update(case_file).where(case_file.c.id == bindparam("case"))
_KEEP_CLOCK: Final = update(case_clock).where(case_clock.c.id == bindparam("clock"))
BY_NUMBER: Final = select(case_file).where(case_file.c.id == bindparam("case")).with_for_update()
STEPS: Final = (
    select(case_step).where(case_step.c.case_file == bindparam("case")).order_by(case_step.c.number)
)


@dataclass(frozen=True, slots=True)
class Mover:
    """The message that moves a case: its row, its partner, when that happened.

    A clock and a person have no message. `own_side` is that of our State in the case.
    """

    number: int | None
    message_id: str | None
    partner: str
    at: datetime
    own_authority: str | None
    own_side: Side


def times_of(unit: Transaction) -> Times:
    """How long everything may take. Raises StoreFault where no cases are kept."""
    if unit.times is None:
        raise StoreFault("the store was opened without a policy, so it can keep no cases")
    return unit.times


def keep_txn(
    unit: Transaction,
    number: int,
    before: Case,
    after: Case,
    mover: Mover,
    times: Times,
    *,
    opened: bool = False,
    links: Sequence[Link] = (),
) -> None:
    """The case, its new steps, its clocks and the evidence of it are there.

    A case that was `opened` in this transaction is in its row as it is, and has no clock yet.
    `links` are those that it gets with the first of these steps: for the evidence only.
    """
    fresh = after.history[len(before.history) :]
    if not opened:
        unit.connection.execute(_KEEP, {"case": number, **case_columns(after)})
    rows = [step_columns(number, one, mover.number, mover.own_authority) for one in fresh]
    _STEP.run_many(unit.connection, [{**_NOT_SETTLED, **one} for one in rows])
    clocks = _wind_txn(unit, number, after, fresh, mover.own_side, times, opened=opened)
    for one in fresh:
        facts = _facts(after, one, mover)
        if links and one is fresh[0]:
            facts["links"] = [[link.earlier, link.relation.value] for link in links]
        if one is fresh[-1]:
            facts |= {"case_sha256": case_digest(after, mover.own_side), "clocks": clocks}
        unit.record(Kind.CASE_STEP, one.at, facts)


def _wind_txn(
    unit: Transaction,
    number: int,
    case: Case,
    fresh: tuple[Entry, ...],
    own_side: Side,
    times: Times,
    *,
    opened: bool,
) -> list[Json]:
    held = () if opened else unit.connection.execute(_CLOCKS, {"case": number}).all()
    clocks: tuple[Clock, ...] = tuple(map(clock_of, held))
    wound = clocks
    for entry in fresh:
        wound = wind(wound, case, entry, times)  # those that were there keep their places
    return _keep_clocks_txn(unit, number, held, wound, own_side)


def anchor_txn(unit: Transaction, number: int, mover: Mover, case: Case, times: Times) -> None:
    """What our own message started counts from the partner's receipt for it."""
    held = unit.connection.execute(_CLOCKS, {"case": number}).all()
    started_by = mover.message_id or ""
    clocks = anchored(map(clock_of, held), started_by, mover.at, case, times)
    changed = _keep_clocks_txn(unit, number, held, clocks, mover.own_side)
    if changed:
        about = {"partner": mover.partner, "message_id": mover.message_id}
        facts = {**about, "request_id": case.request_id, "clocks": changed}
        unit.record(Kind.CLOCK_ANCHORED, mover.at, facts)


def _keep_clocks_txn(
    unit: Transaction,
    number: int,
    held: Iterable[AnyRow],
    clocks: tuple[Clock, ...],
    own_side: Side,
) -> list[Json]:
    """`clocks` begin with those of `held`, in their order; what is new or changed, for evidence."""
    rows, changed = list(held), list[Json]()
    for row, clock in zip(rows, clocks, strict=False):
        if clock != clock_of(row):
            quiet = is_quiet(row, own_side)
            columns = clock_columns(clock, row.told_until, quiet=quiet)
            unit.connection.execute(_KEEP_CLOCK, {"clock": row.id, **columns})
            changed.append(_clock_facts(row.id, clock))
    for clock in clocks[len(rows) :]:
        columns = clock_columns(clock, quiet=clock.acts is not own_side)
        columns = {"case_file": number, **columns, **_NOTHING_TOLD}
        made = _CLOCK.first(unit.connection, columns)
        if made is None:
            raise StoreFault("a clock was inserted, and has no number")
        changed.append(_clock_facts(int(made[0]), clock))
    return changed


def _clock_facts(number: int, clock: Clock) -> dict[str, Json]:
    return {
        "number": number,
        "clock": clock.kind.value,
        "acts": clock.acts.value,
        "due_at": None if clock.due_at is None else instant(clock.due_at),
        "article": clock.article,
        "running": clock.is_running,
        "sha256": clock_digest(clock),
    }


def _facts(case: Case, entry: Entry, mover: Mover) -> dict[str, Json]:
    return {
        "partner": mover.partner,
        "own_authority": mover.own_authority,
        "message_id": mover.message_id,
        "request_id": case.request_id,
        "number": entry.number,
        "event": str(entry.event.trigger),
        "before": entry.before.value,
        "after": entry.after.value,
        "asserts": None if entry.asserts is None else entry.asserts.value,
        "flags": [[flag.code.value, flag.sentence] for flag in entry.flags],
    }
