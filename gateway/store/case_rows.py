"""Cases, their steps and their clocks as columns, and columns as these values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from gateway.store.columns import EPOCH
from gateway.store.rows import AnyRow, Columns
from protocol.convention.directory import Trust
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry, Event, Flag, FlagCode, Mark
from protocol.convention.lifecycle.clocks import Clock, Notice, next_notice
from protocol.convention.lifecycle.periods import Length
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.states import Cause, Machine, State, Trigger

_PLAIN: Final = ("consulted", "executed", "evidence_sent", "amended", "reminders")
_WRITE: Final = json.JSONEncoder(sort_keys=True).encode
_MOMENTS: Final = ("awaited_until", "in_force_until", "deadline")


def case_of(row: AnyRow) -> Case:
    """The case in a row of case_file, without its history."""
    memory: Mapping[str, Any] = row.memory
    resumes_in = memory.get("resumes_in")
    return Case(
        request_id=row.request_id,
        machine=Machine(row.machine),
        kind=row.kind,
        requesting_authority=row.requesting_authority,
        requested_authority=row.requested_authority,
        opened_at=row.opened_at,
        state=State(row.state),
        state_since=row.state_since,
        urgency=row.urgency,
        resumes_in=None if resumes_in is None else State(resumes_in),
        questions=frozenset(memory.get("questions", ())),
        entries=row.entries,
        consulted=memory["consulted"],
        executed=memory["executed"],
        evidence_sent=memory["evidence_sent"],
        amended=memory["amended"],
        reminders=memory["reminders"],
        awaited_until=_moment(memory["awaited_until"]),
        in_force_until=_moment(memory["in_force_until"]),
        deadline=_moment(memory["deadline"]),
    )


def case_columns(case: Case) -> Columns:
    """What of a case changes."""
    memory: dict[str, Any] = {name: getattr(case, name) for name in _PLAIN}
    memory |= {name: _text(getattr(case, name)) for name in _MOMENTS}
    memory["resumes_in"] = None if case.resumes_in is None else case.resumes_in.value
    memory["questions"] = sorted(case.questions)
    return {
        "state": case.state.value,
        "state_since": case.state_since,
        "memory": memory,
        "entries": case.entries,
        "requested_authority": case.requested_authority,
    }


def step_columns(number: int, entry: Entry, message: int | None, own: str | None) -> Columns:
    """One line of the history of the case in row `number`."""
    return {
        "case_file": number,
        "number": entry.number,
        "at": entry.at,
        "event": _event_json(entry.event),
        "before": entry.before.value,
        "after": entry.after.value,
        "flags": [[flag.code.value, flag.sentence, flag.article] for flag in entry.flags],
        "asserts": None if entry.asserts is None else entry.asserts.value,
        "own_authority": own,
        "message": message,
    }


def entry_of(row: AnyRow) -> Entry:
    """The line of history in a row of case_step."""
    return Entry(
        number=row.number,
        at=row.at,
        event=_event_of(row.event),
        before=State(row.before),
        after=State(row.after),
        flags=tuple(Flag(FlagCode(code), says, article) for code, says, article in row.flags),
        asserts=None if row.asserts is None else State(row.asserts),
    )


def clock_columns(clock: Clock, told_until: datetime | None = None, *, quiet: bool) -> Columns:
    """The columns of a clock. `told_until` says what was told; a `quiet` one raises no alarm."""
    coming = next_notice(clock, told_until, quiet)
    return {
        "kind": clock.kind.value,
        "acts": clock.acts.value,
        "authority": clock.authority,
        "starts_at": clock.starts_at,
        "due_at": clock.due_at,
        "warn_at": [_text(at) for at in clock.warn_at],
        "repeat": None if clock.repeat is None else str(clock.repeat),
        "legal": clock.legal,
        "article": clock.article,
        "trust": clock.trust.value,
        "started_by": clock.started_by,
        "set_by_document": clock.set_by_document,
        "paused_at": clock.paused_at,
        "stopped_at": clock.stopped_at,
        "next_at": None if coming is None else coming.at,
    }


def case_digest(case: Case, own_side: Side) -> str:
    """SHA-256, in hexadecimal, over what the row of a case says; its steps are not in it."""
    columns = case_columns(case)
    said = [
        case.request_id, case.machine.value, case.kind, case.requesting_authority,
        columns["requested_authority"], own_side.value, case.urgency, _text(case.opened_at),
        columns["state"], _text(case.state_since), columns["memory"], columns["entries"],
    ]  # fmt: skip
    return _digest(said)


def clock_digest(clock: Clock) -> str:
    """SHA-256, in hexadecimal, over a clock: all but what was told about it."""
    said = [
        clock.kind.value, clock.acts.value, clock.authority, _text(clock.starts_at),
        _text(clock.due_at), [_text(at) for at in clock.warn_at],
        None if clock.repeat is None else str(clock.repeat), clock.legal, clock.article,
        clock.trust.value, clock.started_by, clock.set_by_document, _text(clock.paused_at),
        _text(clock.stopped_at),
    ]  # fmt: skip
    return _digest(said)


def _digest(said: list[Any]) -> str:
    return sha256(_WRITE(said).encode()).hexdigest()


def clock_of(row: AnyRow) -> Clock:
    """The clock in a row of case_clock."""
    return Clock(
        kind=ClockKind(row.kind),
        acts=Side(row.acts),
        authority=row.authority,
        starts_at=row.starts_at,
        due_at=row.due_at,
        warn_at=tuple(datetime.fromisoformat(at) for at in row.warn_at),
        repeat=None if row.repeat is None else Length.read(row.repeat),
        legal=row.legal,
        article=row.article,
        trust=Trust(row.trust),
        started_by=row.started_by,
        set_by_document=row.set_by_document,
        paused_at=row.paused_at,
        stopped_at=row.stopped_at,
    )


def is_quiet(row: AnyRow, own_side: Side) -> bool:
    """Whether the clock in a row raises no alarm: a person answered, or the partner must act."""
    return row.answered_at is not None or row.acts != own_side.value


def notice_of(row: AnyRow, own_side: Side) -> Notice | None:
    """What is to be told next about the clock in a row."""
    return next_notice(clock_of(row), row.told_until, is_quiet(row, own_side))


def _event_json(event: Event) -> Mapping[str, Any]:
    trigger = event.trigger
    return {
        "name": trigger.name,
        "variant": trigger.variant,
        "cause": trigger.cause.value,
        "side": None if event.side is None else event.side.value,
        "authority": event.authority,
        "message_id": event.message_id,
        "marks": sorted(mark.value for mark in event.marks),
        "questions": sorted(event.questions),
        "answers": sorted(event.answers),
        "until": _text(event.until),
    }


def _event_of(said: Mapping[str, Any]) -> Event:
    return Event(
        trigger=Trigger(said["name"], said["variant"], Cause(said["cause"])),
        side=None if said["side"] is None else Side(said["side"]),
        authority=said["authority"],
        message_id=said["message_id"],
        marks=frozenset(map(Mark, said["marks"])),
        questions=frozenset(said["questions"]),
        answers=frozenset(said["answers"]),
        until=_moment(said["until"]),
    )


def _text(at: datetime | None) -> str | None:
    """In UTC, so that what is read again is the same."""
    return None if at is None else at.astimezone(EPOCH.tzinfo).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
