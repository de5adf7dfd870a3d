"""The ebMS error catalogue, and how a refusal travels inside the gateway.

Source: ebMS 3.0 Core section 6.7, AS4 1.0 section 3.5, eDelivery AS4 1.15 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Severity(Enum):
    """How an eb:Error weighs (ebMS 3.0 Core 6.2.5)."""

    FAILURE = "failure"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One line of the ebMS error catalogue."""

    code: str
    short_description: str
    severity: Severity
    category: str
    origin: str = "ebMS"


_F, _W = Severity.FAILURE, Severity.WARNING

VALUE_NOT_RECOGNIZED = ErrorCode("EBMS:0001", "ValueNotRecognized", _F, "Content")
FEATURE_NOT_SUPPORTED = ErrorCode("EBMS:0002", "FeatureNotSupported", _W, "Content")
VALUE_INCONSISTENT = ErrorCode("EBMS:0003", "ValueInconsistent", _F, "Content")
OTHER = ErrorCode("EBMS:0004", "Other", _F, "Content")
CONNECTION_FAILURE = ErrorCode("EBMS:0005", "ConnectionFailure", _F, "Communication")
EMPTY_MPC = ErrorCode("EBMS:0006", "EmptyMessagePartitionChannel", _W, "Communication")
MIME_INCONSISTENCY = ErrorCode("EBMS:0007", "MimeInconsistency", _F, "Unpackaging")
PACKAGING_NOT_SUPPORTED = ErrorCode("EBMS:0008", "FeatureNotSupported", _F, "Unpackaging")
INVALID_HEADER = ErrorCode("EBMS:0009", "InvalidHeader", _F, "Unpackaging")
PROCESSING_MODE_MISMATCH = ErrorCode("EBMS:0010", "ProcessingModeMismatch", _F, "Processing")
EXTERNAL_PAYLOAD_ERROR = ErrorCode("EBMS:0011", "ExternalPayloadError", _F, "Content")
ROUTING_FAILURE = ErrorCode("EBMS:0020", "RoutingFailure", _F, "Processing")
MPC_CAPACITY_EXCEEDED = ErrorCode("EBMS:0021", "MPCCapacityExceeded", _F, "Processing")
PERSISTENCE_TIMEOUT = ErrorCode("EBMS:0022", "MessagePersistenceTimeout", _F, "Processing")
MESSAGE_EXPIRED = ErrorCode("EBMS:0023", "MessageExpired", _W, "Processing")
BUNDLING_ERROR = ErrorCode("EBMS:0030", "BundlingError", _F, "Content")
RELATED_MESSAGE_FAILED = ErrorCode("EBMS:0031", "RelatedMessageFailed", _F, "Processing")
BAD_FRAGMENT_GROUP = ErrorCode("EBMS:0040", "BadFragmentGroup", _F, "Content")
DUPLICATE_MESSAGE_SIZE = ErrorCode("EBMS:0041", "DuplicateMessageSize", _F, "Content")
DUPLICATE_FRAGMENT_COUNT = ErrorCode("EBMS:0042", "DuplicateFragmentCount", _F, "Content")
DUPLICATE_MESSAGE_HEADER = ErrorCode("EBMS:0043", "DuplicateMessageHeader", _F, "Content")
DUPLICATE_ACTION = ErrorCode("EBMS:0044", "DuplicateAction", _F, "Content")
DUPLICATE_COMPRESSION_INFO = ErrorCode("EBMS:0045", "DuplicateCompressionInfo", _F, "Content")
DUPLICATE_FRAGMENT = ErrorCode("EBMS:0046", "DuplicateFragment", _F, "Content")
BAD_FRAGMENT_STRUCTURE = ErrorCode("EBMS:0047", "BadFragmentStructure", _F, "Unpackaging")
BAD_FRAGMENT_NUM = ErrorCode("EBMS:0048", "BadFragmentNum", _F, "Content")
BAD_FRAGMENT_COUNT = ErrorCode("EBMS:0049", "BadFragmentCount", _F, "Content")
FRAGMENT_SIZE_EXCEEDED = ErrorCode("EBMS:0050", "FragmentSizeExceeded", _W, "Unpackaging")
RECEIVE_INTERVAL_EXCEEDED = ErrorCode("EBMS:0051", "ReceiveIntervalExceeded", _F, "Unpackaging")
BAD_PROPERTIES = ErrorCode("EBMS:0052", "BadProperties", _W, "Unpackaging")
HEADER_MISMATCH = ErrorCode("EBMS:0053", "HeaderMismatch", _F, "Unpackaging")
OUT_OF_STORAGE_SPACE = ErrorCode("EBMS:0054", "OutOfStorageSpace", _F, "Unpackaging")
DECOMPRESSION_ERROR = ErrorCode("EBMS:0055", "DecompressionError", _F, "Processing")
ALTERNATE_MEP = ErrorCode("EBMS:0060", "ResponseUsing-AlternateMEP", _W, "Processing")
FAILED_AUTHENTICATION = ErrorCode("EBMS:0101", "FailedAuthentication", _F, "Processing", "security")
FAILED_DECRYPTION = ErrorCode("EBMS:0102", "FailedDecryption", _F, "Processing", "security")
POLICY_NONCOMPLIANCE = ErrorCode("EBMS:0103", "PolicyNoncompliance", _F, "Processing", "security")
DYSFUNCTIONAL = ErrorCode("EBMS:0201", "DysfunctionalReliability", _F, "Processing", "reliability")
DELIVERY_FAILURE = ErrorCode("EBMS:0202", "DeliveryFailure", _F, "Communication", "reliability")
MISSING_RECEIPT = ErrorCode("EBMS:0301", "MissingReceipt", _F, "Communication")
INVALID_RECEIPT = ErrorCode("EBMS:0302", "InvalidReceipt", _F, "Communication")
DECOMPRESSION_FAILURE = ErrorCode("EBMS:0303", "DecompressionFailure", _F, "Communication")
DUPLICATE_DETECTED = ErrorCode("EBMS:4001", "DuplicateDetected", _F, "Content")

