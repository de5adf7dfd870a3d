"""The table of a request for assistance, and of every request without a table of its own.

Source: article 40, paragraphs as given in each line; that a line exists at all, and that silence
or a progress report moves a case, are proposals of ours (docs/lifecycle.md).
"""

from __future__ import annotations

from typing import Final

from protocol.convention.lifecycle.guards import (
    AMENDED,
    ANSWER_OVERDUE,
    ANSWERS_ALL,
    ANSWERS_ALL_IN_EXECUTION,
    CONSULTED,
    DECIDED,
    NOTHING_EXECUTED,
    NOTHING_TO_DELIVER,
    SILENCE,
)
from protocol.convention.lifecycle.rows import (
    DELIVERED,
    NOT_TAKEN,
    Transition,
    clock,
    doc,
    from_each,
    loops,
    recorded,
)
from protocol.convention.lifecycle.states import TERMINAL, Actor, State

S: Final = State
_RQ: Final = Actor.RQCA
_RD: Final = Actor.RDCA
_XA: Final = Actor.RDXA
_GW: Final = Actor.GW

_STATES: Final = (
    S.SUBMITTED, S.DELIVERED, S.REGISTERED, S.REFERRED, S.CLARIFICATION, S.UNDER_REVIEW,
    S.CONSULTATION, S.ACCEPTED, S.ACCEPTED_COND, S.FORWARDED, S.IN_EXECUTION, S.POSTPONED,
    S.PART_EXECUTED, S.EXECUTED, S.EVIDENCE_CONFIRMED, S.PART_REFUSED,
)  # fmt: skip
_AT_WORK: Final = tuple(state for state in _STATES if state is not S.SUBMITTED)
_OPEN_TO_A_DECISION: Final = (S.DELIVERED, S.REGISTERED, S.UNDER_REVIEW, S.CONSULTATION, S.ACCEPTED)


def opening(kinds: tuple[str, ...]) -> tuple[Transition, ...]:
    """How requests of `kinds` come to the requested authority, in writing or by word of mouth."""
    signed = "signed; schema and rules hold; a legal basis is named"
    return (
        *(Transition(S.DRAFT, S.SUBMITTED, doc(kind), _RQ, requires=signed) for kind in kinds),
        Transition(S.DRAFT, S.ORAL_RECORDED, recorded("OralRequest"), _RQ, None, "40(13)",
                   "who spoke, when, at both ends"),
        Transition(S.ORAL_RECORDED, S.SUBMITTED, doc("OralRequestConfirmation"), _RQ, None,
                   "40(13)", "forthwith"),
        Transition(S.ORAL_RECORDED, S.ORAL_UNCONFIRMED, clock("ORAL_CONFIRMATION"), _GW, None,
                   "40(13)", "D10: flagged, not refused"),
        Transition(S.ORAL_UNCONFIRMED, S.SUBMITTED, doc("OralRequestConfirmation"), _RQ, None,
                   "40(13)"),
        Transition(S.DRAFT, S.SUBMITTED, doc("OralRequestConfirmation"), _RQ, None, "40(13)",
                   "of an oral request that nobody recorded"),
        Transition(S.SUBMITTED, S.DELIVERED, DELIVERED, _GW),
        Transition(S.SUBMITTED, S.RETURNED, NOT_TAKEN, _GW, requires="D01 to D03, D09"),
    )  # fmt: skip


_TRIAGE: Final = (
    Transition(S.DELIVERED, S.REGISTERED, doc("Acknowledgement"), _RD, None, "40",
               "reference of the requested State"),
    Transition(S.DELIVERED, S.RETURNED, doc("ReturnNotice"), _RD, None, "40(21)(a)",
               "defects D03 to D08 listed"),
    Transition(S.REGISTERED, S.UNDER_REVIEW, doc("ProgressReport", "UNDER_REVIEW"), _RD, None,
               "40(26)", "a case officer is assigned"),
    Transition(S.REGISTERED, S.REFERRED, doc("ReferralNotice"), _RD, None, "40(12)",
               "another authority is competent"),
    Transition(S.REFERRED, S.UNDER_REVIEW, doc("Acknowledgement"), _RD, None, "40(12)",
               "by the new authority, with its reference"),
)  # fmt: skip

