"""The addresses of cases and of what is due in them, for the authorities that are parties."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.local.answers import Answer, Whole, as_json
from gateway.local.calls import Call
from gateway.local.case_json import case_json, deadline_json, file_json
from gateway.local.forwarding import Forwards
from gateway.local.ports import CaseFiles, Now
from gateway.local.problems import MALFORMED, Problem, not_found
from gateway.local.small_json import member, small_object
from gateway.store.case_handling import Flagged
from gateway.store.case_views import Wanted

MAX_NUMBER_DIGITS = 18  # of a row number, which has 63 bits
_DONE = Whole(204)


class Cases:
    """Endpoints about the caller's own cases; those of others are not there."""

    def __init__(self, cases: CaseFiles, forwards: Forwards, now: Now) -> None:
        self._cases = cases
        self._forwards = forwards
        self._now = now

    async def list(self, call: Call) -> Answer:
        """GET /v1/cases."""
        wanted = Wanted(
            partner=call.query.get("partner"),
            state=call.query.get("state"),
            only_open=_yes(call, "open"),
            only_flagged=_yes(call, "flagged"),
        )
        found = await self._cases.of(call.authority, wanted)
        return as_json(200, {"cases": [case_json(one) for one in found]})

    async def show(self, call: Call) -> Answer:
        """GET /v1/cases/{requestId}."""
        found = await self._cases.find(
            call.authority, call.values["requestId"], call.query.get("partner")
        )
        if found is None:
            raise not_found()
        return as_json(200, file_json(found))

    async def deadlines(self, call: Call) -> Answer:
        """GET /v1/deadlines."""
        found = await self._cases.deadlines(call.authority, _before(call))
        return as_json(200, {"deadlines": [deadline_json(one) for one in found]})

    async def answer(self, call: Call) -> Answer:
        """POST /v1/deadlines/{number}/answer."""
        number = _number(call.values["number"])
        if number is None or not await self._cases.answer(call.authority, number, self._now()):
            raise not_found()
        return _DONE

    async def settle(self, call: Call) -> Answer:
        """POST /v1/cases/{requestId}/steps/{step}/settle."""
        said = small_object(await call.intake.octets())
        step, accept = _number(call.values["step"]), member(said, "accept", bool)
        request_id, partner = call.values["requestId"], call.query.get("partner")
        if step is None or not await self._cases.settle(
            call.authority, Flagged(request_id, partner, step, accept), self._now()
        ):
            raise not_found()
        return _DONE

    async def forward(self, call: Call) -> Answer:
        """POST /v1/cases/{requestId}/forward."""
        said = small_object(await call.intake.octets())
        return as_json(
            200,
            await self._forwards.forward(
                call.authority,
                call.values["requestId"],
                call.query.get("partner"),
                member(said, "authority", str),
                member(said, "reference", str),
                member(said, "reason", str),
            ),
        )


def _yes(call: Call, name: str) -> bool:
    text = call.query.get(name, "false")
    if text not in ("true", "false"):
        raise Problem(MALFORMED, f"'{name}' is true or false.")
    return text == "true"


def _before(call: Call) -> datetime | None:
    text: Any = call.query.get("before")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Problem(MALFORMED, "'before' is a time with its offset, as in 2026-11-26T12:00:00Z.")
    return at


def _number(text: str) -> int | None:
    known = text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS
    return int(text) if known else None
