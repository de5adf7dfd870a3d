"""One line of a table, and short words for writing the tables with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocol.convention.lifecycle.guards import Guard
from protocol.convention.lifecycle.states import Actor, Cause, State, Trigger


@dataclass(frozen=True, slots=True)
class Transition:
    """From `source` to `target` when `trigger` comes from `actor` and `guard` holds.

    `requires` says in words what schema and business rules make sure of. Of several lines for one
    trigger the first whose guard holds is taken.
    """

    source: State
    target: State
    trigger: Trigger
    actor: Actor
    guard: Guard | None = None
    article: str = ""
    requires: str = ""

    @property
    def is_loop(self) -> bool:
        """Whether it leaves the case where it stands."""
        return self.source is self.target


def doc(name: str, variant: str = "") -> Trigger:
    """A document of this kind."""
    return Trigger(name, variant)


def linked(name: str, variant: str = "") -> Trigger:
    """A document of another case that is linked to this one."""
    return Trigger(name, variant, Cause.LINKED)


def clock(name: str) -> Trigger:
    """A clock that ran out."""
    return Trigger(name, "", Cause.CLOCK)


def recorded(name: str) -> Trigger:
    """What a person recorded."""
    return Trigger(name, "", Cause.PERSON)


DELIVERED: Final = Trigger("TransportReceipt", "OK", Cause.RECEIPT)
NOT_TAKEN: Final = Trigger("TransportReceipt", "FAILED", Cause.RECEIPT)


def loops(
    states: Iterable[State], triggers: Iterable[Trigger], actor: Actor, article: str = ""
) -> tuple[Transition, ...]:
    """Lines that change nothing: each of `triggers` in each of `states`."""
    return tuple(
        Transition(state, state, trigger, actor, article=article)
        for state in states
        for trigger in triggers
    )


def from_each(
    states: Iterable[State],
    target: State,
    trigger: Trigger,
    actor: Actor,
    article: str = "",
    guard: Guard | None = None,
) -> tuple[Transition, ...]:
    """One line to `target` from each of `states`."""
    return tuple(Transition(s, target, trigger, actor, guard, article) for s in states)
