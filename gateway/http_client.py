"""HTTP connections to partners, bounded where twisted.web leaves them open: the head of an answer.

twisted.web keeps every line of it, however many come, and waits through interim answers (1xx)
without counting them. Source: RFC 9110 sections 5.4 and 15.2.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS, HTTP11ClientProtocol
from twisted.web.client import HTTPConnectionPool

MAX_HEAD_BYTES: Final = 64 * 1024  # with interim answers; products send one, of some 300 bytes


class AnswerTooLarge(Exception):
    """The head of an answer does not end."""


class _Connection(HTTP11ClientProtocol):
    """One connection, which may ask several times."""

    transport: Any
    _head_bytes = 0

    def request(self, request: Any) -> Any:
        self._head_bytes = 0
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._parser is not None and self._parser.state in (STATUS, HEADER):
            room = MAX_HEAD_BYTES - self._head_bytes
            self._head_bytes += len(data)
            if room <= 0:
                reason = f"the head of the answer is larger than {MAX_HEAD_BYTES} bytes"
                self._disconnectParser(Failure(AnswerTooLarge(reason)))
                self.transport.abortConnection()
                return
        super().dataReceived(data)


class _Connections(Factory):
    def __init__(self, quiescent: Any, _metadata: object) -> None:
        self._quiescent = quiescent

    def buildProtocol(self, _address: IAddress | None) -> _Connection:  # noqa: N802 - Twisted's name
        return _Connection(self._quiescent)


class BoundedPool(HTTPConnectionPool):
    """Kept connections to one partner; none repeats a request by itself."""

    _factory: Any = _Connections
    retryAutomatically = False  # noqa: N815 - Twisted's name
