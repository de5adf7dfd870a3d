"""Processing modes: what two parties agreed (ebMS 3.0 Core section 4, eDelivery AS4 1.15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from cryptography import x509

from protocol.as4.errors import OTHER, ErrorCode
from protocol.as4.suites import EDELIVERY_115, Suite, TokenForm
from protocol.as4.values import AgreementRef, Party, PartyId, ServiceName

MEBIBYTE = 1024 * 1024

_ROLES = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
INITIATOR = _ROLES + "initiator"  # ebMS 3.0 Core appendix D.3: Initiator.Role
RESPONDER = _ROLES + "responder"


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reception awareness (AS4 1.0 section 3.2): durations in seconds."""

    max_retries: int = 8
    first_interval_seconds: float = 10.0
    backoff: float = 2.0
    max_interval_seconds: float = 3600.0
    receipt_timeout_seconds: float = 60.0
    duplicate_window_seconds: float = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How much a partner may send, in bytes after decompression; `exceeded` is what it is told."""

    max_part_bytes: int = 8 * 1024 * MEBIBYTE
    max_message_bytes: int = 16 * 1024 * MEBIBYTE
    max_parts: int = 32
    max_ratio: int = 200  # decompressed to compressed, after the first MiB
    exceeded: ErrorCode = OTHER


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Which eb:Timestamp is acceptable, in seconds around our clock."""

    past_seconds: float = 14 * 86400.0
    future_seconds: float = 300.0


class Puller(Enum):
    """Which side pulls what the other one sends; it is the side that cannot be called."""

    PARTNER = "partner"
    US = "us"


@dataclass(frozen=True, slots=True)
class Pulling:
    """One-Way/Pull: one message partition channel for one partner (eDelivery AS4 1.15, Pull).

    `interval_seconds` is how often we ask where we pull.
    """

    by: Puller
    mpc: str
    interval_seconds: float = 30.0


class ReceiptReply(Enum):
    """How the receipt for a pushed message travels (P-Mode SendReceipt.ReplyPattern)."""

    RESPONSE = "response"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class Splitting:
    """Split and Join, where two parties agreed on it (ebMS 3.0 Part 2 section 4.6).

    A message of more than `threshold_bytes` goes in fragments of `fragment_bytes`, the package as a
    whole compressed if `compress`. A receiver waits `join_seconds` for the last one, and keeps
    `max_groups` unfinished messages of this partner with `max_open_bytes` together.
    """

    fragment_bytes: int = 64 * MEBIBYTE
    threshold_bytes: int = 256 * MEBIBYTE
    compress: bool = False
    join_seconds: float = 2 * 86400.0
    max_groups: int = 4
    max_open_bytes: int = 32 * 1024 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class PMode:
    """What we agreed with one partner State; chosen by claimed values, never by keys in a message.

    `partner_signing` and `partner_encryption` hold every certificate valid now or soon, so that
    keys overlap while they are rotated; we encrypt for the first of `partner_encryption`.
    Whoever sends a message has `sender_role` in it, so that one P-Mode serves both directions.
    """

    id: str
    partner_state: str
    own: PartyId
    partner: PartyId
    service: ServiceName
    address: str
    partner_signing: tuple[x509.Certificate, ...]
    partner_encryption: tuple[x509.Certificate, ...]
    partner_tls: tuple[x509.Certificate, ...]
    actions_received: frozenset[str]
    actions_sent: frozenset[str]
    agreement: AgreementRef | None = None
    suite: Suite = EDELIVERY_115
    signing_token: TokenForm = TokenForm.BST_X509V3
    encryption_token: TokenForm = TokenForm.SUBJECT_KEY_IDENTIFIER
    compress: bool = True
    max_in_flight: int = 4
    splitting: Splitting | None = None
    reliability: Reliability = field(default_factory=Reliability)
    limits: SizeLimits = field(default_factory=SizeLimits)
    window: TimeWindow = field(default_factory=TimeWindow)
    sender_role: str = INITIATOR
    receiver_role: str = RESPONDER
    pulling: Pulling | None = None
    receipt_reply: ReceiptReply = ReceiptReply.RESPONSE
    ping_interval_seconds: float | None = None  # how often we ask whether it answers; None: never

    @property
    def can_be_pinged(self) -> bool:
        """Whether the partner can be called and says at once what it thinks of a message."""
        return self.channel_sent is None and self.receipt_reply is ReceiptReply.RESPONSE

    @property
    def channel_sent(self) -> str | None:
        """eb:UserMessage/@mpc of what we send: the channel that the partner pulls, else None."""
        return self._channel_of(Puller.PARTNER)

    @property
    def channel_received(self) -> str | None:
        """eb:UserMessage/@mpc of what we receive: the channel that we pull, else None."""
        return self._channel_of(Puller.US)

    def _channel_of(self, puller: Puller) -> str | None:
        pulling = self.pulling
        return pulling.mpc if pulling is not None and pulling.by is puller else None

    @property
    def sending_parties(self) -> tuple[Party, Party]:
        """eb:From and eb:To of a message that we send."""
        return Party(self.own, self.sender_role), Party(self.partner, self.receiver_role)

    @property
    def receiving_parties(self) -> tuple[Party, Party]:
        """eb:From and eb:To of a message that we receive: the partner is now the sender."""
        return Party(self.partner, self.sender_role), Party(self.own, self.receiver_role)
