"""What came of an attempt is made durable, however long the store takes to come back.

A receipt in hand must not be lost because a disk was full for a minute: some partners never give it
again. So the outcome is kept and the store is asked until it has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import CancelledError

from gateway.outbound.interpretation import Interpreted, unanswered
from gateway.store import Store
from gateway.store.faults import OutOfStep
from gateway.store.values import Dispatch
from protocol.as4.exchange import Exchange, OutOfTurn, step
from protocol.as4.pmode import PMode

FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
#: So often the same outcome is offered; then it is what the store cannot take, and a plain one is.
TRIES: Final = 5


class NotSettled(Exception):
    """The outcome is not durable: we are stopping, or the store does not hold the message."""


class Settling:
    """Settles outcomes; `pause` waits, and says whether there is still time to go on."""

    def __init__(
        self,
        store: Store,
        log: FilteringBoundLogger,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._log = log
        self._now = now
        self._pause = pause

    async def settle(self, dispatch: Dispatch, outcome: Interpreted, pmode: PMode) -> Exchange:
        """Where the message stands, durably. Raises NotSettled."""
        seconds, tries = FIRST_PAUSE_SECONDS, 0
        while True:
            tries += 1
            try:
                return await self._once(dispatch, outcome, pmode)
            except (OutOfStep, OutOfTurn) as fault:
                raise NotSettled(str(fault)) from fault
            except CancelledError as cancelled:
                raise NotSettled("the gateway stops") from cancelled
            except Exception as fault:
                self._log.exception(
                    "send.not_settled", message_id=dispatch.submission.message_id, tries=tries
                )
                if tries == TRIES:
                    outcome = unanswered(f"a failure of our own: {type(fault).__name__}")
                if not await self._pause(seconds):
                    raise NotSettled("the gateway stops") from fault
                seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)

    async def _once(self, dispatch: Dispatch, outcome: Interpreted, pmode: PMode) -> Exchange:
        now = self._now()
        return await self._store.settle(
            dispatch.submission,
            step(dispatch.exchange, outcome.event, now, pmode.reliability),
            kind=outcome.kind,
            facts=outcome.facts,
            at=now,
            receipt_id=outcome.receipt_id,
            receipt=outcome.receipt,
            receipt_signer=outcome.receipt_signer,
        )
