"""The one function that moves a case, and what may happen next.

* What a line of the table says, happens.
* Our own side does nothing else: `own_step` refuses, and says what would be legal.
* A partner's document that no line allows is kept and flagged. Where all lines of the table agree
  on what it says about the case, and the case has not ended by it, the case follows it: the partner
  knows best where its own work stands. Otherwise the case stays and the entry says what the
  document claims, so that a person can settle it.
* A case that has ended does not move any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Entry, Event, Flag, FlagCode
from protocol.convention.lifecycle.guards import Terms, Turn
from protocol.convention.lifecycle.rows import Transition
from protocol.convention.lifecycle.states import TERMINAL, Cause, Machine, State, Trigger
from protocol.convention.lifecycle.tables import FIRST, MACHINE_OF, knows, rows_from, targets

SETTLED: Final = "Settled"  # a person accepted what an irregular document claims


@dataclass(frozen=True, slots=True)
class LegalStep:
    """One document that may come next, and on what condition."""

    kind: str
    variant: str
    leads_to: State
    condition: str
    article: str


@dataclass(frozen=True, slots=True)
class IllegalStep:
    """Our side may not do this now. `legal` is what it may do instead."""

    state: State
    kind: str
    reason: str
    remedy: str
    article: str
    legal: tuple[LegalStep, ...]


def opened(
    kind: str, request_id: str, requesting: str, requested: str, urgency: str, at: datetime
) -> Case:
    """A case that begins with a document of `kind`; a kind that opens none begins an UNFILED one.

    Nothing has happened in it yet: its first `step` is the document itself.
    """
    machine = MACHINE_OF.get(kind, Machine.UNFILED)
    return Case(request_id, machine, kind, requesting, requested, at, FIRST[machine], None, urgency)


def step(case: Case, event: Event, now: datetime, terms: Terms) -> Case:
    """Where `case` stands after `event`; its history has one entry more, flagged if irregular.

    `now` is aware: the provable time of receipt. Never refuses: see `own_step`.
    """
    event = replace(event, trigger=_known(case.machine, event.trigger))
    if event.trigger.name == SETTLED:
        return _settled(case, event, now)
    turn = Turn(case, event, now, terms)
    row = _row(turn)
    if row is not None:
        return _moved(turn, row.target)
    claimed = _claimed(turn)
    if claimed is None or claimed in TERMINAL or case.is_ended:
        return _moved(turn, case.state, _irregularity(turn), claimed)
    return _moved(turn, claimed, _irregularity(turn))


def own_step(case: Case, event: Event, now: datetime, terms: Terms) -> Case | IllegalStep:
    """The case after a step of our own side; or why it may not be taken, and what may."""
    known = replace(event, trigger=_known(case.machine, event.trigger))
    turn = Turn(case, known, now, terms)
    if _row(turn) is not None:
        return step(case, event, now, terms)
    flag = _irregularity(turn)
    side = event.side or Side.REQUESTING
    return IllegalStep(
        case.state, event.trigger.name, flag.sentence, _remedy(turn), flag.article,
        legal_next(case, side),
    )  # fmt: skip


def replay(first: Case, happened: Iterable[tuple[Event, datetime]], terms: Terms) -> Case:
    """Where a case stands that began as `first`, after everything that happened, in its order."""
    case = first
    for event, at in happened:
        case = step(case, event, at, terms)
    return case


def legal_next(case: Case, side: Side) -> tuple[LegalStep, ...]:
    """The documents that `side` may send now, each with its condition, in the table's order."""
    found = {
        (row.trigger, row.target): LegalStep(
            row.trigger.name,
            row.trigger.variant,
            row.target,
            row.guard.name if row.guard else "",
            row.article,
        )
        for row in rows_from(case.machine, case.state)
        if row.actor.side is side and row.trigger.cause is Cause.DOCUMENT
    }
    return tuple(found.values())


def with_flags(case: Case, flags: tuple[Flag, ...]) -> Case:
    """The case, whose last entry has `flags` beside its own."""
    *before, last = case.history
    return replace(case, history=(*before, replace(last, flags=(*last.flags, *flags))))


def undone(case: Case, without: Case, event: Event, now: datetime, flag: Flag) -> Case:
    """The case as it stands `without` a message that never arrived; a person must look at it."""
    back = replace(
        without, state=case.state, state_since=case.state_since,
        requested_authority=case.requested_authority, entries=case.entries, history=case.history,
    )  # fmt: skip
    return _entered(back, event, now, without.state, (flag,), None)


def flagged(case: Case, event: Event, now: datetime, flag: Flag) -> Case:
    """The case as it is, with an entry that a person must look at."""
    return _entered(case, event, now, case.state, (flag,), None)


