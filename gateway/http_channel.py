"""An HTTP connection as the server sees it, bounded where twisted.web leaves it open.

* The head of a request has HEAD_SECONDS and MAX_HEADERS; without a bound, one octet a minute keeps
  a connection for days.
* After a goodbye nothing more is parsed or kept, and CLOSE_SECONDS later the connection ends
  whether the other side agrees or not. A line that is too long is a goodbye, too: twisted.web
  would go on to read one line for each piece that comes, and keep all the rest in memory.
* HTTP/1.1 only: nothing else is offered in the handshake, and nothing else is spoken.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Site

HEAD_SECONDS: Final = 30.0  # from its first octet; every genuine head comes in one piece
MAX_HEADERS: Final = 100  # products send ten
CLOSE_SECONDS: Final = 15.0  # how long the other side may take to agree that it is closed
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_DONE: Final = Failure(ConnectionDone())


class BoundedChannel(HTTPChannel):
    """One connection of a partner or of a domestic system."""

    maxHeaders = MAX_HEADERS  # noqa: N815 - Twisted's name
    transport: Any
    site: Any
    _leaving = False
    _due: IDelayedCall | None = None

    def expect_within(self, seconds: float) -> None:
        """End the connection `seconds` from now, unless `expect_nothing` is said before."""
        self.expect_nothing()
        self._due = self.callLater(seconds, self.cut_off)

    def expect_nothing(self) -> None:
        """What was expected has come."""
        due, self._due = self._due, None
        if due is not None and due.active():
            due.cancel()

    def cut_off(self) -> None:
        """The connection is gone, without a word."""
        self.expect_nothing()
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Parse `data`, unless we have said goodbye."""
        if self._leaving:
            return
        if self._due is None and self.line_mode:
            self.expect_within(HEAD_SECONDS)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        """The head is whole."""
        self.expect_nothing()
        super().allHeadersReceived()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        """Nobody who speaks HTTP sends such a line: say so and end."""
        self.transport.write(_BAD_REQUEST)
        self.loseConnection()

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        """End the connection in good order if the other side agrees, and soon in any case."""
        if not self._leaving:
            self._leaving = True
            self.expect_within(CLOSE_SECONDS)
        super().loseConnection()

    def connectionLost(self, reason: Failure = _DONE) -> None:  # noqa: N802 - Twisted's name
        """Nothing is waited for any more."""
        self.expect_nothing()
        super().connectionLost(reason)


class BoundedSite(Site):
    """Serves HTTP over such connections, and says nothing of itself when something fails."""

    protocol: Any = BoundedChannel
    displayTracebacks = False  # noqa: N815 - Twisted's name
