"""A request body as a stream that pushes back: constant memory, whatever the sender does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

BATCH_BYTES = 256 * 1024  # what is worth a hop to a worker thread, once the sender is entitled
NARROW_BYTES = 64 * 1024  # how much may wait unread before the sender is known to be entitled
WIDE_BYTES = 1024 * 1024  # afterwards: one batch for a worker thread


class Pausable(Protocol):
    """The side of a connection that can be told to wait."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Stop reading from the socket."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on reading from the socket."""


class BodyLost(Exception):
    """The sender went away, or took too long, before the body was whole."""


class BodyStream:
    """Octets from the socket, in order; written by the HTTP parser, read by one coroutine.

    The file-like methods are what `twisted.web.http.Request.content` needs. After `abandon` every
    further octet is dropped unread and counted in `dropped_bytes`.
    """

    def __init__(self, source: Pausable, on_drop: Callable[[int], None] | None = None) -> None:
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._waiting: Deferred[None] | None = None
        self._wanted_bytes = 1
        self._buffered_bytes = 0
        self._high_water_bytes = NARROW_BYTES
        self._paused = False
        self._ended = False
        self._failure: BodyLost | None = None
        self._abandoned = False
        self._on_drop = on_drop
        self.received_bytes = 0
        self.dropped_bytes = 0

    def write(self, octets: bytes) -> int:
        """Take what the socket brought; pauses the socket above the high-water mark."""
        self.received_bytes += len(octets)
        if self._abandoned:
            self.dropped_bytes += len(octets)
            if self._on_drop is not None:
                self._on_drop(self.dropped_bytes)
            return len(octets)
        self._chunks.append(octets)
        self._buffered_bytes += len(octets)
        if self._buffered_bytes > self._high_water_bytes and not self._paused:
            self._paused = True
            self._source.pauseProducing()
        if self._buffered_bytes >= self._wanted_bytes:
            self._wake()
        return len(octets)

    def tell(self) -> int:
        """Zero: there is no form for the HTTP parser to look into."""
        return 0

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """Do nothing; the HTTP parser rewinds what it believes to be a file."""
        return 0

    def read(self, _size: int = -1) -> bytes:
        """Nothing: the octets are for `next_octets` alone."""
        return b""

    def close(self) -> None:
        """The request is over; whoever still reads is told so."""
        self.lose("the request ended")

    def widen(self) -> None:
        """Let more wait unread from now on: the sender is entitled."""
        self._high_water_bytes = WIDE_BYTES
        self._resume()

    async def comes_whole(self) -> bool:
        """Whether all of it has come, once that is so or no more of it may wait unread.

        Raises BodyLost.
        """
        await self._arrival(self._high_water_bytes)
        return self._ended

    def take_if_whole(self) -> bytes | None:
        """All that is unread of a body that has come whole; None while octets are still to come."""
        if not self._ended:
            return None
        return self._take()

    def end(self) -> None:
        """The body is whole."""
        self._ended = True
        self._wake()

    def lose(self, reason: str) -> None:
        """The body will never be whole."""
        if not self._ended and self._failure is None:
            self._failure = BodyLost(reason)
            self._wake()

    @property
    def lost(self) -> bool:
        """Whether the body will never be whole."""
        return self._failure is not None

    def abandon(self) -> None:
        """Drop what is here and what still comes."""
        self._abandoned = True
        self.dropped_bytes += self._buffered_bytes
        self._chunks.clear()
        self._buffered_bytes = 0
        self._resume()

    async def next_octets(self, wanted_bytes: int = 1) -> bytes:
        """All octets that have arrived, when they are `wanted_bytes` or the last; b"" at the end.

        `wanted_bytes` is below the high-water mark. Raises BodyLost if the body will never end.
        """
        await self._arrival(wanted_bytes)
        return self._take()

    async def _arrival(self, wanted_bytes: int) -> None:
        self._wanted_bytes = wanted_bytes
        while self._buffered_bytes < wanted_bytes and not self._ended:
            if self._failure is not None:
                raise self._failure
            self._waiting = Deferred()
            await self._waiting

    async def discard(self) -> None:
        """Let the rest of the body come and keep nothing of it. Raises BodyLost."""
        self.abandon()
        while await self.next_octets():
            pass

    def _take(self) -> bytes:
        octets = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered_bytes = 0
        self._resume()
        return octets

    def _resume(self) -> None:
        if self._paused and self._buffered_bytes < self._high_water_bytes:
            self._paused = False
            self._source.resumeProducing()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
