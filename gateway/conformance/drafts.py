"""Messages for an access point under test: good ones, and ones with exactly one fault.

A good message is one of the test service, so that it reaches nobody's desk. Faults are put in
before the signature is made (a partner that misbehaves), so that only the rule in question can
refuse the message.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from protocol.as4.attachments import SealedPart
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.names import (
    CHARACTER_SET,
    COMPRESSION_TYPE,
    MIME_TYPE,
    TEST_ACTION,
    TEST_SERVICE,
)
from protocol.as4.part_cipher import PartSealer
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.sealing import new_content_key, seal
from protocol.as4.signing import signed_envelope
from protocol.as4.values import GZIP, PartInfo, Property, ServiceName, SignedReference, UserMessage
from protocol.as4.writing import user_message

XML: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<test xmlns="urn:example:conformance"/>\n'
BINARY: Final = bytes(range(256)) * 8
_DOMAIN: Final = "conformance.hanoi-gateway"


class Order(Enum):
    """What is done to a payload, first to last."""

    AS_AGREED = "compress, sign, encrypt"
    SIGN_FIRST = "sign, compress, encrypt"
    COMPRESS_LAST = "sign, encrypt, compress"


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload to send. `declared` are its part properties, where not those that are right."""

    content: bytes
    mime_type: str
    compress: bool = True
    order: Order = Order.AS_AGREED
    character_set: str | None = None
    declared: tuple[Property, ...] | None = None
    damage_gzip: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole HTTP request body, the unit in it, and what its signature covers."""

    unit: UserMessage
    references: tuple[SignedReference, ...]
    content_type: str
    body: bytes


def ping(pmode: PMode, signer: Signer, *payloads: Payload, **changes: Any) -> Draft:
    """A message of the test service with `payloads`; `changes` are fields of its UserMessage."""
    key = new_content_key(pmode.suite) if payloads else None
    made = [_part(payload, key or b"") for payload in payloads]
    unit = replace(_unit(pmode), **changes)
    message = seal(unit, [part for part, _ in made], key, signer, pmode)
    places = [(part.info.content_id, len(octets)) for part, octets in made]
    frame = MultipartFrame(message.soap, places, _DOMAIN)
    pieces = (
        made[piece.index][1] if isinstance(piece, PartSlot) else piece for piece in frame.pieces()
    )
    return Draft(unit, message.references, frame.content_type, b"".join(pieces))


def hyperlinked(pmode: PMode, signer: Signer, url: str) -> Draft:
    """A signed ping whose only payload is a hyperlink, which the profile forbids."""
    part = PartInfo("payload", (Property(MIME_TYPE, "application/xml"),))
    unit = replace(_unit(pmode), parts=(part,))
    message = signed_envelope(
        user_message(unit).replace('href="cid:payload"', f'href="{url}"'),
        message_id=unit.message_id,
        signer=signer,
        suite=pmode.suite,
        token_form=pmode.signing_token,
    )
    frame = MultipartFrame(message.soap, [], _DOMAIN)
    octets = b"".join(piece for piece in frame.pieces() if isinstance(piece, bytes))
    return Draft(unit, message.references, frame.content_type, octets)


def _unit(pmode: PMode) -> UserMessage:
    sender, receiver = pmode.sending_parties
    return UserMessage(
        message_id=f"{uuid4()}@{_DOMAIN}",
        timestamp=datetime.now(UTC),
        sender=sender,
        receiver=receiver,
        service=ServiceName(TEST_SERVICE),
        action=TEST_ACTION,
        conversation_id=str(uuid4()),
        agreement=pmode.agreement,
    )


def _part(payload: Payload, key: bytes) -> tuple[SealedPart, bytes]:
    """How the header and the signature describe the payload, and its octets for the wire."""
    packed = gzip.compress(payload.content, mtime=0) if payload.compress else payload.content
    if payload.damage_gzip:
        packed = packed[:10] + bytes([packed[10] ^ 0xFF]) + packed[11:]
    signed_last = payload.order is Order.AS_AGREED
    encrypted = _encrypted(payload.content if payload.order is Order.COMPRESS_LAST else packed, key)
    if payload.order is Order.COMPRESS_LAST:
        encrypted = gzip.compress(encrypted, mtime=0)
    info = PartInfo(f"{uuid4().hex}@{_DOMAIN}", payload.declared or _properties(payload))
    digest = sha256(packed if signed_last else payload.content).digest()
    mime_type = GZIP if payload.compress else payload.mime_type
    return SealedPart(info, digest, len(encrypted), mime_type), encrypted


def _properties(payload: Payload) -> tuple[Property, ...]:
    properties = [Property(MIME_TYPE, payload.mime_type)]
    if payload.character_set is not None:
        properties.append(Property(CHARACTER_SET, payload.character_set))
    if payload.compress:
        properties.append(Property(COMPRESSION_TYPE, GZIP))
    return tuple(properties)


def _encrypted(octets: bytes, key: bytes) -> bytes:
    sealer = PartSealer(key)
    return sealer.receive(octets) + sealer.finish()
