"""The shape of states/<STATE>.toml, table by table, and what each table becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field, with_config

from config.reading import STRICT
from config.settings import StateCode, one_line
from config.zones import zone_of
from protocol.convention.directory import (
    Accepted,
    Authority,
    Channels,
    CompetenceRule,
    Contact,
    Exclusion,
    Function,
    Matter,
    OpenQuestion,
    PartyType,
    Provenance,
    Reservation,
    StatedLimit,
    StateRecord,
    Treaty,
    Trust,
)
from protocol.convention.lifecycle.periods import Length
from protocol.convention.lifecycle.policy import ClockKind

# The same form as in schemas/convention/common.xsd: what a document cannot name is no authority.
AuthorityId = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,16}){1,3}$")]
# A Line of a document has 300 characters, a name may have more.
Text = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(one_line)]
Names = Annotated[dict[str, Text], Field(min_length=1)]
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{4,14}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")]
# A rule of ours by its name, or an article of the Convention: UNCC-R06R, 40(8).
Changed = Annotated[str, Field(pattern=r"^(UNCC-R[0-9]{2}[A-Z]?|[0-9]{1,2}(\([0-9a-z]+\))*)$")]
OffenceCode = Annotated[str, Field(pattern=r"^(UNCC-[0-9]{2}|SC-[A-Z]+)$")]


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _zone(text: str) -> str:
    zone_of(text)
    return text


def _length(text: str) -> str:
    Length.read(text)
    return text


Paragraph = Annotated[str, Field(min_length=1, max_length=4000)]
Day = Annotated[str, AfterValidator(_day)]
TimeZone = Annotated[str, AfterValidator(_zone)]
LengthText = Annotated[str, AfterValidator(_length)]
Languages = Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
Matters = Annotated[tuple[Matter, ...], Field(min_length=1)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ContactShape:
    """[[authorities.contacts]]: whom to call."""

    kind: Literal["CASE", "CONFIRM_AUTHENTICITY", "TECHNICAL"]
    person_name: Text
    time_zone: TimeZone
    languages: Languages
    post: Text | None = None
    phone: Phone | None = None
    email: Email | None = None
    office_hours: Text | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class AuthorityShape:
    """[[authorities]]."""

    id: AuthorityId
    names: Names
    source: Text
    as_of: Day
    trust: Trust
    time_zone: TimeZone | None = None
    contacts: Annotated[tuple[ContactShape, ...], Field(max_length=10)] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class CompetenceShape:
    """[[competences]]: what an authority does, in which matters, from when until when."""

    authority: AuthorityId
    matters: Matters
    functions: Annotated[tuple[Function, ...], Field(min_length=1)]
    article: Text
    source: Text
    as_of: Day
    trust: Trust
    valid_from: Day | None = None
    valid_until: Day | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ReservationShape:
    """[[reservations]]."""

    article: Text
    effect: Paragraph
    source: Text
    as_of: Day
    trust: Trust
    changes: tuple[Changed, ...] = ()
    offences: tuple[OffenceCode, ...] = ()
    withdrawn: Day | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class QuestionShape:
    """[[open_questions]]: what nobody knows."""

    subject: Text
    article: Text
    source: Text
    as_of: Day
    matters: tuple[Matter, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class LimitShape:
    """[[time_limits]]."""

    clock: ClockKind
    length: LengthText
    article: Text
    source: Text
    as_of: Day
    trust: Trust


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ChannelsShape:
    """[channels]: by which ways requests are taken; what is left out is unknown."""

    source: Text
    as_of: Day
    trust: Trust
    electronic: bool | None = None
    diplomatic_required: bool | None = None
    interpol_in_urgency: bool | None = None
    oral_in_urgency: bool | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class AcceptedShape:
    """[[accepted]]: what is asked of documents from a day on."""

    since: Day
    source: Text
    as_of: Day
    trust: Trust
    languages: Languages | None = None
    signature_level: Literal["NONE", "AES", "QES", "NATIONAL_EQUIV"] | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class TreatyShape:
    """[[treaties]]: with one other party."""

    party: StateCode
    instrument: Text
    matters: Matters
    source: Text
    as_of: Day
    trust: Trust
    prevails: bool | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ExclusionShape:
    """[[exclusions]]: to whom the Convention is not applied."""

    party: StateCode
    source: Text
    as_of: Day
    trust: Trust


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class StateShape:
    """states/<STATE>.toml, whole."""

    code: StateCode
    party_type: PartyType
    names: Names
    authorities: Annotated[tuple[AuthorityShape, ...], Field(min_length=1)]
    competences: Annotated[tuple[CompetenceShape, ...], Field(min_length=1)]
    languages: tuple[Text, ...] | None = None
    accepted: tuple[AcceptedShape, ...] = field(default=())
    channels: ChannelsShape | None = None
    treaties: tuple[TreatyShape, ...] = field(default=())
    exclusions: tuple[ExclusionShape, ...] = field(default=())
    reservations: tuple[ReservationShape, ...] = field(default=())
    open_questions: tuple[QuestionShape, ...] = field(default=())
    time_limits: tuple[LimitShape, ...] = field(default=())


def record_of(shape: StateShape) -> StateRecord:
    """The record that the file says."""
    return StateRecord(
        code=shape.code,
        party_type=shape.party_type,
        names=shape.names,
        authorities={one.id: _authority(one) for one in shape.authorities},
        rules=tuple(rule for one in shape.competences for rule in _rules(one)),
        languages=shape.languages,
        accepted=tuple(_accepted(one) for one in shape.accepted),
        channels=_channels(shape.channels) if shape.channels is not None else None,
        treaties=tuple(_treaty(one) for one in shape.treaties),
        exclusions=tuple(Exclusion(one.party, _provenance(one)) for one in shape.exclusions),
        reservations=tuple(_reservation(one) for one in shape.reservations),
        open_questions=tuple(
            OpenQuestion(
                one.subject, one.article, one.source, date.fromisoformat(one.as_of), one.matters
            )
            for one in shape.open_questions
        ),
        time_limits=tuple(
            StatedLimit(one.clock.value, one.length, one.article, _provenance(one))
            for one in shape.time_limits
        ),
    )


def _authority(shape: AuthorityShape) -> Authority:
    contacts = tuple(
        Contact(
            one.kind,
            one.person_name,
            one.time_zone,
            one.languages,
            one.post,
            one.phone,
            one.email,
            one.office_hours,
        )
        for one in shape.contacts
    )
    return Authority(shape.id, shape.names, _provenance(shape), shape.time_zone, contacts)


def _rules(shape: CompetenceShape) -> Iterator[CompetenceRule]:
    for matter in shape.matters:
        for function in shape.functions:
            yield CompetenceRule(
                authority=shape.authority,
                matter=matter,
                function=function,
                article=shape.article,
                provenance=_provenance(shape),
                valid_from=_date(shape.valid_from),
                valid_until=_date(shape.valid_until),
            )


def _reservation(shape: ReservationShape) -> Reservation:
    return Reservation(
        shape.article,
        shape.effect,
        _provenance(shape),
        shape.changes,
        shape.offences,
        _date(shape.withdrawn),
    )


def _accepted(shape: AcceptedShape) -> Accepted:
    since = date.fromisoformat(shape.since)
    return Accepted(since, _provenance(shape), shape.languages, shape.signature_level)


def _channels(shape: ChannelsShape) -> Channels:
    return Channels(
        _provenance(shape),
        shape.electronic,
        shape.diplomatic_required,
        shape.interpol_in_urgency,
        shape.oral_in_urgency,
    )


def _treaty(shape: TreatyShape) -> Treaty:
    return Treaty(
        shape.party,
        shape.instrument,
        shape.matters,
        _provenance(shape),
        shape.prevails,
        _date(shape.valid_from),
        _date(shape.valid_until),
    )


class _Sourced(Protocol):
    """Every table that says where it comes from."""

    @property
    def source(self) -> str:
        """Where that is written."""

    @property
    def as_of(self) -> str:
        """When it was read there."""

    @property
    def trust(self) -> Trust:
        """How far it may be relied on."""


def _provenance(shape: _Sourced) -> Provenance:
    return Provenance(shape.source, date.fromisoformat(shape.as_of), shape.trust)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
