"""Receipts that come in a request of their own: found, heeded, overdue.

What a partner's signal means is decided elsewhere (`gateway.inbound.signals`); here its outcome is
made durable as that of an answer is, whoever sent the message and whenever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from gateway.store.dispatching import Outcome, conclude_txn, fail_group_txn
from gateway.store.engine import Engine
from gateway.store.faults import OutOfStep
from gateway.store.rows import references_of
from gateway.store.sent import exchange_of, outbound_txn
from gateway.store.split_rows import group_of_source_txn
from gateway.store.tables import exchange, message
from gateway.store.transaction import Transaction
from gateway.store.values import MESSAGE_FRAGMENT, SentMessage
from protocol.as4.exchange import Event, Exchange, ExchangeState, PeerRefused, ReceiptOverdue, step
from protocol.as4.pmode import Reliability
from protocol.evidence.records import Kind

OVERDUE_LIMIT: Final = 100  # messages in one transaction; those left over are next

_OVERDUE: Final = (
    select(message.c.message_id)
    .join_from(message, exchange)
    .where(
        exchange.c.state == ExchangeState.AWAITING_RECEIPT.value,
        exchange.c.due_at <= bindparam("now"),
    )
    .order_by(exchange.c.due_at)
    .limit(OVERDUE_LIMIT)
    .with_for_update(of=exchange, skip_locked=True)
)


def find_sent_txn(unit: Transaction, message_id: str) -> SentMessage | None:
    """The message of ours with this id, as it was signed; None if there is none."""
    try:
        row = outbound_txn(unit, message_id)
    except OutOfStep:
        return None
    references = references_of(row.references)
    divided = row.envelope if group_of_source_txn(unit, row.id) is not None else None
    standing = exchange_of(row)
    return SentMessage(row.partner, row.message_id, standing, references, row.receipt, divided)


def heed_txn(
    unit: Transaction, message_id: str, event: Event, outcome: Outcome, reliability: Reliability
) -> Exchange:
    """Where the message stands once the partner's signal is durable. Raises OutOfStep.

    The same receipt again changes nothing and is recorded once.
    """
    row = outbound_txn(unit, message_id, lock=True)
    before = exchange_of(row)
    if outcome.receipt is not None and outcome.receipt == row.receipt:
        return before
    after = conclude_txn(unit, row, step(before, event, outcome.at, reliability), outcome)
    if row.kind == MESSAGE_FRAGMENT and isinstance(event, PeerRefused):
        # A fragment that was receipted is refused as part of a whole that cannot be joined.
        fail_group_txn(unit, row, event.error.code, _sentence(event), outcome.at)
    return after


def _sentence(event: PeerRefused) -> str:
    error = event.error
    return error.detail or error.description or error.short_description or error.code


def overdue_txn(
    unit: Transaction, now: datetime, agreed: Mapping[str, Reliability]
) -> list[tuple[str, Exchange]]:
    """Messages whose receipt is overdue may go again, or have failed; ids and where they stand.

    A partner that `agreed` does not name has the reliability that nobody changed.
    """
    late = unit.connection.execute(_OVERDUE, {"now": now}).scalars().all()
    moved = []
    for message_id in late:
        row = outbound_txn(unit, message_id, lock=True)
        reliability = agreed.get(row.partner, Reliability())
        after = step(exchange_of(row), ReceiptOverdue(), now, reliability)
        outcome = Outcome(Kind.ATTEMPT_FAILED, {"reason": "no receipt came in time"}, now)
        moved.append((message_id, conclude_txn(unit, row, after, outcome)))
    return moved


@dataclass(frozen=True, slots=True)
class Awaited:
    """Receipts that partners owe us. Every method is one transaction."""

    engine: Engine

    async def find_sent(self, message_id: str) -> SentMessage | None:
        """The message of ours that a signal is about."""
        return await self.engine.run(lambda unit: find_sent_txn(unit, message_id))

    async def heed(
        self, message_id: str, event: Event, outcome: Outcome, reliability: Reliability
    ) -> Exchange:
        """The partner's signal is durable, and the message stands where it puts it."""
        return await self.engine.run(
            lambda unit: heed_txn(unit, message_id, event, outcome, reliability)
        )

    async def overdue(
        self, now: datetime, agreed: Mapping[str, Reliability]
    ) -> list[tuple[str, Exchange]]:
        """Messages whose receipt is overdue at `now` have moved on."""
        return await self.engine.run(lambda unit: overdue_txn(unit, now, agreed))
