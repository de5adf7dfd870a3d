"""A partner who answers whatever a test wants, over real mutual TLS, and may ignore our goodbye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from config.node import load_node
from gateway.tls import ServerTls


class OddPartner(Factory):
    """Answers each request with `answer`, as it stands, once its head and body are here.

    `asked` fires with the first request; `lost` when the other side has ended a connection.
    """

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: Deferred[bytes] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.requests: list[bytes] = []
        self.connections: list[_Answering] = []
        self.port: Any = None

    def buildProtocol(self, _address: object) -> Protocol:  # noqa: N802 - Twisted's name
        made = _Answering(self)
        self.connections.append(made)
        return made

    async def close(self) -> None:
        for connection in self.connections:
            if connection.connected:
                connection.transport.abortConnection()
        await maybeDeferred(self.port.stopListening)


class _Answering(Protocol):
    def __init__(self, partner: OddPartner) -> None:
        self._partner = partner
        self._received = b""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        request, self._received = self._received, b""
        self._partner.requests.append(request)
        self.transport.write(self._partner.answer)
        if not self._partner.asked.called:
            self._partner.asked.callback(request)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        self.connected = 0
        if not self._partner.lost.called:
            self._partner.lost.callback(reason.getErrorMessage())


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def listening(folder: Path, answer: bytes) -> OddPartner:
    """A partner in place of the gateway of the node in `folder`: its port, its certificates."""
    node = load_node(folder)
    pinned = [certificate for pmode in node.pmodes for certificate in pmode.partner_tls]
    partner = OddPartner(answer)
    endpoint = SSL4ServerEndpoint(
        reactor, node.settings.as4.port, ServerTls(node.tls, pinned, "1.3"), 5, "127.0.0.1"
    )
    partner.port = await endpoint.listen(partner)
    return partner


def http(status: int, content_type: str | None, body: bytes, *more: str) -> bytes:
    """One HTTP answer."""
    lines = [f"HTTP/1.1 {status} Odd", f"Content-Length: {len(body)}", *more]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
