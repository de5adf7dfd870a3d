"""Message units in the words of ebMS 3.0 Core section 5: frozen, whole, free of XML nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from protocol.as4.errors import Severity
from protocol.as4.names import CID, content_id_of

GZIP = "application/gzip"


@dataclass(frozen=True, slots=True)
class PartyId:
    """eb:PartyId. An absent type is not an empty one (docs/interop.md, T12)."""

    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """eb:From or eb:To: exactly one PartyId, as the eDelivery profile wants it."""

    party_id: PartyId
    role: str


@dataclass(frozen=True, slots=True)
class AgreementRef:
    """eb:AgreementRef."""

    value: str
    type: str | None = None
    pmode: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceName:
    """eb:Service."""

    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """eb:Property of a message or of a part."""

    name: str
    value: str
    type: str | None = None


def _value_of(properties: tuple[Property, ...], name: str) -> str | None:
    for found in properties:  # asked many times for each message; a generator costs more
        if found.name == name:
            return found.value
    return None


@dataclass(frozen=True, slots=True)
class PartInfo:
    """eb:PartInfo. `content_id` is the href without its "cid:"."""

    content_id: str
    properties: tuple[Property, ...] = ()

    def value_of(self, name: str) -> str | None:
        """The value of the part property `name`, or None."""
        return _value_of(self.properties, name)

    @property
    def mime_type(self) -> str | None:
        """The type of the content before compression."""
        return self.value_of("MimeType")

    @property
    def compressed(self) -> bool:
        """Whether this part travels as gzip (AS4 1.0 section 3.1)."""
        return self.value_of("CompressionType") == GZIP


@dataclass(frozen=True, slots=True)
class UserMessage:
    """eb:UserMessage. `timestamp` is aware; `parts` keeps the producer's order."""

    message_id: str
    timestamp: datetime
    sender: Party
    receiver: Party
    service: ServiceName
    action: str
    conversation_id: str
    agreement: AgreementRef | None = None
    ref_to_message_id: str | None = None
    properties: tuple[Property, ...] = ()
    parts: tuple[PartInfo, ...] = ()
    mpc: str | None = None

    def value_of(self, name: str) -> str | None:
        """The value of the message property `name`, or None."""
        return _value_of(self.properties, name)


@dataclass(frozen=True, slots=True)
class SignedReference:
    """One ds:Reference of a signature that holds.

    `octets` is its exclusive canonical form, what a receipt repeats in its
    NonRepudiationInformation; `digest` is the decoded DigestValue.
    """

    uri: str
    digest_algorithm: str
    digest: bytes
    octets: bytes = field(repr=False, compare=False, default=b"")

    @property
    def content_id(self) -> str | None:
        """The Content-ID if this reference is to a MIME part, else None."""
        return content_id_of(self.uri) if self.uri.startswith(CID) else None


@dataclass(frozen=True, slots=True)
class Receipt:
    """eb:SignalMessage with eb:Receipt. `references` is empty when it holds no NRI.

    `repeated` is the eb:UserMessage that it repeats instead, where it is one of reception awareness
    (AS4 1.0 section 3.2).
    """

    message_id: str
    timestamp: datetime
    ref_to_message_id: str
    references: tuple[SignedReference, ...] = ()
    repeated: UserMessage | None = None


@dataclass(frozen=True, slots=True)
class EbmsError:
    """One eb:Error as a peer sent it, read leniently."""

    code: str
    severity: Severity
    short_description: str = ""
    description: str = ""
    detail: str = ""
    category: str = ""
    origin: str = ""
    ref_to_message: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorSignal:
    """eb:SignalMessage with eb:Error."""

    message_id: str
    timestamp: datetime
    ref_to_message_id: str | None
    errors: tuple[EbmsError, ...]


@dataclass(frozen=True, slots=True)
class PullRequest:
    """eb:SignalMessage with eb:PullRequest."""

    message_id: str
    timestamp: datetime
    mpc: str | None


MessageUnit = UserMessage | Receipt | ErrorSignal | PullRequest
