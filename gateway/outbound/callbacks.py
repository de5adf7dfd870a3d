"""Posts the signals that we owe, and looks after the receipts that are owed to us.

A signal is posted until the partner has taken it with a 2xx that holds no error, in growing
intervals, for as long as the partner would recognise the message that it is about. Whatever happens
to this process in between, the store still holds what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gateway.outbound.posting import PeerAnswer, Post, Unanswered
from gateway.outbound.wire import Wire
from gateway.store import Store
from gateway.store.values import OwedSignal, Sealed
from gateway.workers import Workers
from protocol.as4.exchange import ExchangeState, retry_interval_seconds
from protocol.as4.pmode import PMode
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.values import ErrorSignal

CLAIM_LIMIT: Final = 16  # signals posted at once
LONGEST_SLEEP_SECONDS: Final = 1.0  # a receipt may be overdue, another node may owe something
TROUBLE_SECONDS: Final = 2.0  # pause after the store itself failed
STOP_SECONDS: Final = 20.0  # how long a stop waits for posts that are under way


@dataclass(frozen=True, slots=True)
class CallingBack:
    """Everything that calling back needs."""

    store: Store
    post: Post
    wire: Wire
    pmodes: Mapping[str, PMode]  # by partner State
    workers: Workers
    log: FilteringBoundLogger
    now: Callable[[], datetime]
    wake_sender: Callable[[], None]


class Callbacks(Service):
    """Posts what is owed until it is stopped; `wake` makes it look again at once."""

    def __init__(self, desk: CallingBack, clock: IReactorTime) -> None:
        self._desk = desk
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._look_again = False
        self._under_way: dict[Deferred[None], str] = {}  # posts, and to whom

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to post what is owed."""
        super().startService()
        self.wake()

    def stopService(self) -> Deferred[object]:  # noqa: N802 - Twisted's name
        """Claim nothing more, and wait for the posts that are under way."""
        super().stopService()
        self._cancel_timer()
        everything: Deferred[object] = Deferred.fromCoroutine(self._finish())
        everything.addTimeout(STOP_SECONDS, self._clock)
        return everything.addErrback(lambda _: None)

    async def _finish(self) -> object:
        """First the look that may still claim, then every post that is under way."""
        while self._looking is not None or self._under_way:
            some = [self._looking] if self._looking is not None else list(self._under_way)
            await DeferredList([_after(one) for one in some])
        return None

    def wake(self) -> None:
        """Look at once for something owed."""
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
            self._desk.log.error("callback.look_failed", reason=result.getErrorMessage())
            self._sleep(TROUBLE_SECONDS)
        elif self._look_again:
            self._look_again = False
            self.wake()

    async def _look(self) -> None:
        desk = self._desk
        free = desk.pmodes.keys() - set(self._under_way.values())  # none waits for a dead partner
        for owed in await desk.store.owed.claim(free, desk.now(), CLAIM_LIMIT):
            posting = Deferred.fromCoroutine(self._call_back(owed))
            self._under_way[posting] = owed.partner
            posting.addBoth(self._called_back, posting)
        await self._look_for_overdue()
        due = await desk.store.owed.next_due(free - set(self._under_way.values()))
        self._sleep(LONGEST_SLEEP_SECONDS if due is None else self._until(due))

    def _called_back(self, result: object, posting: Deferred[None]) -> None:
        self._under_way.pop(posting, None)
        if isinstance(result, Failure):
            self._desk.log.error("callback.failed", reason=result.getErrorMessage())
            self._sleep(TROUBLE_SECONDS)
        else:
            self.wake()

    def _until(self, due: datetime) -> float:
        seconds = (due - self._desk.now()).total_seconds()
        return min(LONGEST_SLEEP_SECONDS, max(0.0, seconds))

    async def _look_for_overdue(self) -> None:
        """What has no receipt in time goes again, or has failed."""
        desk = self._desk
        agreed = {state: pmode.reliability for state, pmode in desk.pmodes.items()}
        moved = await desk.store.awaited.overdue(desk.now(), agreed)
        for message_id, exchange in moved:
            desk.log.warning(
                "send.receipt_overdue",
                message_id=message_id,
                state=exchange.state.value,
                attempts=exchange.attempts,
            )
            if exchange.state is ExchangeState.FAILED:
                await desk.wire.forget(message_id)
        if moved:
            desk.wake_sender()

    async def _call_back(self, owed: OwedSignal) -> None:
        pmode = self._desk.pmodes[owed.partner]
        facts = {
            "partner": owed.partner,
            "signal_id": owed.signal_id,
            "about": owed.ref_to_message_id,
            "attempts": owed.attempts,
        }
        try:
            answer = await self._desk.post.deliver(Sealed(owed.envelope, (), ()), pmode)
            reason = await self._desk.workers.run(_why_not_taken, answer)
        except Unanswered as silence:
            reason = str(silence)
        if reason is None:
            await self._desk.store.owed.delivered(owed, self._desk.now())
            self._desk.log.info("callback.delivered", **facts)
            return
        self._desk.log.warning("callback.failed", reason=reason, **facts)
        await self._put_off(owed, pmode, reason)

    async def _put_off(self, owed: OwedSignal, pmode: PMode, reason: str) -> None:
        now, agreed = self._desk.now(), pmode.reliability
        if now - owed.owed_at > timedelta(seconds=agreed.duplicate_window_seconds):
            await self._desk.store.owed.abandoned(owed, now, reason)
            return
        seconds = retry_interval_seconds(owed.attempts, agreed)
        await self._desk.store.owed.postpone(owed, now + timedelta(seconds=seconds))

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


def _why_not_taken(answer: PeerAnswer) -> str | None:
    """None if the partner took the signal; a signal in the answer is against the rules, or no."""
    if not 200 <= answer.http_status < 300:
        return f"HTTP {answer.http_status}"
    read = read_response(answer.http_status, answer.content_type, answer.body)
    if isinstance(read, TransportFailure) or not isinstance(read.unit, ErrorSignal):
        return None
    codes = ", ".join(error.code for error in read.unit.errors)
    return f"the partner answers with an error: {codes}"


def _after(deferred: Deferred[None]) -> Deferred[None]:
    """Fires with None when `deferred` has fired, however it ended, and leaves its result alone."""
    done: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        done.callback(None)
        return result

    deferred.addBoth(pass_on)
    return done
