"""What a peer answers to our message is read, however it is packed.

Receipts are read by the strict rules, because they are evidence. Errors are read in every form that
is seen in the field: with any HTTP status, unsigned, with a SOAP Fault beside them, without
RefToMessageId, not valid by any schema, with comments. What holds no message at all, such as the
page of a proxy or an empty answer, is a failure of transport.

The caller must remember: an ErrorSignal read here may be unsigned. It counts only as the answer on
the connection on which we sent the message, and never as a receipt.

Source: ebMS 3.0 Core section 6.6, eDelivery AS4 1.15 section 3 (error reporting), docs/interop.md
T10 and T14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from protocol.as4.envelope import BODY, FAULT, HEADER, MESSAGING, SECURITY, Envelope, open_envelope
from protocol.as4.errors import Refused
from protocol.as4.limits import ENVELOPE, MAX_SOAP_BYTES
from protocol.as4.mime import MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.names import EB, SOAP12, qname
from protocol.as4.signal_header import read_error_signal
from protocol.as4.xml import collapse
from protocol.hardened import XmlRefused, parse

_SIGNAL_MESSAGE: Final = qname(EB, "SignalMessage")
_ERROR: Final = qname(EB, "Error")
_REASON_TEXT: Final = f"{qname(SOAP12, 'Reason')}/{qname(SOAP12, 'Text')}"
_DETAIL: Final = qname(SOAP12, "Detail")
_CODE_VALUE: Final = f"{qname(SOAP12, 'Code')}/{qname(SOAP12, 'Value')}"
_MAX_EXCERPT_CHARACTERS: Final = 200

#: An empty answer with one of these is the peer's judgement on the request itself: the same bytes
#: would be judged the same way again.
PERMANENT_STATUSES: Final = frozenset({400, 405, 413, 414, 415, 431, 501, 505})


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """There was an answer and it holds no message. `retryable` says whether to try again."""

    reason: str
    retryable: bool


def read_response(
    http_status: int, content_type: str | None, body: bytes
) -> Envelope | TransportFailure:
    """The envelope in an HTTP answer, or why there is none. Raises nothing."""
    if len(body) > MAX_SOAP_BYTES:
        return TransportFailure(f"HTTP {http_status} with {len(body)} bytes", retryable=True)
    if not body.strip():
        retryable = http_status not in PERMANENT_STATUSES
        return TransportFailure(f"HTTP {http_status} without a message", retryable)
    try:
        soap = _soap_octets(content_type, body)
    except Refused as fault:
        return TransportFailure(f"HTTP {http_status}: {fault.reason}", retryable=True)
    try:
        return open_envelope(soap)
    except Refused as fault:
        return _read_leniently(http_status, soap, fault)


def _soap_octets(content_type: str | None, body: bytes) -> bytes:
    """The SOAP part of the answer: the whole body, or the root of a multipart."""
    if content_type is None or not content_type.strip().lower().startswith("multipart/"):
        return body
    reader = MimeReader(content_type)
    found, in_root = bytearray(), False
    for event in [*reader.receive(body), *reader.finish()]:
        if isinstance(event, PartStarted):
            in_root = event.is_root
        elif isinstance(event, PartContent) and in_root:
            found += event.octets
        elif isinstance(event, PartEnded):
            in_root = False
    return bytes(found)


def _read_leniently(http_status: int, soap: bytes, refusal: Refused) -> Envelope | TransportFailure:
    """The error signal in `soap` which the strict rules refused; else what there is instead."""
    try:
        root = parse(soap.strip(), ENVELOPE, drop_comments=True)
    except XmlRefused:
        return TransportFailure(f"HTTP {http_status}, not SOAP: {_excerpt(soap)}", retryable=True)
    envelope = _error_envelope(soap, root)
    if envelope is not None:
        return envelope
    fault = next(root.iter(FAULT), None)
    if fault is not None:
        return _fault(http_status, fault)
    if root.find(HEADER) is None:
        return TransportFailure(f"HTTP {http_status}, not SOAP: {_excerpt(soap)}", retryable=True)
    return TransportFailure(
        f"HTTP {http_status} with a message that cannot be read: {refusal.reason}", retryable=True
    )


def _error_envelope(soap: bytes, root: etree._Element) -> Envelope | None:
    header, body = root.find(HEADER), root.find(BODY)
    messaging = None if header is None else header.find(MESSAGING)
    signal = None if messaging is None else messaging.find(_SIGNAL_MESSAGE)
    if header is None or messaging is None or signal is None or signal.find(_ERROR) is None:
        return None
    try:
        unit = read_error_signal(signal)
    except Refused:
        return None
    if body is None:
        body = etree.SubElement(root, BODY)
    return Envelope(soap, unit, root, messaging, body, header.find(SECURITY))


def _fault(http_status: int, fault: etree._Element) -> TransportFailure:
    """A SOAP Fault alone. Only the sender's own fault is not worth another attempt."""
    code = collapse(fault.findtext(_CODE_VALUE) or "")[:_MAX_EXCERPT_CHARACTERS]
    text = collapse(fault.findtext(_REASON_TEXT) or "")
    detail = fault.find(_DETAIL)
    said = collapse(" ".join(map(str, detail.itertext()))) if detail is not None else ""
    words = f"{text}; {said}" if said else text
    reason = f"HTTP {http_status} with a SOAP Fault {code}: {words[:_MAX_EXCERPT_CHARACTERS]}"
    return TransportFailure(reason, retryable=code.rpartition(":")[2] != "Sender")


def _excerpt(body: bytes) -> str:
    """The start of what came, for the log: printable, on one line."""
    text = body[:_MAX_EXCERPT_CHARACTERS].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)
