"""The State directory: who speaks for a State, in which matter, since when, and how we know.

Nothing here is law that the program knows by heart: every line is data that a State declared, or
that an operator assumed and marked so. Source: Convention articles 37(19), 40(12), 41(2), 53.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum


class Function(Enum):
    """What an authority does in a matter."""

    SEND = "SEND"
    RECEIVE = "RECEIVE"
    EXECUTE = "EXECUTE"
    FORWARD = "FORWARD"


class Matter(Enum):
    """What a request is about, as far as competence goes."""

    MLA = "MLA"  # article 40
    PRESERVATION = "PRESERVATION"  # article 42
    POC247 = "POC247"  # article 41
    EXTRADITION = "EXTRADITION"  # article 37
    PROVISIONAL_ARREST = "PROVISIONAL_ARREST"  # article 37(10)
    PREVENTION = "PREVENTION"  # articles 53 and 54
    SENTENCED_PERSONS = "SENTENCED_PERSONS"  # article 38
    PROCEEDINGS = "PROCEEDINGS"  # article 39, their transfer
    LAW_ENFORCEMENT = "LAW_ENFORCEMENT"  # article 47
    JOINT_INVESTIGATION = "JOINT_INVESTIGATION"  # article 48
    PROPERTY_RETURN = "PROPERTY_RETURN"  # article 52
    JURISDICTION = "JURISDICTION"  # article 22(5)


class Trust(Enum):
    """How far a line may be relied on (docs/convention.md)."""

    CONFIRMED = "confirmed"
    PARENT = "parent-treaty"
    RECALLED = "recalled"
    UNSURE = "unsure"
    ASSUMED = "assumed"
    FICTIONAL = "fictional"  # a partner for demonstrations and tests


class PartyType(Enum):
    """What kind of party this is; a regional organisation may be one (article 64(2))."""

    STATE = "STATE"
    REIO = "REIO"
    TERRITORY = "TERRITORY"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a line comes from, when it was read, and how far it may be trusted."""

    source: str
    as_of: date
    trust: Trust


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom of an authority to call or to write to, in the words of the documents' ContactPoint."""

    kind: str  # ContactKind: CASE, CONFIRM_AUTHENTICITY or TECHNICAL
    person_name: str
    time_zone: str
    languages: tuple[str, ...]
    post: str | None = None
    phone: str | None = None  # E.164
    email: str | None = None
    office_hours: str | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """One authority of a State; `id` is its key in documents, queues and credentials."""

    id: str
    names: Mapping[str, str]  # by BCP 47 language
    provenance: Provenance
    time_zone: str | None = None  # IANA; None: unknown
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True)
class CompetenceRule:
    """One authority performs one function in one matter, from a day until a day."""

    authority: str
    matter: Matter
    function: Function
    article: str
    provenance: Provenance
    valid_from: date | None = None
    valid_until: date | None = None  # the last day on which it holds

    def holds(self, matter: Matter, function: Function, on: date) -> bool:
        """Whether this rule says who performs `function` in `matter` on that day."""
        return (
            self.matter is matter
            and self.function is function
            and (self.valid_from is None or self.valid_from <= on)
            and (self.valid_until is None or on <= self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation or declaration of a State, and what it does to a request.

    `changes` are the rules of ours (UNCC-R06R) or the articles (40(8)) that work otherwise because
    of it, none where it touches no request; `offences` are the codes that it speaks about.
    """

    article: str
    effect: str
    provenance: Provenance
    changes: tuple[str, ...] = ()
    offences: tuple[str, ...] = ()
    withdrawn: date | None = None  # the first day on which it no longer holds

    def holds(self, on: date) -> bool:
        """Whether it stands on that day."""
        return self.withdrawn is None or on < self.withdrawn


@dataclass(frozen=True, slots=True)
class Channels:
    """By which ways a State takes requests (articles 40(12) to (14)); None: unknown."""

    provenance: Provenance
    electronic: bool | None = None
    diplomatic_required: bool | None = None
    interpol_in_urgency: bool | None = None
    oral_in_urgency: bool | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a State asks of documents from a day on; None: as before."""

    since: date
    provenance: Provenance
    languages: tuple[str, ...] | None = None
    signature_level: str | None = None  # NONE, AES, QES or NATIONAL_EQUIV


@dataclass(frozen=True, slots=True)
class Treaty:
    """A treaty between this State and `party` that covers matters of the Convention, too."""

    party: str
    instrument: str
    matters: tuple[Matter, ...]
    provenance: Provenance
    prevails: bool | None = None  # goes before article 40 (40(7)) or 37 between the two
    valid_from: date | None = None
    valid_until: date | None = None  # the last day on which it holds

    def holds(self, matter: Matter, party: str, on: date) -> bool:
        """Whether it covers `matter` with `party` on that day."""
        return (
            self.party == party
            and matter in self.matters
            and (self.valid_from is None or self.valid_from <= on)
            and (self.valid_until is None or on <= self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A party to which a State declared that it does not apply the Convention."""

    party: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class StatedLimit:
    """How long something may take before this State, by its law or its treaties."""

    clock: str  # a name of protocol.convention.lifecycle.policy.ClockKind
    length: str  # as in "40 days"
    article: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Something that nobody knows yet about a State, so that nothing may be built on it.

    `source` says where we looked, `as_of` when.
    """

    subject: str
    article: str
    source: str
    as_of: date
    matters: tuple[Matter, ...] = ()  # in which nobody is known to be competent because of it


@dataclass(frozen=True, slots=True)
class StateRecord:
    """Everything that the directory says about one party to the Convention."""

    code: str
    party_type: PartyType
    names: Mapping[str, str]
    authorities: Mapping[str, Authority]
    rules: tuple[CompetenceRule, ...]
    languages: tuple[str, ...] | None = None  # accepted for requests; None: unknown
    accepted: tuple[Accepted, ...] = ()  # what it asks from a day on
    channels: Channels | None = None  # None: all unknown
    treaties: tuple[Treaty, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    open_questions: tuple[OpenQuestion, ...] = ()
    time_limits: tuple[StatedLimit, ...] = ()

    @property
    def excluded_parties(self) -> frozenset[str]:
        """The States to which it does not apply the Convention."""
        return frozenset(exclusion.party for exclusion in self.exclusions)

    def languages_on(self, day: date) -> tuple[str, ...] | None:
        """The languages that it accepts on that day; None: unknown."""
        found = [one for one in self.accepted if one.since <= day and one.languages is not None]
        return max(found, key=lambda one: one.since).languages if found else self.languages

    def signature_level_on(self, day: date) -> str | None:
        """The signature that it asks for on documents on that day; None: unknown."""
        found = [one for one in self.accepted if one.since <= day and one.signature_level]
        return max(found, key=lambda one: one.since).signature_level if found else None


@dataclass(frozen=True, slots=True)
class Directory:
    """All States that this gateway knows, by their code."""

    states: Mapping[str, StateRecord] = field(default_factory=dict)

    def state_of(self, authority: str) -> str | None:
        """The code of the State that `authority` belongs to, or None if nobody knows it."""
        for code, record in self.states.items():
            if authority in record.authorities:
                return code
        return None
