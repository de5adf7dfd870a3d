"""XML from strangers becomes a tree without surprises, or is refused: the one parser of this house.

The rules, in the order in which they are applied; what can be seen in the octets alone is refused
before the parser runs:

1. not more octets, tags and namespace declarations than the limits say;
2. UTF-8 only (a byte order mark may stand first), XML 1.0 only;
3. no DOCTYPE, no comment, no processing instruction: canonicalisation drops comments, so a comment
   inside a signed name changes how the name reads and not what was signed; and lxml accepts a
   DOCTYPE under every hardening flag it has;
4. well formed, not too deep, not too many elements, attributes or namespaces in scope: exclusive
   canonicalisation costs about the cube of the namespaces in scope.

Source: docs/architecture.md, gates G3 and G4; XML 1.0 (fifth edition) sections 2.5 to 2.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from lxml import etree

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_DECLARATION: Final = re.compile(
    rb"<\?xml\s+version\s*=\s*(?:'1\.0'|\"1\.0\")"
    rb"(?:\s+encoding\s*=\s*(?:'[Uu][Tt][Ff]-8'|\"[Uu][Tt][Ff]-8\"))?"
    rb"(?:\s+standalone\s*=\s*(?:'(?:yes|no)'|\"(?:yes|no)\"))?\s*\?>"
)


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """How large a document may be. Each limit is a count, `max_bytes` is in bytes."""

    max_bytes: int
    max_elements: int
    max_depth: int
    max_attributes: int  # of one element
    max_namespaces_in_scope: int  # declared on one element and its ancestors, repeats included
    max_namespace_declarations: int  # in the whole document


class XmlRefused(Exception):
    """The octets are not a document that we read. `reason` is a sentence for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(octets: bytes, limits: XmlLimits, *, drop_comments: bool = False) -> etree._Element:
    """The root element of `octets`, which keep every rule of this module. Raises XmlRefused.

    `drop_comments` leaves comments and processing instructions out instead of refusing them: only
    for documents of which nothing is believed, such as the error page of a careless peer.
    """
    declarations = _check_octets(octets, limits)
    _check_markup(octets, drop_comments)
    root = _parse(octets, drop_comments)
    _check_tree(root, limits, may_have_too_many=octets.count(b"<") > limits.max_elements)
    if declarations > limits.max_namespaces_in_scope:
        _check_scopes(root, limits.max_namespaces_in_scope)
    return root


def parse_again(canonical_octets: bytes) -> etree._Element:
    """The root of octets that were canonicalised from a tree that `parse` made.

    Canonicalisation adds nothing that a limit counts, so nothing is checked twice.
    """
    return _parse(canonical_octets, drop_comments=False)


def _check_octets(octets: bytes, limits: XmlLimits) -> int:
    """At most how many namespace declarations the document has."""
    if len(octets) > limits.max_bytes:
        raise XmlRefused(f"{len(octets)} bytes of XML; at most {limits.max_bytes} are read")
    if octets.count(b"<") > 2 * limits.max_elements + 1:
        raise XmlRefused(f"more than {limits.max_elements} elements")
    declarations = octets.count(b"xmlns")
    if declarations > limits.max_namespace_declarations:
        raise XmlRefused(f"more than {limits.max_namespace_declarations} namespace declarations")
    return declarations


def _check_markup(octets: bytes, drop_comments: bool) -> None:
    start = len(BYTE_ORDER_MARK) if octets.startswith(BYTE_ORDER_MARK) else 0
    if octets.startswith(b"<?xml", start):
        declaration = _DECLARATION.match(octets, start)
        if declaration is None:
            raise XmlRefused("the XML declaration is not one of XML 1.0 in UTF-8")
        start = declaration.end()
    if b"!" in octets:  # one octet is found ten times as fast as two, and is rare in envelopes
        _check_declarations(octets, drop_comments)
    if not drop_comments and octets.find(b"?", start) >= 0 and octets.find(b"<?", start) >= 0:
        raise XmlRefused("a processing instruction is not allowed")


def _check_declarations(octets: bytes, drop_comments: bool) -> None:
    if b"<!DOCTYPE" in octets:
        raise XmlRefused("a document type declaration is not allowed")
    if not drop_comments and octets.count(b"<!") != octets.count(b"<![CDATA["):
        raise XmlRefused("a comment or a markup declaration is not allowed")


@lru_cache(maxsize=2)
def _parser(drop_comments: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="UTF-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=drop_comments,
        remove_pis=drop_comments,
    )


def _parse(octets: bytes, drop_comments: bool) -> etree._Element:
    try:
        root = etree.fromstring(octets, _parser(drop_comments))
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise XmlRefused(f"not well-formed XML: {fault}") from fault
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("a document type declaration is not allowed")
    return root


_COUNT_ELEMENTS: Final = etree.XPath("count(//*)")


@lru_cache(maxsize=8)
def _crossing(max_depth: int, max_attributes: int) -> etree.XPath:
    """Finds whether an element lies too deep or has too many attributes."""
    too_deep = "/" + "/".join("*" * (max_depth + 1))
    return etree.XPath(f"boolean({too_deep} | //*[@*[{max_attributes + 1}]])")


def _check_tree(root: etree._Element, limits: XmlLimits, *, may_have_too_many: bool) -> None:
    if may_have_too_many and cast(float, _COUNT_ELEMENTS(root)) > limits.max_elements:
        raise XmlRefused(f"more than {limits.max_elements} elements")
    if _crossing(limits.max_depth, limits.max_attributes)(root):
        raise XmlRefused(
            f"elements nested deeper than {limits.max_depth}, "
            f"or more than {limits.max_attributes} attributes on one element"
        )


def _check_scopes(root: etree._Element, max_in_scope: int) -> None:
    """Only for documents with many declarations: the octets clear the others."""
    in_scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_scope += 1 if event == "start-ns" else -1
        if in_scope > max_in_scope:
            raise XmlRefused(f"more than {max_in_scope} namespace declarations in one scope")
