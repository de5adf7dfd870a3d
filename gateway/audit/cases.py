"""Cases must stand where the evidence says: nothing changed or quietly settled, nobody let in.

What is due in them is held against the evidence in gateway.audit.clocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, Select, and_, select

from gateway.audit.pages import UNREADABLE, Reading, Span, each_txn, facts_of, in_spans
from gateway.store.case_rows import case_digest, case_of, entry_of
from gateway.store.case_tables import case_file, case_link, case_party, case_step
from gateway.store.rows import AnyRow
from gateway.store.tables import message
from gateway.store.transaction import Transaction
from protocol.convention.kinds import Side
from protocol.evidence.chain import Finding
from protocol.evidence.records import Json, Kind

_KINDS: Final = (Kind.CASE_STEP, Kind.CASE_SETTLED, Kind.FORWARDED)
_Case = tuple[str, str]  # partner, RequestId
_Pairs = list[tuple[_Case, str]]  # a case, and whom it lets in or which other case it names


@dataclass(frozen=True, slots=True)
class _Stands:
    """A case by the evidence, or by its row: its last step, the state that this led to, and the
    digest of all that its row says."""

    number: int
    state: str
    sha256: str


@dataclass(slots=True)
class _Known:
    """Who may see a case, and which cases it names, by the evidence."""

    first: str | None  # our authority with which it began
    let_in: set[str] = field(default_factory=set)
    forwarded: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)


@dataclass(slots=True)
class CasesAudit:
    """Made before the evidence is walked, shown every row, then asked, as gateway.audit.alerts.

    Each step is held against its row as its page goes by, so that what is remembered grows with the
    number of cases, not of their steps. Cases that move meanwhile disturb nothing.
    """

    store: Reading
    _before: dict[_Case, _Stands] = field(init=False)
    _parties_before: _Pairs = field(init=False)
    _links_before: _Pairs = field(init=False)
    _last: dict[_Case, _Stands] = field(default_factory=dict)
    _known: dict[_Case, _Known] = field(default_factory=dict)
    _settled: dict[_Case, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = _cases(self.store)
        self._parties_before = _parties(self.store)
        self._links_before = _links(self.store)

    def take(self, rows: Sequence[AnyRow]) -> Iterator[Finding]:
        """What differs between the steps in these rows of evidence and those in the table."""
        steps: list[Mapping[str, Any]] = []
        for row, facts in facts_of(rows, _KINDS):
            case = (str(facts["partner"]), str(facts["request_id"]))
            if row.kind == Kind.FORWARDED:
                if case in self._known:
                    self._known[case].forwarded.add(str(facts["authority"]))
                continue
            number = int(str(facts["number"]))
            if row.kind == Kind.CASE_SETTLED:
                self._settled.setdefault(case, set()).add(number)
                continue
            steps.append(facts)
            self._last[case] = _Stands(number, str(facts["after"]), str(facts.get("case_sha256")))
            self._learn(case, number, facts)
        for facts in steps:
            try:
                held = self._step(facts)
            except ValueError as e:  # somebody put something else than JSON there
                yield Finding(_where_of(facts), f"cannot be read: {e}")
            else:
                yield from _step_differs(facts, held)

    def findings(self) -> Iterator[Finding]:
        """Cases that stand elsewhere than the evidence says, or of which it knows nothing."""
        there = _cases(self.store)
        for case in sorted(self._last.keys() - there.keys()):
            yield Finding(_where(*case), "is missing")
        for case, row in self._before.items():
            last, where = self._last.get(case), _where(*case)
            if last is None or last.number < row.number:
                yield Finding(where, f"has {row.number} steps; the evidence knows fewer")
            elif last.number == row.number and last.state != row.state:
                yield Finding(where, f"stands at {row.state!r}, in evidence {last.state!r}")
            elif last.number == row.number and last.sha256 != row.sha256:
                yield Finding(where, "is not as its last step left it")
        yield from self._let_in()
        yield from self._linked()
        yield from self._quietly_settled()

    def _learn(self, case: _Case, number: int, facts: Mapping[str, Any]) -> None:
        """Whom the step concerns and what it names."""
        own = facts["own_authority"]
        if number == 1:
            self._known[case] = _Known(_text(own))
        known = self._known.get(case)
        if known is not None:
            known.let_in |= {str(own)} if own is not None else set()
            known.links |= {_link(*link) for link in facts.get("links", ())}

    def _let_in(self) -> Iterator[Finding]:
        for case, authority in self._parties_before:
            known = self._known.get(case)
            if known is not None and authority not in known.let_in | known.forwarded:
                yield Finding(_where(*case), f"{authority} may see it, and nothing let it in")
        there = set(_parties(self.store))
        for case, known in self._known.items():
            first = {known.first} if known.first is not None else set()
            for authority in sorted(first | known.forwarded):
                if case in self._before and (case, authority) not in there:
                    yield Finding(_where(*case), f"{authority} may not see it any more")

    def _linked(self) -> Iterator[Finding]:
        for case, link in self._links_before:
            known = self._known.get(case)
            if known is not None and link not in known.links:
                yield Finding(_where(*case), f"{link}, and no step says so")
        there = set(_links(self.store))
        for case, known in self._known.items():
            for link in sorted(known.links):
                if case in self._before and (case, link) not in there:
                    yield Finding(_where(*case), f"{link} by a step, and is not linked any more")

    def _quietly_settled(self) -> Iterator[Finding]:
        for row in self.store.run_blocking(_settled_txn):
            if row.number not in self._settled.get((row.partner, row.request_id), ()):
                where = _where(row.partner, row.request_id, row.number)
                yield Finding(where, "was settled, and nobody did it by the evidence")

    def _step(self, facts: Mapping[str, Any]) -> AnyRow | None:
        columns = message.c.message_id.label("moved_by"), case_file.c.message.label("opening")
        rows = (
            select(case_step, *columns)
            .join_from(case_step, case_file)
            .outerjoin(message, message.c.id == case_step.c.message)
            .where(
                and_(
                    case_file.c.partner == facts["partner"],
                    case_file.c.request_id == facts["request_id"],
                    case_step.c.number == facts["number"],
                )
            )
        )
        return self.store.run_blocking(lambda unit: unit.connection.execute(rows).one_or_none())


def _cases(store: Reading) -> dict[_Case, _Stands]:
    return {
        (row.partner, row.request_id): _Stands(
            row.entries, row.state, _digest_of(whole.get(row.id))
        )
        for rows, whole in in_spans(store, case_file.c.id, _cases_txn)
        for row in rows
    }


def _cases_txn(
    unit: Transaction, span: Span
) -> tuple[Sequence[AnyRow], Mapping[int, AnyRow | None]]:
    """Cases as far as anything can be read, and whole."""
    columns = case_file.c.id, case_file.c.partner, case_file.c.request_id
    rows = select(*columns, case_file.c.entries, case_file.c.state)
    of_span = case_file.c.id.between(*span)
    whole = each_txn(unit, select(case_file).where(of_span), case_file.c.id)
    return unit.connection.execute(rows.where(of_span)).all(), whole


def _digest_of(row: AnyRow | None) -> str:
    if row is None:
        return UNREADABLE
    try:
        return case_digest(case_of(row), Side(row.own_side))
    except (AttributeError, KeyError, TypeError, ValueError):
        return UNREADABLE


def _parties(store: Reading) -> _Pairs:
    columns = case_file.c.partner, case_file.c.request_id, case_party.c.authority
    rows = select(*columns).join_from(case_party, case_file)
    return [
        ((partner, request_id), authority)
        for partner, request_id, authority in _of_cases(store, rows, case_file.c.id)
    ]


def _links(store: Reading) -> _Pairs:
    later, earlier = case_file.alias(), case_file.alias()
    rows = (
        select(later.c.partner, later.c.request_id, earlier.c.request_id, case_link.c.relation)
        .join_from(case_link, later, later.c.id == case_link.c.later)
        .join(earlier, earlier.c.id == case_link.c.earlier)
    )
    return [
        ((partner, request_id), _link(named, relation))
        for partner, request_id, named, relation in _of_cases(store, rows, later.c.id)
    ]


def _of_cases(store: Reading, rows: Select[Any], case: Column[int]) -> Iterator[AnyRow]:
    for page in in_spans(
        store,
        case_file.c.id,
        lambda unit, span: unit.connection.execute(rows.where(case.between(*span))).all(),
    ):
        yield from page


def _link(earlier: str, relation: str) -> str:
    return f"{relation} {earlier}"


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
    if row.moved_by != facts["message_id"] or (facts["number"] == 1 and row.opening != row.message):
        yield Finding(where, "was taken by another message than the evidence says")
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
        "own_authority": row.own_authority,
        "event": str(entry.event.trigger),
        "before": entry.before.value,
        "after": entry.after.value,
        "asserts": None if entry.asserts is None else entry.asserts.value,
        "flags": [[flag.code.value, flag.sentence] for flag in entry.flags],
    }


def _text(said: object) -> str | None:
    return None if said is None else str(said)


def _where_of(facts: Mapping[str, Any]) -> str:
    return _where(str(facts["partner"]), str(facts["request_id"]), int(str(facts["number"])))


def _where(partner: str, request_id: str, step: int | None = None) -> str:
    case = f"case {request_id} with {partner}"
    return case if step is None else f"{case}, step {step}"
