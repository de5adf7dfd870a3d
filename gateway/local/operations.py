"""The addresses for those who run the gateway: health, metrics, and the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from gateway.local.answers import Answer, Streamed, Whole, as_json
from gateway.local.calls import Call
from gateway.local.ports import Audit, InThread, Store
from gateway.local.problems import too_many
from gateway.metrics import Metrics

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NDJSON_TYPE = "application/x-ndjson"


class Operations:
    """Endpoints that show the gateway's own condition, never a message."""

    def __init__(self, store: Store, metrics: Metrics, audit: Audit, in_thread: InThread) -> None:
        self._store = store
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
        return Whole(200, _METRICS_TYPE, await self._in_thread(self._metrics.exposition))

    async def verify_evidence(self, _call: Call) -> Answer:
        """GET /v1/audit/verify: one JSON line for each step and finding, while it works."""
        if self._auditing:
            raise too_many("One audit runs at a time: it reads everything there is.")
        self._auditing = True
        lines = _lines(self._audit())
        return Streamed(_NDJSON_TYPE, lambda: next(lines, b""), self._end_audit)

    def _end_audit(self) -> None:
        self._auditing = False


def _lines(steps: Iterator[Mapping[str, object]]) -> Iterator[bytes]:
    for step in steps:
        yield json.dumps(step, ensure_ascii=False).encode() + b"\n"
