"""What receiving needs, made once; and what is known of one transmission while it is received."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from structlog.typing import FilteringBoundLogger

from gateway.inbound.answers import Answers
from gateway.inbound.body import BodyStream
from gateway.inbound.gates import Claims, Gates
from gateway.inbound.lately import ReceivedLately
from gateway.inbound.signal_gates import SignalGates
from gateway.metrics import Metrics
from gateway.outbound.counter import PullCounter
from gateway.outbound.wire import Wire
from gateway.spool import Spool
from gateway.store import Store
from gateway.tls import fingerprint
from gateway.workers import Workers
from protocol.as4.pmode import PMode

LOGGED_ID_CHARACTERS = 255


class UnderWay:
    """Counts the transmissions that are being received; each is counted while it is entered."""

    def __init__(self) -> None:
        self._count = 0

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1

    @property
    def alone(self) -> bool:
        """Whether there is one only, so that nobody waits while its work is done at once."""
        return self._count == 1


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that receiving a message needs; made once, shared by all receptions."""

    gates: Gates
    signal_gates: SignalGates
    pmodes: Mapping[str, PMode]  # by partner State
    answers: Answers
    store: Store
    spool: Spool
    wire: Wire
    counter: PullCounter
    wake_callbacks: Callable[[], None]
    workers: Workers
    metrics: Metrics
    log: FilteringBoundLogger
    now: Callable[[], datetime]
    seconds: Callable[[], float]  # monotonic
    under_way: UnderWay = field(default_factory=UnderWay)
    lately: ReceivedLately = field(default_factory=ReceivedLately)
    wake_joiner: Callable[[], None] = lambda: None  # a group of fragments may be complete

    def count(self, transmission: Transmission, outcome: str) -> None:
        """One more transmission of this partner ended with `outcome`."""
        transmission.outcome = outcome
        pmode = transmission.claims.pmode
        partner = pmode.partner_state if pmode is not None else "unknown"
        self.metrics.message_received(partner, outcome, self.seconds() - transmission.begun_seconds)


@dataclass(slots=True)
class Transmission:
    """What a peer sends in one HTTP message: from where, of what type, and its octets.

    `pulled_by` is the P-Mode by which we pulled it, None for what was pushed. `claims`,
    `soap_sha256` and `outcome` are filled in as they become known.
    """

    tls_certificate: x509.Certificate | None
    peer_ip: str
    content_type: str
    body: BodyStream
    begun_seconds: float
    pulled_by: PMode | None = None
    claims: Claims = field(default_factory=Claims)
    soap_sha256: str = ""
    outcome: str = ""

    def facts(self) -> dict[str, str | None]:
        """What the log and the evidence of a refusal say of it."""
        certificate, claims = self.tls_certificate, self.claims
        return {
            "peer_ip": self.peer_ip,
            "tls_fingerprint": fingerprint(certificate).hex() if certificate else None,
            "claimed_from": (claims.sender or "")[:LOGGED_ID_CHARACTERS] or None,
            "claimed_message_id": (claims.message_id or "")[:LOGGED_ID_CHARACTERS] or None,
        }
