"""Processing modes: what two parties agreed (ebMS 3.0 Core section 4, eDelivery AS4 1.15)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509

from protocol.as4.suites import EDELIVERY_115, Suite, TokenForm
from protocol.as4.values import AgreementRef, Party, ServiceName

MEBIBYTE = 1024 * 1024


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
    """How much a partner may send, in bytes after decompression."""

    max_part_bytes: int = 8 * 1024 * MEBIBYTE
    max_message_bytes: int = 16 * 1024 * MEBIBYTE
    max_parts: int = 32
    max_ratio: int = 200  # decompressed to compressed, after the first MiB


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Which eb:Timestamp is acceptable, in seconds around our clock."""

    past_seconds: float = 14 * 86400.0
    future_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class PMode:
    """What we agreed with one partner State; chosen by claimed values, never by keys in a message.

    `partner_signing` and `partner_encryption` hold every certificate valid now or soon, so that keys
    overlap while they are rotated; the first of `partner_encryption` is the one we encrypt for.
    """

    id: str
    partner_state: str
    own: Party
    partner: Party
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
    reliability: Reliability = field(default_factory=Reliability)
    limits: SizeLimits = field(default_factory=SizeLimits)
    window: TimeWindow = field(default_factory=TimeWindow)
