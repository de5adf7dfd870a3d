"""The words of the life cycle: machines, states, who acts, what can happen.

A state belongs to one or more machines; DRAFT, SUBMITTED, DELIVERED, RETURNED, WITHDRAWN and CLOSED
mean the same in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from protocol.convention.kinds import Side


class Machine(StrEnum):
    """Which table a case follows; the kind of document that opens a case decides."""

    ASSISTANCE = "ASSISTANCE"  # article 40 and every request that has no machine of its own
    PRESERVATION = "PRESERVATION"  # article 42
    EMERGENCY = "EMERGENCY"  # article 41(3)(e)
    EXTRADITION = "EXTRADITION"  # article 37, provisional arrest among it
    SPONTANEOUS = "SPONTANEOUS"  # articles 40(4) and 51
    EVIDENCE = "EVIDENCE"  # one delivery of evidence within a case
    UNFILED = "UNFILED"  # documents of a case that we never saw begin


class State(StrEnum):
    """Where a case stands."""

    DRAFT = "DRAFT"
    ORAL_RECORDED = "ORAL_RECORDED"
    ORAL_UNCONFIRMED = "ORAL_UNCONFIRMED"
    SUBMITTED = "SUBMITTED"
    DELIVERED = "DELIVERED"
    REGISTERED = "REGISTERED"
    RETURNED = "RETURNED"
    REFERRED = "REFERRED"
    CLARIFICATION = "CLARIFICATION"
    UNDER_REVIEW = "UNDER_REVIEW"
    CONSULTATION = "CONSULTATION"
    ACCEPTED = "ACCEPTED"
    ACCEPTED_COND = "ACCEPTED_COND"
    FORWARDED = "FORWARDED"
    IN_EXECUTION = "IN_EXECUTION"
    POSTPONED = "POSTPONED"
    PART_EXECUTED = "PART_EXECUTED"
    EXECUTED = "EXECUTED"
    EVIDENCE_CONFIRMED = "EVIDENCE_CONFIRMED"
    REFUSED = "REFUSED"
    PART_REFUSED = "PART_REFUSED"
    WITHDRAWN = "WITHDRAWN"
    CLOSED = "CLOSED"

    PR_REQUESTED = "PR_REQUESTED"
    PR_ACK = "PR_ACK"
    PR_RISK = "PR_RISK"
    PR_IN_FORCE = "PR_IN_FORCE"
    PR_HELD = "PR_HELD"
    PR_REFUSED = "PR_REFUSED"
    PR_WITHDRAWN = "PR_WITHDRAWN"
    PR_EXPIRED = "PR_EXPIRED"
    PR_RELEASED = "PR_RELEASED"

    EM_REQUESTED = "EM_REQUESTED"
    EM_ACK = "EM_ACK"
    EM_DISCLOSED = "EM_DISCLOSED"
    EM_REFUSED = "EM_REFUSED"
    EM_DOWNGRADED = "EM_DOWNGRADED"
    EM_REGULARISED = "EM_REGULARISED"

    PA_REQUESTED = "PA_REQUESTED"
    PA_DETAINED = "PA_DETAINED"
    FORMAL_DUE = "FORMAL_DUE"
    PA_LAPSED = "PA_LAPSED"
    PA_FOLLOWED = "PA_FOLLOWED"
    EX_REQUESTED = "EX_REQUESTED"
    EX_IN_PROCEEDINGS = "EX_IN_PROCEEDINGS"
    EX_CONSULTATION = "EX_CONSULTATION"
    EX_GRANTED = "EX_GRANTED"
    EX_GRANTED_COND = "EX_GRANTED_COND"
    EX_REFUSED = "EX_REFUSED"
    EX_REFUSED_NATIONAL = "EX_REFUSED_NATIONAL"
    PROSECUTION_SUBMITTED = "PROSECUTION_SUBMITTED"
    PROSECUTION_OUTCOME = "PROSECUTION_OUTCOME"
    SURRENDER_ARRANGED = "SURRENDER_ARRANGED"
    SURRENDER_POSTPONED = "SURRENDER_POSTPONED"
    SURRENDERED = "SURRENDERED"

    SP_SENT = "SP_SENT"
    SP_ACCEPTED_TERMS = "SP_ACCEPTED_TERMS"
    SP_DECLINED = "SP_DECLINED"
    SP_USED_NOTICE = "SP_USED_NOTICE"

    EV_EXPECTED = "EV_EXPECTED"
    EV_ANNOUNCED = "EV_ANNOUNCED"
    EV_CHUNK_RECEIVED = "EV_CHUNK_RECEIVED"
    EV_COMPLETE = "EV_COMPLETE"
    EV_VERIFIED = "EV_VERIFIED"
    EV_MISMATCH = "EV_MISMATCH"

    UNFILED = "UNFILED"


TERMINAL: Final = frozenset(
    {
        State.RETURNED, State.REFUSED, State.WITHDRAWN, State.CLOSED,
        State.PR_REFUSED, State.PR_WITHDRAWN, State.PR_EXPIRED, State.PR_RELEASED,
        State.EM_REFUSED, State.EM_REGULARISED,
        State.PA_LAPSED, State.PA_FOLLOWED, State.EX_REFUSED, State.PROSECUTION_OUTCOME,
        State.SURRENDERED, State.SP_DECLINED, State.EV_VERIFIED,
    }
)  # fmt: skip
"""States that nothing leaves: what comes later belongs to a new case that is linked to this one."""


class Actor(StrEnum):
    """Who takes a step."""

    RQCA = "RQCA"  # the requesting State's authority
    RDCA = "RDCA"  # the requested State's authority
    RDXA = "RDXA"  # an executing authority of the requested State, by way of its central authority
    GW = "GW"  # a gateway: a receipt, a clock, a link to another case

    @property
    def side(self) -> Side | None:
        """On which side the actor writes; a gateway is on none."""
        match self:
            case Actor.RQCA:
                return Side.REQUESTING
            case Actor.RDCA | Actor.RDXA:
                return Side.REQUESTED
            case Actor.GW:
                return None


class Cause(Enum):
    """What kind of thing moves a case."""

    DOCUMENT = "document"  # written by one of the two authorities
    RECEIPT = "receipt"  # what the transport says of a document
    LINKED = "linked"  # a document of another case that is linked to this one
    CLOCK = "clock"  # time passed
    PERSON = "person"  # somebody recorded a call, or settled an irregular step


@dataclass(frozen=True, slots=True)
class Trigger:
    """One kind of happening: the kind of a document, or the name of a clock; `variant` is what a
    document says where that decides (FULL or PARTIAL); empty where it does not."""

    name: str
    variant: str = ""
    cause: Cause = Cause.DOCUMENT

    def __str__(self) -> str:
        said = f"{self.name} {self.variant}".strip()
        match self.cause:
            case Cause.LINKED:
                return f"{said} of a linked case"
            case Cause.CLOCK:
                return f"clock {said}"
            case Cause.PERSON:
                return f"{said} recorded by a person"
            case _:
                return said
