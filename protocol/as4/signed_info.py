"""ds:SignedInfo is read into a plan, and refused unless it is exactly what the profile signs.

Nothing is executed here. The count of references and the canonicalisation of SignedInfo itself are
checked before it is canonicalised; every other algorithm and transform before a transform, digest
or key operation takes place. What is allowed:

* exclusive canonicalisation, of SignedInfo and of `#Id` references, perhaps with a PrefixList;
* `cid:` references with the one transform Attachment-Content-Signature;
* one transform for each reference, the digest and the signature algorithm of the suite.

Source: XML Signature 1.1 section 4.4, AS4 1.0 section 5.1.4, SwA Profile 1.1 section 5.4,
eDelivery AS4 1.15 section 3 (security).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from protocol.as4.errors import POLICY_NONCOMPLIANCE, Refused, refused
from protocol.as4.limits import MAX_REFERENCES
from protocol.as4.names import ATTACHMENT_CONTENT_SIGNATURE, CID, DS, EXC_C14N, qname
from protocol.as4.suites import Suite
from protocol.as4.xml import INCLUSIVE_NAMESPACES, base64_octets, canonical, text_of

# "#" and a name, nothing of XPointer. An NCName may not begin with a digit, but some peers name
# their Body by a bare UUID (docs/interop.md, as4); matched exactly, it is no less safe.
_FRAGMENT: Final = re.compile(r"#\w[\w.\-]*")
_CANONICALIZATION_METHOD: Final = qname(DS, "CanonicalizationMethod")
_SIGNATURE_METHOD: Final = qname(DS, "SignatureMethod")
_REFERENCE: Final = qname(DS, "Reference")
_TRANSFORMS: Final = qname(DS, "Transforms")
_TRANSFORM: Final = qname(DS, "Transform")
_DIGEST_METHOD: Final = qname(DS, "DigestMethod")
_DIGEST_VALUE: Final = qname(DS, "DigestValue")


@dataclass(frozen=True, slots=True)
class PlannedReference:
    """One ds:Reference: what it names, and the digest that it must have."""

    uri: str
    prefixes: tuple[str, ...]
    digest: bytes
    element: etree._Element = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What is signed: the PrefixList for SignedInfo itself, and the references in order."""

    prefixes: tuple[str, ...]
    references: tuple[PlannedReference, ...]


def read_signed_info(element: etree._Element, suite: Suite) -> SignedInfo:
    """The plan in `element`, every algorithm being the suite's. Raises Refused (EBMS:0103)."""
    children = list(element)
    if element.tag != qname(DS, "SignedInfo") or len(children) < 3:
        raise _noncompliant("ds:SignedInfo must hold two methods and references")
    method, signature_method, *references = children
    _check_tag(method, _CANONICALIZATION_METHOD)
    _check_tag(signature_method, _SIGNATURE_METHOD)
    _check_algorithm(signature_method, suite.signature)
    _check_childless(signature_method)
    return SignedInfo(
        prefixes=_prefixes(method),
        references=tuple(_read_reference(reference, suite) for reference in references),
    )


def canonicalization_prefixes(element: etree._Element) -> tuple[str, ...]:
    """The PrefixList by which this ds:SignedInfo is canonicalised. Raises Refused (EBMS:0103)."""
    if element.tag != qname(DS, "SignedInfo") or len(element) == 0:
        raise _noncompliant("ds:SignedInfo is missing or empty")
    if len(element) > MAX_REFERENCES + 2:
        raise _noncompliant(f"more than {MAX_REFERENCES} references")
    _check_tag(element[0], _CANONICALIZATION_METHOD)
    return _prefixes(element[0])


def reference_octets(signed_info: bytes, plan: SignedInfo) -> list[bytes]:
    """The exclusive canonical form of each reference of `plan`, which was read from `signed_info`.

    Without a PrefixList a canonical ds:SignedInfo declares nothing but the namespace of its own
    name, so that a reference with the same prefix is cut out of it and gets that one declaration.
    """
    elements = [reference.element for reference in plan.references]
    parents = [element.getparent() for element in elements]
    if plan.prefixes or any(
        parent is None or parent.prefix != element.prefix
        for element, parent in zip(elements, parents, strict=True)
    ):
        return [canonical(element) for element in elements]
    prefix = elements[0].prefix
    tag = f"<{prefix}:Reference".encode() if prefix else b"<Reference"
    declaration = f' xmlns:{prefix}="{DS}"'.encode() if prefix else f' xmlns="{DS}"'.encode()
    end = tag.replace(b"<", b"</") + b">"
    _, *pieces = signed_info.split(tag)
    return [tag + declaration + piece[: piece.rindex(end)] + end for piece in pieces]


def _read_reference(element: etree._Element, suite: Suite) -> PlannedReference:
    _check_tag(element, _REFERENCE)
    if not set(element.keys()) <= {"URI", "Id"}:
        raise _noncompliant("a ds:Reference has an attribute besides URI and Id")
    if [child.tag for child in element] != [_TRANSFORMS, _DIGEST_METHOD, _DIGEST_VALUE]:
        raise _noncompliant("a ds:Reference must hold Transforms, DigestMethod, DigestValue")
    transforms, digest_method, digest_value = element
    _check_algorithm(digest_method, suite.digest)
    _check_childless(digest_method)
    uri = element.get("URI", "")
    return PlannedReference(
        uri=uri,
        prefixes=_transform_prefixes(uri, transforms),
        digest=_digest(digest_value),
        element=element,
    )


def _transform_prefixes(uri: str, transforms: etree._Element) -> tuple[str, ...]:
    if [child.tag for child in transforms] != [_TRANSFORM]:
        raise _noncompliant("a ds:Reference must have exactly one ds:Transform")
    transform = transforms[0]
    if uri.startswith(CID) and uri != CID:
        _check_algorithm(transform, ATTACHMENT_CONTENT_SIGNATURE)
        _check_childless(transform)
        return ()
    if _FRAGMENT.fullmatch(uri):
        return _prefixes(transform)
    raise _noncompliant(f"a reference to {uri!r}; only #Id and cid: are allowed")


def _prefixes(method: etree._Element) -> tuple[str, ...]:
    """The PrefixList of an exclusive canonicalisation, which must be the method."""
    _check_algorithm(method, EXC_C14N)
    if len(method) == 0:
        return ()
    if [child.tag for child in method] != [INCLUSIVE_NAMESPACES] or len(method[0]):
        raise _noncompliant("a canonicalisation has a parameter besides InclusiveNamespaces")
    return tuple(method[0].get("PrefixList", "").split())


def _digest(element: etree._Element) -> bytes:
    try:
        return base64_octets(text_of(element))
    except ValueError as fault:
        raise _noncompliant(f"ds:DigestValue: {fault}") from fault


def _check_algorithm(element: etree._Element, expected: str) -> None:
    algorithm = element.get("Algorithm")
    if algorithm != expected or len(element.keys()) != 1:
        raise _noncompliant(f"{element.tag} is {algorithm!r}, and must be {expected}")


def _check_childless(element: etree._Element) -> None:
    if len(element):
        raise _noncompliant(f"{element.tag} has a parameter")


def _check_tag(element: etree._Element, expected: str) -> None:
    if element.tag != expected:
        raise _noncompliant(f"{element.tag} stands where {expected} must be")


def _noncompliant(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, "G7", reason)
