"""The tables of extradition with provisional arrest (article 37), of information that nobody asked
for (articles 40(4), 51), and of one delivery of evidence (article 40(14))."""

from __future__ import annotations

from typing import Final

from protocol.convention.lifecycle.guards import ALL_PARTS_HERE, CONSULTED
from protocol.convention.lifecycle.rows import (
    DELIVERED,
    NOT_TAKEN,
    Transition,
    clock,
    doc,
    from_each,
    linked,
    loops,
)
from protocol.convention.lifecycle.states import Actor, State

S: Final = State
_RQ: Final = Actor.RQCA
_RD: Final = Actor.RDCA
_GW: Final = Actor.GW

_PA_OPEN: Final = (S.PA_REQUESTED, S.PA_DETAINED, S.FORMAL_DUE)
_DETAINED: Final = (S.PA_DETAINED, S.FORMAL_DUE)
_EX_JUDGED: Final = (S.EX_IN_PROCEEDINGS, S.EX_CONSULTATION)
_SURRENDER: Final = (S.EX_GRANTED, S.SURRENDER_ARRANGED, S.SURRENDER_POSTPONED)
_EX_OPEN: Final = (
    *_PA_OPEN, S.EX_REQUESTED, *_EX_JUDGED, S.EX_GRANTED_COND, *_SURRENDER,
    S.EX_REFUSED_NATIONAL, S.PROSECUTION_SUBMITTED,
)  # fmt: skip

