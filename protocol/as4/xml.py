"""Envelopes become trees that may be canonicalised: gates G3 and G4 as far as XML itself goes.

On top of the rules of `protocol.hardened`: no PrefixList is longer than the limit, and no Id stands
on two elements, so that a reference can mean one thing only.

Source: W3C XML Signature Best Practices (2013); Exclusive XML Canonicalization 1.0.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Final, cast

from lxml import etree

from protocol.as4.errors import INVALID_HEADER, POLICY_NONCOMPLIANCE, FaultAnswer, Refused, refused
from protocol.as4.limits import ENVELOPE, MAX_PREFIXES
from protocol.as4.names import EC, WSU, XML, qname
from protocol.hardened import XmlLimits, XmlRefused, parse, parse_again

INCLUSIVE_NAMESPACES: Final = qname(EC, "InclusiveNamespaces")

_ID_NAMES: Final = (qname(WSU, "Id"), "Id", "ID", "id", qname(XML, "id"))
_IDS: Final = etree.XPath(
    "//@wsu:Id | //@Id | //@ID | //@id | //@xml:id",
    namespaces={"wsu": WSU},
    smart_strings=False,
)
_WHITE_SPACE: Final = " \t\r\n"  # XML 1.0 section 2.3; str.strip() alone would take more
_WITHOUT_WHITE_SPACE: Final = str.maketrans("", "", _WHITE_SPACE)


def parse_hardened(octets: bytes, *, limits: XmlLimits = ENVELOPE) -> etree._Element:
    """The root of an envelope that keeps the rules of this module.

    Raises Refused: a SOAP Fault when the octets are not XML that we read, EBMS:0103 when it could
    mean two things.
    """
    try:
        root = parse(octets, limits)
    except XmlRefused as fault:
        raise Refused(FaultAnswer(), "G3", fault.reason) from fault
    _check_prefix_lists(root)
    _check_ids(root)
    return root


def read_again(canonical_octets: bytes) -> etree._Element:
    """The root of octets that `canonical` made from a checked tree. Raises Refused."""
    try:
        return parse_again(canonical_octets)
    except XmlRefused as fault:
        raise Refused(FaultAnswer(), "G7", fault.reason) from fault


def _check_prefix_lists(root: etree._Element) -> None:
    for element in root.iter(INCLUSIVE_NAMESPACES):
        if len(element.get("PrefixList", "").split()) > MAX_PREFIXES:
            raise Refused(FaultAnswer(), "G4", f"a PrefixList names more than {MAX_PREFIXES}")


def _check_ids(root: etree._Element) -> None:
    values = cast(list[str], _IDS(root))
    if len(values) != len(set(values)):
        _check_holders(root)


def _check_holders(root: etree._Element) -> None:
    """One element may say its Id in two attributes; two elements may not have the same."""
    holders: dict[str, etree._Element] = {}
    for element in root.iter(etree.Element):
        for value in {element.get(name) for name in _ID_NAMES} - {None}:
            if holders.setdefault(str(value), element) is not element:
                raise refused(POLICY_NONCOMPLIANCE, "G4", f"the Id {value!r} stands twice")


def has_id(root: etree._Element, value: str) -> bool:
    """Whether an element of the document of `root` has this Id."""
    return value in cast(list[str], _IDS(root))


def canonical(element: etree._Element, inclusive_prefixes: Sequence[str] = ()) -> bytes:
    """The exclusive canonical form of `element`, without comments (namespace EC).

    Raises Refused where there is none: a namespace that is a relative URI has no canonical form.
    """
    if _DEFAULT in inclusive_prefixes:
        _make_default_known()
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=list(inclusive_prefixes),
        )
    except etree.C14NError as fault:
        reason = f"{element.tag} has no canonical form: {fault}"
        raise Refused(FaultAnswer(), "G4", reason) from fault


_DEFAULT: Final = "#default"  # in a PrefixList: the namespace without a prefix
_NAMES_DEFAULT: Final = b'<!DOCTYPE a [<!ATTLIST a b CDATA "#default">]><a/>'


def _make_default_known() -> None:
    """lxml drops listed prefixes that its table of names has not met, and "#default" is no name.

    A document type puts it there. Should a later lxml need something else, signatures that list
    it fail to verify, and the test of prefix lists says why.
    """
    etree.fromstring(_NAMES_DEFAULT)


def text_of(element: etree._Element) -> str:
    """The whole text of an element that holds only text. Raises Refused if it holds more."""
    if len(element):
        raise refused(INVALID_HEADER, "G5", f"{element.tag} must hold text only")
    return element.text or ""


def token_of(element: etree._Element) -> str:
    """The text of `element` as xs:token: white space collapsed."""
    return collapse(text_of(element))


def collapse(text: str) -> str:
    """`text` as xs:token reads it (XML Schema Part 2 section 3.3.2)."""
    if text.isascii():  # XML has no other white space in ASCII
        return " ".join(text.split())
    for space in "\t\r\n":
        text = text.replace(space, " ")
    return " ".join(part for part in text.split(" ") if part)


def base64_octets(text: str) -> bytes:
    """The octets that `text` encodes; white space is allowed in it. Raises ValueError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        text = text.translate(_WITHOUT_WHITE_SPACE)  # the rare form: most peers write one line
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as fault:
        raise ValueError(f"not base64: {fault}") from fault
