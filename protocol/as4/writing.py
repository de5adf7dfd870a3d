"""ebMS headers as text in exclusive canonical form, so that what is signed needs no C14N.

The rules kept here (Canonical XML 1.0 section 2.3, Exclusive XML Canonicalization 1.0 section 3):
namespace declarations on the first element that uses them, by prefix; attributes by namespace URI,
then by name; empty elements as start and end tag; no white space between elements; the escapes of
`text` and `attribute`. What leaves here is signed and sent as it is, never serialised again.

Source of the elements and their order: ebMS 3.0 Core section 5.2, its XML schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from protocol.as4.names import DEFAULT_MPC, EB, SOAP12, WSU
from protocol.as4.values import PartInfo, Party, Property, UserMessage

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN: Final = re.compile(r"[ !#-%'-;=?-~]*", re.ASCII)  # needs no escape anywhere; nearly all
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'


def text(value: str) -> str:
    """`value` as the text of an element. Raises ValueError for what XML cannot hold."""
    if _PLAIN.fullmatch(value):
        return value
    _check_characters(value)
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value.replace("\r", "&#xD;")


def legible(value: str) -> str:
    """`value` on one line, with a question mark for everything that XML does not allow."""
    return " ".join(_NOT_XML.sub("?", value).split())


def attribute(value: str) -> str:
    """`value` as an attribute's value, without quotes. Raises ValueError like `text`."""
    if _PLAIN.fullmatch(value):
        return value
    _check_characters(value)
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return value.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")


def timestamp_text(at: datetime) -> str:
    """`at` in UTC with exactly three fraction digits and Z, what every product reads."""
    if at.tzinfo is None:
        raise ValueError("a timestamp must know its time zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def element(tag: str, content: str, /, **attributes: str | None) -> str:
    """An element; `attributes` in the order of their names, those that are None left out."""
    written = "".join(
        f' {key}="{attribute(value)}"' for key, value in attributes.items() if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>"


def messaging(unit: str, wsu_id: str) -> bytes:
    """eb:Messaging around one message unit, in canonical form."""
    return (
        f'<eb:Messaging xmlns:eb="{EB}" xmlns:env="{SOAP12}" xmlns:wsu="{WSU}"'
        f' wsu:Id="{attribute(wsu_id)}" env:mustUnderstand="true">{unit}</eb:Messaging>'
    ).encode()


def empty_body(wsu_id: str) -> bytes:
    """The env:Body of every AS4 message, in canonical form: no child, not even white space."""
    return (
        f'<env:Body xmlns:env="{SOAP12}" xmlns:wsu="{WSU}" wsu:Id="{attribute(wsu_id)}"></env:Body>'
    ).encode()


def envelope(messaging: bytes, security: str, body: bytes) -> bytes:
    """The SOAP 1.2 envelope: eb:Messaging, then wsse:Security if there is one."""
    head = f'{_DECLARATION}<env:Envelope xmlns:env="{SOAP12}"><env:Header>'.encode()
    tail = b"</env:Envelope>"
    return head + messaging + security.encode() + b"</env:Header>" + body + tail


def message_info(message_id: str, timestamp: datetime, ref_to_message_id: str | None) -> str:
    """eb:MessageInfo."""
    content = element("eb:Timestamp", timestamp_text(timestamp))
    content += element("eb:MessageId", text(message_id))
    if ref_to_message_id is not None:
        content += element("eb:RefToMessageId", text(ref_to_message_id))
    return element("eb:MessageInfo", content)


def signal_message(
    message_id: str, timestamp: datetime, ref_to_message_id: str | None, content: str
) -> str:
    """eb:SignalMessage around a receipt, an error or a pull request."""
    info = message_info(message_id, timestamp, ref_to_message_id)
    return element("eb:SignalMessage", info + content)


def user_message(unit: UserMessage) -> str:
    """eb:UserMessage; the parts in the producer's order, nothing at all where there are none."""
    mpc = unit.mpc if unit.mpc != DEFAULT_MPC else None
    parties = _party("eb:From", unit.sender) + _party("eb:To", unit.receiver)
    content = message_info(unit.message_id, unit.timestamp, unit.ref_to_message_id)
    content += element("eb:PartyInfo", parties) + _collaboration(unit)
    if unit.properties:
        content += element("eb:MessageProperties", _properties(unit.properties))
    if unit.parts:
        content += element("eb:PayloadInfo", "".join(_part(part) for part in unit.parts))
    return element("eb:UserMessage", content, mpc=mpc)


def _party(name: str, party: Party) -> str:
    party_id = element("eb:PartyId", text(party.party_id.value), type=party.party_id.type)
    return element(name, party_id + element("eb:Role", text(party.role)))


def _collaboration(unit: UserMessage) -> str:
    agreement = unit.agreement
    content = ""
    if agreement is not None:
        content += element(
            "eb:AgreementRef", text(agreement.value), pmode=agreement.pmode, type=agreement.type
        )
    content += element("eb:Service", text(unit.service.value), type=unit.service.type)
    content += element("eb:Action", text(unit.action))
    content += element("eb:ConversationId", text(unit.conversation_id))
    return element("eb:CollaborationInfo", content)


def _part(part: PartInfo) -> str:
    properties = element("eb:PartProperties", _properties(part.properties))
    content = properties if part.properties else ""
    return element("eb:PartInfo", content, href=f"cid:{part.content_id}")


def _properties(properties: Iterable[Property]) -> str:
    return "".join(
        element("eb:Property", text(item.value), name=item.name, type=item.type)
        for item in properties
    )


def _check_characters(value: str) -> None:
    if _NOT_XML.search(value) is not None:
        raise ValueError(f"{value[:40]!r} holds a character that XML does not allow")
