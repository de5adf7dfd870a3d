"""A UserMessage and its encrypted parts become the bytes that every attempt sends.

Sign, then encrypt: the parts' digests are over their compressed octets, the envelope names how
they were encrypted (eDelivery AS4 1.15 section 3.2.6 and 2.0; XML Encryption 1.1 section 3; SwA
Profile 1.1 section 5.5). One content key, wrapped once for the receiver, opens all parts of one
message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from protocol.as4.attachments import SealedPart
from protocol.as4.fragment import MessageFragment
from protocol.as4.key_writing import encrypted_key
from protocol.as4.names import ATTACHMENT_CIPHERTEXT, ATTACHMENT_CONTENT_ONLY, ENCRYPTED_KEY_TOKEN
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.signing import SealedMessage, part_reference, signed_envelope, xml_id
from protocol.as4.suites import Suite
from protocol.as4.token_writing import written_token
from protocol.as4.values import UserMessage
from protocol.as4.writing import attribute, user_message

__all__ = ["SealedMessage", "SealedPart", "new_content_key", "seal"]


def new_content_key(suite: Suite) -> bytes:
    """A random key for the parts of one message."""
    return os.urandom(suite.content_key_bytes)


def seal(
    unit: UserMessage,
    parts: Sequence[SealedPart],
    content_key: bytes | None,
    signer: Signer,
    pmode: PMode,
    fragment: MessageFragment | None = None,
) -> SealedMessage:
    """The signed envelope of `unit` with `parts`, for the partner of `pmode`.

    The part of a `fragment` is named in its own header only, which is what Domibus reads.

    The parts of the header are taken from `parts`. A message without parts has no encryption.
    Raises ValueError when something cannot be written: a missing key, a character that XML does
    not allow, a certificate that the P-Mode's token form cannot name.
    """
    named = () if fragment is not None else tuple(part.info for part in parts)
    unit = replace(unit, parts=named)
    encryption = ""
    if parts:
        if content_key is None:
            raise ValueError("a message with parts needs the key that they were encrypted with")
        encryption = _encryption(unit.message_id, parts, content_key, pmode)
    return signed_envelope(
        user_message(unit),
        message_id=unit.message_id,
        signer=signer,
        suite=pmode.suite,
        token_form=pmode.signing_token,
        parts=[part_reference(part.info.content_id, part.digest, pmode.suite) for part in parts],
        encryption=encryption,
        fragment=fragment,
    )


def _encryption(
    message_id: str, parts: Sequence[SealedPart], content_key: bytes, pmode: PMode
) -> str:
    """The receiver's token if it has one, xenc:EncryptedKey, then one xenc:EncryptedData a part."""
    key_id = xml_id("key", message_id)
    data_ids = [xml_id(f"data-{n}", message_id) for n in range(1, len(parts) + 1)]
    receiver = pmode.partner_encryption[0]
    token = written_token(receiver, (), pmode.encryption_token, xml_id("receiver", message_id))
    key = encrypted_key(key_id, data_ids, content_key, receiver, token, pmode.suite)
    return (
        token.binary
        + key
        + "".join(
            _encrypted_data(data_id, key_id, part, pmode.suite)
            for data_id, part in zip(data_ids, parts, strict=True)
        )
    )


def _encrypted_data(data_id: str, key_id: str, part: SealedPart, suite: Suite) -> str:
    return (
        f'<xenc:EncryptedData Id="{data_id}" MimeType="{attribute(part.encrypted_mime_type)}"'
        f' Type="{ATTACHMENT_CONTENT_ONLY}">'
        f'<xenc:EncryptionMethod Algorithm="{suite.content_encryption}"/>'
        f'<ds:KeyInfo><wsse:SecurityTokenReference wsse11:TokenType="{ENCRYPTED_KEY_TOKEN}">'
        f'<wsse:Reference URI="#{key_id}"/></wsse:SecurityTokenReference></ds:KeyInfo>'
        f'<xenc:CipherData><xenc:CipherReference URI="cid:{attribute(part.info.content_id)}">'
        f'<xenc:Transforms><ds:Transform Algorithm="{ATTACHMENT_CIPHERTEXT}"/></xenc:Transforms>'
        "</xenc:CipherReference></xenc:CipherData></xenc:EncryptedData>"
    )
