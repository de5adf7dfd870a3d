"""Cases and events for the tests of the life cycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.directory import load_directory
from config.policy import load_policy, times_of
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Event, Mark
from protocol.convention.lifecycle.machine import opened, step
from protocol.convention.lifecycle.rows import DELIVERED
from protocol.convention.lifecycle.states import Cause, Machine, State, Trigger

POLICY = load_policy()
TERMS = POLICY.terms
TIMES = times_of(POLICY, load_directory(Path(__file__).resolve().parents[2] / "config" / "states"))
NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
RQ, RD = Side.REQUESTING, Side.REQUESTED
ID = "7e0c1f4a-2b61-4c0e-9d3a-000000000001"

BY_REQUESTING = frozenset(
    [
        "AdditionalInformation",
        "ConditionsAnswer",
        "EvidenceReceipt",
        "ClosureNotice",
        "Withdrawal",
        "StatusRequest",
        "NewDeadline",
        "Amendment",
        "PreservationExtensionRequest",
        "PreservationReleaseNotice",
        "OralRequestConfirmation",
    ]
)


def says(text: str, side: Side | None = None, **more) -> Event:
    """The event of "RefusalNotice FULL", written by whoever writes such documents."""
    name, _, variant = text.partition(" ")
    requesting = name in BY_REQUESTING or (name.endswith("Request") and "Clarif" not in name)
    side = side or (RQ if requesting or name.startswith("Spontaneous") else RD)
    return Event(Trigger(name, variant), side, message_id=f"{text}@test", **more)


def gateway(name: str, cause: Cause) -> Event:
    """What a gateway or a clock does."""
    return Event(Trigger(name, "", cause))


def linked(text: str) -> Event:
    """What another case says."""
    name, _, variant = text.partition(" ")
    return Event(Trigger(name, variant, Cause.LINKED))


RECEIVED = Event(DELIVERED)


def begin(kind: str, urgency: str = "ROUTINE", at: datetime = NOW) -> Case:
    """A case as it stands when its first document has arrived."""
    case = opened(kind, ID, "XU-CA", "AZ-SSS", urgency, at)
    return walk(case, [says(kind, RQ), RECEIVED], at)


def walk(case: Case, events: Iterable[Event | str], at: datetime = NOW) -> Case:
    """`case` after `events`, all of them regular."""
    for event in events:
        case = step(case, says(event) if isinstance(event, str) else event, at, TERMS)
        assert case.history[-1].flags == (), case.history[-1]
    return case


def standing(machine: Machine, state: State, kind: str = "MlaRequest", **more) -> Case:
    """A case that stands in `state`, with everything that guards may ask for in its favour."""
    case = opened(kind, ID, "XU-CA", "AZ-SSS", "ROUTINE", NOW)
    friendly = {"consulted": True, "reminders": 1, "awaited_until": NOW, "amended": True}
    return replace(
        case, machine=machine, state=state, state_since=NOW, entries=1, **(friendly | more)
    )


EVERY_MARK = frozenset(Mark)
LATER = NOW + timedelta(days=61)
