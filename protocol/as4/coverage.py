"""A signature covers eb:Messaging, the Body and every payload part, each once, and nothing else.

Where the message is a fragment, its mf:MessageFragment and the part that it names are among them.

Source: AS4 1.0 section 5.1.4 and 5.1.5, eDelivery AS4 1.15 section 3 (security).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from protocol.as4.envelope import Envelope
from protocol.as4.errors import FAILED_AUTHENTICATION, POLICY_NONCOMPLIANCE, Refused, refused
from protocol.as4.names import CID, WSU, content_id_of, qname
from protocol.as4.signed_info import PlannedReference
from protocol.as4.values import UserMessage
from protocol.as4.xml import has_id


@dataclass(frozen=True, slots=True)
class Covered:
    """Which reference is for which block of the envelope."""

    messaging: PlannedReference
    body: PlannedReference
    fragment: PlannedReference | None = None


def check_coverage(envelope: Envelope, references: Sequence[PlannedReference]) -> Covered:
    """`references` cover the envelope exactly. Raises Refused.

    EBMS:0101 for a reference to nothing, EBMS:0103 for one too few, too many or elsewhere.
    """
    messaging = _uri_of(envelope.messaging)
    body = _uri_of(envelope.body)
    block = envelope.fragment_block
    fragment = None if block is None else _uri_of(block)
    unsigned = {messaging, body, *(CID + content_id for content_id in _content_ids(envelope))}
    unsigned |= {fragment} if fragment is not None else set()
    found: dict[str, PlannedReference] = {}
    for reference in references:
        target = _target(reference.uri)
        if target in found:
            raise _noncompliant(f"{target} is signed twice")
        if target not in unsigned:
            raise _stray(envelope.root, target)
        found[target] = reference
    missing = unsigned - found.keys()
    if missing:
        raise _noncompliant(f"not signed: {', '.join(sorted(missing))}")
    covering = None if fragment is None else found[fragment]
    return Covered(found[messaging], found[body], covering)


def _content_ids(envelope: Envelope) -> set[str]:
    """Every part that the headers name: some products name a fragment's in its own header only."""
    parts = envelope.unit.parts if isinstance(envelope.unit, UserMessage) else ()
    named = {part.content_id for part in parts}
    return named | ({envelope.fragment.content_id} if envelope.fragment is not None else set())


def _uri_of(block: etree._Element) -> str:
    identifier = block.get(qname(WSU, "Id"))
    if identifier is None:
        raise _noncompliant(f"{block.tag} has no wsu:Id and is therefore not signed")
    return f"#{identifier}"


def _target(uri: str) -> str:
    return CID + content_id_of(uri) if uri.startswith(CID) else uri


def _stray(root: etree._Element, target: str) -> Refused:
    if target.startswith("#") and not has_id(root, target[1:]):
        return refused(FAILED_AUTHENTICATION, "G7", f"the reference {target} means nothing")
    return _noncompliant(f"{target} is signed, which is neither Messaging, Body nor a part")


def _noncompliant(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, "G7", reason)