CATALOGUE: dict[str, ErrorCode] = {
    entry.code: entry
    for entry in (
        VALUE_NOT_RECOGNIZED, FEATURE_NOT_SUPPORTED, VALUE_INCONSISTENT, OTHER,
        CONNECTION_FAILURE, EMPTY_MPC, MIME_INCONSISTENCY, PACKAGING_NOT_SUPPORTED,
        INVALID_HEADER, PROCESSING_MODE_MISMATCH, EXTERNAL_PAYLOAD_ERROR, ROUTING_FAILURE,
        MPC_CAPACITY_EXCEEDED, PERSISTENCE_TIMEOUT, MESSAGE_EXPIRED, BUNDLING_ERROR,
        RELATED_MESSAGE_FAILED, BAD_PROPERTIES, ALTERNATE_MEP, DYSFUNCTIONAL, BAD_FRAGMENT_GROUP,
        DUPLICATE_MESSAGE_SIZE, DUPLICATE_FRAGMENT_COUNT, DUPLICATE_MESSAGE_HEADER,
        DUPLICATE_ACTION, DUPLICATE_COMPRESSION_INFO, DUPLICATE_FRAGMENT, BAD_FRAGMENT_STRUCTURE,
        BAD_FRAGMENT_NUM, BAD_FRAGMENT_COUNT, FRAGMENT_SIZE_EXCEEDED, RECEIVE_INTERVAL_EXCEEDED,
        HEADER_MISMATCH, OUT_OF_STORAGE_SPACE, DECOMPRESSION_ERROR, FAILED_AUTHENTICATION,
        FAILED_DECRYPTION, POLICY_NONCOMPLIANCE, DELIVERY_FAILURE, MISSING_RECEIPT,
        INVALID_RECEIPT, DECOMPRESSION_FAILURE, DUPLICATE_DETECTED,
    )
}  # fmt: skip


#: Codes that we read and never raise, and why.
NEVER_RAISED: dict[str, str] = {
    "EBMS:0002": "a warning would let a message pass that asks for what we do not do",
    "EBMS:0005": "local: a connection that fails is told to the submitter, no peer could hear it",
    "EBMS:0011": "a payload by hyperlink is EBMS:0003: the profile forbids it, nothing is fetched",
    "EBMS:0020": "we are no intermediary: multi-hop is outside the profile",
    "EBMS:0021": "channels are bounded by the disk; a full one is HTTP 503",
    "EBMS:0022": "what was accepted is kept until its authority has it",
    "EBMS:0023": "messages have no time to live in the profile",
    "EBMS:0030": "bundling is outside the profile: two units in one message are EBMS:0009",
    "EBMS:0031": "bundling is outside the profile",
    "EBMS:0052": "the fragment's properties are the profile's own; others are EBMS:0047",
    "EBMS:0060": "we answer by the pattern that was agreed",
    "EBMS:0201": "WS-Reliability is outside the profile",
    "EBMS:0202": "what cannot be handed over is not receipted: HTTP 503, and the sender retries",
    "EBMS:0301": "local: told to the submitter",
    "EBMS:0302": "local: told to the submitter, noted in evidence",
    "EBMS:4001": "phase4's own: a repeated message gets its stored receipt here",
}


@dataclass(frozen=True, slots=True)
class EbmsAnswer:
    """Answer with one eb:Error signal, HTTP 200."""

    error: ErrorCode


@dataclass(frozen=True, slots=True)
class FaultAnswer:
    """Answer with a SOAP 1.2 Fault: the envelope could not be understood at all."""

    http_status: int = 400
    code: str = "Sender"  # the local name of env:Code/env:Value


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """Answer with a bare HTTP status, an empty body and a closed connection."""

    http_status: int


Answer = EbmsAnswer | FaultAnswer | StatusAnswer


#: What came from outside may be part of a sentence, and the sentence is kept as evidence for ever.
MAX_SENTENCE_CHARACTERS: Final = 2000


class Refused(Exception):
    """An inbound message, or the answer to one of ours, does not hold.

    `answer` is what the peer is told, `gate` the gate of docs/architecture.md that refused ("G7"),
    `reason` a sentence for our log and evidence that names the place and what was expected, and
    `detail` the short text the peer may see in eb:ErrorDetail (empty where it would be an oracle).
    Both are cut at MAX_SENTENCE_CHARACTERS.
    """

    def __init__(self, answer: Answer, gate: str, reason: str, detail: str = "") -> None:
        self.answer = answer
        self.gate = gate
        self.reason = shortened(reason)
        self.detail = shortened(detail)
        super().__init__(self.reason)


def shortened(sentence: str) -> str:
    """`sentence`, or its beginning and how long it was."""
    if len(sentence) <= MAX_SENTENCE_CHARACTERS:
        return sentence
    return f"{sentence[:MAX_SENTENCE_CHARACTERS]} [{len(sentence)} characters]"


def refused(error: ErrorCode, gate: str, reason: str, detail: str = "") -> Refused:
    """The exception that answers with `error`."""
    return Refused(EbmsAnswer(error), gate, reason, detail)
