"""The State directory as TOML files, one for each State: states/AZ.toml and so on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, with_config

from config.faults import ConfigRefused, Fault
from config.reading import STRICT, Collected, place, read_shape
from config.settings import StateCode, Text
from config.zones import zone_of
from protocol.convention.directory import (
    Authority,
    CompetenceRule,
    Directory,
    Function,
    Matter,
    OpenQuestion,
    PartyType,
    Provenance,
    Reservation,
    StatedLimit,
    StateRecord,
    Trust,
)
from protocol.convention.lifecycle.periods import Length
from protocol.convention.lifecycle.policy import ClockKind

# The same form as in schemas/convention/common.xsd: what a document cannot name is no authority.
AuthorityId = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,16}){1,3}$")]
Names = Annotated[dict[str, Text], Field(min_length=1)]


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _zone(text: str) -> str:
    zone_of(text)
    return text


def _length(text: str) -> str:
    Length.read(text)
    return text


Day = Annotated[str, AfterValidator(_day)]
TimeZone = Annotated[str, AfterValidator(_zone)]
LengthText = Annotated[str, AfterValidator(_length)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _AuthorityShape:
    id: AuthorityId
    names: Names
    source: Text
    as_of: Day
    trust: Trust
    time_zone: TimeZone | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CompetenceShape:
    authority: AuthorityId
    matters: Annotated[tuple[Matter, ...], Field(min_length=1)]
    functions: Annotated[tuple[Function, ...], Field(min_length=1)]
    article: Text
    source: Text
    as_of: Day
    trust: Trust
    valid_from: Day | None = None
    valid_until: Day | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _ReservationShape:
    article: Text
    effect: Text
    source: Text
    as_of: Day
    trust: Trust


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _QuestionShape:
    subject: Text
    article: Text
    source: Text
    as_of: Day
    matters: tuple[Matter, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _LimitShape:
    clock: ClockKind
    length: LengthText
    article: Text
    source: Text
    as_of: Day
    trust: Trust


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _StateShape:
    code: StateCode
    party_type: PartyType
    names: Names
    authorities: Annotated[tuple[_AuthorityShape, ...], Field(min_length=1)]
    competences: Annotated[tuple[_CompetenceShape, ...], Field(min_length=1)]
    languages: tuple[Text, ...] | None = None
    excluded_parties: tuple[StateCode, ...] = ()
    reservations: tuple[_ReservationShape, ...] = field(default=())
    open_questions: tuple[_QuestionShape, ...] = field(default=())
    time_limits: tuple[_LimitShape, ...] = field(default=())


def load_directory(folder: Path) -> Directory:
    """All State records in `folder`. Raises ConfigRefused with every fault of every file."""
    found = Collected()
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        found.add(folder, "holds no State record; copy at least our own State's there")
    states: dict[str, StateRecord] = {}
    for path in paths:
        record = found.attempt(partial(_read, path))
        if record is not None:
            states[record.code] = record
    found.refuse_if_any()
    return Directory(states)


def _read(path: Path) -> StateRecord:
    shape = read_shape(_StateShape, path)
    faults = list(_faults(shape, path))
    if faults:
        raise ConfigRefused(faults)
    return StateRecord(
        code=shape.code,
        party_type=shape.party_type,
        names=shape.names,
        authorities={one.id: _authority(one) for one in shape.authorities},
        rules=tuple(rule for one in shape.competences for rule in _rules(one)),
        languages=shape.languages,
        excluded_parties=frozenset(shape.excluded_parties),
        reservations=tuple(
            Reservation(one.article, one.effect, _provenance(one)) for one in shape.reservations
        ),
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


def _faults(shape: _StateShape, path: Path) -> Iterator[Fault]:
    """What a person can get wrong in a record whose shape is right."""
    if path.stem != shape.code:
        yield Fault(place(path, "code"), f"is {shape.code}, so the file must be {shape.code}.toml")
    known = [one.id for one in shape.authorities]
    for n, authority in enumerate(shape.authorities):
        if known.index(authority.id) != n:
            yield Fault(place(path, "authorities", n, "id"), f"{authority.id} stands twice")
        if not authority.id.startswith(f"{shape.code}-"):
            yield Fault(
                place(path, "authorities", n, "id"), f"must begin with {shape.code}-, its State"
            )
    receivers: dict[Matter, list[_CompetenceShape]] = {}
    for n, rule in enumerate(shape.competences):
        if rule.authority not in known:
            yield Fault(
                place(path, "competences", n, "authority"),
                f"{rule.authority} is not among the authorities of this file",
            )
        if rule.valid_from and rule.valid_until and rule.valid_until < rule.valid_from:
            yield Fault(place(path, "competences", n, "valid_until"), "is before valid_from")
        if Function.RECEIVE not in rule.functions:
            continue
        for matter in rule.matters:
            for other in receivers.setdefault(matter, []):
                if _overlap(rule, other):
                    yield Fault(
                        place(path, "competences", n),
                        f"{rule.authority} and {other.authority} both receive {matter.value} at "
                        "the same time; give one of them a valid_until or valid_from",
                    )
            receivers[matter].append(rule)


def _overlap(one: _CompetenceShape, other: _CompetenceShape) -> bool:
    first, last = date.min.isoformat(), date.max.isoformat()
    return (one.valid_from or first) <= (other.valid_until or last) and (
        other.valid_from or first
    ) <= (one.valid_until or last)


def _authority(shape: _AuthorityShape) -> Authority:
    return Authority(shape.id, shape.names, _provenance(shape), shape.time_zone)


def _rules(shape: _CompetenceShape) -> Iterator[CompetenceRule]:
    for matter in shape.matters:
        for function in shape.functions:
            yield CompetenceRule(
                authority=shape.authority,
                matter=matter,
                function=function,
                article=shape.article,
                provenance=_provenance(shape),
                valid_from=date.fromisoformat(shape.valid_from) if shape.valid_from else None,
                valid_until=date.fromisoformat(shape.valid_until) if shape.valid_until else None,
            )


def _provenance(
    shape: _AuthorityShape | _CompetenceShape | _ReservationShape | _LimitShape,
) -> Provenance:
    return Provenance(shape.source, date.fromisoformat(shape.as_of), shape.trust)
