"""A request whose body is a stream from its first octet, read before its address is known.

twisted.web tells a request its method and path only when the body is whole; so what happens to the
body is decided by its headers alone: a form is taken into the spool while it arrives, a JSON body
is kept up to a small limit, everything else is dropped and refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from gateway.inbound.body import BodyStream
from gateway.local import limits
from gateway.local.intake import Intake
from gateway.local.problems import PROBLEM_TYPE, Problem

OpenIntake = Callable[[Headers, "int | None", BodyStream], Intake]


class LocalRequest(Request):
    """One request to the local API. `intake` and `body` are there before the body is read."""

    intake: Intake
    body: BodyStream
    transport: Any  # ITCPTransport and, as every transport of the reactor, a push producer
    gone = False
    defaultContentType = None  # noqa: N815 - Twisted's name

    def __init__(
        self, channel: object, queued: object, *, open_intake: OpenIntake, reactor: IReactorTime
    ) -> None:
        super().__init__(channel, queued)
        self._open_intake = open_intake
        self._reactor = reactor
        self._answered_early = False
        self._cut_off: IDelayedCall | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Decide what becomes of the body, from the headers alone."""
        self.body = BodyStream(self.transport, self._dropped)
        self.content = self.body
        self.intake = self._open_intake(self.requestHeaders, length, self.body)
        if length == 0:
            self.body.end()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """The body is whole; the method and the address are known."""
        if self._answered_early:
            return
        self.body.end()
        super().requestReceived(command, path, version)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """Nobody waits for the answer any more."""
        self.gone = True
        self.body.lose("the sender closed the connection")
        if self._cut_off is not None and self._cut_off.active():
            self._cut_off.cancel()
        super().connectionLost(reason)

    def _dropped(self, dropped_bytes: int) -> None:
        """Answer a refused sender that goes on sending, and cut it off soon after."""
        if dropped_bytes <= limits.DRAIN_BYTES or self._answered_early:
            return
        self._answered_early = True
        problem = self.intake.problem
        if problem is not None:
            self.transport.write(early_answer(problem))
        self.transport.loseWriteConnection()
        self._cut_off = self._reactor.callLater(
            limits.LINGER_SECONDS, self.transport.abortConnection
        )


def early_answer(problem: Problem) -> bytes:
    """A whole HTTP response that may be written before the request has ended."""
    octets = problem.octets()
    headers = {
        "Content-Type": PROBLEM_TYPE.decode(),
        "Content-Length": str(len(octets)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
        **problem.headers,
    }
    lines = [f"HTTP/1.1 {problem.kind.status} {problem.kind.title}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + octets
