"""The tables of preservation (article 42) and of data in an emergency (article 41(3)(e))."""

from __future__ import annotations

from typing import Final

from protocol.convention.lifecycle.guards import (
    ALLOWED_GROUNDS,
    BEFORE_EXPIRY,
    MINIMUM_KEPT,
)
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

FOLLOWING_REQUESTS: Final = ("StoredDataRequest", "MlaRequest")
"""Requests for the data themselves: they hold what was preserved, and regularise an emergency."""

_PR_OPEN: Final = (S.PR_REQUESTED, S.PR_ACK, S.PR_RISK, S.PR_IN_FORCE, S.PR_HELD)
_PR_TALK: Final = (S.PR_ACK, S.PR_IN_FORCE, S.PR_HELD)

PRESERVATION: Final = (
    Transition(S.DRAFT, S.PR_REQUESTED, doc("PreservationRequest"), _RQ, None, "42(3)"),
    Transition(S.PR_REQUESTED, S.PR_REQUESTED, DELIVERED, _GW),
    Transition(S.PR_REQUESTED, S.RETURNED, NOT_TAKEN, _GW),
    Transition(S.PR_REQUESTED, S.RETURNED, doc("ReturnNotice"), _RD, None, "40(21)(a)"),
    Transition(S.PR_REQUESTED, S.PR_ACK, doc("Acknowledgement"), _RD, None, "42"),
    Transition(S.PR_ACK, S.PR_RISK, doc("PreservationRiskNotice"), _RD, None, "42(7)"),
    Transition(S.PR_RISK, S.PR_ACK, doc("AdditionalInformation", "PROCEED"), _RQ, None, "42(7)",
               "the requesting State decides"),
    Transition(S.PR_RISK, S.PR_WITHDRAWN, doc("AdditionalInformation", "DO_NOT_PROCEED"), _RQ,
               None, "42(7)"),
    Transition(S.PR_ACK, S.PR_RELEASED, doc("PreservationConfirmation", "NOTHING"), _RD, None,
               "42", "nothing of it is held; that is a result"),
    Transition(S.PR_ACK, S.PR_IN_FORCE, doc("PreservationConfirmation"), _RD, MINIMUM_KEPT,
               "42(8)", "from and until"),
    Transition(S.PR_ACK, S.PR_REFUSED, doc("RefusalNotice", "FULL"), _RD, ALLOWED_GROUNDS,
               "42(6)"),
    Transition(S.PR_IN_FORCE, S.PR_IN_FORCE, doc("PreservationExtensionRequest"), _RQ,
               BEFORE_EXPIRY, "42(9)"),
    Transition(S.PR_IN_FORCE, S.PR_IN_FORCE, doc("PreservationConfirmation"), _RD, None, "42(9)",
               "the new day"),
    *(Transition(S.PR_IN_FORCE, S.PR_HELD, linked(kind), _GW, None, "42(8)",
                 "kept until the request is decided") for kind in FOLLOWING_REQUESTS),
    Transition(S.PR_HELD, S.PR_RELEASED, linked("ExecutionReport", "FINAL"), _GW, None, "42(8)"),
    Transition(S.PR_HELD, S.PR_RELEASED, linked("RefusalNotice", "FULL"), _GW, None, "42(8)"),
    Transition(S.PR_IN_FORCE, S.PR_EXPIRED, clock("PRESERVATION_EXPIRY"), _GW, None, "42(8)"),
    *from_each((S.PR_IN_FORCE, S.PR_HELD), S.PR_RELEASED, doc("PreservationReleaseNotice"), _RQ,
               "40(26)"),
    *loops((S.PR_IN_FORCE, S.PR_HELD), (doc("PreservationReleaseNotice", "PARTIAL"),), _RQ,
           "40(26)"),
    *from_each(_PR_OPEN, S.PR_WITHDRAWN, doc("Withdrawal"), _RQ, "40(26)"),
    *loops((S.PR_ACK, S.PR_IN_FORCE, S.PR_HELD), (doc("TrafficPathDisclosure"),), _RD, "43"),
    *loops(_PR_TALK, (doc("ClarificationRequest"),), _RD, "40(16)"),
    *loops((*_PR_TALK, S.PR_RISK), (doc("AdditionalInformation"),), _RQ, "40(16)"),
    *loops(_PR_TALK, (doc("ConsultationNotice"),), _RD, "40(28)"),
    *loops((S.PR_ACK,), (doc("ReferralNotice"),), _RD, "40(12)"),
    *loops(_PR_OPEN, (doc("StatusRequest"), doc("NewDeadline")), _RQ, "40(26)"),
    *loops(_PR_OPEN, (doc("Amendment"),), _RQ, "40(16)"),
    *loops(_PR_OPEN, (doc("ProgressReport"),), _RD, "40(26)"),
)  # fmt: skip

