"""What is due when: the clocks of a case, from the case, the policy and the directory alone.

A clock starts at the provable time of receipt of what started it. Time is what the caller says it
is: nothing here asks what time it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from protocol.convention.directory import Trust
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry
from protocol.convention.lifecycle.periods import Length, before, end_of
from protocol.convention.lifecycle.policy import ClockKind, Times
from protocol.convention.lifecycle.states import Cause
from protocol.convention.lifecycle.winding import WINDING_OF, WINDINGS, Winding


@dataclass(frozen=True, slots=True)
class Clock:
    """One thing that is waited for. All times are in UTC.

    `due_at` is the first moment that is too late; None where nobody says how long it may take.
    `set_by_document` says that the end stands in a document, so that no receipt moves it.
    """

    kind: ClockKind
    acts: Side
    authority: str  # that must act
    starts_at: datetime
    due_at: datetime | None
    warn_at: tuple[datetime, ...]
    repeat: Length | None
    legal: bool
    article: str
    trust: Trust
    started_by: str | None = None  # MessageId
    set_by_document: bool = False
    paused_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether time counts."""
        return self.stopped_at is None and self.paused_at is None


class NoticeKind(StrEnum):
    """What is told about a clock."""

    WARNING = "WARNING"  # something falls due
    LAPSED = "LAPSED"  # it was due, and did not come
    ALARM = "ALARM"  # a person must answer now


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told, and when."""

    kind: NoticeKind
    at: datetime


def wind(clocks: Iterable[Clock], case: Case, entry: Entry, times: Times) -> tuple[Clock, ...]:
    """The clocks of `case` after its last step `entry`, stopped ones last among their kind."""
    going = tuple(_carried_on(clock, entry) for clock in clocks)
    fresh = tuple(_started(going, case, entry, times))
    replaced = {clock.kind for clock in fresh}
    kept = (
        replace(clock, stopped_at=entry.at)
        if clock.stopped_at is None and clock.kind in replaced
        else clock
        for clock in going
    )
    return (*kept, *fresh)


def anchored(
    clocks: Iterable[Clock], message_id: str, at: datetime, case: Case, times: Times
) -> tuple[Clock, ...]:
    """The clocks, where what our own message started counts from its receipt by the partner."""
    return tuple(
        _clock(WINDING_OF[clock.kind], case, at, times, message_id)
        if clock.started_by == message_id and clock.is_running and not clock.set_by_document
        else clock
        for clock in clocks
    )


def next_notice(clock: Clock, told_until: datetime | None, answered: bool) -> Notice | None:
    """What is to be told next; `told_until` is when something was told last.

    A warning that was missed is still told; of alarms that were missed only one. A clock that
    repeats goes on until it stops or a person has `answered`.
    """
    if not clock.is_running:
        return None
    coming = sorted(_notices(clock), key=lambda notice: notice.at)
    ahead = [one for one in coming if told_until is None or one.at > told_until]
    alarm = None if answered else _alarm(clock, told_until)
    found = [*ahead, *([alarm] if alarm is not None else [])]
    return min(found, key=lambda notice: notice.at, default=None)


def told_until(clock: Clock, notice: Notice, now: datetime) -> datetime:
    """Up to when everything is told once `notice` is told, at `now`.

    Alarms that were missed are not made up for; a warning, or that time ran out, still is.
    """
    missed = any(notice.at < one.at <= now for one in _notices(clock))
    return notice.at if missed or notice.kind is not NoticeKind.ALARM else now


def _notices(clock: Clock) -> Iterator[Notice]:
    for at in clock.warn_at:
        yield Notice(NoticeKind.WARNING, at)
    if clock.due_at is not None:
        yield Notice(NoticeKind.LAPSED, clock.due_at)


def _alarm(clock: Clock, told_until: datetime | None) -> Notice | None:
    if clock.repeat is None:
        return None
    if told_until is None or told_until < clock.starts_at:
        return Notice(NoticeKind.ALARM, clock.starts_at)
    return Notice(NoticeKind.ALARM, told_until + clock.repeat.elapsed)


def _carried_on(clock: Clock, entry: Entry) -> Clock:
    """`clock` after `entry`: stopped, resting, going on with what was left, or as it was."""
    if clock.stopped_at is not None:
        return clock
    winding = WINDING_OF[clock.kind]
    if _named(entry) in winding.stops_with:
        return replace(clock, stopped_at=entry.at)
    if entry.after in winding.pauses_in:
        return clock if clock.paused_at else replace(clock, paused_at=entry.at)
    if entry.after not in winding.runs_in:
        return replace(clock, stopped_at=entry.at)
    return _resumed(clock, entry.at) if clock.paused_at else clock


def _resumed(clock: Clock, at: datetime) -> Clock:
    rested = at - (clock.paused_at or at)
    due = None if clock.due_at is None else clock.due_at + rested
    warn = tuple(one + rested if one > at - rested else one for one in clock.warn_at)
    return replace(clock, paused_at=None, due_at=due, warn_at=warn)


def _started(going: tuple[Clock, ...], case: Case, entry: Entry, times: Times) -> Iterator[Clock]:
    rests_or_runs = {clock.kind for clock in going if clock.stopped_at is None}
    named, after = _named(entry), entry.after
    came = entry.before is not after or entry.number == 1
    for winding in WINDINGS:
        enters = came and after in winding.starts_in and winding.clock not in rests_or_runs
        if enters or (named in winding.starts_with and after in winding.runs_in):
            clock = _clock(winding, case, entry.at, times, entry.event.message_id)
            if clock.due_at is not None or not winding.only_if_set:
                yield clock


def _clock(
    winding: Winding, case: Case, at: datetime, times: Times, message_id: str | None
) -> Clock:
    authority = case.authority(winding.acts)
    zone = times.zone(authority)
    limit = times.limit(winding.clock, case.requested_authority.partition("-")[0])
    length = limit.length(case.urgency)
    due: datetime | None = getattr(case, winding.set_by) if winding.set_by else None
    set_by_document = due is not None
    if due is None and length is not None:
        due = end_of(length, at, zone, times.calendar(authority))
    warn = () if due is None else tuple(before(one, due, zone) for one in limit.warn_before)
    return Clock(
        kind=winding.clock,
        acts=winding.acts,
        authority=authority,
        starts_at=at,
        due_at=due,
        warn_at=tuple(sorted(one for one in warn if one > at)),
        repeat=limit.alarm_every(case.urgency),
        legal=limit.legal,
        article=limit.article,
        trust=limit.trust,
        started_by=message_id,
        set_by_document=set_by_document,
    )


def _named(entry: Entry) -> str | None:
    """The document that made the step; None where something else did."""
    trigger = entry.event.trigger
    return trigger.name if trigger.cause is Cause.DOCUMENT else None
