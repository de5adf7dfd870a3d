"""Who waits for which queue. Lives in the reactor thread."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

LOOK_AGAIN_SECONDS = 1.0  # a lease may be over, or another node may have stored something


class WakeUps:
    """Fires what waits for a queue when something comes into it, and once a second besides."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[str, set[Deferred[None]]] = {}
        self._tick: IDelayedCall | None = None

    def wait(self, authority: str) -> Deferred[None]:
        """Fires when something may have come; cancelling it fires it too, without an error."""
        news: Deferred[None] = Deferred(lambda cancelled: self._cancel(authority, cancelled))
        self._waiting.setdefault(authority, set()).add(news)
        if self._tick is None:
            self._tick = self._clock.callLater(LOOK_AGAIN_SECONDS, self._look_again)
        return news

    def wake(self, authorities: set[str]) -> None:
        """Whoever waits for one of `authorities` looks again."""
        for authority in authorities:
            for news in self._waiting.pop(authority, ()):
                news.callback(None)

    def close(self) -> None:
        """Nobody waits any more."""
        self.wake(set(self._waiting))
        self._stop_ticking()

    def _cancel(self, authority: str, cancelled: Deferred[None]) -> None:
        waiting = self._waiting.get(authority, set())
        waiting.discard(cancelled)
        if not waiting:
            self._waiting.pop(authority, None)
        if not self._waiting:
            self._stop_ticking()
        cancelled.callback(None)

    def _look_again(self) -> None:
        self._tick = None
        self.wake(set(self._waiting))

    def _stop_ticking(self) -> None:
        tick, self._tick = self._tick, None
        if tick is not None and tick.active():
            tick.cancel()