_EM_OPEN: Final = (S.EM_REQUESTED, S.EM_ACK, S.EM_DISCLOSED, S.EM_DOWNGRADED)
_EM_ASKED: Final = (S.EM_ACK, S.EM_DOWNGRADED)

EMERGENCY: Final = (
    Transition(S.DRAFT, S.EM_REQUESTED, doc("EmergencyDataRequest"), _RQ, None, "41(3)(e)",
               "danger and persons at risk"),
    Transition(S.EM_REQUESTED, S.EM_REQUESTED, DELIVERED, _GW),
    Transition(S.EM_REQUESTED, S.RETURNED, NOT_TAKEN, _GW),
    Transition(S.EM_REQUESTED, S.RETURNED, doc("ReturnNotice"), _RD, None, "40(21)(a)"),
    Transition(S.EM_REQUESTED, S.EM_ACK, doc("Acknowledgement"), _RD, None, "41(3)(e)"),
    *from_each(_EM_ASKED, S.EM_DISCLOSED, doc("ExecutionReport", "FINAL"), _RD, "41(3)(e)"),
    *from_each(_EM_ASKED, S.EM_DISCLOSED, doc("EvidenceDelivery"), _RD, "41(3)(e)"),
    *from_each(_EM_ASKED, S.EM_REFUSED, doc("RefusalNotice", "FULL"), _RD, "40(25)"),
    Transition(S.EM_ACK, S.EM_DOWNGRADED, doc("DecisionNotice", "REFUSED"), _RD, None,
               "41(3)(e)", "the danger is not shown: urgent, no more"),
    *(transition for kind in FOLLOWING_REQUESTS for transition in from_each(
        (S.EM_DISCLOSED, S.EM_DOWNGRADED), S.EM_REGULARISED, linked(kind), _GW, "44")),
    Transition(S.EM_DISCLOSED, S.CLOSED, doc("ClosureNotice"), _RQ),
    *from_each(_EM_OPEN, S.WITHDRAWN, doc("Withdrawal"), _RQ, "40(26)"),
    *loops(_EM_OPEN, (doc("StatusRequest"), doc("NewDeadline")), _RQ, "40(26)"),
    *loops(_EM_OPEN, (doc("Amendment"), doc("AdditionalInformation")), _RQ, "40(16)"),
    *loops(_EM_OPEN, (doc("ProgressReport"),), _RD, "40(26)"),
    *loops(_EM_ASKED, (doc("ClarificationRequest"),), _RD, "40(16)"),
    *loops(_EM_ASKED, (doc("ConsultationNotice"),), _RD, "40(28)"),
    *loops((S.EM_DISCLOSED,), (doc("EvidenceDelivery"), doc("ExecutionReport", "FINAL")), _RD,
           "40(14)"),
    *loops((S.EM_DISCLOSED,), (doc("EvidenceReceipt", "OK"), doc("EvidenceReceipt", "FAILED")),
           _RQ, "40(14)"),
)  # fmt: skip
