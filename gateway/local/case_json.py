"""Cases and clocks in JSON, as openapi.yaml says."""

from __future__ import annotations

from datetime import datetime

from gateway.local.views import Json, instant
from gateway.store.case_views import CaseFile, CaseView, ClockView, LinkView, StepView
from protocol.convention.lifecycle.case import Flag
from protocol.convention.lifecycle.machine import LegalStep


def case_json(view: CaseView) -> Json:
    """One case in a list."""
    case = view.case
    return {
        "requestId": case.request_id,
        "partner": view.partner,
        "kind": case.kind,
        "machine": case.machine.value,
        "state": case.state.value,
        "since": _instant(case.state_since),
        "ended": case.is_ended,
        "ownSide": view.own_side.value,
        "requestingAuthority": case.requesting_authority,
        "requestedAuthority": case.requested_authority,
        "urgency": case.urgency,
        "openedAt": instant(case.opened_at),
        "flagged": view.flagged,
        "nextDue": _instant(view.next_due),
    }


def file_json(file: CaseFile) -> Json:
    """One case with everything about it."""
    return {
        **case_json(file.view),
        "steps": [_step(one) for one in file.steps],
        "deadlines": [deadline_json(one) for one in file.clocks],
        "links": [_link(one) for one in file.links],
        "legal": [legal_json(one) for one in file.legal],
    }


def deadline_json(view: ClockView) -> Json:
    """One clock."""
    clock = view.clock
    return {
        "number": view.number,
        "requestId": view.request_id,
        "partner": view.partner,
        "clock": clock.kind.value,
        "authority": clock.authority,
        "own": view.own,
        "startsAt": instant(clock.starts_at),
        "dueAt": _instant(clock.due_at),
        "warnAt": [instant(at) for at in clock.warn_at],
        "pausedAt": _instant(clock.paused_at),
        "repeats": None if clock.repeat is None else str(clock.repeat),
        "legal": clock.legal,
        "article": clock.article,
        "trust": clock.trust.value,
        "toldUntil": _instant(view.told_until),
        "answeredAt": _instant(view.answered_at),
        "answeredBy": view.answered_by,
    }


def legal_json(step: LegalStep) -> Json:
    """A document that may be sent now."""
    return {
        "kind": step.kind,
        "variant": step.variant or None,
        "leadsTo": step.leads_to.value,
        "condition": step.condition or None,
        "article": step.article or None,
    }


def _step(view: StepView) -> Json:
    entry = view.entry
    return {
        "number": entry.number,
        "at": instant(entry.at),
        "event": str(entry.event.trigger),
        "cause": entry.event.trigger.cause.value,
        "before": entry.before.value,
        "after": entry.after.value,
        "asserts": None if entry.asserts is None else entry.asserts.value,
        "flags": [_flag(flag) for flag in entry.flags],
        "messageId": view.message_id,
        "direction": view.direction,
        "settledAt": _instant(view.settled_at),
        "settledBy": view.settled_by,
    }


def _flag(flag: Flag) -> Json:
    return {"code": flag.code.value, "sentence": flag.sentence, "article": flag.article or None}


def _link(link: LinkView) -> Json:
    return {
        "requestId": link.request_id,
        "relation": link.relation.value,
        "earlier": link.is_earlier,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
