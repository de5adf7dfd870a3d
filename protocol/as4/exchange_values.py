"""The states of a message on its way out, and the events that move it between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from protocol.as4.values import EbmsError


class ExchangeState(Enum):
    """The states of a message on its way out."""

    READY = "READY"
    SENDING = "SENDING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    AWAITING_RECEIPT = "AWAITING_RECEIPT"
    SUSPENDED = "SUSPENDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where one message stands. `attempts` counts the attempts begun, the first included.

    `next_attempt_at` is set where an attempt is due (None: at once); where a receipt is awaited, it
    says when that is overdue. `late` says that the receipt came after the submitter had been told
    that it is missing.
    """

    state: ExchangeState = ExchangeState.READY
    attempts: int = 0
    next_attempt_at: datetime | None = None
    error_code: str | None = None
    error_sentence: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """One of our nodes has taken the message and begins an attempt."""


@dataclass(frozen=True, slots=True)
class ReceiptToCome:
    """The peer took or takes the message; its receipt will come in a request of its own.

    `transfer_seconds` is how long the message itself may still take: the peer is pulling it.
    """

    transfer_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReceiptOverdue:
    """No receipt came in the agreed time."""


@dataclass(frozen=True, slots=True)
class ReceiptHeld:
    """A receipt arrived and holds against the digests that we signed."""


@dataclass(frozen=True, slots=True)
class PeerRefused:
    """The peer answered with an eb:Error."""

    error: EbmsError


@dataclass(frozen=True, slots=True)
class PeerHasItAlready:
    """The peer answered EBMS:4001: it holds the message and gives no receipt again."""


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """No usable answer came. `retry_after_seconds` is what the peer asked for, if it did."""

    reason: str
    retryable: bool = True
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ReceiptInvalid:
    """A receipt came that does not match what we signed (EBMS:0302)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """We stopped while the attempt was under way; whether it arrived is unknown."""


@dataclass(frozen=True, slots=True)
class Split:
    """The message goes in fragments, which have exchanges of their own; it waits for its receipt
    until `until`.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class FragmentsFailed:
    """A fragment has failed for good, or the whole was refused: the message cannot arrive."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """An operator holds the message back."""


@dataclass(frozen=True, slots=True)
class Resume:
    """An operator lets the message go on."""


Event = (
    Claimed
    | ReceiptToCome
    | ReceiptOverdue
    | ReceiptHeld
    | PeerRefused
    | PeerHasItAlready
    | TransportFailed
    | ReceiptInvalid
    | Interrupted
    | Split
    | FragmentsFailed
    | Suspend
    | Resume
)
