"""Octets from an authority or a partner become a Document, or are refused with every fault named.

1. the octets are XML without surprises, within limits: protocol.hardened;
2. the root element is one of the kinds that we know, in a version that is live;
3. the document is valid against the schema of that version: lxml, about a millisecond for 20 KB;
4. it keeps the rules that a schema cannot express: protocol.convention.rules.

Only a document that fails step 3 is looked at again by xmlschema, which says what was expected.
Whether the authorities are competent is not asked here: protocol.convention.competence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from protocol.convention.canonical import canonical, live_version, unknown_document
from protocol.convention.explanation import explain
from protocol.convention.findings import DocumentRefused, Finding
from protocol.convention.kinds import PRIORITIES, Kind, Side
from protocol.convention.references import references_hold
from protocol.convention.rule_words import C
from protocol.convention.rules import broken_rules
from protocol.convention.versions import Version
from protocol.convention.vocabulary import KINDS
from protocol.hardened import XmlLimits, XmlRefused, parse
from schemas.catalogue import compiled, form

__all__ = ["Document", "DocumentRefused", "Finding", "read_document"]

# The schema allows 1000 identifiers in each of 1000 data sets; a real request has some dozens, and
# lists longer than this travel as attachments.
LIMITS: Final = XmlLimits(
    max_bytes=4 * 1024 * 1024,
    max_elements=50_000,
    max_depth=32,  # of which the schema uses 9; Extensions have the rest
    max_attributes=16,
    max_namespaces_in_scope=32,
    max_namespace_declarations=1_000,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document. `octets` are those that were read, unchanged; `sha256` is their digest.

    `root` is what was parsed of them, in the names of its own version: it is for reading only.
    """

    kind: str
    article: str
    request_id: str
    requesting_authority: str
    requested_authority: str
    urgency: str
    priority: int  # 0 is taken first
    written_by: Side  # REQUESTING or REQUESTED
    sha256: bytes
    octets: bytes = field(repr=False)
    root: etree._Element = field(repr=False, compare=False)

    @property
    def author(self) -> str:
        """The authority that writes it: most answers come from the requested authority."""
        return self.requested_authority if self._turned else self.requesting_authority

    @property
    def addressee(self) -> str:
        """The authority that it is written to."""
        return self.requesting_authority if self._turned else self.requested_authority

    @property
    def _turned(self) -> bool:
        return self.written_by is Side.REQUESTED


def read_document(octets: bytes) -> Document:
    """The document in `octets`. Raises DocumentRefused with every finding."""
    written = _parsed(octets)
    version = live_version(written)
    kind = _kind(written)
    if not _is_valid(written, version):
        raise DocumentRefused(explain(written, version.schema))
    root = canonical(written)
    findings = broken_rules(root)
    if findings:
        raise DocumentRefused(findings)
    urgency = _attribute(root, f"{C}Urgency", "level")
    return Document(
        kind=kind.name,
        article=kind.article,
        request_id=(root.findtext(f"{C}RequestId") or "").strip(),
        requesting_authority=_attribute(root, f"{C}RequestingAuthority", "id"),
        requested_authority=_attribute(root, f"{C}RequestedAuthority", "id"),
        urgency=urgency,
        priority=PRIORITIES[urgency],
        written_by=_writer(root, kind),
        sha256=hashlib.sha256(octets).digest(),
        octets=octets,
        root=written,
    )


def _is_valid(root: etree._Element, version: Version) -> bool:
    """Whether `root` is valid: its form first, then ids and references, which is much faster."""
    if root.find(f"{{{version.common}}}Extensions") is not None:
        return compiled(version.schema).validate(root)
    return form(version.schema).validate(root) and references_hold(root, version.schema)


def _parsed(octets: bytes) -> etree._Element:
    try:
        return parse(octets, LIMITS)
    except XmlRefused as fault:
        finding = Finding("xml", "/", 0, fault.reason, "a well-formed XML 1.0 document in UTF-8")
        raise DocumentRefused([finding]) from fault


def _kind(root: etree._Element) -> Kind:
    """The kind that the root element of a live version names."""
    found = KINDS.get(str(etree.QName(root).localname))
    if found is None:
        raise DocumentRefused([unknown_document(root)])
    return found


def _writer(root: etree._Element, kind: Kind) -> Side:
    """Which of the two authorities writes; where the kind leaves it open, the document says it."""
    if kind.author is not Side.EITHER:
        return kind.author
    return Side(root.get("writtenBy", "").strip())


def _attribute(root: etree._Element, element: str, name: str) -> str:
    """An attribute that the schema has shown to be there, without the white space around it."""
    found = root.find(element)
    value = None if found is None else found.get(name)
    return (value or "").strip()
