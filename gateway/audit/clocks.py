"""What is due in cases must be what the evidence says: no clock stopped, moved or silenced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from gateway.audit.pages import UNREADABLE, Reading, Span, each_txn, facts_of, in_spans
from gateway.store.case_rows import clock_digest, clock_of, notice_of
from gateway.store.case_tables import case_clock, case_file
from gateway.store.rows import AnyRow
from gateway.store.transaction import Transaction
from protocol.convention.kinds import Side
from protocol.evidence.chain import Finding
from protocol.evidence.records import Kind, instant

_KINDS: Final = (
    Kind.CASE_STEP,
    Kind.CLOCK_ANCHORED,
    Kind.CLOCK_TOLD,
    Kind.CLOCK_ANSWERED,
)
_Told = tuple[str | None, str | None]  # up to when everything was told; who answered


@dataclass(frozen=True, slots=True)
class _Held:
    """A clock as it stands in its row."""

    partner: str
    request_id: str
    sha256: str  # or UNREADABLE
    told: _Told
    is_due_in_time: bool  # the next notice comes when the clock itself says

    def where(self, number: int) -> str:
        """How a finding names it."""
        case = f" of case {self.request_id} with {self.partner}" if self.request_id else ""
        return f"clock {number}{case}"


@dataclass(slots=True)
class ClocksAudit:
    """Made before the evidence is walked, shown every row, then asked, as gateway.audit.alerts.

    A clock that moves meanwhile is left for the next audit.
    """

    store: Reading
    _before: dict[int, _Held] = field(init=False)
    _said: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # case and digest
    _told: dict[int, str] = field(default_factory=dict)
    _answered: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = _clocks(self.store)

    def take(self, rows: Sequence[AnyRow]) -> None:
        """Remember what the evidence says about clocks."""
        for row, facts in facts_of(rows, _KINDS):
            if row.kind == Kind.CLOCK_TOLD:
                self._told[_number(facts["number"])] = str(facts["told_until"])
            elif row.kind == Kind.CLOCK_ANSWERED:
                self._answered[_number(facts["number"])] = str(facts["authority"])
            else:
                case = str(facts["partner"]), str(facts["request_id"])
                said = facts.get("clocks", ())
                for clock in said if isinstance(said, list) else ():
                    if isinstance(clock, dict):
                        self._said[_number(clock["number"])] = (*case, str(clock["sha256"]))

    def findings(self) -> Iterator[Finding]:
        """Every difference between the clocks and the evidence."""
        now = _clocks(self.store)
        for number in sorted(self._said.keys() - now.keys()):
            yield Finding(f"clock {number}", "is missing")
        for number, held in self._before.items():
            if now.get(number) == held:
                yield from self._differs(number, held)

    def _differs(self, number: int, held: _Held) -> Iterator[Finding]:
        where, said = held.where(number), self._said.get(number)
        if said is None:
            yield Finding(where, "is not in the evidence")
        elif said != (held.partner, held.request_id, held.sha256):
            yield Finding(where, "is not as the evidence says")
        elif not held.is_due_in_time:
            yield Finding(where, "will not be told when it must be")
        told, answered = held.told
        if told != self._told.get(number):
            yield Finding(where, f"was told up to {told}, in evidence {self._told.get(number)}")
        if answered != self._answered.get(number):
            by = self._answered.get(number)
            yield Finding(where, f"was answered by {answered}, in evidence by {by}")


def _clocks(store: Reading) -> dict[int, _Held]:
    return {
        number: _held(row)
        for page in in_spans(store, case_clock.c.id, _clocks_txn)
        for number, row in page.items()
    }


def _clocks_txn(unit: Transaction, span: Span) -> dict[int, AnyRow | None]:
    columns = case_file.c.partner, case_file.c.request_id, case_file.c.own_side
    rows = select(case_clock, *columns).join_from(case_clock, case_file)
    return each_txn(unit, rows.where(case_clock.c.id.between(*span)), case_clock.c.id)


def _held(row: AnyRow | None) -> _Held:
    if row is None:
        return _Held("", "", UNREADABLE, (None, None), True)
    told = None if row.told_until is None else instant(row.told_until)
    try:
        digest, coming = clock_digest(clock_of(row)), notice_of(row, Side(row.own_side))
        in_time = row.next_at == (None if coming is None else coming.at)
    except (AttributeError, KeyError, TypeError, ValueError):
        digest, in_time = UNREADABLE, True
    return _Held(row.partner, row.request_id, digest, (told, row.answered_by), in_time)


def _number(said: object) -> int:
    return int(str(said))
