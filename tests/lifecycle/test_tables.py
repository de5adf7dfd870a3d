"""Every line of the tables is exercised; none leads nowhere, none begins where nobody comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Event
from protocol.convention.lifecycle.guards import (
    ALL_PARTS_HERE,
    ALLOWED_GROUNDS,
    AMENDED,
    ANSWER_OVERDUE,
    ANSWERS_ALL,
    ANSWERS_ALL_IN_EXECUTION,
    BEFORE_EXPIRY,
    CONSULTED,
    DECIDED,
    MINIMUM_KEPT,
    NOTHING_EXECUTED,
    NOTHING_TO_DELIVER,
    SILENCE,
)
from protocol.convention.lifecycle.machine import step
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.rows import Transition
from protocol.convention.lifecycle.states import TERMINAL, Cause, Machine, State
from protocol.convention.lifecycle.tables import FIRST, MACHINE_OF, TABLES
from protocol.convention.vocabulary import KINDS
from tests.lifecycle.making import EVERY_MARK, LATER, NOW, TERMS, standing

ROWS = [(machine, row) for machine, table in TABLES.items() for row in table]
MACHINES = [machine for machine, table in TABLES.items() if table]

# What makes each condition fail, while everything else is in its favour.
SPOILED_CASE = {
    CONSULTED: {"consulted": False},
    NOTHING_EXECUTED: {"executed": True},
    ANSWERS_ALL: {"questions": frozenset({"q1"})},
    ANSWERS_ALL_IN_EXECUTION: {"resumes_in": State.UNDER_REVIEW},
    ANSWER_OVERDUE: {"reminders": 0},
    AMENDED: {"amended": False},
    SILENCE: {"state_since": LATER},
    NOTHING_TO_DELIVER: {"evidence_sent": True},
    DECIDED: {"kind": "MlaRequest"},
    BEFORE_EXPIRY: {"in_force_until": NOW},
}
SPOILED_MARK = {MINIMUM_KEPT, ALLOWED_GROUNDS, ALL_PARTS_HERE}


def favoured(machine: Machine, row: Transition):
    more = {}
    if row.guard is DECIDED:
        more["kind"] = "AssistanceQuery"
    if row.guard is ANSWERS_ALL_IN_EXECUTION:
        more["resumes_in"] = State.IN_EXECUTION
    return standing(machine, row.source, **more)


def event_of(row: Transition) -> Event:
    return Event(row.trigger, row.actor.side, marks=EVERY_MARK)


@pytest.mark.parametrize(
    ("machine", "row"), ROWS, ids=lambda one: str(getattr(one, "trigger", one))
)
def test_a_line_does_what_it_says(machine: Machine, row: Transition) -> None:
    same = [
        other
        for other in TABLES[machine]
        if (other.source, other.trigger, other.actor.side)
        == (row.source, row.trigger, row.actor.side)
    ]
    case, event = favoured(machine, row), event_of(row)
    for earlier in same[: same.index(row)]:  # the lines before it must not hold
        assert earlier.guard is not None, f"{row} is hidden by {earlier}"
        if earlier.guard in SPOILED_MARK:
            event = replace(event, marks=frozenset())
        else:
            case = replace(case, **SPOILED_CASE[earlier.guard])
    after = step(case, event, LATER, TERMS)
    assert after.state is row.target
    assert after.history[-1].flags == ()
    assert (after.history[-1].before, after.history[-1].at) == (row.source, LATER)
    assert after.entries == case.entries + 1
    assert after.since == (case.since if row.is_loop else LATER)


@pytest.mark.parametrize(
    ("machine", "row"),
    [(machine, row) for machine, row in ROWS if row.guard is not None],
    ids=lambda one: str(getattr(one, "trigger", one)),
)
def test_no_line_is_taken_when_its_condition_fails(machine: Machine, row: Transition) -> None:
    case, event = favoured(machine, row), event_of(row)
    if row.guard in SPOILED_MARK:
        event = replace(event, marks=frozenset())
    else:
        assert row.guard is not None
        case = replace(case, **SPOILED_CASE[row.guard])
    at = NOW if row.guard is SILENCE else LATER
    after = step(case, event, at, TERMS)
    taken = after.history[-1]
    assert taken.flags or taken.after is not row.target or row.is_loop or _other_line(machine, row)


def _other_line(machine: Machine, row: Transition) -> bool:
    return any(
        other is not row and (other.source, other.trigger, other.target)
        == (row.source, row.trigger, row.target)
        for other in TABLES[machine]
    )  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached_and_left(machine: Machine) -> None:
    table = TABLES[machine]
    states = {row.source for row in table} | {row.target for row in table}
    reached = {FIRST[machine]}
    while more := {r.target for r in table if r.source in reached} - reached:
        reached |= more
    assert reached == states
    for state in states:
        moves = [row for row in table if row.source is state and not row.is_loop]
        assert bool(moves) == (state not in TERMINAL), state


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_leads_to_an_end(machine: Machine) -> None:
    table = TABLES[machine]
    ending = {row.target for row in table} & TERMINAL
    while more := {r.source for r in table if r.target in ending} - ending:
        ending |= more
    assert {row.source for row in table} <= ending


def test_every_state_has_its_machine_and_every_document_its_place() -> None:
    placed = {state for _, row in ROWS for state in (row.source, row.target)}
    assert placed | {State.UNFILED} == set(State)
    named = {row.trigger.name for _, row in ROWS if row.trigger.cause is Cause.DOCUMENT}
    assert set(KINDS) - named == {"DirectoryUpdate"}, "it is no part of any case"
    assert named <= set(KINDS)


def test_who_writes_a_document_in_a_table_writes_it_in_the_vocabulary() -> None:
    for _, row in ROWS:
        if row.trigger.cause is Cause.DOCUMENT:
            author = KINDS[row.trigger.name].author
            assert author in (row.actor.side, Side.EITHER), row


CONSENT = {"OnwardTransferRequest", "UseConsentRequest"}  # of any case, decided by DecisionNotice


@pytest.mark.parametrize("machine", MACHINES)
def test_a_valid_document_can_take_every_line(machine: Machine) -> None:
    """What a line wants to be answered or followed (UNCC-R22) is said in the cases of its table."""
    said = {row.trigger.name for row in TABLES[machine] if row.trigger.cause is Cause.DOCUMENT}
    opening = {kind for kind, opened in MACHINE_OF.items() if opened is machine}
    if machine is Machine.EVIDENCE:
        said.remove("EvidenceDelivery")  # what it answers opened another case
        opening.add("EvidenceDelivery")
    for kind in said - opening - CONSENT - {"DecisionNotice"}:
        assert {*KINDS[kind].concerns} & (said | opening) - CONSENT, kind


def test_what_opens_a_case_begins_in_its_machine() -> None:
    for kind, machine in MACHINE_OF.items():
        first = [row for row in TABLES[machine] if row.source is FIRST[machine]]
        assert any(row.trigger.name == kind for row in first), kind


def test_the_clocks_of_the_tables_are_clocks() -> None:
    named = {row.trigger.name for _, row in ROWS if row.trigger.cause is Cause.CLOCK}
    assert named <= {*ClockKind, "FORMAL_REQUEST_NEAR"}


# Written out by hand from section 6.7 of the proposal, not from the code.
BY_HAND = """
DRAFT SUBMITTED MlaRequest
SUBMITTED DELIVERED TransportReceipt OK
SUBMITTED RETURNED TransportReceipt FAILED
DELIVERED REGISTERED Acknowledgement
DELIVERED RETURNED ReturnNotice
REGISTERED UNDER_REVIEW ProgressReport UNDER_REVIEW
REGISTERED REFERRED ReferralNotice
REFERRED UNDER_REVIEW Acknowledgement
UNDER_REVIEW CLARIFICATION ClarificationRequest
IN_EXECUTION CLARIFICATION ClarificationRequest
CLARIFICATION UNDER_REVIEW AdditionalInformation
CLARIFICATION IN_EXECUTION AdditionalInformation
CLARIFICATION CONSULTATION ConsultationNotice
CLARIFICATION CONSULTATION CLARIFICATION_ANSWER
UNDER_REVIEW ACCEPTED AcceptanceNotice
UNDER_REVIEW CONSULTATION ConsultationNotice
IN_EXECUTION CONSULTATION ConsultationNotice
CONSULTATION ACCEPTED AcceptanceNotice
CONSULTATION ACCEPTED_COND ConditionsProposal
ACCEPTED_COND ACCEPTED ConditionsAnswer ACCEPT
ACCEPTED_COND CONSULTATION ConditionsAnswer DECLINE
ACCEPTED_COND CONSULTATION ConditionsAnswer COUNTER
CONSULTATION REFUSED RefusalNotice FULL
CONSULTATION PART_REFUSED RefusalNotice PARTIAL
PART_REFUSED ACCEPTED AcceptanceNotice
CONSULTATION POSTPONED PostponementNotice
POSTPONED UNDER_REVIEW ProgressReport UNDER_REVIEW
ACCEPTED FORWARDED ReferralNotice
ACCEPTED IN_EXECUTION ProgressReport IN_EXECUTION
FORWARDED IN_EXECUTION ProgressReport IN_EXECUTION
IN_EXECUTION PART_EXECUTED ExecutionReport PARTIAL
PART_EXECUTED EXECUTED ExecutionReport FINAL
IN_EXECUTION EXECUTED ExecutionReport FINAL
EXECUTED EVIDENCE_CONFIRMED EvidenceReceipt OK
EXECUTED IN_EXECUTION EvidenceReceipt FAILED
EVIDENCE_CONFIRMED CLOSED ClosureNotice
IN_EXECUTION WITHDRAWN Withdrawal
"""


@pytest.mark.parametrize("line", BY_HAND.strip().splitlines())
def test_the_proposal_is_in_the_table(line: str) -> None:
    source, target, *trigger = line.split()
    assert any(
        (row.source, row.target, row.trigger.name, row.trigger.variant)
        == (source, target, trigger[0], "".join(trigger[1:]))
        for row in TABLES[Machine.ASSISTANCE]
    )
