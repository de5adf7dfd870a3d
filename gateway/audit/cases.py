"""Cases must stand where the evidence says: no step added, changed, or quietly settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import and_, select

from gateway.audit.pages import Reading
from gateway.store.case_rows import entry_of
from gateway.store.case_tables import case_file, case_step
from gateway.store.rows import AnyRow
from gateway.store.transaction import Transaction
from protocol.evidence.chain import Finding
from protocol.evidence.records import Json, Kind, RecordUnreadable, decode

_KINDS: Final = (Kind.CASE_STEP, Kind.CASE_SETTLED)
_Case = tuple[str, str]  # partner, RequestId


@dataclass(frozen=True, slots=True)
class _Stands:
    """The last step of a case by the evidence: its number, and the state that it led to."""

    number: int
    state: str


@dataclass(slots=True)
class CasesAudit:
    """Made before the evidence is walked, shown every row, then asked, as gateway.audit.alerts.

    Each step is held against its row as its page goes by, so that what is remembered grows with the
    number of cases, not of their steps. Cases that move meanwhile disturb nothing.
    """

    store: Reading
    _before: list[AnyRow] = field(init=False)
    _last: dict[_Case, _Stands] = field(default_factory=dict)
    _settled: dict[_Case, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = self.store.run_blocking(_cases_txn)

    def take(self, rows: Sequence[AnyRow]) -> Iterator[Finding]:
        """What differs between the steps in these rows of evidence and those in the table."""
        steps: list[Mapping[str, Any]] = []
        for row in rows:
            if row.kind not in _KINDS:
                continue
            try:
                facts = decode(row.record).facts
            except RecordUnreadable:
                continue  # a finding of the chain already
            case = (str(facts["partner"]), str(facts["request_id"]))
            number = int(str(facts["number"]))
            if row.kind == Kind.CASE_SETTLED:
                self._settled.setdefault(case, set()).add(number)
                continue
            steps.append(facts)
            self._last[case] = _Stands(number, str(facts["after"]))
        for facts in steps:
            try:
                held = self._step(facts)
            except ValueError as e:  # somebody put something else than JSON there
                yield Finding(_where_of(facts), f"cannot be read: {e}")
            else:
                yield from _step_differs(facts, held)

    def findings(self) -> Iterator[Finding]:
        """Cases that stand elsewhere than the evidence says, or of which it knows nothing."""
        there = {(row.partner, row.request_id) for row in self.store.run_blocking(_cases_txn)}
        for partner, request_id in sorted(self._last.keys() - there):
            yield Finding(_where(partner, request_id), "is missing")
        for row in self._before:
            case = (row.partner, row.request_id)
            last = self._last.get(case)
            where = _where(*case)
            if last is None or last.number < row.entries:
                yield Finding(where, f"has {row.entries} steps; the evidence knows fewer")
            elif last.number == row.entries and last.state != row.state:
                yield Finding(where, f"stands at {row.state!r}, in evidence {last.state!r}")
        yield from self._quietly_settled()

    def _quietly_settled(self) -> Iterator[Finding]:
        for row in self.store.run_blocking(_settled_txn):
            if row.number not in self._settled.get((row.partner, row.request_id), ()):
                where = _where(row.partner, row.request_id, row.number)
                yield Finding(where, "was settled, and nobody did it by the evidence")

    def _step(self, facts: Mapping[str, Any]) -> AnyRow | None:
        rows = (
            select(case_step)
            .join_from(case_step, case_file)
            .where(
                and_(
                    case_file.c.partner == facts["partner"],
                    case_file.c.request_id == facts["request_id"],
                    case_step.c.number == facts["number"],
                )
            )
        )
        return self.store.run_blocking(lambda unit: unit.connection.execute(rows).one_or_none())


def _cases_txn(unit: Transaction) -> list[AnyRow]:
    columns = (case_file.c.partner, case_file.c.request_id, case_file.c.entries, case_file.c.state)
    return list(unit.connection.execute(select(*columns)))


def _settled_txn(unit: Transaction) -> list[AnyRow]:
    rows = (
        select(case_file.c.partner, case_file.c.request_id, case_step.c.number)
        .join_from(case_step, case_file)
        .where(case_step.c.settled_by.is_not(None))
    )
    return list(unit.connection.execute(rows))


def _step_differs(facts: Mapping[str, Any], row: AnyRow | None) -> Iterator[Finding]:
    where = _where_of(facts)
    if row is None:
        yield Finding(where, "is missing")
        return
    for name, found in _said(row).items():
        if found != facts[name]:
            yield Finding(where, f"its {name} is {found!r}, in evidence {facts[name]!r}")


def _said(row: AnyRow) -> Mapping[str, Json]:
    """What the row says of the step, as the evidence writes it."""
    try:
        entry = entry_of(row)
    except (KeyError, TypeError, ValueError) as e:
        return {"event": f"cannot be read: {e}"}
    return {
        "event": str(entry.event.trigger),
        "before": entry.before.value,
        "after": entry.after.value,
        "asserts": None if entry.asserts is None else entry.asserts.value,
        "flags": [[flag.code.value, flag.sentence] for flag in entry.flags],
    }


def _where_of(facts: Mapping[str, Any]) -> str:
    return _where(str(facts["partner"]), str(facts["request_id"]), int(str(facts["number"])))


def _where(partner: str, request_id: str, step: int | None = None) -> str:
    case = f"case {request_id} with {partner}"
    return case if step is None else f"{case}, step {step}"
