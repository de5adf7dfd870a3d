"""A SOAP 1.2 envelope with every part in its one place: gates G4 and G5. Nothing is believed yet.

The rules, in the order in which they are applied:

1. Envelope, Header, Body and nothing else; SOAP 1.2 only.
2. Every header that must be understood is one that we understand.
3. eb:Messaging once, and only as a child of Header; wsse:Security and mf:MessageFragment at most
   once, likewise;
   ds:Signature at most once, and only as a child of Security; nothing encrypted outside Security.
   Signed elements can therefore not be moved aside and replaced.
4. eb:Messaging holds one unit and is valid by our schema; so is mf:MessageFragment, which stands
   beside a user message only.
5. The Body of a signal holds nothing, except a SOAP Fault next to an error signal. The packaging
   of a user message is `check_packaging`, which `signature` calls once it is known who sent it.

Source: SOAP 1.2 Part 1 section 5, ebMS 3.0 Core section 5.2, eDelivery AS4 1.15 (packaging),
AS4 1.0 section 5.1.4; W3C XML Signature Best Practices (2013) against wrapping attacks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from protocol.as4.errors import (
    INVALID_HEADER,
    PACKAGING_NOT_SUPPORTED,
    POLICY_NONCOMPLIANCE,
    FaultAnswer,
    Refused,
    refused,
)
from protocol.as4.fragment import MessageFragment
from protocol.as4.fragment_header import MESSAGE_FRAGMENT, open_fragment
from protocol.as4.header import open_header
from protocol.as4.names import DS, EB, SOAP11, SOAP12, WSSE, XENC, qname
from protocol.as4.values import ErrorSignal, MessageUnit, UserMessage
from protocol.as4.xml import canonical, collapse, parse_hardened

MESSAGING: Final = qname(EB, "Messaging")
SECURITY: Final = qname(WSSE, "Security")
SIGNATURE: Final = qname(DS, "Signature")
ENCRYPTED_DATA: Final = qname(XENC, "EncryptedData")
ENCRYPTED_KEY: Final = qname(XENC, "EncryptedKey")
ENVELOPE: Final = qname(SOAP12, "Envelope")
HEADER: Final = qname(SOAP12, "Header")
BODY: Final = qname(SOAP12, "Body")
FAULT: Final = qname(SOAP12, "Fault")

_UNDERSTOOD: Final = frozenset({MESSAGING, SECURITY, MESSAGE_FRAGMENT})
_MUST_UNDERSTAND: Final = qname(SOAP12, "mustUnderstand")
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope that keeps the rules above. `unit` is what it claims, not what is proven.

    `unit` was read from `canonical_messaging`, the exclusive canonical form of `messaging`; octets
    that are empty say that it was read in another way.
    """

    octets: bytes = field(repr=False)
    unit: MessageUnit
    root: etree._Element = field(repr=False)
    messaging: etree._Element = field(repr=False)
    body: etree._Element = field(repr=False)
    security: etree._Element | None = field(repr=False)
    fragment: MessageFragment | None = None
    fragment_block: etree._Element | None = field(repr=False, default=None)
    canonical_messaging: bytes = field(repr=False, default=b"")


def open_envelope(octets: bytes) -> Envelope:
    """The envelope in `octets`. Raises Refused, and nothing else."""
    root = parse_hardened(octets)
    header, body = _header_and_body(root)
    _check_understood(header)
    messaging = _check_places(root, header)
    security = header.find(SECURITY)
    canonical_messaging = canonical(messaging)
    unit = open_header(canonical_messaging)
    if not isinstance(unit, UserMessage):
        _check_body(body, fault_allowed=isinstance(unit, ErrorSignal))
    block = header.find(MESSAGE_FRAGMENT)
    fragment = None if block is None else _fragment(block, unit)
    return Envelope(
        octets, unit, root, messaging, body, security, fragment, block, canonical_messaging
    )


