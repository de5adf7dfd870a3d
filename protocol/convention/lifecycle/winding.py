"""Which clock runs in which state, who must act, what pauses it: one table.

A clock starts when the case comes into one of `starts_in`, or with a document of `starts_with`;
it stops when the case leaves `runs_in`, or with a document of `stops_with`; in `pauses_in` it rests
and goes on afterwards with what was left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.convention.kinds import Side
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.states import State

S: Final = State
RQ: Final = Side.REQUESTING
RD: Final = Side.REQUESTED


@dataclass(frozen=True, slots=True)
class Winding:
    """One line of the table. `set_by` names the field of a case that holds the end, if a document
    may set it; the policy's length is for documents that set none."""

    clock: ClockKind
    acts: Side
    starts_in: tuple[State, ...] = ()
    runs_in: tuple[State, ...] = ()
    pauses_in: tuple[State, ...] = ()
    starts_with: tuple[str, ...] = ()
    stops_with: tuple[str, ...] = ()
    set_by: str = ""
    only_if_set: bool = False  # without a word of a document there is nothing to wait for


_DECIDING: Final = (S.UNDER_REVIEW, S.CONSULTATION, S.ACCEPTED_COND)
_EXECUTING: Final = (S.IN_EXECUTION, S.PART_EXECUTED)
_UNDECIDED: Final = (
    S.DELIVERED, S.REGISTERED, S.REFERRED, S.CLARIFICATION, *_DECIDING, S.ACCEPTED, S.FORWARDED,
    *_EXECUTING, S.POSTPONED, S.PART_REFUSED,
)  # fmt: skip
_DETAINED: Final = (S.PA_DETAINED, S.FORMAL_DUE)


def _while(clock: ClockKind, acts: Side, *states: State, set_by: str = "") -> Winding:
    """Runs as long as the case stands in one of `states`."""
    return Winding(clock, acts, states, states, set_by=set_by)


WINDINGS: Final = (
    _while(ClockKind.DELIVERY, RQ, S.SUBMITTED),
    _while(ClockKind.ACKNOWLEDGEMENT, RD, S.DELIVERED),
    _while(ClockKind.RETURN, RD, S.DELIVERED),
    _while(ClockKind.REVIEW, RD, S.REGISTERED),
    _while(ClockKind.REFERRED_ACKNOWLEDGEMENT, RD, S.REFERRED),
    Winding(ClockKind.CLARIFICATION_ANSWER, RQ, (S.CLARIFICATION,), (S.CLARIFICATION,),
            starts_with=("ClarificationRequest",), set_by="awaited_until"),
    Winding(ClockKind.DECISION, RD, (S.UNDER_REVIEW,), _DECIDING, (S.CLARIFICATION,)),
    _while(ClockKind.CONDITIONS_ANSWER, RQ, S.ACCEPTED_COND, S.EX_GRANTED_COND),
    _while(ClockKind.REMAINING_ACCEPTANCE, RD, S.PART_REFUSED),
    _while(ClockKind.POSTPONEMENT_REVIEW, RD, S.POSTPONED, set_by="awaited_until"),
    _while(ClockKind.EXECUTION_BEGIN, RD, S.ACCEPTED),
    _while(ClockKind.FORWARDED_BEGIN, RD, S.FORWARDED),
    Winding(ClockKind.EXECUTION, RD, (S.IN_EXECUTION,), _EXECUTING,
            (S.CLARIFICATION, S.CONSULTATION)),
    _while(ClockKind.EVIDENCE_RECEIPT, RQ, S.EXECUTED),
    _while(ClockKind.CLOSURE, RQ, S.EVIDENCE_CONFIRMED),
    Winding(ClockKind.STATUS_ANSWER, RD, starts_with=("StatusRequest",), runs_in=tuple(State),
            stops_with=("ProgressReport",)),
    Winding(ClockKind.WITHDRAWAL_CONFIRMATION, RD, (S.WITHDRAWN, S.PR_WITHDRAWN),
            (S.WITHDRAWN, S.PR_WITHDRAWN), stops_with=("WithdrawalConfirmation",)),
    _while(ClockKind.ORAL_CONFIRMATION, RQ, S.ORAL_RECORDED),
    Winding(ClockKind.REQUESTED_DEADLINE, RD, (S.DELIVERED,), _UNDECIDED,
            starts_with=("NewDeadline",), set_by="deadline", only_if_set=True),
    _while(ClockKind.PRESERVATION_ACKNOWLEDGEMENT, RD, S.PR_REQUESTED),
    Winding(ClockKind.PRESERVATION_EXPIRY, RQ, (S.PR_IN_FORCE,), (S.PR_IN_FORCE,), (S.PR_HELD,),
            starts_with=("PreservationConfirmation",), set_by="in_force_until"),
    _while(ClockKind.RISK_DECISION, RQ, S.PR_RISK),
    _while(ClockKind.EMERGENCY_ANSWER, RD, S.EM_REQUESTED),
    _while(ClockKind.REGULARISATION, RQ, S.EM_DISCLOSED),
    Winding(ClockKind.PROVISIONAL_ARREST, RQ, (S.PA_DETAINED,), _DETAINED,
            set_by="awaited_until"),
)  # fmt: skip

WINDING_OF: Final = {one.clock: one for one in WINDINGS}