EXTRADITION: Final = (
    Transition(S.DRAFT, S.PA_REQUESTED, doc("ProvisionalArrestRequest"), _RQ, None, "37(10)",
               "urgency, warrant, undertaking to send the request"),
    Transition(S.DRAFT, S.EX_REQUESTED, doc("ExtraditionRequest"), _RQ, None, "37"),
    *loops((S.PA_REQUESTED, S.EX_REQUESTED), (DELIVERED,), _GW),
    *from_each((S.PA_REQUESTED, S.EX_REQUESTED), S.RETURNED, NOT_TAKEN, _GW),
    *from_each((S.PA_REQUESTED, S.EX_REQUESTED), S.RETURNED, doc("ReturnNotice"), _RD, "37"),
    Transition(S.PA_REQUESTED, S.PA_DETAINED,
               doc("ExtraditionDecision", "PROVISIONALLY_ARRESTED"), _RD, None, "37(10)",
               "since when, and by when the request must come"),
    Transition(S.PA_REQUESTED, S.EX_REFUSED, doc("ExtraditionDecision", "REFUSED"), _RD, CONSULTED,
               "37(17)"),
    Transition(S.PA_DETAINED, S.FORMAL_DUE, clock("FORMAL_REQUEST_NEAR"), _GW, None, "37(10)",
               "the first warning before the limit"),
    *from_each(_DETAINED, S.PA_LAPSED, clock("PROVISIONAL_ARREST"), _GW, "37(10)"),
    *from_each(_PA_OPEN, S.EX_REQUESTED, doc("ExtraditionRequest"), _RQ, "37"),
    *from_each(_PA_OPEN, S.PA_FOLLOWED, linked("ExtraditionRequest"), _GW, "37"),
    *from_each(_DETAINED, S.PA_LAPSED, doc("ClosureNotice"), _RD, "37(10)"),
    Transition(S.PA_REQUESTED, S.EX_REFUSED, doc("RefusalNotice", "FULL"), _RD, CONSULTED,
               "37(17)"),
    Transition(S.EX_REQUESTED, S.EX_IN_PROCEEDINGS, doc("ProgressReport", "UNDER_REVIEW"), _RD,
               None, "37(9)"),
    Transition(S.EX_IN_PROCEEDINGS, S.EX_CONSULTATION, doc("ConsultationNotice"), _RD, None,
               "37(17)", "before refusing"),
    Transition(S.EX_CONSULTATION, S.EX_IN_PROCEEDINGS, doc("ProgressReport", "UNDER_REVIEW"),
               _RD, None, "37(17)"),
    *from_each(_EX_JUDGED, S.EX_GRANTED, doc("ExtraditionDecision", "GRANTED"), _RD, "37(18)"),
    *from_each(_EX_JUDGED, S.EX_GRANTED, doc("ExtraditionDecision", "GRANTED_TEMPORARY"), _RD,
               "37(18)"),
    *from_each(_EX_JUDGED, S.EX_GRANTED_COND, doc("ExtraditionDecision", "GRANTED_CONDITIONAL"),
               _RD, "37(18)"),
    *from_each(_EX_JUDGED, S.EX_REFUSED, doc("ExtraditionDecision", "REFUSED"), _RD, "37(17)",
               CONSULTED),
    *from_each(_EX_JUDGED, S.EX_REFUSED, doc("RefusalNotice", "FULL"), _RD, "37(17)", CONSULTED),
    *from_each(_EX_JUDGED, S.EX_REFUSED_NATIONAL, doc("ExtraditionDecision", "REFUSED_NATIONAL"),
               _RD, "37(11)", CONSULTED),
    *loops((S.WITHDRAWN,), (doc("ExtraditionDecision", "WITHDRAWN"),), _RD, "37(18)"),
    Transition(S.EX_GRANTED_COND, S.EX_GRANTED, doc("ConditionsAnswer", "ACCEPT"), _RQ, None,
               "37(12)"),
    *(Transition(S.EX_GRANTED_COND, S.EX_CONSULTATION, doc("ConditionsAnswer", answer), _RQ, None,
                 "37(17)") for answer in ("DECLINE", "COUNTER")),
    Transition(S.EX_REFUSED_NATIONAL, S.PROSECUTION_SUBMITTED,
               doc("ProsecutionSubmissionReport", "SUBMITTED"), _RD, None, "37(11)",
               "without undue delay"),
    *(Transition(S.PROSECUTION_SUBMITTED, S.PROSECUTION_OUTCOME,
                 doc("ProsecutionSubmissionReport", outcome), _RD, None, "37(11)")
      for outcome in ("NOT_PROSECUTED", "DISCONTINUED", "CONVICTED", "ACQUITTED")),
    *loops((S.PROSECUTION_SUBMITTED,), (doc("ProsecutionSubmissionReport", "CHARGED"),), _RD,
           "37(11)"),
    Transition(S.EX_REFUSED_NATIONAL, S.CLOSED, doc("ClosureNotice"), _RQ, None, "37(11)",
               "prosecution is not asked for"),
    Transition(S.EX_GRANTED, S.SURRENDER_ARRANGED, doc("SurrenderArrangement"), _RD, None, "37"),
    Transition(S.EX_GRANTED, S.SURRENDER_POSTPONED, doc("PostponementNotice"), _RD, None, "37"),
    *(Transition(S.SURRENDER_ARRANGED, S.SURRENDERED, doc("SurrenderReport", "SURRENDERED"), actor,
                 None, "37") for actor in (_RD, _RQ)),
    *(Transition(S.SURRENDER_ARRANGED, S.SURRENDER_POSTPONED, doc("SurrenderReport", outcome),
                 actor, None, "37")
      for actor in (_RD, _RQ) for outcome in ("POSTPONED", "NOT_TAKEN_OVER", "NOT_FOUND")),
    Transition(S.SURRENDER_POSTPONED, S.SURRENDER_ARRANGED, doc("SurrenderArrangement"), _RD, None,
               "37"),
    *from_each(_EX_OPEN, S.WITHDRAWN, doc("Withdrawal"), _RQ, "40(26)"),
    *loops((S.PA_REQUESTED, S.EX_REQUESTED), (doc("Acknowledgement"),), _RD, "37"),
    *loops((S.EX_REQUESTED, S.EX_IN_PROCEEDINGS), (doc("ClarificationRequest"),), _RD, "37(17)"),
    *loops((S.PA_REQUESTED, S.EX_CONSULTATION), (doc("ConsultationNotice"),), _RD, "37(17)"),
    *loops((S.EX_IN_PROCEEDINGS,), (doc("ProgressReport", "UNDER_REVIEW"),), _RD, "37(9)"),
    *loops(_EX_OPEN, (doc("StatusRequest"), doc("NewDeadline")), _RQ, "40(26)"),
    *loops(_EX_OPEN, (doc("Amendment"), doc("AdditionalInformation")), _RQ, "37(17)"),
    *loops(_EX_OPEN, (doc("ProgressReport"),), _RD, "40(26)"),
    *loops(_EX_OPEN, (doc("CostConsultation"),), _RD, "40(30)"),
    *loops(_EX_OPEN, (doc("CostConsultation"),), _RQ, "40(30)"),
)  # fmt: skip

