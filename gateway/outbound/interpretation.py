"""Read a partner's answer: what it means for the exchange (AS4 1.0 section 3.2, ebMS 3.0 Core 6).

Pure but for the arithmetic of signatures; runs in a worker thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.outbound.posting import PeerAnswer
from gateway.store.values import Sealed
from gateway.tls import der
from protocol.as4.errors import DUPLICATE_DETECTED, OTHER, Refused, Severity
from protocol.as4.exchange import (
    FINAL_CODES,
    Event,
    PeerHasItAlready,
    PeerRefused,
    ReceiptHeld,
    ReceiptInvalid,
    ReceiptToCome,
    TransportFailed,
)
from protocol.as4.pmode import PMode, ReceiptReply
from protocol.as4.receipt_check import check_signed_receipt
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.values import EbmsError, ErrorSignal, Receipt


@dataclass(frozen=True, slots=True)
class Interpreted:
    """The event for the exchange, with what is kept as evidence of it."""

    event: Event
    kind: str  # kind of the evidence record
    facts: Mapping[str, str | int | None]
    receipt_id: str | None = None
    receipt: bytes | None = field(default=None, repr=False)
    receipt_signer: bytes = field(default=b"", repr=False)  # DER


def interpret(
    answer: PeerAnswer, sealed: Sealed, message_id: str, pmode: PMode, *, repeated: bool = False
) -> Interpreted:
    """What `answer` says about the message `message_id`; `repeated` if it was sent before."""
    read = read_response(answer.http_status, answer.content_type, answer.body)
    if isinstance(read, TransportFailure):
        if _takes_note(answer) and pmode.receipt_reply is ReceiptReply.CALLBACK:
            return Interpreted(ReceiptToCome(), "RECEIPT_DEFERRED", {})
        return unanswered(
            read.reason,
            retryable=read.retryable,
            retry_after_seconds=answer.retry_after_seconds,
        )
    unit = read.unit
    if isinstance(unit, ErrorSignal):
        return said_by_error(unit, message_id, repeated=repeated)
    if not isinstance(unit, Receipt):
        return invalid_receipt(f"the answer holds a {type(unit).__name__}, not a receipt")
    try:
        receipt, signer = check_signed_receipt(
            read,
            ref_to_message_id=message_id,
            sent=sealed.references,
            certificates=pmode.partner_signing,
            suite=pmode.suite,
        )
    except Refused as refusal:
        return invalid_receipt(refusal.reason)
    return Interpreted(
        ReceiptHeld(),
        "RECEIPT_RECEIVED",
        {"receipt_id": receipt.message_id},
        receipt.message_id,
        read.octets,
        der(signer),
    )


def _takes_note(answer: PeerAnswer) -> bool:
    """Whether the partner has the message and says nothing more (ReplyPattern Callback)."""
    return answer.http_status in (200, 202, 204) and not answer.body.strip()


def unanswered(
    reason: str, *, retryable: bool = True, retry_after_seconds: float | None = None
) -> Interpreted:
    """No answer that could be read: the partner may or may not have the message."""
    event = TransportFailed(reason, retryable, retry_after_seconds)
    return Interpreted(event, "ATTEMPT_FAILED", {"reason": reason})


def invalid_receipt(reason: str) -> Interpreted:
    """A receipt that does not confirm what we signed."""
    return Interpreted(
        ReceiptInvalid(reason), "REFUSAL_RECEIVED", {"code": "EBMS:0302", "reason": reason}
    )


def said_by_error(signal: ErrorSignal, message_id: str, *, repeated: bool = False) -> Interpreted:
    """What `signal` says about the message `message_id`; `repeated` if it was sent before."""
    if signal.ref_to_message_id not in (None, "", message_id):
        return invalid_receipt(f"the error signal is about {signal.ref_to_message_id!r}")
    failure = next((e for e in signal.errors if _is_final(e)), None)
    if failure is None:
        return unanswered("the answer holds warnings only, no receipt")
    sentence = _sentence(failure)
    facts = {"code": failure.code, "reason": sentence, "signal_id": signal.message_id}
    if failure.code == DUPLICATE_DETECTED.code or (repeated and _says_duplicate(failure)):
        return Interpreted(PeerHasItAlready(), "REFUSAL_RECEIVED", facts)
    return Interpreted(PeerRefused(failure), "REFUSAL_RECEIVED", facts)


def _is_final(error: EbmsError) -> bool:
    return error.severity is Severity.FAILURE or error.code in FINAL_CODES


def _says_duplicate(error: EbmsError) -> bool:
    """phase4 up to 4.4 answers a retry with EBMS:0004 and says "duplicate" (docs/interop.md)."""
    said = f"{error.description} {error.detail}".lower()
    return error.code == OTHER.code and "duplicate" in said


def _sentence(error: EbmsError) -> str:
    """One sentence for the submitting authority."""
    parts = [error.short_description, error.description, error.detail]
    said = ": ".join(part for part in parts if part)
    return f"{error.code} {said}".strip()
