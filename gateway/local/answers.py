"""Answers of the local API, and how each is written to the socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from gateway.local.ports import InThread
from gateway.local.problems import PROBLEM_TYPE, Problem
from gateway.local.requests import LocalRequest

# On every answer: what a browser or a cache must never do with it.
FIXED_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that is in memory."""

    status: int
    content_type: str | None = None
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that is read while it is sent. `read` and `close` block; `read` ends with b""."""

    content_type: str
    read: Callable[[], bytes] = field(repr=False)
    close: Callable[[], None] = field(repr=False)
    size_bytes: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


Answer = Whole | Streamed


def as_json(status: int, content: object) -> Whole:
    """`content` as JSON."""
    return Whole(status, "application/json", json.dumps(content, ensure_ascii=False).encode())


def as_problem(problem: Problem) -> Whole:
    """The problem document of `problem`."""
    return Whole(problem.kind.status, PROBLEM_TYPE.decode(), problem.octets(), problem.headers)


@implementer(IPushProducer)
class _Flow:
    """Lets a coroutine wait while the socket is full. `stopped` when the receiver is gone."""

    def __init__(self) -> None:
        self.stopped = False
        self._paused = False
        self._waiting: Deferred[None] | None = None

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self._paused = False
        self._wake()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.stopped = True
        self._wake()

    async def ready(self) -> bool:
        """True when the socket takes more; False when nobody reads any more."""
        while self._paused and not self.stopped:
            self._waiting = Deferred()
            await self._waiting
        return not self.stopped

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


async def write_answer(request: LocalRequest, answer: Answer, in_thread: InThread) -> None:
    """Write `answer` and finish the request; a receiver that went away is no failure."""
    if request.gone:
        if isinstance(answer, Streamed):
            await in_thread(answer.close)
        return
    flow = _Flow()
    request.notifyFinish().addErrback(lambda _: flow.stopProducing())
    _write_head(request, answer)
    match answer:
        case Whole(body=body):
            request.write(body)
            request.finish()
        case Streamed():
            await _stream(request, answer, flow, in_thread)


def _write_head(request: LocalRequest, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    request.responseHeaders.removeHeader("Server")
    for name, value in {**FIXED_HEADERS, **answer.headers}.items():
        request.setHeader(name, value)
    if answer.content_type is not None:
        request.setHeader("Content-Type", answer.content_type)
    size_bytes = len(answer.body) if isinstance(answer, Whole) else answer.size_bytes
    if size_bytes is not None and answer.status != 204:
        request.setHeader("Content-Length", str(size_bytes))


async def _stream(
    request: LocalRequest, answer: Streamed, flow: _Flow, in_thread: InThread
) -> None:
    """Send chunk by chunk. A failure on the way cuts the connection: a half answer must not
    look like a whole one."""
    request.registerProducer(flow, streaming=True)
    whole = False
    try:
        while await flow.ready():
            chunk = await in_thread(answer.read)
            if not chunk:
                whole = True
                break
            if flow.stopped:
                break
            request.write(chunk)
    finally:
        await in_thread(answer.close)
        if not flow.stopped:
            request.unregisterProducer()
            if whole:
                request.finish()
            else:
                request.transport.abortConnection()
