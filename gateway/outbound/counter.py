"""Gives a partner who pulls the message that waits for it, and hears whether it was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import Deferred

from gateway.outbound.interpretation import Interpreted, unanswered
from gateway.outbound.packing import Packer
from gateway.outbound.wire import frame_of, pieces_of
from gateway.spool import Spool
from gateway.store import Store
from gateway.store.values import Dispatch, Sealed
from gateway.workers import Workers
from protocol.as4.exchange import Exchange, ReceiptToCome, step
from protocol.as4.pmode import PMode

#: A partner that reads more slowly than this may be asked for its receipt before it has all of it.
SLOWEST_BYTES_PER_SECOND: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The message in our answer to a PullRequest.

    `ended` must be called once: whether all of it went to the connection.
    """

    content_type: str
    length_bytes: int
    pieces: Callable[[], Iterator[bytes]] = field(repr=False)
    ended: Callable[[bool], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PullCounter:
    """Where partners pull what waits for them."""

    state: str  # ours
    store: Store
    packer: Packer
    wire_spool: Spool
    workers: Workers
    log: FilteringBoundLogger
    now: Callable[[], datetime]

    async def hand_over(self, dispatch: Dispatch, pmode: PMode, request_id: str) -> HandedOver:
        """The claimed message, sealed as for every attempt; from now on its receipt is awaited."""
        message_id = dispatch.submission.message_id
        try:
            sealed = dispatch.sealed or await self._seal(dispatch, pmode)
        except Exception as failure:
            reason = f"a failure of our own: {type(failure).__name__}"
            await self._settle(dispatch, unanswered(reason), pmode)
            raise
        frame = frame_of(sealed, self.state)
        taking_seconds = frame.content_length / SLOWEST_BYTES_PER_SECOND
        told = {"pull_request": request_id}
        outcome = Interpreted(ReceiptToCome(taking_seconds), "PULLED", told)
        awaiting = await self._settle(dispatch, outcome, pmode)
        self.log.info("send.pulled", message_id=message_id, partner=pmode.partner_state)
        return HandedOver(
            frame.content_type,
            frame.content_length,
            lambda: pieces_of(frame, sealed, self.wire_spool),
            lambda whole: self._ended(dispatch, awaiting, pmode, whole=whole),
        )

    async def _seal(self, dispatch: Dispatch, pmode: PMode) -> Sealed:
        sealed = await self.workers.run(self.packer.seal, dispatch.submission, pmode)
        await self.store.keep_sealed(dispatch.submission.message_id, sealed)
        return sealed

    async def _settle(self, dispatch: Dispatch, outcome: Interpreted, pmode: PMode) -> Exchange:
        now = self.now()
        return await self.store.settle(
            dispatch.submission,
            step(dispatch.exchange, outcome.event, now, pmode.reliability),
            kind=outcome.kind,
            facts=outcome.facts,
            at=now,
        )

    def _ended(self, dispatch: Dispatch, awaiting: Exchange, pmode: PMode, *, whole: bool) -> None:
        """A message that broke off need not be waited for: it may be pulled again sooner."""
        if whole:
            return
        begun = Dispatch(dispatch.submission, awaiting, dispatch.sealed)
        outcome = unanswered("the connection was lost while the partner pulled the message")
        settling = Deferred.fromCoroutine(self._settle(begun, outcome, pmode))
        settling.addErrback(
            lambda failure: self.log.error(
                "send.not_settled",
                message_id=dispatch.submission.message_id,
                reason=failure.getErrorMessage(),
            )
        )
