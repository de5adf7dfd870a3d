"""Lengths of time as people agree on them, and when they end on the calendar of an authority.

* Minutes and hours elapse: a change of the clocks does not lengthen or shorten them.
* Days are days of the calendar, in the time zone of the authority that must act. The day on which
  something happens does not count, and the last day counts to its end.
* Working days leave out the days on which the State of that authority does not work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Final

MAX_AMOUNT: Final = 100_000  # minutes, some 70 days; more is a slip of the pen


class Unit(Enum):
    """What a length is counted in."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WORKING_DAY = "working day"


_ELAPSING: Final = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}
_TEXT: Final = re.compile(r"(0|[1-9][0-9]{0,5}) (minute|hour|day|working day)s?")


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time: 15 minutes, 2 hours, 60 days, 5 working days."""

    amount: int
    unit: Unit

    @classmethod
    def read(cls, text: str) -> Length:
        """The length that `text` names. Raises ValueError with what would be right."""
        found = _TEXT.fullmatch(text)
        if found is None or int(found[1]) > MAX_AMOUNT:
            raise ValueError("must be a length such as '15 minutes', '60 days', '5 working days'")
        return cls(int(found[1]), Unit(found[2]))

    @property
    def elapsed(self) -> timedelta:
        """The length by the stopwatch; a day has 24 hours there, working day or not."""
        return self.amount * _ELAPSING.get(self.unit, timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.value}{'' if self.amount == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """On which days a State works. `rest_days` are weekdays, Monday is 0."""

    rest_days: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether offices are open on `day`."""
        return day.weekday() not in self.rest_days and day not in self.holidays


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars of States by their code, and one for those of whom we know nothing."""

    by_state: Mapping[str, Calendar]
    otherwise: Calendar

    def of(self, authority: str) -> Calendar:
        """The calendar of the State of `authority`."""
        return self.by_state.get(authority.partition("-")[0], self.otherwise)


def end_of(length: Length, start: datetime, zone: tzinfo, calendar: Calendar) -> datetime:
    """The first moment, in UTC, at which `length` from `start` is over. `start` is aware."""
    if length.unit in _ELAPSING:
        return start.astimezone(UTC) + length.elapsed
    day = start.astimezone(zone).date()
    if length.unit is Unit.DAY:
        return end_of_day(day + timedelta(days=length.amount), zone)
    return end_of_day(_working_day(day, length.amount, calendar), zone)


def before(length: Length, due: datetime, zone: tzinfo) -> datetime:
    """The moment, in UTC, that lies `length` before `due`: days keep the hour of the wall clock."""
    if length.unit in _ELAPSING:
        return due.astimezone(UTC) - length.elapsed
    wall = due.astimezone(zone).replace(tzinfo=None) - timedelta(days=length.amount)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """The first moment, in UTC, after `day` in `zone`: a day may have 23 or 25 hours."""
    following = datetime.combine(day + timedelta(days=1), time(), zone)
    return following.astimezone(UTC)


def _working_day(day: date, number: int, calendar: Calendar) -> date:
    """The working day that is `number` working days after `day`."""
    if len(calendar.rest_days) >= 7:
        raise ValueError("a calendar without working days has no working day to wait for")
    while number:
        day += timedelta(days=1)
        number -= calendar.works(day)
    return day
