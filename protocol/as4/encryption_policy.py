"""What the elements of the encryption must look like: exactly so, or gate G10 refuses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree

from protocol.as4.errors import FAILED_DECRYPTION, POLICY_NONCOMPLIANCE, Refused, refused
from protocol.as4.xml import base64_octets, text_of

GATE = "G10"


def exact_children(parent: etree._Element, tags: Sequence[str]) -> Mapping[str, etree._Element]:
    """The children of `parent` by tag: exactly these, each once, in this order. Raises Refused."""
    if [child.tag for child in parent] != list(tags):
        names = ", ".join(etree.QName(tag).localname for tag in tags) or "nothing"
        raise noncompliant(f"{parent.tag} must hold exactly: {names}")
    return dict(zip(tags, parent, strict=True))


def only_child(parent: etree._Element) -> etree._Element:
    """The one child of `parent`, whatever it is. Raises Refused."""
    if len(parent) != 1:
        raise noncompliant(f"{parent.tag} must hold exactly one element")
    return parent[0]


def check_algorithm(element: etree._Element, expected: str) -> None:
    """Raises Refused unless the Algorithm of `element` is `expected`."""
    algorithm = element.get("Algorithm")
    if algorithm != expected:
        raise noncompliant(f"{element.tag} is {algorithm!r}, and must be {expected}")


def octets_of(element: etree._Element) -> bytes:
    """What the base64 text of `element` encodes. Raises Refused (EBMS:0102)."""
    try:
        return base64_octets(text_of(element))
    except ValueError as fault:
        raise unreadable(f"{element.tag}: {fault}") from fault


def noncompliant(reason: str) -> Refused:
    """EBMS:0103: the encryption is not as agreed."""
    return refused(POLICY_NONCOMPLIANCE, GATE, reason)


def unreadable(reason: str) -> Refused:
    """EBMS:0102: the encryption cannot be undone."""
    return refused(FAILED_DECRYPTION, GATE, reason)