_SP_OPEN: Final = (S.SP_SENT, S.SP_ACCEPTED_TERMS, S.SP_USED_NOTICE)

SPONTANEOUS: Final = (
    Transition(S.DRAFT, S.SP_SENT, doc("SpontaneousInformation"), _RQ, None, "40(4)",
               "conditions, or only a description of what is offered"),
    Transition(S.DRAFT, S.SP_SENT, doc("SpontaneousProceedsInfo"), _RQ, None, "51"),
    Transition(S.SP_SENT, S.SP_SENT, DELIVERED, _GW),
    Transition(S.SP_SENT, S.CLOSED, NOT_TAKEN, _GW),
    Transition(S.SP_SENT, S.SP_ACCEPTED_TERMS, doc("ConditionsAnswer", "ACCEPT"), _RD, None,
               "40(5)"),
    Transition(S.SP_SENT, S.SP_DECLINED, doc("ConditionsAnswer", "DECLINE"), _RD, None, "40(5)"),
    *loops((S.SP_SENT,), (doc("ConditionsAnswer", "COUNTER"),), _RD, "40(5)"),
    *loops((S.SP_SENT,), (doc("ConditionsAnswer", "ACCEPT"), doc("ConditionsAnswer", "DECLINE"),
                          doc("ConditionsAnswer", "COUNTER")), _RQ, "40(5)"),
    *loops((S.SP_ACCEPTED_TERMS,), (doc("SpontaneousInformation"), doc("SpontaneousProceedsInfo")),
           _RQ, "40(4)"),
    *from_each((S.SP_SENT, S.SP_ACCEPTED_TERMS), S.SP_USED_NOTICE,
               doc("ExculpatoryDisclosureNotice"), _RD, "40(5)"),
    *from_each(_SP_OPEN, S.CLOSED, doc("ClosureNotice"), _RQ),
    *from_each(_SP_OPEN, S.CLOSED, doc("ClosureNotice"), _RD),
)  # fmt: skip

_PARTS_COME: Final = (S.EV_ANNOUNCED, S.EV_CHUNK_RECEIVED)

EVIDENCE: Final = (
    Transition(S.EV_EXPECTED, S.EV_COMPLETE, doc("EvidenceDelivery"), Actor.RDXA, ALL_PARTS_HERE,
               "40(14)", "manifest and every item at once"),
    Transition(S.EV_EXPECTED, S.EV_ANNOUNCED, doc("EvidenceDelivery"), Actor.RDXA, None, "40(14)",
               "manifest"),
    *from_each((*_PARTS_COME, S.EV_MISMATCH), S.EV_COMPLETE, doc("EvidenceDelivery"), Actor.RDXA,
               "40(14)", ALL_PARTS_HERE),
    *from_each((*_PARTS_COME, S.EV_MISMATCH), S.EV_CHUNK_RECEIVED, doc("EvidenceDelivery"),
               Actor.RDXA, "40(14)"),
    Transition(S.EV_COMPLETE, S.EV_VERIFIED, doc("EvidenceReceipt", "OK"), _RQ, None, "40(14)",
               "every hash matches"),
    *from_each((S.EV_COMPLETE, *_PARTS_COME), S.EV_MISMATCH, doc("EvidenceReceipt", "FAILED"), _RQ,
               "40(14)"),
)  # fmt: skip
