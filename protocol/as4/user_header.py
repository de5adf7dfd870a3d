"""eb:UserMessage becomes a UserMessage value.

Source: ebMS 3.0 Core section 5.2.2, AS4 1.0 section 3.1 (compression), eDelivery AS4 1.15 section 3
(packaging: every payload is a MIME part, in the producer's order).
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from protocol.as4.errors import (
    EXTERNAL_PAYLOAD_ERROR,
    VALUE_INCONSISTENT,
    refused,
)
from protocol.as4.fields import (
    MESSAGE_ID,
    MESSAGE_INFO,
    REF_TO_MESSAGE_ID,
    fields_of,
    optional_token,
    properties,
    required,
    timestamp,
    token,
)
from protocol.as4.names import (
    CHARACTER_SET,
    COMPRESSION_TYPE,
    EB,
    GZIP_MIME,
    MIME_TYPE,
    content_id_of,
    qname,
)
from protocol.as4.values import AgreementRef, PartInfo, Party, PartyId, ServiceName, UserMessage
from protocol.as4.xml import collapse, text_of

_PARTY_INFO: Final = qname(EB, "PartyInfo")
_FROM: Final = qname(EB, "From")
_TO: Final = qname(EB, "To")
_PARTY_ID: Final = qname(EB, "PartyId")
_ROLE: Final = qname(EB, "Role")
_COLLABORATION_INFO: Final = qname(EB, "CollaborationInfo")
_AGREEMENT_REF: Final = qname(EB, "AgreementRef")
_SERVICE: Final = qname(EB, "Service")
_ACTION: Final = qname(EB, "Action")
_CONVERSATION_ID: Final = qname(EB, "ConversationId")
_MESSAGE_PROPERTIES: Final = qname(EB, "MessageProperties")
_PAYLOAD_INFO: Final = qname(EB, "PayloadInfo")
_PART_INFO: Final = qname(EB, "PartInfo")
_PART_PROPERTIES: Final = qname(EB, "PartProperties")

_ELSEWHERE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|/")  # a URI scheme, or a path
_CHARACTER_SET: Final = re.compile(r"[A-Za-z][A-Za-z0-9._\-]*", re.ASCII)  # XML 1.0 section 4.3.3


def read_user_message(element: etree._Element) -> UserMessage:
    """The value of eb:UserMessage. Raises Refused where a field cannot be read."""
    blocks = fields_of(element)
    message_info = fields_of(required(blocks, MESSAGE_INFO))
    parties = fields_of(required(blocks, _PARTY_INFO))
    collaboration = fields_of(required(blocks, _COLLABORATION_INFO))
    mpc = element.get("mpc")
    return UserMessage(
        message_id=token(message_info, MESSAGE_ID),
        timestamp=timestamp(message_info),
        sender=_party(required(parties, _FROM)),
        receiver=_party(required(parties, _TO)),
        service=_service(required(collaboration, _SERVICE)),
        action=token(collaboration, _ACTION),
        conversation_id=token(collaboration, _CONVERSATION_ID),
        agreement=_agreement(collaboration.get(_AGREEMENT_REF)),
        ref_to_message_id=optional_token(message_info, REF_TO_MESSAGE_ID),
        properties=properties(blocks.get(_MESSAGE_PROPERTIES)),
        parts=_parts(blocks.get(_PAYLOAD_INFO)),
        mpc=None if mpc is None else collapse(mpc),
    )


def _party(element: etree._Element) -> Party:
    fields = fields_of(element)
    party_id = required(fields, _PARTY_ID)
    return Party(
        PartyId(text_of(party_id), party_id.get("type")),
        text_of(required(fields, _ROLE)),
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
    found = tuple(_part(element) for element in payload_info.iterchildren(_PART_INFO))
    named = [part.content_id for part in found if part.content_id]
    if len(set(named)) != len(named):
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
        properties(element.find(_PART_PROPERTIES)),
    )
    if part.content_id:  # a payload in the Body is refused as such (`check_packaging`)
        _check_part(part)
    return part


def _content_id(href: str | None) -> str:
    """The Content-ID in @href, "" for the Body; some peers leave out the scheme "cid:"."""
    href = collapse(href or "")
    if not href or href.startswith("#"):
        return ""
    content_id = content_id_of(href)
    if not content_id or _ELSEWHERE.match(content_id):
        raise refused(
            EXTERNAL_PAYLOAD_ERROR,
            "G5",
            f"eb:PartInfo/@href {href!r} is not a MIME part",
            "payloads must be MIME parts",
        )
    return content_id


def _check_part(part: PartInfo) -> None:
    """The part properties of AS4 1.0 section 3.1 do not contradict what we can read."""
    if part.mime_type is None:
        raise _inconsistent(part, f"the part property {MIME_TYPE} is missing")
    compression = part.value_of(COMPRESSION_TYPE)
    if compression is not None and compression != GZIP_MIME:
        raise _inconsistent(part, f"{COMPRESSION_TYPE} must be {GZIP_MIME}")
    character_set = part.value_of(CHARACTER_SET)
    if character_set is not None and not _CHARACTER_SET.fullmatch(character_set):
        raise _inconsistent(part, f"{CHARACTER_SET} is not the name of an encoding")


def _inconsistent(part: PartInfo, sentence: str) -> Exception:
    return refused(VALUE_INCONSISTENT, "G5", f"part {part.content_id}: {sentence}", sentence)