def check_packaging(envelope: Envelope) -> None:
    """Every payload of a user message is a MIME part, and its Body is empty.

    Raises Refused: EBMS:0008 for an eb:PartInfo that means the Body, EBMS:0103 for a Body that
    holds something which no eb:PartInfo speaks of.
    """
    if not isinstance(envelope.unit, UserMessage):
        return
    if not all(part.content_id for part in envelope.unit.parts):
        raise refused(
            PACKAGING_NOT_SUPPORTED,
            "G7",
            "an eb:PartInfo without a cid: reference means a payload in the Body",
            "payloads must be MIME parts",
        )
    _check_body(envelope.body, fault_allowed=False)


def _fragment(block: etree._Element, unit: MessageUnit) -> MessageFragment:
    if not isinstance(unit, UserMessage):
        raise _misplaced("mf:MessageFragment beside a signal")
    return open_fragment(block)


def _not_understood(reason: str) -> Refused:
    return Refused(FaultAnswer(), "G4", reason)


def _header_and_body(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    if root.tag == qname(SOAP11, "Envelope"):
        raise Refused(FaultAnswer(500, "VersionMismatch"), "G4", "a SOAP 1.1 envelope")
    if root.tag != ENVELOPE:
        raise _not_understood(f"the root is {root.tag}, not a SOAP 1.2 Envelope")
    if [child.tag for child in root] != [HEADER, BODY]:
        raise _not_understood("the Envelope must hold one Header, then one Body")
    header, body = root
    for element in (root, header):
        _check_no_text(element)
    return header, body


def _check_no_text(element: etree._Element) -> None:
    """Only white space stands between the children of `element`."""
    texts = [element.text, *(child.tail for child in element)]
    if any(collapse(text) for text in texts if text):
        raise _not_understood(f"text directly in {element.tag}")


def _check_understood(header: etree._Element) -> None:
    for block in header:
        claim = collapse(block.get(_MUST_UNDERSTAND, "false"))
        if claim not in _TRUE | _FALSE:
            raise _not_understood(f"mustUnderstand is {claim!r} on {block.tag}")
        if claim in _TRUE and block.tag not in _UNDERSTOOD:
            reason = f"the header {block.tag} must be understood, and is not"
            raise Refused(FaultAnswer(500, "MustUnderstand"), "G4", reason)


def _check_places(root: etree._Element, header: etree._Element) -> etree._Element:
    """Each block that carries meaning is at its place and at no other; the eb:Messaging."""
    messaging = list(root.iter(MESSAGING))
    if not messaging and not any(True for _ in header.iterchildren(ENCRYPTED_DATA)):
        raise refused(INVALID_HEADER, "G4", "no eb:Messaging", "eb:Messaging is missing")
    if len(messaging) != 1 or messaging[0].getparent() is not header:
        raise _misplaced("eb:Messaging must stand once, in clear, as a child of the Header")
    security = list(root.iter(SECURITY))
    if len(security) > 1 or any(found.getparent() is not header for found in security):
        raise _misplaced("wsse:Security may stand once, as a child of the Header")
    fragments = list(root.iter(MESSAGE_FRAGMENT))
    if len(fragments) > 1 or any(found.getparent() is not header for found in fragments):
        raise _misplaced("mf:MessageFragment may stand once, as a child of the Header")
    signatures = list(root.iter(SIGNATURE))
    if len(signatures) > 1 or any(found.getparent() not in security for found in signatures):
        raise _misplaced("ds:Signature may stand once, as a child of wsse:Security")
    for encrypted in root.iter(ENCRYPTED_DATA, ENCRYPTED_KEY):
        if encrypted.getparent() not in security:
            raise _misplaced("xenc:EncryptedData and EncryptedKey belong into wsse:Security only")
    return messaging[0]


def _check_body(body: etree._Element, *, fault_allowed: bool) -> None:
    children = [child.tag for child in body]
    if children and not (fault_allowed and children == [FAULT]):
        raise _misplaced("the Body must be empty; payloads are MIME parts")
    texts = [body.text, *(child.tail for child in body)]
    if any(collapse(text) for text in texts if text):
        raise _misplaced("the Body must be empty; it holds text")


def _misplaced(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, "G4", reason)
