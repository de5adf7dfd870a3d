"""Every kind of document, one row each: code, article, who writes to whom, in which matter.

Source: docs/convention.md, which says what of this is still to be checked against the official
text. Offices and default urgency are proposals of ours; the competent authority of a State is never
taken from here but from the State directory, by the matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.convention.directory import Matter
from protocol.convention.kinds import Form, Kind, Office, Side

_CA: Final = (Office.CENTRAL_AUTHORITY,)
_POC: Final = (Office.CONTACT_POINT,)
_CA_OR_POC: Final = (Office.CENTRAL_AUTHORITY, Office.CONTACT_POINT)
_EXTRADITION: Final = (Office.EXTRADITION_AUTHORITY,)
_NAMED: Final = (Office.NAMED_AUTHORITY,)
_POLICE: Final = (Office.POLICE, Office.CONTACT_POINT)
_CASE: Final = (Office.OF_THE_CASE,)
_GATEWAY: Final = (Office.GATEWAY,)


def _request(
    name: str,
    code: str,
    article: str,
    matter: Matter,
    offices: tuple[Office, ...] = _CA,
    urgency: str = "ROUTINE",
) -> Kind:
    """A request that opens a case."""
    return Kind(
        name, code, article, Form.REQUEST, offices, offices, Side.REQUESTING, matter, (), urgency
    )


def _follow_up(
    name: str,
    code: str,
    article: str,
    concerns: tuple[str, ...],
    *,
    matter: Matter | None = None,
    author: Side = Side.REQUESTING,
    urgency: str = "ROUTINE",
) -> Kind:
    """A request within a case that is open already."""
    offices = _CA_OR_POC if matter is Matter.PRESERVATION else _CASE
    return Kind(
        name, code, article, Form.REQUEST, offices, offices, author, matter, concerns, urgency
    )


def _one_way(
    name: str,
    code: str,
    article: str,
    offices: tuple[Office, ...],
    *,
    matter: Matter | None = None,
    author: Side = Side.REQUESTING,
    concerns: tuple[str, ...] = (),
) -> Kind:
    """A message that asks nothing; whoever sends it stands in it as the requesting authority."""
    return Kind(name, code, article, Form.ONE_WAY, offices, offices, author, matter, concerns)


def _response(
    name: str,
    code: str,
    article: str,
    concerns: tuple[str, ...],
    author: Side = Side.REQUESTED,
    urgency: str = "ROUTINE",
) -> Kind:
    """A document that answers in substance."""
    return Kind(name, code, article, Form.RESPONSE, _CASE, _CASE, author, None, concerns, urgency)


def _status(
    name: str,
    code: str,
    article: str,
    concerns: tuple[str, ...],
    author: Side = Side.REQUESTED,
    offices: tuple[Office, ...] = _CASE,
) -> Kind:
    """A document that says where a case stands."""
    return Kind(name, code, article, Form.STATUS, offices, offices, author, None, concerns)


_OPENING: Final = (
    _request("MlaRequest", "R-MLA", "40", Matter.MLA),
    _request(
        "PreservationRequest", "R-PRES", "42", Matter.PRESERVATION, _CA_OR_POC, urgency="URGENT"
    ),
    _request("DataLocationQuery", "R-LOC", "42(2)", Matter.POC247, _POC, urgency="URGENT"),
    _request(
        "EmergencyDataRequest", "R-EMRG", "41(3)(e)", Matter.POC247, _POC, urgency="EMERGENCY"
    ),
    _request("AssistanceQuery", "R-ADVICE", "41(3)", Matter.POC247, _POC),
    _request("StoredDataRequest", "R-STOR", "44", Matter.MLA),
    _request("RealTimeTrafficRequest", "R-RTTD", "45", Matter.MLA, urgency="URGENT"),
    _request("ContentInterceptionRequest", "R-INTC", "46", Matter.MLA, urgency="URGENT"),
    _request("DetainedPersonTransferRequest", "R-TPER", "40(9)", Matter.MLA),
    _request("VideoHearingRequest", "R-VIDC", "40(18)", Matter.MLA),
    _request("ExtraditionRequest", "R-EXTR", "37", Matter.EXTRADITION, _EXTRADITION),
    _request(
        "ProvisionalArrestRequest", "R-PARR", "37(10)", Matter.PROVISIONAL_ARREST, _EXTRADITION,
        urgency="URGENT",
    ),
    _request("SentencedPersonTransferRequest", "R-SENT", "38", Matter.SENTENCED_PERSONS),
    _request("ProceedingsTransferRequest", "R-PROC", "39", Matter.PROCEEDINGS),
    _request("AssetTraceFreezeRequest", "R-TRAC", "50(2)", Matter.MLA, urgency="URGENT"),
    _request("ConfiscationRequest", "R-CONF", "50(1)", Matter.MLA),
    _request("PropertyReturnRequest", "R-RETN", "52", Matter.PROPERTY_RETURN),
    _request("LawEnforcementQuery", "R-LEC", "47", Matter.LAW_ENFORCEMENT, _POLICE),
    _request("JointInvestigationProposal", "R-JINV", "48", Matter.JOINT_INVESTIGATION),
    _request("PreventiveAssistanceRequest", "R-PREV", "53", Matter.PREVENTION, _NAMED),
    _request("JurisdictionConsultation", "R-JUR", "22(5)", Matter.JURISDICTION),
)  # fmt: skip

_PRESERVATION: Final = ("PreservationRequest", "PreservationExtensionRequest")
_ASKED: Final = tuple(kind.name for kind in _OPENING)
_DATA_CAME_WITH: Final = (
    *_ASKED, "SpontaneousInformation", "SpontaneousProceedsInfo", "TrafficPathDisclosure",
    "EvidenceDelivery",
)  # fmt: skip

_FOLLOWING: Final = (
    _follow_up(
        "PreservationExtensionRequest", "R-PREX", "42(9)", ("PreservationRequest",),
        matter=Matter.PRESERVATION, urgency="URGENT",
    ),
    _follow_up(
        "PreservationReleaseNotice", "R-PREL", "42", _PRESERVATION, matter=Matter.PRESERVATION
    ),
    _follow_up("OnwardTransferRequest", "R-ONWD", "36(3)", _DATA_CAME_WITH, author=Side.EITHER),
    _follow_up("UseConsentRequest", "R-USE", "40(19)", _DATA_CAME_WITH, author=Side.EITHER),
    _follow_up("StatusRequest", "R-STAT", "40(26)", _ASKED),
)  # fmt: skip

_REQUESTS: Final = tuple(kind.name for kind in (*_OPENING, *_FOLLOWING))
_DECIDED_BY_NOTICE: Final = (
    "OnwardTransferRequest", "UseConsentRequest", "PropertyReturnRequest",
    "SentencedPersonTransferRequest", "ProceedingsTransferRequest", "JointInvestigationProposal",
    "JurisdictionConsultation", "LawEnforcementQuery", "PreventiveAssistanceRequest",
    "AssistanceQuery", "DataLocationQuery", "EmergencyDataRequest",
)  # fmt: skip

_TELLING: Final = (
    _one_way("SpontaneousInformation", "S-SPON", "40(4)", _CA, matter=Matter.MLA),
    _one_way("SpontaneousProceedsInfo", "S-PROC", "51", _CA, matter=Matter.MLA),
    _one_way(
        "TrafficPathDisclosure", "S-PATH", "43", _CASE, author=Side.REQUESTED,
        concerns=_PRESERVATION,
    ),
    _one_way(
        "ExculpatoryDisclosureNotice", "S-EXCU", "40(5)", _CASE, author=Side.EITHER,
        concerns=_DATA_CAME_WITH,
    ),
    _one_way("DirectoryUpdate", "S-DIRU", "40(12)", _CA),
)  # fmt: skip

_UNASKED: Final = ("SpontaneousInformation", "SpontaneousProceedsInfo")
_BY_EITHER: Final = Side.EITHER
_BY_ASKER: Final = Side.REQUESTING
_ANSWERING: Final = (
    _status("Acknowledgement", "A-ACK", "40", _REQUESTS),
    _status("ReturnNotice", "A-RET", "40(21)(a)", _REQUESTS),
    _status("ReferralNotice", "A-REFD", "40(12)", _REQUESTS),
    _response("ClarificationRequest", "A-CLAR", "40(16)", _REQUESTS),
    _response(
        "AdditionalInformation", "A-INFO", "40(16)",
        ("ClarificationRequest", "PreservationRiskNotice", "ConsultationNotice"), _BY_ASKER,
    ),
    _response("ConsultationNotice", "A-CONS", "40(28)", _REQUESTS),
    _response(
        "ConditionsProposal", "A-COND", "40(28)", (*_REQUESTS, "ConditionsAnswer"),
    ),
    _response(
        "ConditionsAnswer", "A-COND", "40(28)",
        ("ConditionsProposal", "ExtraditionDecision", *_UNASKED), _BY_EITHER,
    ),
    _response("AcceptanceNotice", "A-ACC", "40(17)", _REQUESTS),
    _response("PreservationConfirmation", "A-PRSV", "42", _PRESERVATION),
    _response("PreservationRiskNotice", "A-RISK", "42(7)", _PRESERVATION, urgency="URGENT"),
    _status("ProgressReport", "A-PROG", "40(26)", _REQUESTS),
    _response("PostponementNotice", "A-POST", "40(27)", _REQUESTS),
    _response("RefusalNotice", "A-REFU", "40(25)", _REQUESTS),
    _response("ExecutionReport", "A-EXEC", "40(26)", _REQUESTS),
    _response("EvidenceDelivery", "A-EVID", "40(14)", _REQUESTS),
    _status("EvidenceReceipt", "A-ERCV", "40(14)", ("EvidenceDelivery",), _BY_ASKER),
    _response(
        "ExtraditionDecision", "A-EXTD", "37(18)",
        ("ExtraditionRequest", "ProvisionalArrestRequest"),
    ),
    _response("SurrenderArrangement", "A-SURR", "37", ("ExtraditionRequest",)),
    _status("SurrenderReport", "A-SURR", "37", ("SurrenderArrangement",), _BY_EITHER),
    _response("ProsecutionSubmissionReport", "A-PROS", "37(11)", ("ExtraditionRequest",)),
    _response("CostConsultation", "A-COST", "40(30)", _REQUESTS, _BY_EITHER),
    _response("DecisionNotice", "A-DECI", "40(19)", _DECIDED_BY_NOTICE, _BY_EITHER),
    _status("Withdrawal", "A-WDRW", "40(26)", _REQUESTS, _BY_ASKER),
    _status("WithdrawalConfirmation", "A-WDCF", "40(26)", ("Withdrawal",)),
    _status("NewDeadline", "A-NDLN", "40(26)", _REQUESTS, _BY_ASKER),
    _status("OralRequestConfirmation", "A-ORAL", "40(13)", _REQUESTS, _BY_ASKER),
    _status("ClosureNotice", "A-CLOS", "40", (*_REQUESTS, *_UNASKED), _BY_EITHER),
    _status("Amendment", "A-AMND", "40(16)", _REQUESTS, _BY_ASKER),
)  # fmt: skip

_SAID: Final = (*_OPENING, *_FOLLOWING, *_TELLING, *_ANSWERING)
_RECEIPT: Final = _status(
    "TransportReceipt", "A-RCPT", "40(14)", tuple(kind.name for kind in _SAID), _BY_EITHER, _GATEWAY
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (*_SAID, _RECEIPT)}
)
"""Every kind by its name."""
