"""One fragment of a large message, and what its header says of the message that was split.

A large message, its whole unsigned MIME package, is cut into pieces; each piece travels as the one
part of a UserMessage of its own, with an mf:MessageFragment beside eb:Messaging. What that header
says of the whole stands once for the group in Part 2; Domibus writes it into every fragment and
needs it in the first one that arrives (docs/interop.md, S1).

Source: ebMS 3.0 Part 2 section 4, eDelivery AS4 1.15 (Split and Join enhancement).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from protocol.as4.errors import BAD_FRAGMENT_STRUCTURE, refused
from protocol.as4.names import MIME_TYPE, OCTET_STREAM
from protocol.as4.values import PartInfo, Property, UserMessage

#: The one way of compressing a source message that eDelivery AS4 knows.
GZIP_PACKAGE: Final = "gzip"


@dataclass(frozen=True, slots=True)
class SourceHeader:
    """mf:MessageHeader: the parameters of the multipart/related that was cut."""

    boundary: str
    start: str  # without angle brackets
    type: str
    start_info: str | None = None


@dataclass(frozen=True, slots=True)
class PackageCompression:
    """How the package was compressed before it was cut, and its size in bytes afterwards."""

    algorithm: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GroupTerms:
    """What a fragment may say of its group as a whole; None where it does not say it.

    `message_bytes` is the size of the package before compression.
    """

    message_bytes: int | None = None
    fragment_count: int | None = None
    header: SourceHeader | None = None
    action: str | None = None
    compression: PackageCompression | None = None


@dataclass(frozen=True, slots=True)
class MessageFragment:
    """mf:MessageFragment: piece `number` (from 1) of the group; `content_id` is its MIME part."""

    group_id: str
    number: int
    content_id: str
    terms: GroupTerms


def with_fragment_part(unit: UserMessage, fragment: MessageFragment) -> UserMessage:
    """`unit` with the piece as its one part, whether eb:PayloadInfo names it or, as from Domibus,
    only the fragment header does. Raises Refused (EBMS:0047) if it has another part.
    """
    if not unit.parts:
        part = PartInfo(fragment.content_id, (Property(MIME_TYPE, OCTET_STREAM),))
        return replace(unit, parts=(part,))
    if [part.content_id for part in unit.parts] != [fragment.content_id]:
        raise refused(
            BAD_FRAGMENT_STRUCTURE,
            "G9",
            f"fragment {unit.message_id} names other parts than {fragment.content_id}",
            "a fragment has one part, the one that mf:MessageFragment/@href names",
        )
    if unit.parts[0].compressed:
        raise refused(
            BAD_FRAGMENT_STRUCTURE,
            "G9",
            f"fragment {unit.message_id} is compressed by itself",
            "a fragment is not compressed; the package may be, before it is cut",
        )
    return unit
