"""Who has connected and said nothing yet: strangers can do that, and must not take all the room.

A partner shakes hands and sends its first octet within a second. Whoever has not after
FIRST_SECONDS is cut off; and where too many wait, the oldest gives way to the newest, so that
a partner always gets in.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from gateway.http_channel import BoundedChannel

FIRST_SECONDS: Final = 20.0  # for the handshake and the first octet, over the slowest line
MAX_SILENT: Final = 512  # connections; each costs a descriptor and some 100 KiB
MAX_SILENT_PER_HOST: Final = 128  # partners behind one address may open many at once
_DONE: Final = Failure(ConnectionDone())


class Silent(Protocol):
    """A connection that can be ended at once."""

    def cut_off(self) -> None:
        """The connection is gone."""


class Doorway:
    """Holds the connections that are silent, the oldest first."""

    def __init__(self) -> None:
        self._hosts: dict[Silent, str] = {}
        self._from: Counter[str] = Counter()

    def enter(self, connection: Silent, host: str) -> None:
        """`connection` from `host` has come; where that is one too many, the oldest is cut off."""
        self._hosts[connection] = host
        self._from[host] += 1
        crowd = host if self._from[host] > MAX_SILENT_PER_HOST else None
        if crowd is None and len(self._hosts) <= MAX_SILENT:
            return
        oldest = next(one for one, found in self._hosts.items() if crowd in (None, found))
        self.leave(oldest)
        oldest.cut_off()

    def leave(self, connection: Silent) -> None:
        """`connection` speaks, or is gone; harmless when said twice."""
        host = self._hosts.pop(connection, None)
        if host is not None:
            self._from[host] -= 1
            if not self._from[host]:
                del self._from[host]

    @property
    def waiting(self) -> int:
        """How many are silent."""
        return len(self._hosts)


class As4Channel(BoundedChannel):
    """One connection to the AS4 side; `site` has the doorway."""

    _silent = True

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Somebody has connected: that is all we know."""
        super().connectionMade()
        self.expect_within(FIRST_SECONDS)
        host = str(getattr(self.transport.getPeer(), "host", ""))
        self._doorway.enter(self, host)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The first octet has come through the handshake: it is somebody whose keys we know."""
        if self._silent:
            self._speaks()
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = _DONE) -> None:  # noqa: N802 - Twisted's name
        """Gone, perhaps without a word."""
        self._doorway.leave(self)
        super().connectionLost(reason)

    def _speaks(self) -> None:
        self._silent = False
        self._doorway.leave(self)
        self.expect_nothing()

    @property
    def _doorway(self) -> Doorway:
        doorway: Doorway = self.site.doorway
        return doorway
