"""Looks for what is due in cases, and has it told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gateway.metrics import Metrics
from gateway.store import Store
from protocol.convention.lifecycle.clocks import NoticeKind

LOOK_SECONDS: Final = (
    2.0  # at the latest: a new clock may ring at once, another node may have begun
)


class Reminder(Service):
    """Tells what is due until it is stopped. A look that fails is made again."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        log: FilteringBoundLogger,
        now: Callable[[], datetime],
        clock: IReactorTime,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._log = log
        self._now = now
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin with what fell due while nobody looked."""
        super().startService()
        self._look_now()

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Look no more; fires when the look that is under way has ended."""
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return self.at_rest()

    def at_rest(self) -> Deferred[None]:
        """Fires when no look is under way."""
        rests: Deferred[None] = Deferred()
        if self._looking is None:
            rests.callback(None)
        else:
            self._looking.addBoth(lambda _: rests.callback(None))
        return rests

    def _look_now(self) -> None:
        looking = self._looking = Deferred.fromCoroutine(self._look())
        looking.addBoth(self._looked)

    def _looked(self, result: object) -> None:
        self._looking = None
        if isinstance(result, Failure):
            self._log.error("case.look_failed", reason=result.getErrorMessage())
        if self.running:
            self._timer = self._clock.callLater(LOOK_SECONDS, self._look_now)

    async def _look(self) -> None:
        cases = self._store.cases
        due = await cases.next_due()
        while self.running and due is not None and due <= self._now():
            told = await cases.tell_due(self._now())
            for one in told:
                rings = one["notice_kind"] == NoticeKind.ALARM.value
                tell = self._log.warning if rings else self._log.info
                tell("case.alarm" if rings else "case.due", **one)
            if not told:
                break
            due = await cases.next_due()
        self._metrics.clocks(*await cases.count_clocks(self._now()))
