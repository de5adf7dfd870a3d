"""A case, what can happen to it, and what is remembered of that. Frozen values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from protocol.convention.kinds import Side
from protocol.convention.lifecycle.states import TERMINAL, Machine, State, Trigger


class Mark(StrEnum):
    """What a document says that a guard asks for, and that the schema leaves open."""

    MINIMUM_KEPT = "MINIMUM_KEPT"  # preserved at least as long as article 42(8) wants
    ALLOWED_GROUNDS = "ALLOWED_GROUNDS"  # only grounds that article 42(6) allows
    ALL_PARTS_HERE = "ALL_PARTS_HERE"  # with this part a delivery of evidence is whole


class FlagCode(StrEnum):
    """Why a person must look at a step."""

    OUT_OF_TURN = "OUT_OF_TURN"  # the table has no such step from this state
    GUARD = "GUARD"  # it has, but its condition does not hold
    AFTER_THE_END = "AFTER_THE_END"  # the case had ended
    NO_SUCH_CASE = "NO_SUCH_CASE"  # it belongs to a case that we never saw begin
    WRONG_PARTY = "WRONG_PARTY"  # its author is no party to the case
    UNDELIVERED = "UNDELIVERED"  # we sent it, and the partner never got it
    UNCONFIRMED = "UNCONFIRMED"  # D10: an oral request without its confirmation in writing
    LAPSED = "LAPSED"  # a clock ran out and ended something
    RULE = "RULE"  # a business rule that refuses nothing on arrival
    EVIDENCE = "EVIDENCE"  # an item of evidence came damaged or not at all


@dataclass(frozen=True, slots=True)
class Flag:
    """One reason for a person to look, and what to do about it."""

    code: FlagCode
    sentence: str
    article: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    `questions` are the mandatory ones that it asks, `answers` those that it answers, by their ids.
    `until` is the limit that a document sets: preserved until, answer required by, review on,
    new deadline. `side` is who wrote the document; None for what a gateway or a clock does.
    """

    trigger: Trigger
    side: Side | None = None
    authority: str = ""
    message_id: str | None = None
    marks: frozenset[Mark] = frozenset()
    questions: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case's history. `flags` is empty for a regular step.

    `asserts` is the state that an irregular document claims, where the case did not follow it:
    a person may accept it (`machine.settle`).
    """

    number: int  # from 1
    at: datetime  # the provable time of receipt, or of submission
    event: Event
    before: State
    after: State
    flags: tuple[Flag, ...] = ()
    asserts: State | None = None

    @property
    def is_irregular(self) -> bool:
        """Whether a person must look at it."""
        return bool(self.flags)


@dataclass(frozen=True, slots=True)
class Case:
    """Where one request stands. `history` has the entries since the case was last read; `entries`
    counts all of them."""

    request_id: str
    machine: Machine
    kind: str  # of the document that opened it
    requesting_authority: str
    requested_authority: str
    opened_at: datetime
    state: State = State.DRAFT
    state_since: datetime | None = None
    urgency: str = "ROUTINE"
    resumes_in: State | None = None  # where a clarification came from
    consulted: bool = False  # by a ConsultationNotice, be it one that says why there was none
    executed: bool = False  # at least one measure was
    evidence_sent: bool = False
    amended: bool = False  # since it was last under review
    reminders: int = 0  # clarification requests beyond the first
    questions: frozenset[str] = frozenset()  # mandatory ones without an answer
    awaited_until: datetime | None = None  # the limit set for an answer, or for a review
    in_force_until: datetime | None = None  # of a preservation
    deadline: datetime | None = None  # the requesting State's own
    entries: int = 0
    history: tuple[Entry, ...] = ()

    @property
    def is_ended(self) -> bool:
        """Whether nothing moves it any more."""
        return self.state in TERMINAL

    @property
    def since(self) -> datetime:
        """Since when it stands where it stands."""
        return self.state_since or self.opened_at

    def authority(self, side: Side) -> str:
        """The authority that writes for `side`."""
        return self.requested_authority if side is Side.REQUESTED else self.requesting_authority
