"""Carry sealed bytes to a partner over mutual TLS and bring the answer back.

One pool of kept connections for each partner; bodies are streamed from the spool; an answer is
read up to MAX_ANSWER_BYTES and handed on uninterpreted. A connection whose answer stalls, or is too
large, is torn down at once, whatever the partner does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import CooperativeTask, cooperate
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from config.node import Node
from gateway.http_client import BoundedPool
from gateway.outbound.wire import frame_of, pieces_of
from gateway.spool import Spool
from gateway.store.values import Sealed
from gateway.tls import ClientTls
from protocol.as4.pmode import PMode

MAX_ANSWER_BYTES = 1024 * 1024  # a receipt for 32 parts is below 64 KiB
SLOWEST_BYTES_PER_SECOND = 256 * 1024  # how much longer than the P-Mode says a large body may take
CONNECT_SECONDS = 20.0
KEEP_SECONDS = 45  # shorter than the partner's idle limit, so that we close first


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What the partner answered, believed in nothing."""

    http_status: int
    content_type: str | None
    body: bytes = field(repr=False)
    retry_after_seconds: float | None = None  # what the partner asks for, if it says a number


class Unanswered(Exception):
    """No usable HTTP answer came; whether the partner has the message is not known."""


class Post:
    """Posts sealed messages of this node to its partners."""

    def __init__(
        self,
        reactor: IReactorTime,
        node: Node,
        wire_spool: Spool,
    ) -> None:
        self._reactor = reactor
        self._node = node
        self._wire_spool = wire_spool
        self._agents: dict[str, tuple[Agent, HTTPConnectionPool]] = {}

    async def deliver(self, sealed: Sealed, pmode: PMode) -> PeerAnswer:
        """The partner's answer to `sealed`. Raises Unanswered."""
        frame = frame_of(sealed, self._node.settings.state)
        headers = Headers({"Content-Type": [frame.content_type], "User-Agent": ["hanoi-gateway"]})
        body = _Body(frame.content_length, lambda: pieces_of(frame, sealed, self._wire_spool))
        patience = (
            pmode.reliability.receipt_timeout_seconds
            + frame.content_length / SLOWEST_BYTES_PER_SECOND
        )
        try:
            request = self._agent(pmode).request(
                b"POST", pmode.address.encode("ascii"), headers, body
            )
            request.addTimeout(patience, self._reactor, _no_answer)
            response = await request
            return await read_answer(self._reactor, response, patience)
        except (Unanswered, CancelledError):
            raise
        except Exception as failure:
            raise Unanswered(sentence_of(failure)) from failure

    async def close(self) -> None:
        """Close every kept connection."""
        for _, pool in self._agents.values():
            await pool.closeCachedConnections()
        self._agents.clear()

    def _agent(self, pmode: PMode) -> Agent:
        known = self._agents.get(pmode.id)
        if known is None:
            pool = BoundedPool(self._reactor, persistent=True)
            pool.maxPersistentPerHost = pmode.max_in_flight
            pool.cachedConnectionTimeout = KEEP_SECONDS
            policy = ClientTls(
                self._node.tls,
                pmode.partner_tls,
                self._node.settings.as4.minimum_tls,
                urlsplit(pmode.address).hostname or "",
                self._node.settings.as4.tls12_ciphers,
            )
            known = (Agent(self._reactor, policy, CONNECT_SECONDS, pool=pool), pool)
            self._agents[pmode.id] = known
        return known[0]


async def read_answer(clock: IReactorTime, response: IResponse, seconds: float) -> PeerAnswer:
    """The whole answer, whose body may take `seconds`. Raises Unanswered."""
    answer = AnswerBody()
    response.deliverBody(answer)
    overdue = clock.callLater(
        seconds, answer.give_up, f"the answer did not end within {seconds:.0f} seconds"
    )
    try:
        body = await answer.whole
    finally:
        if overdue.active():
            overdue.cancel()
    types = response.headers.getRawHeaders("content-type")
    waits = response.headers.getRawHeaders("retry-after") or [""]
    return PeerAnswer(response.code, types[0] if types else None, body, _seconds(waits[0]))


def _seconds(text: str) -> float | None:
    """The delay-seconds form of Retry-After (RFC 9110 section 10.2.3); a date is not heeded."""
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _no_answer(_cancelled: object, seconds: float) -> IResponse:
    raise Unanswered(f"no answer within {seconds:.0f} seconds")


def sentence_of(failure: BaseException) -> str:
    """What went wrong, for a person: the innermost reasons, without a stack."""
    reasons = getattr(failure, "reasons", None)
    if reasons:
        return "; ".join(sentence_of(reason.value) for reason in reasons)
    text = str(failure).strip()
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__


@implementer(IBodyProducer)
class _Body:
    """A body of known length, made of pieces, that waits when the socket is full."""

    def __init__(self, length: int, pieces: Callable[[], Iterator[bytes]]) -> None:
        self.length = length
        self._pieces = pieces
        self._task: CooperativeTask[Iterator[None]] | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Write every piece to `consumer`, one for each turn of the reactor."""

        def write() -> Iterator[None]:
            for piece in self._pieces():
                consumer.write(piece)
                yield None

        task = cooperate(write())
        self._task = task
        return task.whenDone().addCallback(lambda _: None)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Wait."""
        if self._task is not None:
            self._task.pause()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on."""
        if self._task is not None:
            self._task.resume()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Give up; the connection is gone."""
        task, self._task = self._task, None
        if task is not None:
            task.whenDone().addErrback(lambda _: None)
            task.stop()


class AnswerBody(Protocol):
    """Collects the body of an answer; `whole` fires with it, or fails with Unanswered."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._tear_down())
        self._chunks: list[bytes] = []
        self._size_bytes = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._chunks.append(data)
        self._size_bytes += len(data)
        if self._size_bytes > MAX_ANSWER_BYTES:
            self.give_up(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008, N802
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._chunks))
        else:
            self.whole.errback(Unanswered(f"the answer broke off: {reason.getErrorMessage()}"))

    def give_up(self, reason: str) -> None:
        """Nothing more is taken, and the connection ends."""
        if not self.whole.called:
            self.whole.errback(Unanswered(reason))
        self._tear_down()

    def _tear_down(self) -> None:
        """End the connection without waiting for the partner to agree.

        Twisted gives a body a proxy that can only close in good order: a partner who ignores that
        would keep the connection for ever. The connection behind it can be aborted.
        """
        self._chunks.clear()
        connection = getattr(self.transport, "_producer", None) or self.transport
        abort = getattr(connection, "abortConnection", None)
        if abort is not None:
            abort()
