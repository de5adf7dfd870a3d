"""eb:UserMessage becomes a UserMessage value.

Source: ebMS 3.0 Core section 5.2.2, AS4 1.0 section 3.1 (compression), eDelivery AS4 1.15 section 3
(packaging: every payload is a MIME part, in the producer's order).
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from protocol.as4.errors import (
    EXTERNAL_PAYLOAD_ERROR,
    PACKAGING_NOT_SUPPORTED,
    VALUE_INCONSISTENT,
    refused,
)
from protocol.as4.fields import child, optional_token, properties, timestamp, token
from protocol.as4.names import (
    CHARACTER_SET,
    CID,
    COMPRESSION_TYPE,
    EB,
    GZIP_MIME,
    MIME_TYPE,
    content_id_of,
    qname,
)
from protocol.as4.values import AgreementRef, PartInfo, Party, PartyId, ServiceName, UserMessage
from protocol.as4.xml import collapse, text_of

_CHARACTER_SET_START: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_CHARACTER_SET_REST: Final = _CHARACTER_SET_START | frozenset("0123456789._-")


def read_user_message(element: etree._Element) -> UserMessage:
    """The value of eb:UserMessage. Raises Refused where a field contradicts another."""
    message_info = child(element, "MessageInfo")
    party_info = child(element, "PartyInfo")
    collaboration = child(element, "CollaborationInfo")
    mpc = element.get("mpc")
    return UserMessage(
        message_id=token(message_info, "MessageId"),
        timestamp=timestamp(message_info),
        sender=_party(child(party_info, "From")),
        receiver=_party(child(party_info, "To")),
        service=_service(child(collaboration, "Service")),
        action=token(collaboration, "Action"),
        conversation_id=token(collaboration, "ConversationId"),
        agreement=_agreement(collaboration.find(qname(EB, "AgreementRef"))),
        ref_to_message_id=optional_token(message_info, "RefToMessageId"),
        properties=properties(element.find(qname(EB, "MessageProperties"))),
        parts=_parts(element.find(qname(EB, "PayloadInfo"))),
        mpc=None if mpc is None else collapse(mpc),
    )


def _party(element: etree._Element) -> Party:
    party_id = child(element, "PartyId")
    return Party(
        PartyId(text_of(party_id), party_id.get("type")),
        text_of(child(element, "Role")),
    )


def _service(element: etree._Element) -> ServiceName:
    return ServiceName(text_of(element), element.get("type"))


def _agreement(element: etree._Element | None) -> AgreementRef | None:
    if element is None:
        return None
    return AgreementRef(text_of(element), element.get("type"), element.get("pmode"))


def _parts(payload_info: etree._Element | None) -> tuple[PartInfo, ...]:
    if payload_info is None:
        return ()
    found = tuple(_part(element) for element in payload_info.iterchildren(qname(EB, "PartInfo")))
    if len({part.content_id for part in found}) != len(found):
        raise refused(
            VALUE_INCONSISTENT,
            "G5",
            "two eb:PartInfo name the same part",
            "two eb:PartInfo name the same part",
        )
    return found


def _part(element: etree._Element) -> PartInfo:
    part = PartInfo(
        _content_id(element.get("href")),
        properties(element.find(qname(EB, "PartProperties"))),
    )
    _check_part(part)
    return part


def _content_id(href: str | None) -> str:
    if href is None:
        raise refused(
            PACKAGING_NOT_SUPPORTED,
            "G5",
            "an eb:PartInfo without href means a payload in the Body",
            "payloads must be MIME parts",
        )
    href = collapse(href)
    if not href.startswith(CID) or href == CID:
        raise refused(
            EXTERNAL_PAYLOAD_ERROR,
            "G5",
            f"eb:PartInfo/@href {href!r} is not a MIME part (cid:)",
            "payloads must be MIME parts",
        )
    return content_id_of(href)


def _check_part(part: PartInfo) -> None:
    """The part properties of AS4 1.0 section 3.1 do not contradict what we can read."""
    if part.mime_type is None:
        raise _inconsistent(part, f"the part property {MIME_TYPE} is missing")
    compression = part.value_of(COMPRESSION_TYPE)
    if compression is not None and compression != GZIP_MIME:
        raise _inconsistent(part, f"{COMPRESSION_TYPE} must be {GZIP_MIME}")
    character_set = part.value_of(CHARACTER_SET)
    if character_set is not None and not _is_character_set(character_set):
        raise _inconsistent(part, f"{CHARACTER_SET} is not the name of an encoding")


def _is_character_set(name: str) -> bool:
    """Whether `name` has the form of an encoding name (XML 1.0 section 4.3.3)."""
    return name[:1] in _CHARACTER_SET_START and _CHARACTER_SET_REST.issuperset(name)


def _inconsistent(part: PartInfo, sentence: str) -> Exception:
    return refused(VALUE_INCONSISTENT, "G5", f"part {part.content_id}: {sentence}", sentence)
