"""Whole lives of cases; what is irregular; what our own side may not do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Event, FlagCode, Mark
from protocol.convention.lifecycle.machine import (
    SETTLED,
    IllegalStep,
    legal_next,
    opened,
    own_step,
    replay,
    step,
)
from protocol.convention.lifecycle.states import TERMINAL, Cause, Machine, State, Trigger
from protocol.convention.lifecycle.tables import FIRST, MACHINE_OF, TABLES
from protocol.convention.vocabulary import KINDS
from tests.lifecycle.making import (
    EVERY_MARK,
    ID,
    LATER,
    NOW,
    RD,
    RQ,
    TERMS,
    begin,
    gateway,
    linked,
    says,
    standing,
    walk,
)

UNDER_REVIEW = ["Acknowledgement", "ProgressReport UNDER_REVIEW"]
IN_EXECUTION = [*UNDER_REVIEW, "AcceptanceNotice", "ProgressReport IN_EXECUTION"]


def test_a_request_is_executed_and_closed() -> None:
    case = walk(
        begin("StoredDataRequest"),
        [
            *UNDER_REVIEW, "ClarificationRequest", "AdditionalInformation", "AcceptanceNotice",
            "ReferralNotice", "ProgressReport IN_EXECUTION", "EvidenceDelivery",
            "ExecutionReport PARTIAL", "EvidenceReceipt OK", "EvidenceDelivery",
            "ExecutionReport FINAL", "EvidenceReceipt FAILED", "EvidenceDelivery",
            "ExecutionReport FINAL", "EvidenceReceipt OK", "ClosureNotice",
        ],
    )  # fmt: skip
    assert case.state is State.CLOSED
    assert [entry.number for entry in case.history] == list(range(1, case.entries + 1))


def test_a_clarification_goes_back_to_where_it_came_from() -> None:
    executing = walk(begin("MlaRequest"), IN_EXECUTION)
    asked = walk(executing, [says("ClarificationRequest", questions=frozenset({"q1", "q2"}))])
    assert asked.state is State.CLARIFICATION
    half = walk(asked, [says("AdditionalInformation", answers=frozenset({"q1"}))])
    assert half.state is State.CLARIFICATION
    whole = walk(half, [says("AdditionalInformation", answers=frozenset({"q2"}))])
    assert whole.state is State.IN_EXECUTION


def test_a_question_that_does_not_wait_stops_nothing() -> None:
    case = walk(begin("MlaRequest"), [*UNDER_REVIEW, "ClarificationRequest GOES_ON"])
    assert case.state is State.UNDER_REVIEW
    assert walk(case, ["AdditionalInformation"]).state is State.UNDER_REVIEW


def test_no_refusal_without_consultation_or_the_reason_why_there_was_none() -> None:
    case = walk(begin("MlaRequest"), UNDER_REVIEW)
    refused = own_step(case, says("RefusalNotice FULL"), NOW, TERMS)
    assert isinstance(refused, IllegalStep)
    assert "consulted, or said why not" in refused.reason
    assert "SkippedReason" in refused.remedy
    assert refused.article == "40(28)"
    assert "ConsultationNotice" in {legal.kind for legal in refused.legal}
    assert walk(case, ["ConsultationNotice", "RefusalNotice FULL"]).state is State.REFUSED


def test_a_measure_that_was_executed_is_not_refused_any_more() -> None:
    case = walk(
        begin("MlaRequest"),
        [*IN_EXECUTION, "EvidenceDelivery", "ExecutionReport FINAL", "EvidenceReceipt FAILED",
         "ConsultationNotice"],
    )  # fmt: skip
    refused = own_step(case, says("RefusalNotice FULL"), NOW, TERMS)
    assert isinstance(refused, IllegalStep)
    assert "no measure executed yet" in refused.reason
    assert walk(case, ["RefusalNotice PARTIAL"]).state is State.PART_REFUSED


def test_an_unanswered_question_becomes_a_consultation_after_one_reminder() -> None:
    due = NOW + timedelta(days=10)
    case = walk(begin("MlaRequest"), [*UNDER_REVIEW, says("ClarificationRequest", until=due)])
    lapse = gateway("CLARIFICATION_ANSWER", Cause.CLOCK)
    assert isinstance(own_step(case, says("ConsultationNotice"), due, TERMS), IllegalStep)
    assert step(case, lapse, due, TERMS).state is State.CLARIFICATION
    again = due + timedelta(days=10)
    reminded = walk(case, [says("ClarificationRequest", until=again)], due)
    early = again - timedelta(microseconds=1)
    assert isinstance(own_step(reminded, says("ConsultationNotice"), early, TERMS), IllegalStep)
    assert step(reminded, lapse, again, TERMS).state is State.CONSULTATION


def test_the_requested_state_closes_only_after_silence() -> None:
    case = walk(begin("MlaRequest"), [*IN_EXECUTION, "EvidenceDelivery", "ExecutionReport FINAL",
                                      "EvidenceReceipt OK"])  # fmt: skip
    close = says("ClosureNotice", RD)
    day_60 = NOW + timedelta(days=60)
    assert isinstance(own_step(case, close, day_60 - timedelta(seconds=1), TERMS), IllegalStep)
    assert step(case, close, day_60, TERMS).state is State.CLOSED


@pytest.mark.parametrize(
    "kind", ["AssistanceQuery", "DataLocationQuery", "JurisdictionConsultation"]
)
def test_a_query_is_decided_by_a_notice(kind: str) -> None:
    case = walk(begin(kind), ["Acknowledgement", "DecisionNotice ANSWERED"])
    assert case.state is State.EXECUTED
    assert walk(case, ["ClosureNotice"]).state is State.CLOSED


def test_consent_to_another_use_is_asked_for_when_the_case_is_closed() -> None:
    case = walk(begin("AssistanceQuery"), ["DecisionNotice ANSWERED", "ClosureNotice"])
    late = walk(case, [says("UseConsentRequest", RQ), says("DecisionNotice GRANTED", RD)])
    assert late.state is State.CLOSED


def test_preservation_from_request_to_release() -> None:
    kept = says("PreservationConfirmation", marks=EVERY_MARK, until=LATER)
    case = walk(begin("PreservationRequest"), ["Acknowledgement", kept])
    assert (case.state, case.in_force_until) == (State.PR_IN_FORCE, LATER)
    longer = LATER + timedelta(days=60)
    case = walk(case, ["PreservationExtensionRequest",
                       says("PreservationConfirmation", until=longer)])  # fmt: skip
    assert case.in_force_until == longer
    held = walk(case, [linked("StoredDataRequest")])
    assert held.state is State.PR_HELD
    expiry = gateway("PRESERVATION_EXPIRY", Cause.CLOCK)
    assert step(held, expiry, longer, TERMS).state is State.PR_HELD
    assert walk(held, [linked("ExecutionReport FINAL")]).state is State.PR_RELEASED
    assert walk(case, [expiry], longer).state is State.PR_EXPIRED


def test_an_extension_comes_before_the_expiry() -> None:
    kept = says("PreservationConfirmation", marks=EVERY_MARK, until=LATER)
    case = walk(begin("PreservationRequest"), ["Acknowledgement", kept])
    ask = says("PreservationExtensionRequest")
    assert not isinstance(own_step(case, ask, LATER - timedelta(seconds=1), TERMS), IllegalStep)
    refused = own_step(case, ask, LATER, TERMS)
    assert isinstance(refused, IllegalStep)
    assert refused.remedy == "ask for preservation anew"


def test_preservation_is_refused_on_allowed_grounds_only() -> None:
    case = walk(begin("PreservationRequest"), ["Acknowledgement"])
    assert isinstance(own_step(case, says("RefusalNotice FULL"), NOW, TERMS), IllegalStep)
    allowed = says("RefusalNotice FULL", marks=frozenset({Mark.ALLOWED_GROUNDS}))
    assert step(case, allowed, NOW, TERMS).state is State.PR_REFUSED


def test_a_risk_is_decided_by_the_requesting_state() -> None:
    case = walk(begin("PreservationRequest"), ["Acknowledgement", "PreservationRiskNotice"])
    assert case.state is State.PR_RISK
    assert walk(case, ["AdditionalInformation PROCEED"]).state is State.PR_ACK
    assert walk(case, ["AdditionalInformation DO_NOT_PROCEED"]).state is State.PR_WITHDRAWN


def test_an_emergency_is_answered_and_regularised() -> None:
    case = walk(begin("EmergencyDataRequest", "EMERGENCY"), ["Acknowledgement", "EvidenceDelivery"])
    assert case.state is State.EM_DISCLOSED
    assert walk(case, [linked("MlaRequest")]).state is State.EM_REGULARISED
    lower = walk(begin("EmergencyDataRequest"), ["Acknowledgement", "DecisionNotice REFUSED"])
    assert lower.state is State.EM_DOWNGRADED


def test_an_arrest_lapses_or_is_followed() -> None:
    arrested = says("ExtraditionDecision PROVISIONALLY_ARRESTED", until=LATER)
    case = walk(begin("ProvisionalArrestRequest"), [arrested])
    near = walk(case, [gateway("FORMAL_REQUEST_NEAR", Cause.CLOCK)])
    assert near.state is State.FORMAL_DUE
    for one in (case, near):
        lapsed = walk(one, [gateway("PROVISIONAL_ARREST", Cause.CLOCK)])
        assert lapsed.state is State.PA_LAPSED
        assert walk(one, [says("ExtraditionRequest", RQ)]).state is State.EX_REQUESTED
        assert walk(one, [linked("ExtraditionRequest")]).state is State.PA_FOLLOWED


def test_extradition_to_surrender_and_to_prosecution_at_home() -> None:
    case = walk(begin("ExtraditionRequest"), ["ProgressReport UNDER_REVIEW"])
    assert isinstance(
        own_step(case, says("ExtraditionDecision REFUSED_NATIONAL"), NOW, TERMS), IllegalStep
    )
    home = walk(
        case,
        ["ConsultationNotice", "ExtraditionDecision REFUSED_NATIONAL",
         "ProsecutionSubmissionReport SUBMITTED", "ProsecutionSubmissionReport CHARGED",
         "ProsecutionSubmissionReport CONVICTED"],
    )  # fmt: skip
    assert home.state is State.PROSECUTION_OUTCOME
    away = walk(
        case,
        ["ExtraditionDecision GRANTED_CONDITIONAL", says("ConditionsAnswer ACCEPT", RQ),
         "SurrenderArrangement", "SurrenderReport NOT_TAKEN_OVER", "SurrenderArrangement",
         "SurrenderReport SURRENDERED"],
    )  # fmt: skip
    assert away.state is State.SURRENDERED


def test_information_is_used_on_the_terms_it_came_with() -> None:
    case = walk(begin("SpontaneousInformation"), [says("ConditionsAnswer ACCEPT", RD)])
    assert case.state is State.SP_ACCEPTED_TERMS
    assert walk(case, [says("SpontaneousInformation", RQ)]).state is State.SP_ACCEPTED_TERMS
    used = walk(case, [says("ExculpatoryDisclosureNotice", RD)])
    assert used.state is State.SP_USED_NOTICE


def test_a_delivery_comes_in_parts_in_any_order() -> None:
    case = opened("EvidenceDelivery", ID, "XU-CA", "AZ-SSS", "ROUTINE", NOW)
    case = replace(case, machine=Machine.EVIDENCE, state=State.EV_EXPECTED)
    whole = says("EvidenceDelivery", marks=frozenset({Mark.ALL_PARTS_HERE}))
    assert walk(case, [whole, "EvidenceReceipt OK"]).state is State.EV_VERIFIED
    parts = walk(case, ["EvidenceDelivery", "EvidenceDelivery", whole])
    assert [entry.after for entry in parts.history] == [
        State.EV_ANNOUNCED, State.EV_CHUNK_RECEIVED, State.EV_COMPLETE,
    ]  # fmt: skip
    bad = walk(parts, ["EvidenceReceipt FAILED"])
    assert bad.state is State.EV_MISMATCH
    assert walk(bad, [whole, "EvidenceReceipt OK"]).state is State.EV_VERIFIED


def test_an_oral_request_is_confirmed_in_writing_or_flagged() -> None:
    spoken = opened("OralRequestConfirmation", ID, "XU-CA", "AZ-SSS", "URGENT", NOW)
    case = walk(spoken, [Event(Trigger("OralRequest", "", Cause.PERSON), RQ)])
    assert case.state is State.ORAL_RECORDED
    late = walk(case, [gateway("ORAL_CONFIRMATION", Cause.CLOCK)], NOW + timedelta(hours=24))
    for one in (case, late, spoken):
        assert walk(one, ["OralRequestConfirmation"]).state is State.SUBMITTED


# What is irregular.


def test_a_partner_that_skips_a_step_is_followed_and_flagged() -> None:
    case = begin("MlaRequest")
    after = step(case, says("AcceptanceNotice"), NOW, TERMS)
    entry = after.history[-1]
    assert after.state is State.ACCEPTED
    assert [flag.code for flag in entry.flags] == [FlagCode.OUT_OF_TURN]
    assert "DELIVERED" in entry.flags[0].sentence
    assert entry.asserts is None


def test_a_document_that_could_mean_several_states_moves_nothing() -> None:
    case = walk(begin("MlaRequest"), ["Acknowledgement"])
    after = step(case, says("ReferralNotice"), NOW, TERMS)
    assert after.state is State.REFERRED  # regular
    again = step(after, says("ReferralNotice"), NOW, TERMS)
    assert (again.state, again.history[-1].is_irregular) == (State.REFERRED, True)


def test_an_end_that_came_out_of_turn_waits_for_a_person() -> None:
    case = begin("MlaRequest")
    after = step(case, says("RefusalNotice FULL"), NOW, TERMS)
    assert after.state is State.DELIVERED
    assert after.history[-1].asserts is State.REFUSED
    settled = step(after, Event(Trigger(SETTLED, "REFUSED", Cause.PERSON)), LATER, TERMS)
    assert (settled.state, settled.since) == (State.REFUSED, LATER)
    back = step(settled, Event(Trigger(SETTLED, "ACCEPTED", Cause.PERSON)), LATER, TERMS)
    assert back.state is State.REFUSED


def test_data_kept_for_less_than_the_least_time_are_kept_all_the_same() -> None:
    case = walk(begin("PreservationRequest"), ["Acknowledgement"])
    soon = NOW + timedelta(days=30)
    after = step(case, says("PreservationConfirmation", until=soon), NOW, TERMS)
    assert (after.state, after.in_force_until) == (State.PR_IN_FORCE, soon)
    (flag,) = after.history[-1].flags
    assert (flag.code, flag.article) == (FlagCode.GUARD, "42(8)")


def test_a_case_that_we_never_saw_begin_keeps_what_comes() -> None:
    case = opened("ProgressReport", ID, "XU-CA", "AZ-SSS", "ROUTINE", NOW)
    assert case.machine is Machine.UNFILED
    after = step(case, says("ProgressReport"), NOW, TERMS)
    assert [flag.code for flag in after.history[-1].flags] == [FlagCode.NO_SUCH_CASE]
    assert isinstance(own_step(case, says("ProgressReport"), NOW, TERMS), IllegalStep)
    assert legal_next(after, RQ) == legal_next(after, RD) == ()


def test_what_never_arrived_did_not_happen() -> None:
    first = opened("MlaRequest", ID, "XU-CA", "AZ-SSS", "ROUTINE", NOW)
    case = walk(begin("MlaRequest"), [*UNDER_REVIEW, "ConsultationNotice"])
    told = [
        (e.event, e.at) for e in case.history if e.event.message_id != "ConsultationNotice@test"
    ]
    without = replay(first, told, TERMS)
    assert (without.state, without.consulted) == (State.UNDER_REVIEW, False)
    assert replay(first, [(e.event, e.at) for e in case.history], TERMS) == case


# Properties.

EVENTS = st.builds(
    lambda kind, variant, side, marks: Event(Trigger(kind, variant), side, marks=marks),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["", *sorted({r.trigger.variant for t in TABLES.values() for r in t})]),
    st.sampled_from([RQ, RD]),
    st.frozensets(st.sampled_from(Mark)),
)
HAPPENINGS = st.one_of(
    EVENTS,
    st.sampled_from(sorted({r.trigger for t in TABLES.values() for r in t
                            if r.trigger.cause is not Cause.DOCUMENT}, key=str)).map(Event),
)  # fmt: skip
OPENING = st.sampled_from(sorted(MACHINE_OF))


def lived(kind: str, events: list[Event]) -> list[Case]:
    case = begin(kind)
    cases = [case]
    for hours, event in enumerate(events):
        case = step(case, event, NOW + timedelta(hours=hours), TERMS)
        cases.append(case)
    return cases


@given(OPENING, st.lists(HAPPENINGS, max_size=25))
def test_whatever_happens_the_case_stands_in_its_machine(kind: str, events: list[Event]) -> None:
    cases = lived(kind, events)
    states = {row.target for row in TABLES[cases[0].machine]} | {FIRST[cases[0].machine]}
    for before, after in pairwise(cases):
        assert after.state in states
        entry = after.history[-1]
        assert (entry.before, entry.after) == (before.state, after.state)
        assert after.entries == before.entries + 1 == len(after.history)
        if before.state in TERMINAL:
            assert after.state is before.state
            assert after.since == before.since
        if after.state is not before.state and after.state in TERMINAL:
            assert not entry.is_irregular, "an end is reached by a line of the table only"


@given(OPENING, st.lists(EVENTS, max_size=15), EVENTS)
def test_our_own_side_takes_exactly_the_regular_steps(
    kind: str, events: list[Event], last: Event
) -> None:
    case = lived(kind, events)[-1]
    ours = own_step(case, last, LATER, TERMS)
    theirs = step(case, last, LATER, TERMS)
    if isinstance(ours, IllegalStep):
        assert theirs.history[-1].is_irregular
        assert ours.reason
        assert ours.remedy
        assert ours.legal == legal_next(case, last.side or Side.REQUESTING)
    else:
        assert ours == theirs
        assert not ours.history[-1].is_irregular


@given(OPENING, st.lists(EVENTS, max_size=15), st.sampled_from([RQ, RD]))
def test_what_is_called_legal_can_be_done(kind: str, events: list[Event], side: Side) -> None:
    case = lived(kind, events)[-1]
    for legal in legal_next(case, side):
        event = Event(Trigger(legal.kind, legal.variant), side, marks=EVERY_MARK)
        done = own_step(case, event, LATER, TERMS)
        assert legal.condition or not isinstance(done, IllegalStep), legal


@given(OPENING, st.lists(HAPPENINGS, max_size=20))
def test_a_history_told_again_gives_the_same_case(kind: str, events: list[Event]) -> None:
    case = lived(kind, events)[-1]
    first = opened(kind, ID, "XU-CA", "AZ-SSS", "ROUTINE", NOW)
    assert replay(first, [(entry.event, entry.at) for entry in case.history], TERMS) == case


def test_a_standing_case_can_be_made_for_every_state() -> None:
    assert standing(Machine.ASSISTANCE, State.ACCEPTED).state is State.ACCEPTED
