"""The addresses about partners: does each answer, and ask one now."""

from __future__ import annotations

from datetime import datetime

from gateway.local.answers import Answer, as_json
from gateway.local.calls import Call
from gateway.local.ports import Pings
from gateway.local.problems import not_found
from gateway.local.views import Json, instant
from gateway.store.lines import PartnerLine
from protocol.as4.pmode import PMode

_NOT_CALLABLE = "cannot be asked: it pulls, or gives its receipts by callback"


class Partners:
    """Endpoints about the line to each partner, for those who run the gateway."""

    def __init__(self, pings: Pings) -> None:
        self._pings = pings

    async def list(self, _call: Call) -> Answer:
        """GET /v1/partners."""
        known = await self._pings.lines()
        states = sorted(self._pings.pmodes)
        return as_json(
            200,
            {"partners": [_view(self._pings.pmodes[one], known.get(one)) for one in states]},
        )

    async def ping(self, call: Call) -> Answer:
        """POST /v1/partners/{partner}/ping."""
        pmode = self._pings.pmodes.get(call.values["partner"])
        if pmode is None:
            raise not_found()
        if not pmode.can_be_pinged:
            return as_json(200, _view(pmode, None))
        line = await self._pings.ping(pmode.partner_state)
        known = await self._pings.lines()
        return as_json(200, _view(pmode, known.get(pmode.partner_state, line)))


def _view(pmode: PMode, line: PartnerLine | None) -> Json:
    return {
        "partner": pmode.partner_state,
        "address": pmode.address,
        "pingSeconds": pmode.ping_interval_seconds if pmode.can_be_pinged else None,
        "askedAt": None if line is None else _instant(line.asked_at),
        "answeredAt": None if line is None else _instant(line.answered_at),
        "answers": None if line is None else line.answers,
        "code": None if line is None else line.code,
        "sentence": _sentence(pmode, line),
    }


def _sentence(pmode: PMode, line: PartnerLine | None) -> str | None:
    if line is not None:
        return line.sentence
    return None if pmode.can_be_pinged else _NOT_CALLABLE


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
