"""What the gateway counts, in a registry of its own; read at /metrics by the auditor's credential.

Labels take their values from configuration or from fixed lists, never from a message: nobody
outside can make the number of series grow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as _generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

# An exchange on one machine takes milliseconds, a large file minutes.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one gateway process; every method is cheap and never raises."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._received = self._counter(
            "gateway_messages_received",
            "AS4 messages from partners by outcome: accepted, duplicate, refused, failed.",
            "partner",
            "outcome",
        )
        self._refused = self._counter(
            "gateway_refusals", "Refusals by the gate that refused and the code.", "gate", "code"
        )
        self._receive_seconds = self._histogram(
            "gateway_receive_seconds", "From the first octet to the receipt.", "partner"
        )
        self._attempts = self._counter(
            "gateway_send_attempts",
            "Attempts to send by outcome: acknowledged, retry, refused, failed.",
            "partner",
            "outcome",
        )
        self._send_seconds = self._histogram(
            "gateway_send_seconds", "From the first octet of an attempt to its receipt.", "partner"
        )
        self._alerts = Gauge(
            "gateway_alerts_open", "Alerts no operator has acknowledged.", registry=self.registry
        )
        self._ringing = Gauge(
            "gateway_case_alarms", "Clocks that ring until a person answers.",
            registry=self.registry,
        )  # fmt: skip
        self._overdue = Gauge(
            "gateway_case_clocks_overdue", "Clocks of cases that ran out, and still wait.",
            registry=self.registry,
        )  # fmt: skip
        self._pings = self._counter(
            "gateway_pings", "Pings by outcome: answered, failed.", "partner", "outcome"
        )
        self._last_answer = Gauge(
            "gateway_partner_last_answer_seconds",
            "When the partner last answered a ping of this process, in seconds since 1970.",
            ["partner"],
            registry=self.registry,
        )
        self._answers = Gauge(
            "gateway_partner_answers",
            "Whether the partner answered the last ping of this process.",
            ["partner"],
            registry=self.registry,
        )
        self._requests = self._counter(
            "gateway_local_requests", "Calls of the local API.", "operation", "status"
        )
        self._request_seconds = self._histogram(
            "gateway_local_request_seconds", "Duration of calls of the local API.", "operation"
        )

    def message_received(self, partner: str, outcome: str, took_seconds: float) -> None:
        """A message from `partner` (a configured State, or "unknown") has its outcome."""
        self._received.labels(partner, outcome).inc()
        self._receive_seconds.labels(partner).observe(took_seconds)

    def refusal(self, gate: str, code: str) -> None:
        """We refused something at `gate`, answering with `code`."""
        self._refused.labels(gate, code).inc()

    def attempt_ended(self, partner: str, outcome: str, took_seconds: float) -> None:
        """An attempt to send to `partner` has its outcome."""
        self._attempts.labels(partner, outcome).inc()
        self._send_seconds.labels(partner).observe(took_seconds)

    def partner_asked(self, partner: str, *, answers: bool, at: datetime) -> None:
        """A ping to `partner` has its outcome."""
        self._pings.labels(partner, "answered" if answers else "failed").inc()
        self._answers.labels(partner).set(answers)
        if answers:
            self._last_answer.labels(partner).set(at.timestamp())

    def local_request(self, operation: str, status: int, took_seconds: float) -> None:
        """A call of the local API was answered."""
        self._requests.labels(operation, str(status)).inc()
        self._request_seconds.labels(operation).observe(took_seconds)

    def clocks(self, ringing: int, overdue: int) -> None:
        """How many clocks of cases ring, and how many have run out."""
        self._ringing.set(ringing)
        self._overdue.set(overdue)

    def alerts_open(self, count: int) -> None:
        """So many alerts wait for an operator."""
        self._alerts.set(count)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Publish what `read` returns whenever somebody looks; it must not block."""
        Gauge(name, meaning, registry=self.registry).set_function(read)

    def exposition(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return _generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, registry=self.registry, buckets=_SECONDS)
