"""Ask one partner for its next message over mutual TLS, and stream the answer as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from config.node import Node
from gateway.http_client import BoundedPool
from gateway.inbound.body import BodyStream
from gateway.outbound.posting import Unanswered
from gateway.tls import ClientTls
from protocol.as4.pmode import PMode

CONNECT_SECONDS: Final = 20.0
KEEP_SECONDS: Final = 45  # shorter than the partner's idle limit, so that we close first
IDLE_SECONDS: Final = 60.0  # an answer of which nothing more comes for so long is given up
SOAP_TYPE: Final = "application/soap+xml; charset=UTF-8"


class ArrivingBody(Protocol):
    """The body of an answer as a stream that pushes back. Given up when nothing comes any more."""

    def __init__(self, clock: IReactorTime) -> None:
        self.stream = BodyStream(self)
        self._clock = clock
        self._idle: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self._expect_more()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._expect_more()
        self.stream.write(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008, N802
        self._forget_timer()
        if reason.check(ResponseDone, PotentialDataLoss):
            self.stream.end()
        else:
            self.stream.lose(f"the answer broke off: {reason.getErrorMessage()}")

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Stop reading from the socket; meanwhile nothing is expected."""
        self._forget_timer()
        self._connection("pauseProducing")

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on reading from the socket."""
        self._expect_more()
        self._connection("resumeProducing")

    def give_up(self, reason: str) -> None:
        """Whoever reads is told, and the connection ends, whatever the partner does.

        Twisted gives a body a proxy that can only close in good order; the connection behind it can
        be aborted.
        """
        self._forget_timer()
        self.stream.lose(reason)
        connection = getattr(self.transport, "_producer", None)
        if connection is not None:
            connection.abortConnection()

    def _connection(self, word: str) -> None:
        tell = getattr(self.transport, word, None)
        if tell is not None:
            tell()

    def _expect_more(self) -> None:
        self._forget_timer()
        self._idle = self._clock.callLater(
            IDLE_SECONDS, self.give_up, f"nothing came for {IDLE_SECONDS:.0f} seconds"
        )

    def _forget_timer(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None and idle.active():
            idle.cancel()


@dataclass(frozen=True, slots=True)
class Fetched:
    """The beginning of an answer: its status, its type, whose it is, and a body still to come."""

    http_status: int
    content_type: str
    certificate: x509.Certificate | None
    host: str
    body: ArrivingBody


class Fetching:
    """Asks one partner, one request at a time."""

    def __init__(self, reactor: IReactorTime, node: Node, pmode: PMode) -> None:
        as4 = node.settings.as4
        self._reactor = reactor
        self._pmode = pmode
        self._host = urlsplit(pmode.address).hostname or ""
        self._policy = ClientTls(
            node.tls, pmode.partner_tls, as4.minimum_tls, self._host, as4.tls12_ciphers
        )
        self._pool = BoundedPool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = 1  # so that the last peer is the one of this connection
        self._pool.cachedConnectionTimeout = KEEP_SECONDS
        self._agent = Agent(reactor, self._policy, CONNECT_SECONDS, pool=self._pool)

    async def ask(self, request: bytes) -> Fetched:
        """The beginning of the partner's answer to the PullRequest `request`. Raises Unanswered."""
        headers = Headers({"Content-Type": [SOAP_TYPE], "User-Agent": ["hanoi-gateway"]})
        asking = self._agent.request(
            b"POST",
            self._pmode.address.encode("ascii"),
            headers,
            FileBodyProducer(BytesIO(request)),
        )
        asking.addTimeout(self._pmode.reliability.receipt_timeout_seconds, self._reactor)
        try:
            response = await asking
        except Exception as failure:
            raise Unanswered(f"{type(failure).__name__}: {failure}") from failure
        body = ArrivingBody(self._reactor)
        response.deliverBody(body)
        types = response.headers.getRawHeaders("content-type") or [""]
        return Fetched(response.code, types[0], self._policy.peer, self._host, body)

    async def close(self) -> None:
        """The kept connection is closed."""
        await self._pool.closeCachedConnections()
