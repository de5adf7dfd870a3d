"""Alerts must say what the evidence says: none removed, none quietly acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.audit.pages import Reading, facts_of
from gateway.store.rows import AnyRow
from gateway.store.tables import alert
from protocol.evidence.chain import Finding
from protocol.evidence.records import Kind


@dataclass(slots=True)
class AlertsAudit:
    """Make it before the evidence is walked, show it every row, then ask for the findings.

    What the table had before must be in the evidence; what the evidence has must be in the table
    afterwards. Alerts that come or are acknowledged meanwhile disturb neither.
    """

    store: Reading
    _before: list[AnyRow] = field(init=False)
    _raised: dict[int, object] = field(default_factory=dict)
    _acknowledged: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = self._rows()

    def take(self, rows: Sequence[AnyRow]) -> None:
        """Remember what the evidence says about alerts."""
        for row, facts in facts_of(rows, (Kind.ALERTED, Kind.ALERT_ACKNOWLEDGED)):
            number = int(str(facts["alert"]))
            if row.kind == Kind.ALERTED:
                self._raised[number] = facts["reason"]
            else:
                self._acknowledged.add(number)

    def findings(self) -> Iterator[Finding]:
        """Every difference between the table and the evidence."""
        after = {row.id: row for row in self._rows()}
        for row in self._before:
            if row.id not in self._raised:
                yield Finding(f"alert {row.id}", "is not in the evidence")
            elif row.closed and row.id not in self._acknowledged:
                yield Finding(f"alert {row.id}", "was closed, and nobody acknowledged it")
        for number, sentence in self._raised.items():
            found = after.get(number)
            if found is None:
                yield Finding(f"alert {number}", "is missing")
            elif found.sentence != sentence:
                yield Finding(f"alert {number}", "its sentence was changed")
            elif not found.closed and number in self._acknowledged:
                yield Finding(f"alert {number}", "was acknowledged, and stands open")

    def _rows(self) -> list[AnyRow]:
        closed = alert.c.acknowledged_at.is_not(None).label("closed")  # whatever stands there
        rows = select(alert.c.id, alert.c.sentence, closed)
        return self.store.run_blocking(lambda unit: list(unit.connection.execute(rows)))
