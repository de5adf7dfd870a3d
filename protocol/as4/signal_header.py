"""eb:SignalMessage becomes a Receipt, an ErrorSignal or a PullRequest value.

Errors are read leniently: whatever a careless peer wrote, its partner must learn that a message
failed (docs/interop.md, T10 and T14). Receipts are not: they are evidence.

Source: ebMS 3.0 Core sections 5.2.3 and 6.2, AS4 1.0 section 5.1.8, ebBP signals 2.0.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from lxml import etree

from protocol.as4.errors import CATALOGUE, INVALID_HEADER, Refused, Severity, refused, shortened
from protocol.as4.fields import (
    MESSAGE_ID,
    MESSAGE_INFO,
    REF_TO_MESSAGE_ID,
    TIMESTAMP,
    Fields,
    fields_of,
    optional_token,
    parsed_time,
    required,
    timestamp,
    token,
)
from protocol.as4.names import DS, EB, EBBP, qname
from protocol.as4.user_header import read_user_message
from protocol.as4.values import (
    EbmsError,
    ErrorSignal,
    PullRequest,
    Receipt,
    SignedReference,
    UserMessage,
)
from protocol.as4.xml import base64_octets, canonical, collapse, text_of

#: Stands where a careless peer wrote no time at all: nothing may be decided by it.
NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)

_PREFIX: Final = "EBMS:"
_PULL_REQUEST: Final = qname(EB, "PullRequest")
_RECEIPT: Final = qname(EB, "Receipt")
_USER_MESSAGE: Final = qname(EB, "UserMessage")


def read_signal(element: etree._Element) -> Receipt | ErrorSignal | PullRequest:
    """The value of eb:SignalMessage. Raises Refused (EBMS:0009) if it is none of the three."""
    blocks = fields_of(element)
    receipt, pull_request = blocks.get(_RECEIPT), blocks.get(_PULL_REQUEST)
    if receipt is None and pull_request is None:
        return read_error_signal(element)
    message_info = fields_of(required(blocks, MESSAGE_INFO))
    if receipt is not None:
        return _read_receipt(message_info, receipt)
    mpc = None if pull_request is None else pull_request.get("mpc")
    return PullRequest(
        message_id=token(message_info, MESSAGE_ID),
        timestamp=timestamp(message_info),
        mpc=None if mpc is None else collapse(mpc),
    )


def _read_receipt(message_info: Fields, receipt: etree._Element) -> Receipt:
    return Receipt(
        message_id=token(message_info, MESSAGE_ID),
        timestamp=timestamp(message_info),
        ref_to_message_id=token(message_info, REF_TO_MESSAGE_ID),
        references=tuple(
            _read_reference(reference)
            for information in receipt.iterchildren(qname(EBBP, "NonRepudiationInformation"))
            for part in information.iterchildren(qname(EBBP, "MessagePartNRInformation"))
            for reference in part.iterchildren(qname(DS, "Reference"))
        ),
        repeated=_read_repeated(receipt.find(_USER_MESSAGE)),
    )


def _read_repeated(element: etree._Element | None) -> UserMessage | None:
    """The message that a receipt repeats; None for what is no message: it then proves nothing."""
    if element is None:
        return None
    try:
        return read_user_message(element)
    except Refused:
        return None


def _read_reference(element: etree._Element) -> SignedReference:
    method = element.find(qname(DS, "DigestMethod"))
    value = element.find(qname(DS, "DigestValue"))
    if method is None or value is None:
        raise refused(INVALID_HEADER, "G5", "a ds:Reference in the receipt has no digest")
    try:
        digest = base64_octets(text_of(value))
    except ValueError as fault:
        raise refused(INVALID_HEADER, "G5", f"ds:DigestValue in the receipt: {fault}") from fault
    return SignedReference(
        uri=element.get("URI", ""),
        digest_algorithm=method.get("Algorithm", ""),
        digest=digest,
        octets=canonical(element),
    )


def read_error_signal(element: etree._Element) -> ErrorSignal:
    """The errors in a SignalMessage, however careless; only their total absence is refused."""
    errors = tuple(_read_error(error) for error in element.iterchildren(qname(EB, "Error")))
    if not errors:
        raise refused(INVALID_HEADER, "G5", "eb:SignalMessage holds no signal that we know")
    found = element.find(MESSAGE_INFO)
    info = {} if found is None else fields_of(found)
    named = optional_token(info, REF_TO_MESSAGE_ID) or None
    in_error = next((error.ref_to_message for error in errors if error.ref_to_message), None)
    return ErrorSignal(
        message_id=optional_token(info, MESSAGE_ID) or "",
        timestamp=_lenient_time(optional_token(info, TIMESTAMP)),
        ref_to_message_id=named or in_error,
        errors=errors,
    )


def _lenient_time(text: str | None) -> datetime:
    try:
        return parsed_time(text or "")
    except ValueError:
        return NO_TIME


def _read_error(element: etree._Element) -> EbmsError:
    code = _code(element)
    known = CATALOGUE.get(code)
    return EbmsError(
        code=code,
        severity=_severity(element),
        short_description=_attribute(element, "shortDescription")
        or (known.short_description if known is not None else ""),
        description=_remark(element, "Description"),
        detail=_remark(element, "ErrorDetail"),
        category=_attribute(element, "category"),
        origin=_attribute(element, "origin"),
        ref_to_message=_attribute(element, "refToMessageInError") or None,
    )


def _code(element: etree._Element) -> str:
    """errorCode with its prefix, which the example in ebMS 3.0 Core itself forgets."""
    code = _attribute(element, "errorCode")
    return _PREFIX + code if code.isdigit() else code


def _severity(element: etree._Element) -> Severity:
    """Only a clear warning is one: what cannot be read is a failure."""
    if _attribute(element, "severity").lower() == Severity.WARNING.value:
        return Severity.WARNING
    return Severity.FAILURE


def _attribute(element: etree._Element, name: str) -> str:
    return shortened(collapse(element.get(name, "")))


def _remark(element: etree._Element, local: str) -> str:
    found = element.find(qname(EB, local))
    if found is None:
        return ""
    return shortened(collapse("".join(str(text) for text in found.itertext())))
