"""Decides what is due, sends it, and settles what came of it.

Truth is in the store: what is due is claimed there, every outcome is written there, and after a
crash the store says what was under way. Architecture: docs/architecture.md, "The way out".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gateway.metrics import Metrics
from gateway.outbound.interpretation import Interpreted, interpret, unanswered
from gateway.outbound.packing import Packer
from gateway.outbound.posting import Post, Unanswered
from gateway.outbound.wire import Wire
from gateway.store import Store
from gateway.store.values import Dispatch
from gateway.workers import Workers
from protocol.as4.exchange import Exchange, ExchangeState, step
from protocol.as4.pmode import PMode

CLAIM_LIMIT = 32  # dispatches taken from the store at once
LONGEST_SLEEP_SECONDS = 5.0  # another node, or an operator, may have made something due
TROUBLE_SECONDS = 2.0  # pause after the store itself failed
STOP_SECONDS = 20.0  # how long a stop waits for answers that are under way

_OUTCOMES = {ExchangeState.ACKNOWLEDGED: "acknowledged", ExchangeState.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Dispatching:
    """Everything that sending needs."""

    store: Store
    packer: Packer
    post: Post
    wire: Wire
    pmodes: Mapping[str, PMode]  # by partner State
    workers: Workers
    metrics: Metrics
    log: FilteringBoundLogger
    now: Callable[[], datetime]


class Sender(Service):
    """Sends due messages until it is stopped; `wake` makes it look again at once."""

    def __init__(self, dispatching: Dispatching, clock: IReactorTime) -> None:
        self._desk = dispatching
        self._clock = clock
        self._under_way: set[Deferred[None]] = set()
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._look_again = False

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to send what is due."""
        super().startService()
        self.wake()

    def stopService(self) -> Deferred[object]:  # noqa: N802 - Twisted's name
        """Claim nothing more, and wait for the answers that are under way."""
        super().stopService()
        self._cancel_timer()
        everything = Deferred.fromCoroutine(self._finish())
        everything.addTimeout(STOP_SECONDS, self._clock)
        return everything.addErrback(lambda _: None)

    async def _finish(self) -> None:
        """First the look that may still claim, then every answer that is under way."""
        if self._looking is not None:
            await _after(self._looking)
        await DeferredList([_after(deferred) for deferred in self._under_way])

    def wake(self) -> None:
        """Look at once for something due."""
        if not self.running:
            return
        self._cancel_timer()
        if self._looking is not None:
            self._look_again = True
            return
        self._looking = Deferred.fromCoroutine(self._look())
        self._looking.addBoth(self._looked)

    def _looked(self, result: object) -> None:
        self._looking = None
        if isinstance(result, Failure):
            self._desk.log.error("send.look_failed", reason=result.getErrorMessage())
            self._sleep(TROUBLE_SECONDS)
        elif self._look_again:
            self._look_again = False
            self.wake()

    async def _look(self) -> None:
        limits = {
            state: pmode.max_in_flight
            for state, pmode in self._desk.pmodes.items()
            if pmode.channel_sent is None  # those who pull are not called
        }
        now = self._desk.now()
        claimed = await self._desk.store.claim_due(now, CLAIM_LIMIT, limits)
        for dispatch in claimed if self.running else []:  # at a stop: due again at the next start
            delivery = Deferred.fromCoroutine(self._deliver(dispatch))
            self._under_way.add(delivery)
            delivery.addBoth(self._delivered, delivery)
        due = await self._desk.store.next_due(now)
        self._sleep(self._pause_seconds(due, now, all_claimed=len(claimed) < CLAIM_LIMIT))

    def _pause_seconds(self, due: datetime | None, now: datetime, *, all_claimed: bool) -> float:
        """How long there is nothing to do.

        What is due and was not claimed waits for a partner at its in-flight limit, or for one that
        is not configured any more: a delivery that ends wakes us, looking again does not help.
        """
        if due is None or (due <= now and all_claimed):
            return LONGEST_SLEEP_SECONDS
        return min(LONGEST_SLEEP_SECONDS, max(0.0, (due - self._desk.now()).total_seconds()))

    def _delivered(self, result: object, delivery: Deferred[None]) -> None:
        self._under_way.discard(delivery)
        if isinstance(result, Failure):
            self._desk.log.error("send.failed", reason=result.getErrorMessage())
            self._sleep(TROUBLE_SECONDS)
        else:
            self.wake()

    async def _deliver(self, dispatch: Dispatch) -> None:
        submission = dispatch.submission
        pmode = self._desk.pmodes[submission.partner]
        begun_seconds = self._clock.seconds()
        try:
            outcome = await self._attempt(dispatch, pmode)
        except Exception as failure:
            self._desk.log.exception("send.failed", message_id=submission.message_id)
            outcome = unanswered(f"a failure of our own: {type(failure).__name__}")
        exchange = await self._settle(dispatch, outcome, pmode)
        self._desk.metrics.attempt_ended(
            submission.partner,
            _OUTCOMES.get(exchange.state, "retry"),
            self._clock.seconds() - begun_seconds,
        )
        if exchange.state in _OUTCOMES:
            await self._desk.wire.forget(submission.message_id)

    async def _attempt(self, dispatch: Dispatch, pmode: PMode) -> Interpreted:
        message_id = dispatch.submission.message_id
        sealed = dispatch.sealed
        if sealed is None:
            sealed = await self._desk.workers.run(
                self._desk.packer.seal, dispatch.submission, pmode
            )
            await self._desk.store.keep_sealed(message_id, sealed)
        self._desk.log.info("send.attempt", message_id=message_id, partner=pmode.partner_state)
        try:
            answer = await self._desk.post.deliver(sealed, pmode)
        except Unanswered as silence:
            return unanswered(str(silence))
        repeated = dispatch.exchange.attempts > 1
        return await self._desk.workers.run(
            interpret, answer, sealed, message_id, pmode, repeated=repeated
        )

    async def _settle(self, dispatch: Dispatch, outcome: Interpreted, pmode: PMode) -> Exchange:
        now = self._desk.now()
        submission = dispatch.submission
        exchange = step(dispatch.exchange, outcome.event, now, pmode.reliability)
        exchange = await self._desk.store.settle(
            submission,
            exchange,
            kind=outcome.kind,
            facts=outcome.facts,
            at=now,
            receipt_id=outcome.receipt_id,
            receipt=outcome.receipt,
            receipt_signer=outcome.receipt_signer,
        )
        level = self._desk.log.warning if exchange.error_sentence else self._desk.log.info
        level(
            "send.settled",
            message_id=submission.message_id,
            partner=submission.partner,
            state=exchange.state.value,
            attempts=exchange.attempts,
            error_code=exchange.error_code,
            reason=exchange.error_sentence,
        )
        return exchange

    def _sleep(self, seconds: float) -> None:
        self._cancel_timer()
        if self.running:
            self._timer = self._clock.callLater(seconds, self._rise)

    def _rise(self) -> None:
        self._timer = None
        self.wake()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _after(deferred: Deferred[None]) -> Deferred[None]:
    """Fires with None when `deferred` has fired, however it ended, and leaves its result alone."""
    done: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        done.callback(None)
        return result

    deferred.addBoth(pass_on)
    return done
