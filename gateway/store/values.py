"""What goes into the store and what comes out of it: frozen values, no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from protocol.as4.exchange import Exchange
from protocol.as4.fragment import MessageFragment
from protocol.as4.values import SignedReference
from protocol.convention.lifecycle.docket import Docket


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Payload bytes at rest: `name` of a spool file, or `inline` ciphertext for a small one.

    `size_bytes` and `sha256` are of the content, not of the file; `wrapped_key` opens it.
    """

    name: str | None
    inline: bytes | None = field(repr=False)
    wrapped_key: bytes = field(repr=False)
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One payload of a message, in the producer's order; position 0 is the leading document."""

    position: int
    content_id: str
    mime_type: str
    blob: StoredBlob
    file_name: str | None = None
    character_set: str | None = None


@dataclass(frozen=True, slots=True)
class FragmentOf:
    """Which fragment of which group a message is."""

    group_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified message with its signed receipt, ready for the one transaction."""

    partner: str
    message_id: str
    conversation_id: str
    ref_to_message_id: str | None
    action: str
    kind: str
    authority: str
    requesting_authority: str
    request_id: str | None
    priority: int  # the highest is taken first
    envelope: bytes = field(repr=False)
    references: tuple[SignedReference, ...] = field(repr=False)
    receipt_id: str
    receipt: bytes = field(repr=False)
    parts: tuple[StoredPart, ...]
    signer_certificate: bytes = field(repr=False)  # DER
    tls_fingerprint: str  # hex SHA-256 of the DER
    claimed_at: datetime  # eb:Timestamp
    received_at: datetime
    routing: Mapping[str, str]  # rule, article, source of the routing decision
    receipt_signer: bytes = field(repr=False, default=b"")  # DER of our own certificate
    call_back: bool = False  # whether the receipt goes in a request of its own
    fragment: FragmentOf | None = None
    docket: Docket | None = None  # what the document does in a case


#: The kind of a message that is a fragment of a large one: it is in no queue, and no authority's.
MESSAGE_FRAGMENT = "MessageFragment"

#: The authority of a message of the test service: it is kept with its receipt, in no queue.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that we hold already: what it signed, and the receipt we gave for it."""

    message_id: str
    references: tuple[SignedReference, ...]
    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """The message is durable and queued for `authority`."""

    authority: str


@dataclass(frozen=True, slots=True)
class DuplicateOf:
    """The same message came first by another way; its receipt is the answer."""

    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The MessageId is taken by other content; nothing was stored."""


AcceptOutcome = Stored | DuplicateOf | Conflict


@dataclass(frozen=True, slots=True)
class Submission:
    """What an authority hands in to be sent."""

    authority: str
    partner: str
    message_id: str
    conversation_id: str
    ref_to_message_id: str | None
    action: str
    kind: str
    receiving_authority: str
    request_id: str | None
    parts: tuple[StoredPart, ...]
    idempotency_key: str | None
    content_digest: bytes  # SHA-256 over kind, receiver and every part's SHA-256
    submitted_at: datetime
    docket: Docket | None = None  # what the document does in a case


@dataclass(frozen=True, slots=True)
class Submitted:
    """The submission is durable; `repeated` when its idempotency key had been used for the same."""

    message_id: str
    conversation_id: str
    state: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyConflict:
    """The idempotency key was used before, for other content."""


@dataclass(frozen=True, slots=True)
class WirePart:
    """One sealed part as it goes over the wire: ciphertext in a raw spool file or inline."""

    content_id: str
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class Sealed:
    """The signed bytes of an outbound message; every retry repeats them."""

    soap: bytes = field(repr=False)
    references: tuple[SignedReference, ...] = field(repr=False)
    parts: tuple[WirePart, ...]
    signer_certificate: bytes = field(repr=False, default=b"")  # DER of our own certificate


@dataclass(frozen=True, slots=True)
class OutgoingFragment:
    """What a fragment of ours says of itself, and whose message it is a piece of."""

    fragment: MessageFragment
    authority: str
    receiving_authority: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """An outbound message that is due and claimed by us (state SENDING).

    `fragment` is set where it is a fragment; `divided` says that its own fragments are on their
    way, so that it must not be sent itself.
    """

    submission: Submission
    exchange: Exchange
    sealed: Sealed | None
    fragment: OutgoingFragment | None = None
    divided: bool = False


@dataclass(frozen=True, slots=True)
class Leased:
    """One queue entry under a lease. `notice` is set for a notice about a message, `about` for what
    it says of a case.

    Two partners may use the same MessageId: `partner` and `direction` say whose message this is.
    """

    lease_id: str
    message_id: str
    expires_at: datetime
    deliveries: int
    notice: str | None = None
    partner: str = ""
    direction: str = "in"
    about: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class MessageView:
    """What an authority may see of one of its own messages."""

    direction: str  # "in" | "out"
    message_id: str
    conversation_id: str
    ref_to_message_id: str | None
    kind: str
    partner: str
    requesting_authority: str
    receiving_authority: str
    request_id: str | None
    state: str
    at: datetime
    parts: tuple[StoredPart, ...]
    attempts: int = 0
    error_code: str | None = None
    error_sentence: str | None = None
    receipt_id: str | None = None
    receipt_at: datetime | None = None
    routing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwedSignal:
    """A receipt or an error that a partner must get in a request of ours, until it has it."""

    partner: str
    signal_id: str
    ref_to_message_id: str
    envelope: bytes = field(repr=False)
    owed_at: datetime
    attempts: int = 0
    message: int | None = None  # row of the received message that a receipt is for


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of ours that a partner's signal is about."""

    partner: str
    message_id: str
    exchange: Exchange
    references: tuple[SignedReference, ...] = field(repr=False)  # empty while nothing was sent
    receipt: bytes | None = field(repr=False, default=None)
    divided: bytes | None = field(repr=False, default=None)  # unsigned envelope, if in fragments


@dataclass(frozen=True, slots=True)
class Replayed:
    """This PullRequest came before."""
