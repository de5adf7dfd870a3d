"""The addresses for those who run the gateway: health, metrics, and the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from gateway.local.answers import Answer, Streamed, Whole, as_json
from gateway.local.calls import Call
from gateway.local.ports import Audit, InThread, Now, Store
from gateway.local.problems import not_found, too_many
from gateway.metrics import Metrics
from gateway.store.alerts import Alert
from protocol.evidence.records import instant

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NDJSON_TYPE = "application/x-ndjson"
MAX_NUMBER_DIGITS = 18  # of a row number, which has 63 bits


class Operations:
    """Endpoints that show the gateway's own condition, never a message."""

    def __init__(
        self, store: Store, metrics: Metrics, audit: Audit, in_thread: InThread, now: Now
    ) -> None:
        self._store = store
        self._now = now
        self._metrics = metrics
        self._audit = audit
        self._in_thread = in_thread
        self._auditing = False

    async def health(self, _call: Call) -> Answer:
        """GET /healthz: whether messages can be made durable, and no more than that."""
        try:
            await self._store.check_writable()
        except Exception:  # noqa: BLE001 - whatever is wrong with the store, the answer is one
            return as_json(503, {"status": "unavailable"})
        return as_json(200, {"status": "ok"})

    async def metrics(self, _call: Call) -> Answer:
        """GET /metrics in the text format of Prometheus."""
        self._metrics.alerts_open(await self._store.count_alerts())
        return Whole(200, _METRICS_TYPE, await self._in_thread(self._metrics.exposition))

    async def alerts(self, _call: Call) -> Answer:
        """GET /v1/alerts: what nobody has looked at yet."""
        found = await self._store.open_alerts()
        return as_json(200, {"alerts": [_alert(one) for one in found]})

    async def acknowledge_alert(self, call: Call) -> Answer:
        """POST /v1/alerts/{number}/ack."""
        number = call.values["number"]
        known = number.isascii() and number.isdigit() and len(number) <= MAX_NUMBER_DIGITS
        if not known or not await self._store.acknowledge_alert(int(number), self._now()):
            raise not_found()
        return Whole(204)

    async def verify_evidence(self, _call: Call) -> Answer:
        """GET /v1/audit/verify: one JSON line for each step and finding, while it works."""
        if self._auditing:
            raise too_many("One audit runs at a time: it reads everything there is.")
        self._auditing = True
        lines = _lines(self._audit())
        return Streamed(_NDJSON_TYPE, lambda: next(lines, b""), self._end_audit)

    def _end_audit(self) -> None:
        self._auditing = False


def _alert(alert: Alert) -> dict[str, object]:
    return {
        "number": alert.number,
        "sentence": alert.sentence,
        "firstAt": instant(alert.first_at),
        "lastAt": instant(alert.last_at),
        "times": alert.times,
    }


def _lines(steps: Iterator[Mapping[str, object]]) -> Iterator[bytes]:
    for step in steps:
        yield json.dumps(step, ensure_ascii=False).encode() + b"\n"
