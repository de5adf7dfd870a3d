"""Who has connected: neither strangers nor one partner may take the room of the others.

A partner shakes hands and sends its first octet within a second. Whoever has not after
FIRST_SECONDS is cut off; and where too many wait, the oldest gives way to the newest, so that
a partner always gets in. Who speaks is known by its certificate, and has MAX_SPEAKING connections
at most; one more is told to come again, and harms nobody but itself.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from gateway.http_channel import BoundedChannel
from gateway.inbound.answers import TRY_LATER, raw_answer
from gateway.tls import fingerprint

FIRST_SECONDS: Final = 20.0  # for the handshake and the first octet, over the slowest line
MAX_SILENT: Final = 512  # connections; each costs a descriptor and some 100 KiB
MAX_SILENT_PER_HOST: Final = 128  # partners behind one address may open many at once
MAX_SPEAKING: Final = 64  # connections of one certificate; products keep 20 at most by default
_DONE: Final = Failure(ConnectionDone())


class Silent(Protocol):
    """A connection that can be ended at once."""

    def cut_off(self) -> None:
        """The connection is gone."""


class Doorway:
    """Holds the connections that are silent, the oldest first, and counts those that speak."""

    def __init__(self) -> None:
        self._hosts: dict[Silent, str] = {}
        self._from: Counter[str] = Counter()
        self._speaking: dict[Silent, str] = {}
        self._of: Counter[str] = Counter()

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

    def speak(self, connection: Silent, who: str) -> bool:
        """`connection` is silent no more; False where `who` has MAX_SPEAKING others."""
        self.leave(connection)
        if self._of[who] >= MAX_SPEAKING:
            return False
        self._speaking[connection] = who
        self._of[who] += 1
        return True

    def leave(self, connection: Silent) -> None:
        """`connection` is gone; harmless when said twice."""
        _forget(connection, self._hosts, self._from)
        _forget(connection, self._speaking, self._of)

    @property
    def waiting(self) -> int:
        """How many are silent."""
        return len(self._hosts)


def _forget(connection: Silent, known: dict[Silent, str], counted: Counter[str]) -> None:
    name = known.pop(connection, None)
    if name is not None:
        counted[name] -= 1
        if not counted[name]:
            del counted[name]


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
        if self._silent and not self._speaks():
            self.transport.write(raw_answer(TRY_LATER))
            self.loseConnection()
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = _DONE) -> None:  # noqa: N802 - Twisted's name
        """Gone, perhaps without a word."""
        self._doorway.leave(self)
        super().connectionLost(reason)

    def _speaks(self) -> bool:
        """False where its partner has too many connections already; that is in the log then."""
        self._silent = False
        self.expect_nothing()
        certificate = self.site.certificate_of(self.transport)
        who = fingerprint(certificate).hex() if certificate is not None else ""
        if self._doorway.speak(self, who):
            return True
        reason = f"{MAX_SPEAKING} connections with this certificate are open"
        self.site.say(self, reason, TRY_LATER.status)
        return False

    @property
    def _doorway(self) -> Doorway:
        doorway: Doorway = self.site.doorway
        return doorway
