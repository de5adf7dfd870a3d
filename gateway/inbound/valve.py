"""Time in which we do not read is ours, not the sender's."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.web.http import HTTPChannel

IDLE_SECONDS = 60.0  # a connection on which nothing moves for this long is closed


class Valve:
    """Lets a connection wait while we do not read, and knows for how long that was.

    A connection that waits for us is not idle: its timeout begins again and again until it may go
    on.
    """

    def __init__(self, channel: HTTPChannel, clock: IReactorTime) -> None:
        self._channel = channel
        self._clock = clock
        self._begun = clock.seconds()
        self._shut_since: float | None = None
        self._shut_before_seconds = 0.0
        self._tick: IDelayedCall | None = None

    @property
    def shut_seconds(self) -> float:
        """How long we have not read, up to now."""
        now = self._clock.seconds()
        since = now if self._shut_since is None else self._shut_since
        return self._shut_before_seconds + now - since

    @property
    def open_seconds(self) -> float:
        """How long the sender had to send, up to now."""
        return self._clock.seconds() - self._begun - self.shut_seconds

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Stop reading from the socket."""
        self._shut_since = self._clock.seconds()
        self._not_idle()
        self._channel.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on reading from the socket."""
        self._shut_before_seconds = self.shut_seconds
        self.forget()
        self._channel.resumeProducing()

    def forget(self) -> None:
        """The connection does not wait any more, or is gone."""
        self._shut_since = None
        if self._tick is not None and self._tick.active():
            self._tick.cancel()

    def _not_idle(self) -> None:
        self._channel.resetTimeout()
        self._tick = self._clock.callLater(IDLE_SECONDS / 4, self._not_idle)