_CLARIFICATION: Final = (
    Transition(S.UNDER_REVIEW, S.CLARIFICATION, doc("ClarificationRequest"), _RD, None, "40(16)",
               "questions listed"),
    Transition(S.IN_EXECUTION, S.CLARIFICATION, doc("ClarificationRequest"), _RD, None, "40(16)",
               "questions listed"),
    Transition(S.CLARIFICATION, S.IN_EXECUTION, doc("AdditionalInformation"), _RQ,
               ANSWERS_ALL_IN_EXECUTION, "40(16)"),
    Transition(S.CLARIFICATION, S.UNDER_REVIEW, doc("AdditionalInformation"), _RQ, ANSWERS_ALL,
               "40(16)"),
    Transition(S.CLARIFICATION, S.CLARIFICATION, doc("AdditionalInformation"), _RQ, None, "40(16)",
               "an answer in part"),
    Transition(S.CLARIFICATION, S.CLARIFICATION, doc("ClarificationRequest"), _RD, None, "40(16)",
               "a reminder, or further questions"),
    Transition(S.CLARIFICATION, S.CONSULTATION, doc("ConsultationNotice"), _RD, ANSWER_OVERDUE,
               "40(28)"),
    Transition(S.CLARIFICATION, S.CONSULTATION, clock("CLARIFICATION_ANSWER"), _GW, ANSWER_OVERDUE,
               "40(28)"),
)  # fmt: skip

_DECISION: Final = (
    Transition(S.UNDER_REVIEW, S.ACCEPTED, doc("AcceptanceNotice"), _RD, None, "40(17)",
               "scope of each measure"),
    Transition(S.UNDER_REVIEW, S.CONSULTATION, doc("ConsultationNotice"), _RD, None, "40(28)",
               "before refusing or postponing"),
    Transition(S.IN_EXECUTION, S.CONSULTATION, doc("ConsultationNotice"), _RD, None, "40(28)",
               "an obstacle, costs, or secrecy that cannot be kept; execution rests"),
    Transition(S.CONSULTATION, S.ACCEPTED, doc("AcceptanceNotice"), _RD, None, "40(28)",
               "the obstacle is gone"),
    Transition(S.CONSULTATION, S.ACCEPTED_COND, doc("ConditionsProposal"), _RD, None, "40(28)",
               "conditions listed"),
    Transition(S.ACCEPTED_COND, S.ACCEPTED, doc("ConditionsAnswer", "ACCEPT"), _RQ, None,
               "40(28)", "the conditions bind the requesting State"),
    Transition(S.ACCEPTED_COND, S.CONSULTATION, doc("ConditionsAnswer", "DECLINE"), _RQ, None,
               "40(28)"),
    Transition(S.ACCEPTED_COND, S.CONSULTATION, doc("ConditionsAnswer", "COUNTER"), _RQ, None,
               "40(28)"),
    Transition(S.CONSULTATION, S.REFUSED, doc("RefusalNotice", "FULL"), _RD, NOTHING_EXECUTED,
               "40(25)", "an allowed ground, with reasons"),
    Transition(S.CONSULTATION, S.PART_REFUSED, doc("RefusalNotice", "PARTIAL"), _RD, None,
               "40(25)", "by measure"),
    Transition(S.UNDER_REVIEW, S.REFUSED, doc("RefusalNotice", "FULL"), _RD, CONSULTED, "40(28)",
               "an allowed ground, with reasons"),
    Transition(S.UNDER_REVIEW, S.PART_REFUSED, doc("RefusalNotice", "PARTIAL"), _RD, CONSULTED,
               "40(28)", "by measure"),
    Transition(S.PART_REFUSED, S.ACCEPTED, doc("AcceptanceNotice"), _RD, None, "40(17)",
               "the measures that remain"),
    Transition(S.CONSULTATION, S.POSTPONED, doc("PostponementNotice"), _RD, None, "40(27)",
               "ground and day of review"),
    Transition(S.UNDER_REVIEW, S.POSTPONED, doc("PostponementNotice"), _RD, CONSULTED, "40(27)",
               "ground and day of review"),
    Transition(S.POSTPONED, S.UNDER_REVIEW, doc("ProgressReport", "UNDER_REVIEW"), _RD, None,
               "40(27)", "on the day of review, or when the obstacle is gone"),
    *from_each(_OPEN_TO_A_DECISION, S.EXECUTED, doc("DecisionNotice"), _RD, "40(17)", DECIDED),
)  # fmt: skip

