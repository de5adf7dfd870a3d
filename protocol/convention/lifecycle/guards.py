"""The conditions of the tables, by name: each looks at the case, at what happened, and no further.

What the schema makes sure of (reasons, lists of questions, references) needs no guard here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from protocol.convention.lifecycle.case import Case, Event, Mark
from protocol.convention.lifecycle.states import State
from protocol.convention.vocabulary import KINDS

DECIDED_BY_NOTICE: Final = frozenset(KINDS["DecisionNotice"].concerns)


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers that guards need; they come from the policy, never from here."""

    silence: timedelta  # of the requesting State, after which the requested one may close
    reminders: int  # to be sent before an unanswered clarification may become a consultation


@dataclass(frozen=True, slots=True)
class Turn:
    """What a guard may look at. `now` is aware: the provable time of what happened."""

    case: Case
    event: Event
    now: datetime
    terms: Terms


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition with its name, and the remedy when it does not hold."""

    name: str
    holds: Callable[[Turn], bool]
    remedy: str


CONSULTED: Final = Guard(
    "consulted, or said why not",
    lambda turn: turn.case.consulted,
    "send a ConsultationNotice first, with SkippedReason if there is to be no consultation",
)
NOTHING_EXECUTED: Final = Guard(
    "no measure executed yet",
    lambda turn: not turn.case.executed,
    "report what was executed; refuse in part only what was not",
)
ANSWERS_ALL: Final = Guard(
    "mandatory questions answered",
    lambda turn: turn.case.questions <= turn.event.answers,
    "answer every mandatory question",
)
ANSWERS_ALL_IN_EXECUTION: Final = Guard(
    "mandatory questions answered, asked during execution",
    lambda turn: (
        turn.case.questions <= turn.event.answers and turn.case.resumes_in is State.IN_EXECUTION
    ),
    "answer every mandatory question",
)
ANSWER_OVERDUE: Final = Guard(
    "no answer in time, and reminded",
    lambda turn: (
        turn.case.reminders >= turn.terms.reminders
        and turn.case.awaited_until is not None
        and turn.now >= turn.case.awaited_until
    ),
    "remind the requesting State and wait for the day it was given",
)
AMENDED: Final = Guard(
    "amended since it was reviewed",
    lambda turn: turn.case.amended,
    "review again only what the requesting State amended",
)
SILENCE: Final = Guard(
    "the requesting State is silent",
    lambda turn: turn.now >= turn.case.since + turn.terms.silence,
    "wait for the requesting State to close the case",
)
NOTHING_TO_DELIVER: Final = Guard(
    "no evidence was delivered",
    lambda turn: not turn.case.evidence_sent,
    "confirm the evidence with an EvidenceReceipt first",
)
DECIDED: Final = Guard(
    "a request that a notice decides",
    lambda turn: turn.case.kind in DECIDED_BY_NOTICE,
    "answer this kind of request with an AcceptanceNotice and an ExecutionReport",
)
MINIMUM_KEPT: Final = Guard(
    "kept for the least time of article 42(8)",
    lambda turn: Mark.MINIMUM_KEPT in turn.event.marks,
    "preserve for the least time, or longer",
)
BEFORE_EXPIRY: Final = Guard(
    "before the preservation expires",
    lambda turn: turn.case.in_force_until is None or turn.now < turn.case.in_force_until,
    "ask for preservation anew",
)
ALLOWED_GROUNDS: Final = Guard(
    "only grounds of article 42(6)",
    lambda turn: Mark.ALLOWED_GROUNDS in turn.event.marks,
    "refuse preservation only on 40(21)(b), 40(21)(c), 40(22) or by reservation",
)
ALL_PARTS_HERE: Final = Guard(
    "every part has arrived",
    lambda turn: Mark.ALL_PARTS_HERE in turn.event.marks,
    "send the parts that are missing",
)
