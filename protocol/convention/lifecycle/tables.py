"""All tables in one place, by machine; which machine a document opens.

Rules of writing: one line says one step. What no line says does not happen regularly; our own side
may not do it, and a partner's document that does it is kept, flagged and shown to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.convention.kinds import Form
from protocol.convention.lifecycle.assistance import after_the_end, assistance
from protocol.convention.lifecycle.extradition import EVIDENCE, EXTRADITION, SPONTANEOUS
from protocol.convention.lifecycle.preservation import EMERGENCY, PRESERVATION
from protocol.convention.lifecycle.rows import Transition
from protocol.convention.lifecycle.states import Machine, State, Trigger
from protocol.convention.vocabulary import KINDS

_OWN_MACHINE: Final = {
    "PreservationRequest": Machine.PRESERVATION,
    "EmergencyDataRequest": Machine.EMERGENCY,
    "ExtraditionRequest": Machine.EXTRADITION,
    "ProvisionalArrestRequest": Machine.EXTRADITION,
    "SpontaneousInformation": Machine.SPONTANEOUS,
    "SpontaneousProceedsInfo": Machine.SPONTANEOUS,
}
_ASSISTED: Final = tuple(
    kind.name
    for kind in KINDS.values()
    if kind.form is Form.REQUEST and not kind.needs_case and kind.name not in _OWN_MACHINE
)

MACHINE_OF: Final[Mapping[str, Machine]] = MappingProxyType(
    _OWN_MACHINE
    | dict.fromkeys(_ASSISTED, Machine.ASSISTANCE)
    | {"OralRequestConfirmation": Machine.ASSISTANCE}
)
"""The machine of a case by the kind of document that opens it; other kinds open none."""

FIRST: Final[Mapping[Machine, State]] = MappingProxyType(
    dict.fromkeys(Machine, State.DRAFT)
    | {Machine.EVIDENCE: State.EV_EXPECTED, Machine.UNFILED: State.UNFILED}
)
"""Where a case begins."""


def _whole(table: tuple[Transition, ...]) -> tuple[Transition, ...]:
    """`table` with what may be said at any time, where no line of it says more."""
    states = tuple(dict.fromkeys(row.target for row in table))
    said = {(row.source, row.trigger, row.actor.side) for row in table if row.guard is None}
    late = after_the_end(states)
    return (*table, *(r for r in late if (r.source, r.trigger, r.actor.side) not in said))


TABLES: Final[Mapping[Machine, tuple[Transition, ...]]] = MappingProxyType(
    {
        Machine.ASSISTANCE: _whole(assistance(_ASSISTED)),
        Machine.PRESERVATION: _whole(PRESERVATION),
        Machine.EMERGENCY: _whole(EMERGENCY),
        Machine.EXTRADITION: _whole(EXTRADITION),
        Machine.SPONTANEOUS: _whole(SPONTANEOUS),
        Machine.EVIDENCE: EVIDENCE,
        Machine.UNFILED: (),
    }
)
"""Every step that there is."""


def rows_from(machine: Machine, state: State) -> tuple[Transition, ...]:
    """The lines of `machine` that begin in `state`, in their order."""
    return _BY_SOURCE.get((machine, state), ())


def targets(machine: Machine, trigger: Trigger) -> frozenset[State]:
    """Where `trigger` leads in `machine`, from wherever; loops left out."""
    return frozenset(
        row.target for row in TABLES[machine] if row.trigger == trigger and not row.is_loop
    )


def _by_source() -> dict[tuple[Machine, State], tuple[Transition, ...]]:
    found: dict[tuple[Machine, State], list[Transition]] = {}
    for machine, table in TABLES.items():
        for row in table:
            found.setdefault((machine, row.source), []).append(row)
    return {key: tuple(rows) for key, rows in found.items()}


def knows(machine: Machine, trigger: Trigger) -> bool:
    """Whether any line of `machine` has this trigger."""
    return trigger in _TRIGGERS[machine]


_BY_SOURCE: Final = _by_source()
_TRIGGERS: Final = {
    machine: frozenset(row.trigger for row in table) for machine, table in TABLES.items()
}
