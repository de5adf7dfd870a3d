"""Lengths of time on the calendars of people: zones, changes of the clocks, rest days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.convention.lifecycle.periods import Calendar, Length, before, end_of, end_of_day

BAKU = ZoneInfo("Asia/Baku")  # +04:00, no summer time since 2016
PARIS = ZoneInfo("Europe/Paris")
CAIRO = ZoneInfo("Africa/Cairo")  # its clocks change at midnight: there is a day without 00:00
APIA = ZoneInfo("Pacific/Apia")  # it has no 30 December 2011
WEEK = Calendar()
STARTS = st.integers(0, 20 * 365 * 86400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("15 minutes", "15 minutes"), ("1 hour", "1 hour"), ("0 days", "0 days"),
     ("5 working days", "5 working days"), ("60 day", "60 days")],
)  # fmt: skip
def test_a_length_is_read_and_shown(text: str, shown: str) -> None:
    assert str(Length.read(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "soon", "-1 days", "1.5 hours", "60days", "2 weeks", "999999 days", "01 day"]
)
def test_what_is_no_length_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="'60 days'"):
        Length.read(text)


@pytest.mark.parametrize(
    ("length", "start", "zone", "end"),
    [
        # 60 days in Baku: to the end of 1 May there, which is 20:00 UTC.
        ("60 days", "2026-03-02T08:15:00+00:00", BAKU, "2026-05-01T20:00:00+00:00"),
        # 21:30 UTC is the next day in Baku.
        ("1 day", "2026-03-02T21:30:00+00:00", BAKU, "2026-03-04T20:00:00+00:00"),
        ("1 day", "2026-03-02T19:59:59+00:00", BAKU, "2026-03-03T20:00:00+00:00"),
        ("0 days", "2026-03-02T08:15:00+00:00", BAKU, "2026-03-02T20:00:00+00:00"),
        # Over the begin and the end of summer time in Paris.
        ("1 day", "2026-03-28T12:00:00+00:00", PARIS, "2026-03-29T22:00:00+00:00"),
        ("1 day", "2026-10-24T12:00:00+00:00", PARIS, "2026-10-25T23:00:00+00:00"),
        ("24 hours", "2026-03-28T12:00:00+00:00", PARIS, "2026-03-29T12:00:00+00:00"),
        ("24 hours", "2026-10-24T12:00:00+00:00", PARIS, "2026-10-25T12:00:00+00:00"),
        # Friday 24 April 2026 has no midnight at its beginning in Cairo: the clocks go on to 01:00.
        ("1 day", "2026-04-22T12:00:00+00:00", CAIRO, "2026-04-23T22:00:00+00:00"),
        # The day that Samoa left out.
        ("1 day", "2011-12-28T12:00:00+00:00", APIA, "2011-12-30T10:00:00+00:00"),
        # A leap year.
        ("1 day", "2028-02-28T12:00:00+00:00", UTC, "2028-03-01T00:00:00+00:00"),
        ("15 minutes", "2026-03-02T08:15:00+04:00", BAKU, "2026-03-02T04:30:00+00:00"),
        # Working days: from a Friday, over the weekend.
        ("1 working day", "2026-03-06T12:00:00+00:00", UTC, "2026-03-10T00:00:00+00:00"),
        ("5 working days", "2026-03-06T12:00:00+00:00", UTC, "2026-03-14T00:00:00+00:00"),
        ("0 working days", "2026-03-07T12:00:00+00:00", UTC, "2026-03-08T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_length_ends_where_people_say_it_does(
    length: str, start: str, zone: ZoneInfo, end: str
) -> None:
    assert end_of(Length.read(length), at(start), zone, WEEK) == at(end)


def test_holidays_and_other_weekends_are_no_working_days() -> None:
    friday_rests = Calendar(frozenset({4, 5}), frozenset({date(2026, 3, 8)}))
    end = end_of(Length.read("1 working day"), at("2026-03-05T12:00:00+00:00"), UTC, friday_rests)
    assert end == at("2026-03-10T00:00:00+00:00")  # Friday, Saturday, then a holiday; Monday it is


def test_a_calendar_without_working_days_ends_nothing() -> None:
    never = Calendar(frozenset(range(7)))
    with pytest.raises(ValueError, match="without working days"):
        end_of(Length.read("1 working day"), at("2026-03-05T12:00:00+00:00"), UTC, never)


def test_a_warning_keeps_the_hour_of_the_wall_clock() -> None:
    due = end_of_day(date(2026, 4, 5), PARIS)  # 22:00 UTC in summer
    assert before(Length.read("14 days"), due, PARIS) == at("2026-03-22T23:00:00+00:00")
    assert before(Length.read("2 hours"), due, PARIS) == due - timedelta(hours=2)


@given(
    STARTS,
    st.integers(0, 400),
    st.sampled_from([BAKU, PARIS, CAIRO, UTC, ZoneInfo("Australia/Lord_Howe")]),
)
def test_days_end_when_the_next_begins(start: datetime, days: int, zone: ZoneInfo) -> None:
    end = end_of(Length.read(f"{days} days"), start, zone, WEEK)
    assert start < end
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    assert (last - start.astimezone(zone).date()).days == days
    assert end.astimezone(zone).date() > last


@given(
    STARTS,
    st.integers(1, 60),
    st.frozensets(st.integers(0, 6), max_size=6),
)
def test_working_days_count_only_days_of_work(
    start: datetime, days: int, rest: frozenset[int]
) -> None:
    calendar = Calendar(rest)
    end = end_of(Length.read(f"{days} working days"), start, UTC, calendar)
    between = [start.date() + timedelta(days=n) for n in range(1, (end.date() - start.date()).days)]
    assert sum(map(calendar.works, between)) == days
    assert calendar.works(end.date() - timedelta(days=1))
