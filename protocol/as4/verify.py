"""The verified view of a message: the only thing that may be stored or handed on.

Source: docs/architecture.md, "The words that travel"; AS4 1.0 section 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509

from protocol.as4.errors import MIME_INCONSISTENCY, POLICY_NONCOMPLIANCE, refused
from protocol.as4.signature import SignedEnvelope
from protocol.as4.values import PartInfo, SignedReference, UserMessage


@dataclass(frozen=True, slots=True)
class VerifiedPart:
    """One part that was decrypted, has the signed digest and was decompressed.

    `size_bytes` and `sha256` are those of the delivered content.
    """

    part_info: PartInfo
    size_bytes: int
    sha256: bytes
    content_id: str


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A UserMessage that is proven in every part. Made by `verified`, and by tests."""

    unit: UserMessage
    references: tuple[SignedReference, ...]
    signer: x509.Certificate = field(repr=False)
    parts: tuple[VerifiedPart, ...] = ()


def verified(signed: SignedEnvelope, parts: Sequence[VerifiedPart]) -> VerifiedMessage:
    """The verified view, `parts` in the order of eb:PayloadInfo. Raises Refused.

    EBMS:0007 when a part of the header did not come, EBMS:0103 when one came that is not in it.
    """
    unit = signed.unit
    if not isinstance(unit, UserMessage):
        raise refused(POLICY_NONCOMPLIANCE, "G10", "the signed unit is not a UserMessage")
    finished = {part.content_id: part for part in parts}
    announced = {part.content_id for part in unit.parts}
    strays = finished.keys() - announced
    if strays or len(finished) != len(parts):
        raise refused(
            POLICY_NONCOMPLIANCE,
            "G10",
            f"parts that the header does not name once: {', '.join(sorted(strays)) or 'repeated'}",
        )
    missing = announced - finished.keys()
    if missing:
        raise refused(
            MIME_INCONSISTENCY,
            "G10",
            f"parts in eb:PayloadInfo that did not come: {', '.join(sorted(missing))}",
            "a part named in eb:PayloadInfo is missing",
        )
    ordered = tuple(finished[part.content_id] for part in unit.parts)
    return VerifiedMessage(unit, signed.references, signed.signer, ordered)
