"""Whatever a directory says: one authority or a reason, never none, never two, never a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from protocol.convention.competence import (
    CONTACT_CHECK,
    MATTERS,
    OF_A_CASE,
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.directory import (
    Authority,
    CompetenceRule,
    Directory,
    Function,
    Matter,
    OpenQuestion,
    PartyType,
    Provenance,
    StateRecord,
    Trust,
)
from protocol.convention.vocabulary import KINDS

SOMEWHERE = Provenance("Generated", date(2026, 1, 1), Trust.FICTIONAL)
FIRST_DAY = date(2026, 1, 1)
STATES = ("QA", "QB")
NAMES = ("CA", "POC", "MOJ")
ADDRESSES = [f"{state}-{name}" for state in (*STATES, "QZ") for name in (*NAMES, "NIL")]
DAYS = st.integers(0, 30).map(lambda days: FIRST_DAY + timedelta(days))
FEW = tuple(Matter)[:4]  # few enough that rules of one matter meet


def rules(state: str) -> st.SearchStrategy[CompetenceRule]:
    return st.builds(
        CompetenceRule,
        st.sampled_from([f"{state}-{name}" for name in NAMES]),
        st.sampled_from(FEW),
        st.sampled_from([Function.SEND, Function.RECEIVE, Function.EXECUTE]),
        st.just("40(12)"),
        st.just(SOMEWHERE),
        st.none() | DAYS,
        st.none() | DAYS,
    )


def records(state: str) -> st.SearchStrategy[StateRecord]:
    authorities = {f"{state}-{n}": Authority(f"{state}-{n}", {"en": n}, SOMEWHERE) for n in NAMES}
    question = OpenQuestion("Who", "38", "Nowhere", FIRST_DAY, FEW)
    return st.builds(
        StateRecord,
        st.just(state),
        st.just(PartyType.STATE),
        st.just({"en": state}),
        st.just(authorities),
        st.lists(rules(state), max_size=8).map(tuple),
        open_questions=st.sampled_from([(), (question,)]),
    )


@st.composite
def crowded(draw: st.DrawFn) -> tuple[Directory, str, str, date]:
    """A directory, a State, a kind and a day, where several rules compete for its matter."""
    kind = draw(st.sampled_from([name for name in sorted(MATTERS) if name not in OF_A_CASE]))
    state, on = draw(st.sampled_from(STATES)), draw(DAYS)
    competing = st.builds(
        CompetenceRule,
        st.sampled_from([f"{state}-{name}" for name in NAMES]),
        st.just(MATTERS[kind]),
        st.just(Function.RECEIVE),
        st.just("40(12)"),
        st.just(SOMEWHERE),
        st.sampled_from([None, on, on + timedelta(1)]),
        st.sampled_from([None, on, on - timedelta(1)]),
    )
    record = draw(records(state))
    held = (*record.rules, *draw(st.lists(competing, min_size=1, max_size=4)))
    held = tuple(draw(st.permutations(held)))
    return Directory({state: replace(record, rules=held)}), state, kind, on


DIRECTORIES = st.tuples(*map(records, STATES)).map(
    lambda found: Directory({record.code: record for record in found})
)
ALL_KINDS = st.sampled_from([*KINDS, CONTACT_CHECK, "Gossip"])


def named(directory: Directory, state: str, kind: str, function: Function, on: date) -> set[str]:
    """Whom the rules name for a `kind`, read without the code under test."""
    record = directory.states.get(state)
    if record is None or kind not in MATTERS:
        return set()
    return {
        rule.authority
        for rule in record.rules
        if (rule.matter, rule.function) == (MATTERS[kind], function)
        and (rule.valid_from or on) <= on <= (rule.valid_until or on)
    }


@settings(max_examples=300, deadline=None)
@given(directory=DIRECTORIES, state=st.sampled_from([*STATES, "QZ"]), kind=ALL_KINDS, on=DAYS)
def test_one_receiver_whatever_address_a_request_bears(
    directory: Directory, state: str, kind: str, on: date
) -> None:
    hold_one_receiver(directory, state, kind, on)


@settings(max_examples=300, deadline=None)
@given(crowded())
def test_one_receiver_where_several_rules_compete(
    competing: tuple[Directory, str, str, date],
) -> None:
    hold_one_receiver(*competing)


def hold_one_receiver(directory: Directory, state: str, kind: str, on: date) -> None:
    verdicts = {to: receiving_authority(directory, state, kind, to, on) for to in ADDRESSES}
    reached = {to: one for to, one in verdicts.items() if isinstance(one, Competent)}
    assert all(one.authority == to for to, one in reached.items()), "never another than addressed"
    assert all(one.article and one.source and one.rule for one in reached.values())
    refused = [one for one in verdicts.values() if isinstance(one, NotCompetent)]
    assert all(one.reason for one in refused)
    assert isinstance(receiving_authority(directory, state, kind, None, on), NotCompetent)
    if kind in OF_A_CASE:
        return
    record, matter = directory.states.get(state), MATTERS.get(kind)
    rule_count = sum(
        matter is not None and rule.holds(matter, Function.RECEIVE, on)
        for rule in (record.rules if record is not None else ())
    )
    event(f"{min(rule_count, 2)} rules")
    expected = named(directory, state, kind, Function.RECEIVE, on) if rule_count == 1 else set()
    assert set(reached) == expected
    assert {one.right_address for one in refused} == (expected or {None})


@settings(max_examples=300, deadline=None)
@given(directory=DIRECTORIES, kind=ALL_KINDS, on=DAYS, sender=st.sampled_from(ADDRESSES))
def test_a_sender_is_one_that_the_directory_names(
    directory: Directory, kind: str, on: date, sender: str
) -> None:
    state = sender[:2]
    verdict = sending_authority(directory, state, kind, sender, on)
    if isinstance(verdict, NotCompetent):
        assert verdict.reason
        assert sender not in named(directory, state, kind, Function.SEND, on)
    else:
        assert verdict.authority == sender
        if kind in MATTERS:
            assert sender in named(directory, state, kind, Function.SEND, on)


@settings(max_examples=200, deadline=None)
@given(directory=DIRECTORIES, on=DAYS, to=st.sampled_from(ADDRESSES))
def test_what_belongs_to_a_case_goes_to_an_authority_that_has_a_function_that_day(
    directory: Directory, on: date, to: str
) -> None:
    state = to[:2]
    record = directory.states.get(state)
    working = {
        rule.authority
        for rule in (record.rules if record else ())
        if (rule.valid_from or on) <= on <= (rule.valid_until or on)
    }
    for kind in OF_A_CASE:
        verdict = receiving_authority(directory, state, kind, to, on)
        assert isinstance(verdict, Competent) == (to in working)
