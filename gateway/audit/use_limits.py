"""What may go onward must be what the evidence says: no limit lifted, no leave made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select

from gateway.audit.pages import Reading, facts_of
from gateway.store.rows import AnyRow
from gateway.store.tables import message
from gateway.store.transaction import Transaction
from gateway.store.use_limits import digest_of, digest_of_wish, onward_request, use_limit
from protocol.evidence.chain import Finding
from protocol.evidence.records import Kind

_KINDS: Final = (Kind.USE_LIMITED, Kind.ONWARD_ASKED, Kind.ONWARD_DECIDED)


@dataclass(slots=True)
class UseLimitsAudit:
    """Made before the evidence is walked, shown every row, then asked, as gateway.audit.alerts."""

    store: Reading
    _limited_before: set[int] = field(init=False)
    _wishes_before: list[AnyRow] = field(init=False)
    _limited: set[int] = field(default_factory=set)
    _asked: set[int] = field(default_factory=set)
    _granted: dict[str, object] = field(default_factory=dict)  # the last decision on each wish

    def __post_init__(self) -> None:
        self._limited_before = self.store.run_blocking(_limited_txn)
        self._wishes_before = self.store.run_blocking(_wishes_txn)

    def take(self, rows: Sequence[AnyRow]) -> Iterator[Finding]:
        """What differs between these rows of evidence and the tables."""
        for row, facts in facts_of(rows, _KINDS):
            if row.message is None:
                continue  # a finding of the columns already
            if row.kind == Kind.ONWARD_DECIDED:
                self._granted[str(facts["wish"])] = facts["granted"]
            elif row.kind == Kind.ONWARD_ASKED:
                self._asked.add(row.message)
                yield from self._wish(row.message, facts)
            else:
                self._limited.add(row.message)
                yield from self._limits(row.message, facts)

    def findings(self) -> Iterator[Finding]:
        """Limits and wishes that the evidence does not know, and leave that nobody gave."""
        for number in sorted(self._limited_before - self._limited):
            yield Finding(_limits_of(number), "are not in the evidence")
        now = {row.message: row.granted for row in self.store.run_blocking(_wishes_txn)}
        for row in self._wishes_before:
            where, moved = _wish_of(row.message_id), now.get(row.message) != row.granted
            if row.message not in self._asked:
                yield Finding(where, "is not in the evidence")
            elif not moved and row.granted != self._granted.get(row.message_id):
                yield Finding(where, f"is decided as {row.granted}; the evidence says otherwise")

    def _limits(self, number: int, facts: Mapping[str, Any]) -> Iterator[Finding]:
        rows = select(use_limit).where(use_limit.c.message == number)
        try:
            held = self.store.run_blocking(
                lambda unit: [row._asdict() for row in unit.connection.execute(rows)]
            )
        except ValueError as e:  # somebody put something else than JSON there
            yield Finding(_limits_of(number), f"cannot be read: {e}")
            return
        if (len(held), digest_of(held)) != (facts["rows"], facts["sha256"]):
            yield Finding(_limits_of(number), "are not those that it came with")

    def _wish(self, number: int, facts: Mapping[str, Any]) -> Iterator[Finding]:
        where = _wish_of(str(facts["message_id"]))
        rows = select(onward_request).where(onward_request.c.message == number)
        try:
            held = self.store.run_blocking(lambda unit: unit.connection.execute(rows).one_or_none())
        except ValueError as e:
            yield Finding(where, f"cannot be read: {e}")
            return
        if held is None:
            yield Finding(where, "is missing")
        elif digest_of_wish(held._asdict()) != facts["sha256"]:
            yield Finding(where, "is not what was asked for")


def _limited_txn(unit: Transaction) -> set[int]:
    return set(unit.connection.execute(select(use_limit.c.message).distinct()).scalars())


def _wishes_txn(unit: Transaction) -> list[AnyRow]:
    columns = (onward_request.c.message, onward_request.c.granted, message.c.message_id)
    return list(
        unit.connection.execute(
            select(*columns).join_from(
                onward_request, message, message.c.id == onward_request.c.message
            )
        )
    )


def _limits_of(number: int) -> str:
    return f"limits of use of the message in row {number}"


def _wish_of(message_id: str) -> str:
    return f"leave asked for with {message_id}"
