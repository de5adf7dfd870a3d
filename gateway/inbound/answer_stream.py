"""A large answer on its way out: piece by piece, as fast as the partner reads, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.task import CooperativeTask, cooperate
from twisted.web.server import Request
from zope.interface import implementer

from gateway.inbound.answers import Streamed

GRACE_SECONDS: Final = 60.0  # every answer may take this long ...
SLOWEST_BYTES_PER_SECOND: Final = 16 * 1024  # ... and its size at this rate on top


@implementer(IPushProducer)
class AnswerStream:
    """Writes one streamed answer to a request, and tells how it ended."""

    def __init__(self, request: Request, answer: Streamed, clock: IReactorTime) -> None:
        self._request = request
        self._answer = answer
        self._clock = clock
        self._channel: Any = request.channel
        self._task: CooperativeTask[Iterator[None]] | None = None
        self._limit: IDelayedCall | None = None
        self._done: Deferred[None] = Deferred()
        self._ended = False

    def start(self) -> Deferred[None]:
        """Begin to write; fires when all is written, or when no more of it ever will be."""
        request = self._request
        request.setHeader("content-length", str(self._answer.length_bytes))
        request.registerProducer(self, True)
        request.notifyFinish().addErrback(lambda _: self._end(whole=False))
        allowed = GRACE_SECONDS + self._answer.length_bytes / SLOWEST_BYTES_PER_SECOND
        self._limit = self._clock.callLater(allowed, self.give_up)
        self._task = cooperate(self._write())
        self._task.whenDone().addCallbacks(lambda _: self._finish(), lambda _: self.give_up())
        return self._done

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Wait: the partner does not read as fast as we write."""
        if self._task is not None:
            self._task.pause()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on."""
        if self._task is not None:
            self._task.resume()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is gone."""
        self._end(whole=False)

    def give_up(self, _reason: str = "") -> None:
        """The answer will not be whole: the partner must see that, so the connection breaks."""
        if not self._ended:
            self._end(whole=False)
            self._channel.transport.abortConnection()

    def _write(self) -> Iterator[None]:
        for piece in self._answer.pieces():
            self._request.write(piece)
            yield None

    def _finish(self) -> None:
        if not self._ended:
            self._request.unregisterProducer()
            self._request.finish()
            self._end(whole=True)

    def _end(self, *, whole: bool) -> None:
        if self._ended:
            return
        self._ended = True
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        task, self._task = self._task, None
        if task is not None and not whole:
            task.whenDone().addErrback(lambda _: None)
            task.stop()
        self._done.callback(None)
        self._answer.ended(whole)
