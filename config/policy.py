"""policy.toml: how long everything may take. The file that comes with the gateway has every line;
a node's own policy.toml replaces the lines that it has, by the name of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, with_config

from config.directory_shapes import Day, LengthText
from config.faults import ConfigRefused, Fault
from config.reading import STRICT, place, read_shape
from config.settings import StateCode, Text
from config.zones import zones_of
from protocol.convention.directory import Directory, Trust
from protocol.convention.kinds import PRIORITIES
from protocol.convention.lifecycle.periods import Calendar, Calendars, Length
from protocol.convention.lifecycle.policy import ClockKind, Policy, TimeLimit, Times

POLICY_FILE = "policy.toml"
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def _urgency(text: str) -> str:
    if text not in PRIORITIES:
        raise ValueError(f"must be one of {', '.join(PRIORITIES)}")
    return text


def _weekday(text: str) -> str:
    if text not in WEEKDAYS:
        raise ValueError(f"must be one of {', '.join(WEEKDAYS)}")
    return text


Urgency = Annotated[str, AfterValidator(_urgency)]
Weekday = Annotated[str, AfterValidator(_weekday)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _LimitShape:
    clock: ClockKind
    article: Text
    legal: bool
    trust: Trust
    source: Text
    length: LengthText | None = None
    by_urgency: dict[Urgency, LengthText] = field(default_factory=dict)
    warn_before: tuple[LengthText, ...] = ()
    alarm_every: LengthText | None = None
    alarm_by_urgency: dict[Urgency, LengthText] = field(default_factory=dict)


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CalendarShape:
    state: StateCode
    rest_days: Annotated[tuple[Weekday, ...], Field(max_length=6)] = ("SATURDAY", "SUNDAY")
    holidays: tuple[Day, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _PolicyShape:
    reminders: Annotated[int, Field(ge=0, le=10)] | None = None
    silence_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    limits: tuple[_LimitShape, ...] = ()
    calendars: tuple[_CalendarShape, ...] = ()


def load_policy(folder: Path | None = None) -> Policy:
    """The policy of the node in `folder`, or ours alone. Raises ConfigRefused with every fault."""
    with as_file(files("config").joinpath(POLICY_FILE)) as path:
        shipped = _read(path)
    own = _PolicyShape()
    if folder is not None and (folder / POLICY_FILE).exists():
        own = _read(folder / POLICY_FILE)
    limits = {one.clock: _limit(one) for one in (*shipped.limits, *own.limits)}
    calendars = {one.state: _calendar(one) for one in (*shipped.calendars, *own.calendars)}
    return Policy(
        limits=limits,
        calendars=Calendars(calendars, Calendar()),
        reminders=_first(own.reminders, shipped.reminders),
        silence_days=_first(own.silence_days, shipped.silence_days),
    )


def times_of(policy: Policy, directory: Directory) -> Times:
    """What the clocks of a case ask."""
    return Times(policy, directory, zones_of(directory))


def _read(path: Path) -> _PolicyShape:
    shape = read_shape(_PolicyShape, path)
    faults = list(_faults(shape, path))
    if faults:
        raise ConfigRefused(faults)
    return shape


def _faults(shape: _PolicyShape, path: Path) -> Iterator[Fault]:
    clocks = [one.clock for one in shape.limits]
    for n, clock in enumerate(clocks):
        if clocks.index(clock) != n:
            yield Fault(place(path, "limits", n, "clock"), f"{clock.value} stands twice")
    states = [one.state for one in shape.calendars]
    for n, state in enumerate(states):
        if states.index(state) != n:
            yield Fault(place(path, "calendars", n, "state"), f"{state} stands twice")


def _limit(shape: _LimitShape) -> TimeLimit:
    return TimeLimit(
        clock=shape.clock,
        article=shape.article,
        legal=shape.legal,
        trust=shape.trust,
        source=shape.source,
        lengths=_by_urgency(shape.length, shape.by_urgency),
        warn_before=tuple(Length.read(one) for one in shape.warn_before),
        repeat=_by_urgency(shape.alarm_every, shape.alarm_by_urgency),
    )


def _by_urgency(otherwise: str | None, texts: dict[str, str]) -> dict[str, Length]:
    found = {urgency: Length.read(text) for urgency, text in texts.items()}
    return found if otherwise is None else {"": Length.read(otherwise), **found}


def _calendar(shape: _CalendarShape) -> Calendar:
    return Calendar(
        frozenset(WEEKDAYS.index(day) for day in shape.rest_days),
        frozenset(date.fromisoformat(day) for day in shape.holidays),
    )


def _first(*values: int | None) -> int:
    """The first that is given; the file that comes with the gateway gives all."""
    return next(value for value in values if value is not None)