_EXECUTION: Final = (
    Transition(S.ACCEPTED, S.FORWARDED, doc("ReferralNotice"), _RD, None, "40(12)",
               "the executing authority; its name may be withheld"),
    Transition(S.ACCEPTED, S.IN_EXECUTION, doc("ProgressReport", "IN_EXECUTION"), _RD, None,
               "40(12)", "the central authority executes itself"),
    Transition(S.FORWARDED, S.IN_EXECUTION, doc("ProgressReport", "IN_EXECUTION"), _XA, None,
               "40(26)"),
    *from_each((S.ACCEPTED, S.FORWARDED, S.IN_EXECUTION), S.UNDER_REVIEW,
               doc("ProgressReport", "UNDER_REVIEW"), _RD, "40(26)", AMENDED),
    Transition(S.IN_EXECUTION, S.PART_EXECUTED, doc("ExecutionReport", "PARTIAL"), _XA, None,
               "40(26)", "one measure final, one pending"),
    Transition(S.PART_EXECUTED, S.EXECUTED, doc("ExecutionReport", "FINAL"), _XA, None, "40(26)",
               "all measures final"),
    Transition(S.IN_EXECUTION, S.EXECUTED, doc("ExecutionReport", "FINAL"), _XA, None, "40(26)",
               "all measures final; that nothing is held is a result"),
    Transition(S.EXECUTED, S.EVIDENCE_CONFIRMED, doc("EvidenceReceipt", "OK"), _RQ, None,
               "40(14)", "hashes match, or nothing to deliver"),
    Transition(S.EXECUTED, S.IN_EXECUTION, doc("EvidenceReceipt", "FAILED"), _RQ, None, "40(14)",
               "items listed"),
    Transition(S.EXECUTED, S.CLOSED, doc("ClosureNotice"), _RQ, NOTHING_TO_DELIVER),
    Transition(S.EVIDENCE_CONFIRMED, S.CLOSED, doc("ClosureNotice"), _RQ),
    Transition(S.EVIDENCE_CONFIRMED, S.CLOSED, doc("ClosureNotice"), _RD, SILENCE),
)  # fmt: skip

_LOOPS: Final = (
    *loops(_STATES, (doc("NewDeadline"), doc("StatusRequest")), _RQ, "40(26)"),
    *loops(_STATES, (doc("Amendment"),), _RQ, "40(16)"),
    *loops(_AT_WORK, (doc("ProgressReport"),), _RD, "40(26)"),
    *loops((S.UNDER_REVIEW,), (doc("ProgressReport", "UNDER_REVIEW"),), _RD, "40(26)"),
    *loops((S.IN_EXECUTION, S.PART_EXECUTED), (doc("ProgressReport", "IN_EXECUTION"),), _XA,
           "40(26)"),
    *loops((S.PART_EXECUTED,), (doc("ExecutionReport", "PARTIAL"),), _XA, "40(26)"),
    *loops((S.CONSULTATION,), (doc("ConsultationNotice"),), _RD, "40(28)"),
    *loops((S.CONSULTATION,), (doc("AdditionalInformation"),), _RQ, "40(28)"),
    *loops((S.UNDER_REVIEW, S.IN_EXECUTION), (doc("ClarificationRequest", "GOES_ON"),), _RD,
           "40(16)"),
    *loops((S.UNDER_REVIEW, S.IN_EXECUTION), (doc("AdditionalInformation"),), _RQ, "40(16)"),
    *loops((S.UNDER_REVIEW, S.CONSULTATION, S.ACCEPTED, S.IN_EXECUTION),
           (doc("CostConsultation"),), _RD, "40(30)"),
    *loops((S.UNDER_REVIEW, S.CONSULTATION, S.ACCEPTED, S.IN_EXECUTION),
           (doc("CostConsultation"),), _RQ, "40(30)"),
    *loops((S.IN_EXECUTION, S.PART_EXECUTED, S.EXECUTED), (doc("EvidenceDelivery"),), _XA,
           "40(14)"),
    *loops((S.IN_EXECUTION, S.PART_EXECUTED),
           (doc("EvidenceReceipt", "OK"), doc("EvidenceReceipt", "FAILED")), _RQ, "40(14)"),
)  # fmt: skip

_WITHDRAWAL: Final = from_each(_STATES, S.WITHDRAWN, doc("Withdrawal"), _RQ, "40(26)")


def assistance(kinds: tuple[str, ...]) -> tuple[Transition, ...]:
    """The whole table, for requests of `kinds`."""
    return (
        *opening(kinds), *_TRIAGE, *_CLARIFICATION, *_DECISION, *_EXECUTION, *_WITHDRAWAL, *_LOOPS,
    )  # fmt: skip


def after_the_end(states: tuple[State, ...]) -> tuple[Transition, ...]:
    """What may be said of a case at any time, also when it has ended; nothing moves.

    Consent to another use, transfer onward and what exculpates come when a case is long closed.
    """
    late: list[Transition] = []
    for side in (_RQ, _RD):
        late += loops(states, (doc("UseConsentRequest"), doc("DecisionNotice")), side, "40(19)")
        late += loops(states, (doc("OnwardTransferRequest"),), side, "36(3)")
        late += loops(states, (doc("ExculpatoryDisclosureNotice"),), side, "40(5)")
        late += loops(states, (doc("TransportReceipt"),), side, "40(14)")
    withdrawn = tuple(state for state in states if state in (S.WITHDRAWN, S.PR_WITHDRAWN))
    late += loops(withdrawn, (doc("WithdrawalConfirmation"),), _RD, "40(26)")
    going = tuple(state for state in states if state not in TERMINAL and state is not S.DRAFT)
    if withdrawn:
        late += loops(going, (doc("Withdrawal", "PARTIAL"),), _RQ, "40(26)")
        late += loops(going, (doc("WithdrawalConfirmation"),), _RD, "40(26)")
    return tuple(late)
