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
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gateway.metrics import Metrics
from gateway.outbound.interpretation import Interpreted, interpret, unanswered
from gateway.outbound.packing import Packer
from gateway.outbound.posting import Post, Unanswered
from gateway.outbound.settling import Settling
from gateway.outbound.splitting import Splitter
from gateway.outbound.wire import Wire
from gateway.store import Store
from gateway.store.values import Dispatch
from gateway.workers import Workers
from protocol.as4.errors import MISSING_RECEIPT
from protocol.as4.exchange import Exchange, ExchangeState, FragmentsFailed, TransportFailed
from protocol.as4.pmode import PMode

CLAIM_LIMIT = 32  # dispatches taken from the store at once
LONGEST_SLEEP_SECONDS = 5.0  # another node, or an operator, may have made something due
TROUBLE_SECONDS = 2.0  # pause after the store itself failed
LAST_SECONDS = 5.0  # for writing down what was given up at a stop

_OUTCOMES = {ExchangeState.ACKNOWLEDGED: "acknowledged", ExchangeState.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Dispatching:
    """Everything that sending needs."""

    store: Store
    packer: Packer
    post: Post
    wire: Wire
    splitter: Splitter
    pmodes: Mapping[str, PMode]  # by partner State
    workers: Workers
    metrics: Metrics
    log: FilteringBoundLogger
    now: Callable[[], datetime]
    stop_seconds: float  # how long a stop waits for answers that are under way


class Sender(Service):
    """Sends due messages until it is stopped; `wake` makes it look again at once."""

    def __init__(self, dispatching: Dispatching, clock: IReactorTime) -> None:
        self._desk = dispatching
        self._clock = clock
        self._under_way: dict[Deferred[None], str] = {}  # deliveries, and their MessageIds
        self._settling = Settling(
            dispatching.store, dispatching.log, dispatching.now, self._pause_unless_stopped
        )
        self._pauses: set[Deferred[None]] = set()
        self._store_failed = False
        self._gave_up = False
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._look_again = False

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to send what is due."""
        super().startService()
        self.wake()

    def stopService(self) -> Deferred[object]:  # noqa: N802 - Twisted's name
        """Claim nothing more, and wait for the answers that are under way, `stop_seconds` at most.

        What has no answer by then is given up, and due again when the gateway starts.
        """
        super().stopService()
        self._cancel_timer()
        for pause in list(self._pauses):
            pause.callback(None)
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> object:
        await self._finished_within(self._desk.stop_seconds)
        if self._under_way:
            self._desk.log.warning("send.given_up", message_ids=sorted(self._under_way.values()))
        self._gave_up = True
        for delivery in list(self._under_way):
            delivery.cancel()
        return await self._finished_within(LAST_SECONDS)

    def _finished_within(self, seconds: float) -> Deferred[object]:
        everything: Deferred[object] = Deferred.fromCoroutine(self._finish())
        everything.addTimeout(seconds, self._clock)
        return everything.addErrback(lambda _: None)

    async def _finish(self) -> object:
        """First the look that may still claim, then every answer that is under way."""
        if self._looking is not None:
            await _after(self._looking)
        return await DeferredList(
            [_after(deferred) for deferred in self._under_way], consumeErrors=True
        )

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
            self._store_failed = True
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
        if self._store_failed:  # perhaps a claim was made of which we never heard
            self._store_failed = False
            under_way = frozenset(self._under_way.values())
            await self._desk.store.recover_interrupted(now, under_way)
        claimed = await self._desk.store.claim_due(now, CLAIM_LIMIT, limits)
        for dispatch in claimed if self.running else []:  # at a stop: due again at the next start
            delivery = Deferred.fromCoroutine(self._deliver(dispatch))
            self._under_way[delivery] = dispatch.submission.message_id
            delivery.addBoth(self._delivered, delivery)
        due = await self._desk.store.next_due(now)
        self._sleep(0.0 if len(claimed) == CLAIM_LIMIT else self._pause_seconds(due))

    def _pause_seconds(self, due: datetime | None) -> float:
        """How long there is nothing to do, `due` being when the next message becomes due.

        What is due already and was not claimed waits for a partner at its in-flight limit, or for
        one that is not configured any more: a delivery that ends wakes us, looking does not help.
        """
        if due is None:
            return LONGEST_SLEEP_SECONDS
        return min(LONGEST_SLEEP_SECONDS, max(0.0, (due - self._desk.now()).total_seconds()))

    def _delivered(self, result: object, delivery: Deferred[None]) -> None:
        message_id = self._under_way.pop(delivery)
        if isinstance(result, Failure):
            if not result.check(CancelledError):
                self._desk.log.error(
                    "send.failed", message_id=message_id, reason=result.getErrorMessage()
                )
            self._store_failed = True  # the message is still claimed, and nobody sends it
            self._sleep(TROUBLE_SECONDS)
        else:
            self.wake()

    async def _deliver(self, dispatch: Dispatch) -> None:
        submission = dispatch.submission
        pmode = self._desk.pmodes[submission.partner]
        begun_seconds = self._clock.seconds()
        try:
            if await self._divide(dispatch, pmode):
                return
            outcome = await self._attempt(dispatch, pmode)
        except CancelledError:
            raise  # at a stop: no outcome, the next start finds the attempt interrupted
        except Exception as failure:
            self._desk.log.exception("send.failed", message_id=submission.message_id)
            outcome = unanswered(f"a failure of our own: {type(failure).__name__}")
        if self._gave_up and isinstance(outcome.event, TransportFailed):
            raise CancelledError  # Twisted's client tells it as a failure of the connection
        exchange = await self._settle(dispatch, outcome, pmode)
        self._desk.metrics.attempt_ended(
            submission.partner,
            _OUTCOMES.get(exchange.state, "retry"),
            self._clock.seconds() - begun_seconds,
        )
        if exchange.state in _OUTCOMES:
            await self._desk.wire.forget(submission.message_id)
            if dispatch.fragment is not None:
                await self._desk.splitter.release(submission.message_id)

    async def _divide(self, dispatch: Dispatch, pmode: PMode) -> bool:
        """Whether the message goes in fragments, or waits for the next start to be divided."""
        agreed, splitter = pmode.splitting, self._desk.splitter
        if agreed is None or not splitter.applies(dispatch, pmode):
            return False
        await splitter.divide(dispatch.submission, pmode, agreed, lambda: bool(self.running))
        return True

    async def _attempt(self, dispatch: Dispatch, pmode: PMode) -> Interpreted:
        message_id = dispatch.submission.message_id
        if dispatch.divided:
            return _overdue_whole()
        sealed = dispatch.sealed
        if sealed is None:
            sealed = await self._desk.workers.run(
                self._desk.packer.seal, dispatch.submission, pmode, dispatch.fragment
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
        submission = dispatch.submission
        exchange = await self._settling.settle(dispatch, outcome, pmode)
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

    async def _pause_unless_stopped(self, seconds: float) -> bool:
        """Wait `seconds`; False if we are stopping, at once."""
        if self.running:
            pause: Deferred[None] = Deferred()
            self._pauses.add(pause)
            timer = self._clock.callLater(seconds, pause.callback, None)
            try:
                await pause
            finally:
                self._pauses.discard(pause)
                if timer.active():
                    timer.cancel()
        return bool(self.running)

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


def _overdue_whole() -> Interpreted:
    """A message in fragments is never sent itself: if it is due, its receipt did not come."""
    sentence = "The receipt for the whole message did not come in time."
    event = FragmentsFailed(MISSING_RECEIPT.code, sentence)
    return Interpreted(event, "ATTEMPT_FAILED", {"reason": sentence})


def _after(deferred: Deferred[None]) -> Deferred[None]:
    """Fires with None when `deferred` has fired, however it ended, and leaves its result alone."""
    done: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        done.callback(None)
        return result

    deferred.addBoth(pass_on)
    return done
