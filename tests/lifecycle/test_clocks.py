"""What is due when: started, stopped, resting, told; with the times of a clock on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.convention.directory import Trust
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Event
from protocol.convention.lifecycle.clocks import Clock, NoticeKind, anchored, next_notice, wind
from protocol.convention.lifecycle.machine import opened, step
from protocol.convention.lifecycle.periods import end_of_day
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.states import Cause, State
from protocol.convention.lifecycle.winding import WINDINGS
from tests.lifecycle.making import (
    EVERY_MARK,
    ID,
    NOW,
    RD,
    RECEIVED,
    RQ,
    TERMS,
    TIMES,
    gateway,
    linked,
    says,
)

BAKU = TIMES.zone("AZ-SSS")
UNDER_REVIEW = ["Acknowledgement", "ProgressReport UNDER_REVIEW"]


class Life:
    """A case with its clocks, as a gateway keeps them."""

    def __init__(self, kind: str, urgency: str = "ROUTINE", requested: str = "AZ-SSS", **more):
        self.case: Case = opened(kind, ID, "XU-CA", requested, urgency, NOW)
        self.clocks: tuple[Clock, ...] = ()
        self.now = NOW
        self.on(says(kind, RQ, **more), RECEIVED)

    def on(self, *events: Event | str, after: timedelta = timedelta()) -> Life:
        self.now += after
        for event in events:
            event = says(event) if isinstance(event, str) else event
            self.case = step(self.case, event, self.now, TERMS)
            self.clocks = wind(self.clocks, self.case, self.case.history[-1], TIMES)
        return self

    def __getitem__(self, kind: ClockKind) -> Clock:
        """The clock of this kind that has not stopped."""
        (clock,) = [one for one in self.clocks if one.kind is kind and one.stopped_at is None]
        return clock

    @property
    def open(self) -> set[ClockKind]:
        return {one.kind for one in self.clocks if one.stopped_at is None}


@pytest.mark.parametrize(
    ("urgency", "minutes"), [("ROUTINE", 1440), ("URGENT", 120), ("EMERGENCY", 15)]
)
def test_acknowledgement_is_due_by_urgency(urgency: str, minutes: int) -> None:
    clock = Life("MlaRequest", urgency)[ClockKind.ACKNOWLEDGEMENT]
    assert clock.due_at == NOW + timedelta(minutes=minutes)
    assert (clock.acts, clock.authority, clock.legal) == (Side.REQUESTED, "AZ-SSS", False)
    assert (clock.repeat is not None) == (urgency == "EMERGENCY")


def test_an_acknowledgement_stops_its_clock_and_starts_the_next() -> None:
    life = Life("MlaRequest").on("Acknowledgement", after=timedelta(hours=5))
    assert life.open == {ClockKind.REVIEW}
    (stopped,) = [one for one in life.clocks if one.kind is ClockKind.ACKNOWLEDGEMENT]
    assert stopped.stopped_at == NOW + timedelta(hours=5)
    # Three working days after Monday, to the end of Thursday in Baku.
    assert life[ClockKind.REVIEW].due_at == datetime(2026, 3, 5, 20, tzinfo=UTC)


def test_a_clarification_stops_the_clock_of_the_decision_and_it_goes_on() -> None:
    life = Life("MlaRequest").on(*UNDER_REVIEW)
    due = life[ClockKind.DECISION].due_at
    warned = life[ClockKind.DECISION].warn_at
    life.on("ClarificationRequest", after=timedelta(days=4))
    assert not life[ClockKind.DECISION].is_running
    assert life[ClockKind.CLARIFICATION_ANSWER].acts is Side.REQUESTING
    life.on("AdditionalInformation", after=timedelta(days=6))
    decision = life[ClockKind.DECISION]
    assert decision.is_running
    assert due is not None
    assert decision.due_at == due + timedelta(days=6)
    assert decision.warn_at == tuple(one + timedelta(days=6) for one in warned)
    assert ClockKind.CLARIFICATION_ANSWER not in life.open


def test_the_day_in_a_clarification_request_goes_before_the_policy() -> None:
    wanted = NOW + timedelta(days=3)
    life = Life("MlaRequest").on(*UNDER_REVIEW, says("ClarificationRequest", until=wanted))
    assert life[ClockKind.CLARIFICATION_ANSWER].due_at == wanted
    again = wanted + timedelta(days=5)
    life.on(says("ClarificationRequest", until=again), after=timedelta(days=3))
    assert life[ClockKind.CLARIFICATION_ANSWER].due_at == again


def test_preservation_warns_three_times_and_is_held_and_released() -> None:
    until = end_of_day(date(2026, 5, 1), BAKU)
    kept = says("PreservationConfirmation", marks=EVERY_MARK, until=until)
    life = Life("PreservationRequest", "URGENT").on("Acknowledgement", kept)
    expiry = life[ClockKind.PRESERVATION_EXPIRY]
    assert (expiry.due_at, expiry.article, expiry.legal) == (until, "42(8)", True)
    assert (expiry.acts, expiry.authority) == (Side.REQUESTING, "XU-CA")
    assert [until - one for one in expiry.warn_at] == [
        timedelta(days=14), timedelta(days=7), timedelta(days=2),
    ]  # fmt: skip
    life.on(linked("StoredDataRequest"), after=timedelta(days=20))
    assert not life[ClockKind.PRESERVATION_EXPIRY].is_running
    assert next_notice(life[ClockKind.PRESERVATION_EXPIRY], None, answered=False) is None
    life.on(linked("ExecutionReport FINAL"), after=timedelta(days=300))
    assert life.open == set()


def test_an_extension_moves_the_expiry() -> None:
    kept = says("PreservationConfirmation", marks=EVERY_MARK, until=NOW + timedelta(days=60))
    life = Life("PreservationRequest").on("Acknowledgement", kept)
    longer = says("PreservationConfirmation", until=NOW + timedelta(days=120))
    life.on("PreservationExtensionRequest", longer, after=timedelta(days=50))
    assert life[ClockKind.PRESERVATION_EXPIRY].due_at == NOW + timedelta(days=120)


def test_an_arrest_has_the_limit_of_the_directory_or_none_that_we_know() -> None:
    arrested = says("ExtraditionDecision PROVISIONALLY_ARRESTED")
    unknown = Life("ProvisionalArrestRequest", requested="AZ-MOJ").on(arrested)
    clock = unknown[ClockKind.PROVISIONAL_ARREST]
    assert (clock.due_at, clock.warn_at) == (None, ())
    assert next_notice(clock, None, answered=False) is None
    known = Life("ProvisionalArrestRequest", requested="XU-MOJ").on(arrested)
    clock = known[ClockKind.PROVISIONAL_ARREST]
    assert clock.due_at == end_of_day(NOW.date() + timedelta(days=40), UTC)
    assert (clock.legal, clock.trust) == (True, Trust.FICTIONAL)
    named = says("ExtraditionDecision PROVISIONALLY_ARRESTED", until=NOW + timedelta(days=18))
    said = Life("ProvisionalArrestRequest", requested="AZ-MOJ").on(named)
    assert said[ClockKind.PROVISIONAL_ARREST].due_at == NOW + timedelta(days=18)
    said.on(gateway("FORMAL_REQUEST_NEAR", Cause.CLOCK), after=timedelta(days=8))
    assert said.case.state is State.FORMAL_DUE
    assert said[ClockKind.PROVISIONAL_ARREST].due_at == NOW + timedelta(days=18)


def test_an_emergency_rings_until_a_person_answers() -> None:
    clock = Life("EmergencyDataRequest", "EMERGENCY")[ClockKind.EMERGENCY_ANSWER]
    assert clock.due_at == NOW + timedelta(minutes=15)
    rung, told = [], None
    for _ in range(8):
        notice = next_notice(clock, told, answered=False)
        assert notice is not None
        rung.append((notice.kind, (notice.at - NOW) // timedelta(minutes=1)))
        told = notice.at
    alarm, lapsed = NoticeKind.ALARM, NoticeKind.LAPSED
    assert rung == [(alarm, 0), (alarm, 3), (alarm, 6), (alarm, 9), (alarm, 12), (lapsed, 15),
                    (alarm, 18), (alarm, 21)]  # fmt: skip
    answered = next_notice(clock, NOW, answered=True)
    assert answered is not None
    assert (answered.kind, answered.at) == (lapsed, clock.due_at)
    assert next_notice(clock, clock.due_at, answered=True) is None


def test_after_a_long_rest_one_alarm_rings_and_every_warning_is_told() -> None:
    until = NOW + timedelta(days=60)
    kept = says("PreservationConfirmation", marks=EVERY_MARK, until=until)
    clock = Life("PreservationRequest").on("Acknowledgement", kept)[ClockKind.PRESERVATION_EXPIRY]
    told, kinds = None, []
    while (notice := next_notice(clock, told, answered=False)) is not None:
        kinds.append(notice.kind)
        told = notice.at
    assert kinds == [NoticeKind.WARNING] * 3 + [NoticeKind.LAPSED]
    ringing = Life("EmergencyDataRequest", "EMERGENCY")[ClockKind.EMERGENCY_ANSWER]
    late = NOW + timedelta(days=2)  # when the last one was told
    notice = next_notice(ringing, late, answered=False)
    assert notice is not None
    assert notice.at == late + timedelta(minutes=3)


def test_a_question_about_status_is_answered_by_a_report() -> None:
    life = Life("MlaRequest").on(*UNDER_REVIEW, "StatusRequest")
    assert life[ClockKind.STATUS_ANSWER].due_at == end_of_day(date(2026, 3, 9), BAKU)
    assert ClockKind.STATUS_ANSWER not in life.on("ProgressReport").open


def test_the_deadline_of_the_requesting_state_may_be_changed() -> None:
    first, second = NOW + timedelta(days=20), NOW + timedelta(days=90)
    life = Life("MlaRequest", until=first)
    assert life[ClockKind.REQUESTED_DEADLINE].due_at == first
    life.on("Acknowledgement", says("NewDeadline", until=second))
    assert life[ClockKind.REQUESTED_DEADLINE].due_at == second
    assert ClockKind.REQUESTED_DEADLINE not in Life("MlaRequest").open


def test_a_withdrawal_is_confirmed_in_time_though_the_case_has_ended() -> None:
    life = Life("MlaRequest").on("Acknowledgement", "Withdrawal")
    assert life.open == {ClockKind.WITHDRAWAL_CONFIRMATION}
    assert life.on("WithdrawalConfirmation").open == set()


def test_a_postponed_case_is_reviewed_on_its_day() -> None:
    day = end_of_day(date(2026, 4, 1), BAKU)
    life = Life("MlaRequest").on(*UNDER_REVIEW, "ConsultationNotice",
                                 says("PostponementNotice", until=day))  # fmt: skip
    assert life[ClockKind.POSTPONEMENT_REVIEW].due_at == day


def test_what_we_sent_counts_from_its_receipt() -> None:
    life = Life("MlaRequest").on(*UNDER_REVIEW)
    sent = replace(says("ClarificationRequest"), message_id="ours@test")
    life.on(sent)
    got = NOW + timedelta(days=1)
    clocks = anchored(life.clocks, "ours@test", got, life.case, TIMES)
    (answer,) = [one for one in clocks if one.kind is ClockKind.CLARIFICATION_ANSWER]
    assert (answer.starts_at, answer.due_at) == (got, end_of_day(date(2026, 3, 13), UTC))
    others = [one for one in clocks if one.kind is not ClockKind.CLARIFICATION_ANSWER]
    assert others == [c for c in life.clocks if c.kind is not ClockKind.CLARIFICATION_ANSWER]
    fixed = replace(sent, until=NOW + timedelta(days=5))
    dated = Life("MlaRequest").on(*UNDER_REVIEW, fixed)
    assert anchored(dated.clocks, "ours@test", got, dated.case, TIMES) == dated.clocks


def test_every_clock_has_its_line() -> None:
    assert {winding.clock for winding in WINDINGS} == set(ClockKind)
    assert set(TIMES.policy.limits) == set(ClockKind)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [*UNDER_REVIEW, "AcceptanceNotice", "ProgressReport IN_EXECUTION", "StatusRequest",
                 "ClarificationRequest", "AdditionalInformation", "ConsultationNotice",
                 "ExecutionReport FINAL", "EvidenceReceipt FAILED", "NewDeadline", "Withdrawal"]
            ),
            st.integers(0, 400),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_clocks_stay_sane_whatever_happens(steps: list[tuple[str, int]]) -> None:
    life = Life("MlaRequest")
    for text, hours in steps:
        life.on(text, after=timedelta(hours=hours))
        open_kinds = [one.kind for one in life.clocks if one.stopped_at is None]
        assert len(open_kinds) == len(set(open_kinds)), "one clock of a kind at a time"
        for clock in life.clocks:
            assert clock.due_at is None or clock.due_at > clock.starts_at
            assert all(at > clock.starts_at for at in clock.warn_at)
            assert clock.stopped_at is None or clock.stopped_at >= clock.starts_at
        if life.case.is_ended:
            assert life.open <= {ClockKind.WITHDRAWAL_CONFIRMATION, ClockKind.STATUS_ANSWER}
    assert life.case.authority(RD) == "AZ-SSS"
