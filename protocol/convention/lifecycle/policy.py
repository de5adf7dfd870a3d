"""How long everything may take: law and policy as data, each line with its article and its trust.

No number stands here: the numbers come from config/policy.toml, from the node's own policy.toml,
and from the State directory, whose word on its own State goes before the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum

from protocol.convention.directory import Directory, Trust
from protocol.convention.lifecycle.guards import Terms
from protocol.convention.lifecycle.periods import Calendar, Calendars, Length


class ClockKind(StrEnum):
    """What is waited for."""

    DELIVERY = "DELIVERY"
    ACKNOWLEDGEMENT = "ACKNOWLEDGEMENT"
    RETURN = "RETURN"
    REVIEW = "REVIEW"
    REFERRED_ACKNOWLEDGEMENT = "REFERRED_ACKNOWLEDGEMENT"
    CLARIFICATION_ANSWER = "CLARIFICATION_ANSWER"
    DECISION = "DECISION"
    CONDITIONS_ANSWER = "CONDITIONS_ANSWER"
    REMAINING_ACCEPTANCE = "REMAINING_ACCEPTANCE"
    POSTPONEMENT_REVIEW = "POSTPONEMENT_REVIEW"
    EXECUTION_BEGIN = "EXECUTION_BEGIN"
    FORWARDED_BEGIN = "FORWARDED_BEGIN"
    EXECUTION = "EXECUTION"
    EVIDENCE_RECEIPT = "EVIDENCE_RECEIPT"
    CLOSURE = "CLOSURE"
    STATUS_ANSWER = "STATUS_ANSWER"
    WITHDRAWAL_CONFIRMATION = "WITHDRAWAL_CONFIRMATION"
    ORAL_CONFIRMATION = "ORAL_CONFIRMATION"
    REQUESTED_DEADLINE = "REQUESTED_DEADLINE"
    PRESERVATION_ACKNOWLEDGEMENT = "PRESERVATION_ACKNOWLEDGEMENT"
    PRESERVATION_EXPIRY = "PRESERVATION_EXPIRY"
    RISK_DECISION = "RISK_DECISION"
    EMERGENCY_ANSWER = "EMERGENCY_ANSWER"
    REGULARISATION = "REGULARISATION"
    PROVISIONAL_ARREST = "PROVISIONAL_ARREST"


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """One line of the policy. `lengths` is by urgency; "" is for every other.

    `legal` says that a treaty or a law sets it, not we. A line without a length has its end from
    the document, from the directory, or from nobody.
    """

    clock: ClockKind
    article: str
    legal: bool
    trust: Trust
    source: str
    lengths: Mapping[str, Length] = field(default_factory=dict)
    warn_before: tuple[Length, ...] = ()
    repeat: Mapping[str, Length] = field(default_factory=dict)  # until a person answers

    def length(self, urgency: str) -> Length | None:
        """How long it may take at this urgency."""
        return self.lengths.get(urgency, self.lengths.get(""))

    def alarm_every(self, urgency: str) -> Length | None:
        """How often it is told, from the beginning, until a person answers; None: no alarm."""
        return self.repeat.get(urgency, self.repeat.get(""))


@dataclass(frozen=True, slots=True)
class Policy:
    """Every time limit, the calendars, and the two numbers that guards ask for."""

    limits: Mapping[ClockKind, TimeLimit]
    calendars: Calendars
    reminders: int
    silence_days: int

    @property
    def terms(self) -> Terms:
        """What the guards of the tables need."""
        return Terms(timedelta(days=self.silence_days), self.reminders)


@dataclass(frozen=True, slots=True)
class Times:
    """Policy and directory together: what a clock asks. `zones` is by authority."""

    policy: Policy
    directory: Directory
    zones: Mapping[str, tzinfo]

    def limit(self, clock: ClockKind, state: str) -> TimeLimit:
        """The line for `clock`; what the directory says of the requested `state` goes before."""
        record = self.directory.states.get(state)
        known = {} if record is None else {one.clock: one for one in record.time_limits}
        said = known.get(clock.value)
        ours = self.policy.limits[clock]
        if said is None:
            return ours
        return TimeLimit(
            clock,
            said.article,
            True,
            said.provenance.trust,
            said.provenance.source,
            {"": Length.read(said.length)},
            ours.warn_before,
            ours.repeat,
        )

    def zone(self, authority: str) -> tzinfo:
        """The time zone of `authority`; UTC where nobody knows it."""
        return self.zones.get(authority, UTC)

    def calendar(self, authority: str) -> Calendar:
        """The working days of the State of `authority`."""
        return self.policy.calendars.of(authority)
