"""HTTPS with a client certificate in the plainest way: one POST out, or one function that answers.

Nothing of the gateway is in here, so that what the tests show is about the messages alone.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from urllib.parse import urlsplit

from tests.interop.phase4_peer import PartyKeys

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, Content-Type and body of an HTTP answer."""

    status: int
    content_type: str | None
    body: bytes


def tls_context(purpose: ssl.Purpose, own: PartyKeys, partner: PartyKeys) -> ssl.SSLContext:
    """TLS 1.3 with our certificate, trusting the partner's certificate only."""
    context = ssl.create_default_context(purpose, cafile=str(partner.certificate("tls")))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own.certificate("tls"), own.private_key("tls"))
    return context


def post(url: str, own: PartyKeys, partner: PartyKeys, content_type: str, body: bytes) -> Answer:
    """The answer to one POST."""
    place = urlsplit(url)
    context = tls_context(ssl.Purpose.SERVER_AUTH, own, partner)
    connection = HTTPSConnection(
        place.hostname or "", place.port, timeout=TIMEOUT_SECONDS, context=context
    )
    try:
        connection.request("POST", place.path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Content-Type"), response.read())
    finally:
        connection.close()


@contextmanager
def answering(
    own: PartyKeys, partner: PartyKeys, answer: Callable[[str, bytes], Answer]
) -> Iterator[str]:
    """The URL of a server that answers each POST with `answer(content_type, body)`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _requests_for(answer))
    context = tls_context(ssl.Purpose.CLIENT_AUTH, own, partner)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}/as4"
    finally:
        server.shutdown()
        server.server_close()


def _requests_for(answer: Callable[[str, bytes], Answer]) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = _body(self.rfile, self.headers.get("Content-Length"))
            given = answer(self.headers.get("Content-Type", ""), body)
            self.send_response(given.status)
            if given.content_type is not None:
                self.send_header("Content-Type", given.content_type)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, *_: object) -> None:
            pass

    return Requests


def _body(stream: BufferedIOBase, content_length: str | None) -> bytes:
    """The whole body; in chunks where the sender did not know its length."""
    if content_length is not None:
        return stream.read(int(content_length))
    body = b""
    while size_bytes := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size_bytes)
        stream.readline()
    stream.readline()
    return body
