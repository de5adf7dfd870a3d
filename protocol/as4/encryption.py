"""The content keys of the parts are unwrapped, after everything about them is policy: gate G10.

The rules, checked before the first operation with a private key:

1. A message with parts has one EncryptedKey and one EncryptedData for each part; a message without
   parts has neither.
2. The key transport is exactly the suite's, its digest and mask generation written out, without a
   label; or the key agreement is exactly the suite's, and names its receiver (`encrypted_key`).
3. Each EncryptedData is for a whole attachment's content, refers to the one EncryptedKey, is named
   in its ReferenceList, and is the only one for its part.

A key that does not open, or a secret that cannot be agreed, is replaced by a random one: what
follows then fails at the part's authentication tag, in the same way and at the same time as a
damaged part does, so that the answer says nothing about the key.

Source: XML Encryption 1.1 sections 3, 5.5 and 5.6, SwA Profile 1.1 section 5.5, AS4 1.0 section
5.1.6, eDelivery AS4 1.15 section 3 and 2.0 (security).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from protocol.as4.encrypted_key import WrappedKey, content_key, read_encrypted_key
from protocol.as4.encryption_policy import (
    check_algorithm,
    exact_children,
    noncompliant,
    unreadable,
)
from protocol.as4.envelope import ENCRYPTED_DATA, ENCRYPTED_KEY
from protocol.as4.errors import POLICY_NONCOMPLIANCE, EbmsAnswer, Refused
from protocol.as4.names import (
    ATTACHMENT_CIPHERTEXT,
    ATTACHMENT_CONTENT_ONLY,
    CID,
    DS,
    XENC,
    content_id_of,
    qname,
)
from protocol.as4.ports import Decrypter
from protocol.as4.secrets import PartSecret
from protocol.as4.signature import SignedEnvelope
from protocol.as4.suites import KeyKind, Suite, kind_of
from protocol.as4.tokens import (
    REFERENCE,
    SECURITY_TOKEN_REFERENCE,
    certificates_meant,
    marks_of,
)
from protocol.as4.values import UserMessage

_METHOD: Final = qname(XENC, "EncryptionMethod")
_KEY_INFO: Final = qname(DS, "KeyInfo")
_CIPHER_DATA: Final = qname(XENC, "CipherData")
_CIPHER_REFERENCE: Final = qname(XENC, "CipherReference")


@dataclass(frozen=True, slots=True)
class _EncryptedPart:
    """What one xenc:EncryptedData says."""

    id: str
    content_id: str
    mime_type: str


def open_parts(
    signed: SignedEnvelope, decrypters: Sequence[Decrypter], suite: Suite
) -> dict[str, PartSecret]:
    """What opens each part, by Content-ID. Raises Refused.

    EBMS:0103 where the policy is not kept, EBMS:0102 when the key is wrapped for nobody here.
    """
    unit = signed.unit
    announced = {part.content_id for part in unit.parts} if isinstance(unit, UserMessage) else set()
    keys = list(signed.security.iterchildren(ENCRYPTED_KEY))
    data = list(signed.security.iterchildren(ENCRYPTED_DATA))
    if len(keys) != min(len(announced), 1) or len(data) != len(announced):
        raise noncompliant(
            f"{len(announced)} parts, {len(keys)} EncryptedKey, {len(data)} EncryptedData; "
            "every part must be encrypted, with one key"
        )
    if not announced:
        return {}
    key = read_encrypted_key(keys[0], suite)
    parts = [_check_part(element, key, suite) for element in data]
    _check_complete(key, parts, announced)
    opened = content_key(key, _decrypter(key, signed.security, decrypters, suite), suite)
    return {part.content_id: PartSecret(opened, part.mime_type) for part in parts}


def _check_part(data: etree._Element, key: WrappedKey, suite: Suite) -> _EncryptedPart:
    """What an EncryptedData says that keeps the policy."""
    if data.get("Type") != ATTACHMENT_CONTENT_ONLY:
        raise noncompliant(f"EncryptedData is of type {data.get('Type')!r}")
    identifier, mime_type = data.get("Id"), data.get("MimeType")
    if identifier is None or mime_type is None:
        raise noncompliant("EncryptedData must have Id and MimeType")
    children = exact_children(data, (_METHOD, _KEY_INFO, _CIPHER_DATA))
    check_algorithm(children[_METHOD], suite.content_encryption)
    exact_children(children[_METHOD], ())
    _check_meant_key(children[_KEY_INFO], key)
    return _EncryptedPart(identifier, _content_id(children[_CIPHER_DATA]), mime_type)


def _check_meant_key(key_info: etree._Element, key: WrappedKey) -> None:
    token = exact_children(key_info, (SECURITY_TOKEN_REFERENCE,))[SECURITY_TOKEN_REFERENCE]
    uri = exact_children(token, (REFERENCE,))[REFERENCE].get("URI", "")
    if not uri.startswith("#") or uri[1:] not in key.ids:
        raise noncompliant(f"EncryptedData refers to {uri!r}, which is not the EncryptedKey")


def _content_id(cipher_data: etree._Element) -> str:
    reference = exact_children(cipher_data, (_CIPHER_REFERENCE,))[_CIPHER_REFERENCE]
    uri = reference.get("URI", "")
    if not uri.startswith(CID) or uri == CID:
        raise noncompliant(f"CipherReference to {uri!r}; only MIME parts (cid:) are allowed")
    transforms = exact_children(reference, (qname(XENC, "Transforms"),))[qname(XENC, "Transforms")]
    transform = exact_children(transforms, (qname(DS, "Transform"),))[qname(DS, "Transform")]
    check_algorithm(transform, ATTACHMENT_CIPHERTEXT)
    exact_children(transform, ())
    return content_id_of(uri)


def _check_complete(key: WrappedKey, parts: Sequence[_EncryptedPart], announced: set[str]) -> None:
    """One EncryptedData for each part, each named once in the ReferenceList."""
    if {part.content_id for part in parts} != announced:
        raise noncompliant("the encrypted parts are not those of eb:PayloadInfo")
    if sorted(key.listed) != sorted(f"#{part.id}" for part in parts):
        raise noncompliant("the ReferenceList does not name each EncryptedData once")


def _decrypter(
    key: WrappedKey, security: etree._Element, decrypters: Sequence[Decrypter], suite: Suite
) -> Decrypter:
    """Whoever of `decrypters` the key is wrapped for, of those with a key that the suite uses."""
    fit = [found for found in decrypters if _kind(found) in suite.encryption_kinds]
    try:
        meant = certificates_meant(key.key_info, security, [found.certificate for found in fit])
    except Refused as fault:
        if fault.answer == EbmsAnswer(POLICY_NONCOMPLIANCE):
            raise
        raise unreadable(f"the content key is wrapped for nobody here: {fault.reason}") from fault
    decrypter = next(found for found in fit if found.certificate in meant)
    if key.agreement is not None and kind_of(key.agreement.originator) is not _kind(decrypter):
        raise noncompliant("the originator's key is not on the curve of the receiver's")
    return decrypter


def _kind(decrypter: Decrypter) -> KeyKind | None:
    return kind_of(marks_of(decrypter.certificate).public_key)
