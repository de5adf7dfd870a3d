"""The tables as pictures and as pages, for docs/lifecycle.md: what is shown is what is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from protocol.convention.lifecycle.policy import Policy, TimeLimit
from protocol.convention.lifecycle.rows import Transition
from protocol.convention.lifecycle.states import TERMINAL, Cause, Machine, State, Trigger
from protocol.convention.lifecycle.tables import FIRST, TABLES
from protocol.convention.lifecycle.winding import WINDING_OF

MANY: Final = 3  # more documents on one arrow are not named there; the table names them
EVERYWHERE: Final = ("Withdrawal",)  # from every state: one arrow says it

TITLES: Final = {
    Machine.ASSISTANCE: "Assistance, and every request without a table of its own",
    Machine.PRESERVATION: "Preservation",
    Machine.EMERGENCY: "Data in an emergency",
    Machine.EXTRADITION: "Extradition and provisional arrest",
    Machine.SPONTANEOUS: "Information that nobody asked for",
    Machine.EVIDENCE: "One delivery of evidence",
}


def as_mermaid(machine: Machine) -> str:
    """A Mermaid state diagram of every step that changes the state."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for row in TABLES[machine]:
        if not row.is_loop and row.trigger.name not in EVERYWHERE:
            arrows.setdefault((row.source, row.target), []).append(str(row.trigger))
    lines = ["stateDiagram-v2", f"    [*] --> {FIRST[machine].value}"]
    lines += [
        f"    {source.value} --> {target.value}: {_label(triggers)}"
        for (source, target), triggers in arrows.items()
    ]
    for name in EVERYWHERE:
        leads = {row.target for row in TABLES[machine] if row.trigger == Trigger(name)}
        lines += [f"    EVERY_OPEN_STATE --> {target.value}: {name}" for target in leads]
    ends = dict.fromkeys(row.target for row in TABLES[machine] if row.target in TERMINAL)
    lines += [f"    {state.value} --> [*]" for state in ends]
    return "\n".join(lines) + "\n"


def as_table(machine: Machine) -> str:
    """A Markdown table of every step that changes the state, then one of those that do not."""
    moves = _grouped([row for row in TABLES[machine] if not row.is_loop])
    stays = _grouped([row for row in TABLES[machine] if row.is_loop], by_trigger=True)
    lines = ["| from | to | document | by | if | article |", "|---|---|---|---|---|---|"]
    lines += [_line(rows) for rows in moves]
    lines += ["", "Without a change of state:", "", "| document | by | in | article |",
              "|---|---|---|---|"]  # fmt: skip
    lines += [_stay(machine, rows) for rows in stays]
    return "\n".join(lines) + "\n"


def clock_table(policy: Policy) -> str:
    """A Markdown table of every clock: what starts and rests it, who must act, how long."""
    lines = [
        "| clock | who acts | runs in | rests in | length | warned before | alarm | article "
        "| law or ours | trust |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_clock_line(policy.limits[kind]) for kind in WINDING_OF]
    return "\n".join(lines) + "\n"


def _label(triggers: Sequence[str]) -> str:
    names = list(dict.fromkeys(triggers))
    return ", ".join(names) if len(names) <= MANY else f"{names[0]} or {len(names) - 1} others"


def _grouped(rows: Sequence[Transition], *, by_trigger: bool = False) -> list[list[Transition]]:
    """Lines that differ in their source only, or (kinds that open a case) in their document."""
    found: dict[object, list[Transition]] = {}
    for row in rows:
        opens = row.source is State.DRAFT and row.target is State.SUBMITTED and not row.article
        what = (
            (row.trigger, row.actor.side, row.article)
            if by_trigger
            else ("opens",)
            if opens
            else (row.target, row.trigger, row.actor, row.guard, row.article, row.requires)
        )
        found.setdefault(what, []).append(row)
    return list(found.values())


def _line(rows: Sequence[Transition]) -> str:
    row = rows[0]
    sources = ", ".join(dict.fromkeys(one.source.value for one in rows))
    documents = ", ".join(dict.fromkeys(_shown(one.trigger) for one in rows))
    condition = "; ".join(
        filter(None, (f"**{row.guard.name}**" if row.guard else "", row.requires))
    )
    return (
        f"| {sources} | {_ended(row.target)} | {documents} | {row.actor.value} | {condition} "
        f"| {row.article} |"
    )


def _stay(machine: Machine, rows: Sequence[Transition]) -> str:
    states = list(dict.fromkeys(row.source.value for row in rows))
    every = {row.target for row in TABLES[machine]}
    where = "every state" if len(states) == len(every) else ", ".join(states)
    actors = ", ".join(dict.fromkeys(row.actor.value for row in rows))
    return f"| {_shown(rows[0].trigger)} | {actors} | {where} | {rows[0].article} |"


def _shown(trigger: Trigger) -> str:
    if trigger.cause is Cause.DOCUMENT:
        return f"`{trigger.name}`{' ' + trigger.variant if trigger.variant else ''}"
    return str(trigger)


def _ended(state: State) -> str:
    return f"**{state.value}**" if state in TERMINAL else state.value


def _clock_line(limit: TimeLimit) -> str:
    winding = WINDING_OF[limit.clock]
    warned = ", ".join(str(one) for one in limit.warn_before)
    return (
        f"| {limit.clock.value} | {winding.acts.value.lower()} | {_where(winding.runs_in)} "
        f"| {_where(winding.pauses_in)} | {'; '.join(_lengths(limit))} | {warned} "
        f"| {'; '.join(_alarms(limit))} | {limit.article} | {'law' if limit.legal else 'ours'} "
        f"| {limit.trust.value} |"
    )


def _where(states: tuple[State, ...]) -> str:
    return "every state" if len(states) == len(State) else ", ".join(s.value for s in states)


def _lengths(limit: TimeLimit) -> Iterator[str]:
    if WINDING_OF[limit.clock].set_by:
        yield "as the document says"
    for urgency, length in limit.lengths.items():
        yield f"{urgency} {length}".strip()


def _alarms(limit: TimeLimit) -> Iterator[str]:
    for urgency, length in limit.repeat.items():
        yield f"{urgency} every {length}".strip()
