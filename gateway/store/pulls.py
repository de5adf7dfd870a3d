"""What partners pull: the oldest message that waits for one of them, once for each PullRequest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select

from gateway.store.dispatching import DUE_STATES, claim_txn
from gateway.store.engine import Engine
from gateway.store.rows import insert_once
from gateway.store.tables import exchange, pull_request
from gateway.store.transaction import Transaction
from gateway.store.values import Dispatch, Replayed

#: How far the eb:Timestamp of a PullRequest may lie from our clock, either way. It asks for now:
#: an older one was held back by somebody. It is remembered for twice as long, so that none of those
#: that would still be taken is forgotten.
PULL_WINDOW_SECONDS: Final = 900.0
_MEMORY: Final = timedelta(seconds=2 * PULL_WINDOW_SECONDS)

_KEY: Final = ("partner", "message_id")
_REMEMBER: Final = {
    dialect: insert_once(pull_request, "pull_request_pk", _KEY, dialect).returning(
        pull_request.c.at
    )
    for dialect in ("sqlite", "postgresql")
}
_OLDEST: Final = (
    select(exchange.c.message)
    .where(
        exchange.c.state.in_(DUE_STATES),
        exchange.c.partner == bindparam("partner"),
        exchange.c.due_at <= bindparam("now"),
    )
    .order_by(exchange.c.message)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def pull_txn(
    unit: Transaction, partner: str, request_id: str, now: datetime, node: str
) -> Dispatch | Replayed | None:
    """The oldest message that waits for `partner` is ours to give it; None if none waits."""
    connection = unit.connection
    connection.execute(delete(pull_request).where(pull_request.c.at < now - _MEMORY))
    columns = {"partner": partner, "message_id": request_id, "at": now}
    if connection.execute(_REMEMBER[connection.dialect.name], columns).first() is None:
        return Replayed()
    found = connection.execute(_OLDEST, {"partner": partner, "now": now}).scalar_one_or_none()
    return None if found is None else claim_txn(unit, found, now, node)


@dataclass(frozen=True, slots=True)
class Pulls:
    """What waits for partners who pull."""

    engine: Engine
    node: str

    async def next(
        self, partner: str, request_id: str, now: datetime
    ) -> Dispatch | Replayed | None:
        """The oldest message that waits for `partner`, claimed for the PullRequest `request_id`."""
        return await self.engine.run(
            lambda unit: pull_txn(unit, partner, request_id, now, self.node)
        )
