"""A sender who speaks HTTP by hand over real mutual TLS, and behaves as badly as a test wants.

Blocking, for a thread: it does not read, or answer a goodbye, unless it is told to.
"""

from __future__ import annotations

import select
import socket
import ssl
import tempfile
from pathlib import Path
from types import TracebackType

from keys.certificates import pem
from tests.gateway.ground import Partner

GONE = select.POLLHUP | select.POLLERR


class RawSender:
    """One connection to the gateway that `partner` knows, or to another `port` of its machine."""

    def __init__(self, partner: Partner, port: int) -> None:
        tls = partner.node.tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder, "own.pem")
            own.write_bytes(tls.private_key_pem + b"".join(pem(one) for one in tls.certificates))
            context.load_cert_chain(own)
        self._tcp = socket.create_connection(("127.0.0.1", port), 20)
        self._tls = context.wrap_socket(self._tcp)

    def __enter__(self) -> RawSender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        self._tls.close()

    def begin(self, length: int, *headers: str, content_type: str = "multipart/related") -> None:
        """The head of a POST whose body has `length`."""
        lines = [
            "POST /as4 HTTP/1.1",
            "Host: x",
            f"Content-Length: {length}",
            f"Content-Type: {content_type}",
            *headers,
        ]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def send(self, octets: bytes) -> None:
        self._tls.sendall(octets)

    def answer(self) -> bytes:
        """What comes back, up to the end of the answer's body or of the connection."""
        got = b""
        while not _whole(got):
            try:
                octets = self._tls.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                break
            if not octets:
                break
            got += octets
        return got

    def torn_down(self, seconds: float) -> bool:
        """Whether the other side ends the connection within `seconds` without our consent."""
        poll = select.poll()
        poll.register(self._tls.fileno(), 0)  # nothing is read, so no goodbye is answered
        return any(event & GONE for _, event in poll.poll(seconds * 1000))


def _whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(found) and len(body) >= int(line.partition(b":")[2])
    return False
