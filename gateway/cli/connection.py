"""The way from a command to the running gateway: HTTP over the Unix socket, else over loopback."""

from __future__ import annotations

import http.client
import json
import select
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.cli.outcome import Stop, refused, unreachable
from gateway.cli.table import printable

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 90.0  # more than the longest long poll
CHUNK_BYTES: Final = 64 * 1024
MAX_JSON_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where the gateway listens: a Unix socket if there is one, and host and port."""

    unix_socket: Path | None
    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"


class _Connection(http.client.HTTPConnection):
    """HTTP over whichever of the two doors is open."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.host, address.port, timeout=CONNECT_SECONDS)
        self._address = address

    def connect(self) -> None:
        """Try the Unix socket first: its file mode keeps other accounts of the machine out."""
        path = self._address.unix_socket
        if path is None or not path.is_socket():
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_SECONDS)
        self.sock.connect(str(path))


class Answer:
    """What the gateway answered; read it whole or in chunks."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status

    def header(self, name: str) -> str | None:
        """The header `name`, or None."""
        return self._response.getheader(name)

    def content(self) -> object:
        """The JSON of the answer; None when it has no body."""
        octets = self._response.read(MAX_JSON_BYTES)
        if not octets:
            return None
        try:
            return json.loads(octets)
        except ValueError as e:
            raise unreachable("what answers there is not a gateway") from e

    def chunks(self) -> Iterable[bytes]:
        """The body in pieces. Raises Stop when it breaks off."""
        try:
            while chunk := self._response.read(CHUNK_BYTES):
                yield chunk
        except (OSError, http.client.HTTPException) as e:
            raise unreachable("the answer broke off; try again") from e

    def lines(self) -> Iterable[bytes]:
        """The body line by line, each as soon as it is there."""
        try:
            while line := self._response.readline():
                yield line
        except (OSError, http.client.HTTPException) as e:
            raise unreachable("the answer broke off; try again") from e


class Gateway:
    """A connection to one gateway on behalf of one credential; also a context."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token
        self._connection = _Connection(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] = (),
    ) -> Answer:
        """The answer to one request. Raises Stop: unreachable, or refused with the reason."""
        try:
            self._send(method, path, headers or {}, body)
            answer = Answer(self._connection.getresponse())
        except (OSError, http.client.HTTPException) as e:
            raise unreachable(f"no gateway answers at {self._address}: {e}") from e
        if answer.status >= 400:
            raise _refusal(answer)
        return answer

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: Iterable[bytes]
    ) -> None:
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        self._connection.putheader("Authorization", f"Bearer {self._token}")
        if method == "POST" and "Content-Length" not in headers:
            self._connection.putheader("Content-Length", "0")
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._connection.sock.settimeout(ANSWER_SECONDS)
        try:
            for piece in body:
                if self._answered():
                    return
                self._connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            return  # it refused before the end; its answer says why

    def _answered(self) -> bool:
        """Whether the gateway has answered before the whole body was sent."""
        readable, _, _ = select.select([self._connection.sock], [], [], 0)
        return bool(readable)


def _refusal(answer: Answer) -> Stop:
    """The problem document as sentences."""
    problem = answer.content()
    if not isinstance(problem, dict):
        return refused(f"the gateway answered {answer.status}")
    lines = [f"{printable(problem.get('title'))}: {printable(problem.get('detail'))}"]
    for finding in problem.get("findings") or ():
        lines.append(
            f"  line {finding.get('line')}, {printable(finding.get('path'))}: "
            f"{printable(finding.get('message'))} (expected: {printable(finding.get('expected'))})"
        )
    if problem.get("rightAddress"):
        lines.append(f"  the right address is {printable(problem['rightAddress'])}")
    return refused("\n".join(lines))
