"""The line to an access point under test: mutual TLS, one request at a time, nothing repaired."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer
from twisted.web.http_headers import Headers

from config.node import Node
from gateway.outbound.posting import PeerAnswer, read_answer
from gateway.tls import ClientTls
from protocol.as4.pmode import PMode

ANSWER_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 20.0
HELLO_SECONDS: Final = 10.0


class NoAnswer(Exception):
    """No HTTP answer came; the sentence says what happened instead."""


class Line:
    """Carries octets to the partner of `pmode`, whose name is `host`, as `node`."""

    def __init__(self, reactor: Any, node: Node, pmode: PMode) -> None:
        self._reactor = reactor
        self._address = pmode.address
        self.host = urlsplit(pmode.address).hostname or ""
        self._port = urlsplit(pmode.address).port or 443
        as4 = node.settings.as4
        policy = ClientTls(
            node.tls, pmode.partner_tls, as4.minimum_tls, self.host, as4.tls12_ciphers
        )
        self._agent = Agent(reactor, policy, CONNECT_SECONDS)

    async def post(self, content_type: str, body: bytes) -> PeerAnswer:
        """The HTTP answer to `body`. Raises NoAnswer."""
        headers = Headers({"Content-Type": [content_type], "User-Agent": ["hanoi-gateway"]})
        try:
            asked = self._agent.request(
                b"POST", self._address.encode("ascii"), headers, FileBodyProducer(BytesIO(body))
            )
            response = await asked.addTimeout(ANSWER_SECONDS, self._reactor)
            return await read_answer(self._reactor, response, ANSWER_SECONDS)
        except Exception as failure:
            raise NoAnswer(f"{type(failure).__name__}: {failure}") from failure

    async def say_hello(self, hello: bytes) -> bytes:
        """The first octets that the server sends to a TLS record; none when it hangs up."""
        heard: Deferred[bytes] = Deferred()
        endpoint = HostnameEndpoint(self._reactor, self.host, self._port, CONNECT_SECONDS)
        connection = await connectProtocol(endpoint, _Hello(hello, heard))
        try:
            return await heard.addTimeout(HELLO_SECONDS, self._reactor)
        finally:
            if connection.transport is not None:
                connection.transport.abortConnection()


class _Hello(Protocol):
    """Says one thing and hears the first answer."""

    def __init__(self, hello: bytes, heard: Deferred[bytes]) -> None:
        self._hello = hello
        self._heard: Deferred[bytes] | None = heard

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """The record goes out."""
        if self.transport is not None:
            self.transport.write(self._hello)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The first answer is enough: a record's type and message type come together."""
        self._tell(data)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802 - Twisted's name
        """Hanging up is an answer too."""
        self._tell(b"")

    def _tell(self, octets: bytes) -> None:
        heard, self._heard = self._heard, None
        if heard is not None and not heard.called:
            heard.callback(octets)