def _row(turn: Turn) -> Transition | None:
    """The line that allows what happened."""
    return next((row for row in _lines(turn) if row.guard is None or row.guard.holds(turn)), None)


def _lines(turn: Turn) -> Iterable[Transition]:
    """The lines for what happened, whether their guards hold or not."""
    for row in rows_from(turn.case.machine, turn.case.state):
        if row.trigger == turn.event.trigger and row.actor.side is turn.event.side:
            yield row


def _known(machine: Machine, trigger: Trigger) -> Trigger:
    """`trigger` as the machine has it: a variant that it makes no difference of is left out."""
    if knows(machine, trigger) or not trigger.variant or trigger.name == SETTLED:
        return trigger
    return replace(trigger, variant="")


def _claimed(turn: Turn) -> State | None:
    """The one state that the document speaks of, wherever it is regular; None if there are more."""
    if turn.event.trigger.cause is not Cause.DOCUMENT:
        return None
    found = targets(turn.case.machine, turn.event.trigger)
    return next(iter(found)) if len(found) == 1 else None


def _irregularity(turn: Turn) -> Flag:
    case, kind = turn.case, turn.event.trigger
    if case.machine is Machine.UNFILED:
        sentence = f"{kind} belongs to a case that this gateway never saw begin"
        return Flag(FlagCode.NO_SUCH_CASE, sentence)
    if case.is_ended:
        sentence = f"the case is {case.state.value} and does not move; {kind} came after its end"
        return Flag(FlagCode.AFTER_THE_END, sentence)
    lines = list(_lines(turn))
    if not lines:
        sentence = f"{kind} is no step from {case.state.value}"
        return Flag(FlagCode.OUT_OF_TURN, sentence)
    names = " or ".join(dict.fromkeys(row.guard.name for row in lines if row.guard))
    sentence = f"{kind} from {case.state.value} wants: {names}"
    return Flag(FlagCode.GUARD, sentence, lines[0].article)


def _remedy(turn: Turn) -> str:
    if turn.case.is_ended or turn.case.machine is Machine.UNFILED:
        return "begin a new request that names this one in PriorRequest"
    wanted = next((row.guard for row in _lines(turn) if row.guard), None)
    return wanted.remedy if wanted else "send one of the documents that are legal now"


def _moved(
    turn: Turn, target: State, flag: Flag | None = None, claimed: State | None = None
) -> Case:
    case = turn.case if turn.case.is_ended else _remembering(turn, target)
    return _entered(case, turn.event, turn.now, target, (flag,) if flag else (), claimed)


def _entered(
    case: Case,
    event: Event,
    now: datetime,
    target: State,
    flags: tuple[Flag, ...],
    claimed: State | None,
) -> Case:
    number = case.entries + 1
    entry = Entry(number, now, event, case.state, target, flags, claimed)
    since = case.state_since if target is case.state and case.entries else now
    return replace(
        case, state=target, state_since=since, entries=number, history=(*case.history, entry)
    )


def _settled(case: Case, event: Event, now: datetime) -> Case:
    target = State(event.trigger.variant)
    if case.is_ended:
        return _entered(case, event, now, case.state, (), None)
    return _entered(case, event, now, target, (), None)


def _remembering(turn: Turn, target: State) -> Case:
    """What guards and clocks must know of `event` later."""
    case, event = turn.case, turn.event
    name = event.trigger.name if event.trigger.cause is Cause.DOCUMENT else ""
    if not case.entries:
        case = replace(case, deadline=event.until)
    if target is not case.state:
        case = replace(case, awaited_until=None)
    if target is State.UNDER_REVIEW:
        case = replace(case, amended=False)
    match name:
        case "ConsultationNotice":
            return replace(case, consulted=True)
        case "ClarificationRequest":
            return _asked(case, event)
        case "AdditionalInformation":
            return replace(case, questions=case.questions - event.answers)
        case "PostponementNotice" | "ExtraditionDecision":
            return replace(case, awaited_until=event.until)
        case "ExecutionReport":
            return replace(case, executed=True)
        case "EvidenceDelivery":
            return replace(case, evidence_sent=True)
        case "PreservationConfirmation":
            return replace(case, in_force_until=event.until)
        case "NewDeadline":
            return replace(case, deadline=event.until)
        case "Amendment":
            return replace(case, amended=True)
        case _:
            return case


def _asked(case: Case, event: Event) -> Case:
    """A first question, or a reminder of one; what it does not say stays as it was."""
    questions = case.questions | event.questions
    if case.state is State.CLARIFICATION:
        until = event.until or case.awaited_until
        return replace(case, questions=questions, awaited_until=until, reminders=case.reminders + 1)
    return replace(
        case, questions=questions, resumes_in=case.state, awaited_until=event.until, reminders=0
    )
