"""The content keys of the parts are unwrapped, after everything about them is policy: gate G10.

The rules, checked before the first operation with a private key:

1. A message with parts has one EncryptedKey and one EncryptedData for each part; a message without
   parts has neither.
2. The key transport is exactly the suite's, its digest and mask generation written out, without a
   label.
3. Each EncryptedData is for a whole attachment's content, refers to the one EncryptedKey, is named
   in its ReferenceList, and is the only one for its part.

A key that does not open is replaced by a random one: what follows then fails at the part's
authentication tag, in the same way and at the same time as a damaged part does, so that the answer
says nothing about the key.

Source: XML Encryption 1.1 sections 3 and 5.5, SwA Profile 1.1 section 5.5, AS4 1.0 section 5.1.6,
eDelivery AS4 1.15 section 3 (security).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from protocol.as4.envelope import ENCRYPTED_DATA, ENCRYPTED_KEY
from protocol.as4.errors import (
    FAILED_DECRYPTION,
    POLICY_NONCOMPLIANCE,
    EbmsAnswer,
    Refused,
    refused,
)
from protocol.as4.names import (
    ATTACHMENT_CIPHERTEXT,
    ATTACHMENT_CONTENT_ONLY,
    CID,
    DS,
    WSU,
    XENC,
    XENC11,
    content_id_of,
    qname,
)
from protocol.as4.ports import Decrypter
from protocol.as4.secrets import PartSecret
from protocol.as4.signature import SignedEnvelope
from protocol.as4.suites import Suite
from protocol.as4.tokens import REFERENCE, SECURITY_TOKEN_REFERENCE, certificates_meant
from protocol.as4.values import UserMessage
from protocol.as4.xml import base64_octets, text_of

_METHOD: Final = qname(XENC, "EncryptionMethod")
_KEY_INFO: Final = qname(DS, "KeyInfo")
_CIPHER_DATA: Final = qname(XENC, "CipherData")
_CIPHER_VALUE: Final = qname(XENC, "CipherValue")
_CIPHER_REFERENCE: Final = qname(XENC, "CipherReference")
_REFERENCE_LIST: Final = qname(XENC, "ReferenceList")
_DATA_REFERENCE: Final = qname(XENC, "DataReference")
_DIGEST_METHOD: Final = qname(DS, "DigestMethod")
_MGF: Final = qname(XENC11, "MGF")


@dataclass(frozen=True, slots=True)
class _WrappedKey:
    """What the one xenc:EncryptedKey says."""

    octets: bytes = field(repr=False)
    ids: frozenset[str]
    listed: tuple[str, ...]
    key_info: etree._Element = field(repr=False)


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
        raise _noncompliant(
            f"{len(announced)} parts, {len(keys)} EncryptedKey, {len(data)} EncryptedData; "
            "every part must be encrypted, with one key"
        )
    if not announced:
        return {}
    key = _check_key(keys[0], suite)
    parts = [_check_part(element, key, suite) for element in data]
    _check_complete(key, parts, announced)
    content_key = _unwrap(key, signed.security, decrypters, suite)
    return {part.content_id: PartSecret(content_key, part.mime_type) for part in parts}


def _check_key(key: etree._Element, suite: Suite) -> _WrappedKey:
    """What an EncryptedKey says that keeps the policy."""
    children = _children(key, (_METHOD, _KEY_INFO, _CIPHER_DATA, _REFERENCE_LIST))
    _check_key_transport(children[_METHOD], suite)
    cipher_value = _children(children[_CIPHER_DATA], (_CIPHER_VALUE,))[_CIPHER_VALUE]
    try:
        octets = base64_octets(text_of(cipher_value))
    except ValueError as fault:
        raise refused(FAILED_DECRYPTION, "G10", f"xenc:CipherValue: {fault}") from fault
    identifiers = (key.get("Id"), key.get(qname(WSU, "Id")))  # some peers write wsu:Id
    return _WrappedKey(
        octets=octets,
        ids=frozenset(found for found in identifiers if found is not None),
        listed=tuple(_listed(reference) for reference in children[_REFERENCE_LIST]),
        key_info=children[_KEY_INFO],
    )


def _listed(reference: etree._Element) -> str:
    if reference.tag != _DATA_REFERENCE:
        raise _noncompliant(f"the ReferenceList holds {reference.tag}")
    return reference.get("URI", "")


def _check_key_transport(method: etree._Element, suite: Suite) -> None:
    _check_algorithm(method, suite.key_transport)
    digest_first = len(method) > 0 and method[0].tag == _DIGEST_METHOD  # either order is legal
    order = (_DIGEST_METHOD, _MGF) if digest_first else (_MGF, _DIGEST_METHOD)
    parameters = _children(method, order)
    _check_algorithm(parameters[_DIGEST_METHOD], suite.key_transport_digest)
    _check_algorithm(parameters[_MGF], suite.key_transport_mgf)


def _check_part(data: etree._Element, key: _WrappedKey, suite: Suite) -> _EncryptedPart:
    """What an EncryptedData says that keeps the policy."""
    if data.get("Type") != ATTACHMENT_CONTENT_ONLY:
        raise _noncompliant(f"EncryptedData is of type {data.get('Type')!r}")
    identifier, mime_type = data.get("Id"), data.get("MimeType")
    if identifier is None or mime_type is None:
        raise _noncompliant("EncryptedData must have Id and MimeType")
    children = _children(data, (_METHOD, _KEY_INFO, _CIPHER_DATA))
    _check_algorithm(children[_METHOD], suite.content_encryption)
    _children(children[_METHOD], ())
    _check_meant_key(children[_KEY_INFO], key)
    return _EncryptedPart(identifier, _content_id(children[_CIPHER_DATA]), mime_type)


def _check_meant_key(key_info: etree._Element, key: _WrappedKey) -> None:
    token = _children(key_info, (SECURITY_TOKEN_REFERENCE,))[SECURITY_TOKEN_REFERENCE]
    uri = _children(token, (REFERENCE,))[REFERENCE].get("URI", "")
    if not uri.startswith("#") or uri[1:] not in key.ids:
        raise _noncompliant(f"EncryptedData refers to {uri!r}, which is not the EncryptedKey")


def _content_id(cipher_data: etree._Element) -> str:
    reference = _children(cipher_data, (_CIPHER_REFERENCE,))[_CIPHER_REFERENCE]
    uri = reference.get("URI", "")
    if not uri.startswith(CID) or uri == CID:
        raise _noncompliant(f"CipherReference to {uri!r}; only MIME parts (cid:) are allowed")
    transforms = _children(reference, (qname(XENC, "Transforms"),))[qname(XENC, "Transforms")]
    transform = _children(transforms, (qname(DS, "Transform"),))[qname(DS, "Transform")]
    _check_algorithm(transform, ATTACHMENT_CIPHERTEXT)
    _children(transform, ())
    return content_id_of(uri)


def _check_complete(key: _WrappedKey, parts: Sequence[_EncryptedPart], announced: set[str]) -> None:
    """One EncryptedData for each part, each named once in the ReferenceList."""
    if {part.content_id for part in parts} != announced:
        raise _noncompliant("the encrypted parts are not those of eb:PayloadInfo")
    if sorted(key.listed) != sorted(f"#{part.id}" for part in parts):
        raise _noncompliant("the ReferenceList does not name each EncryptedData once")


def _unwrap(
    key: _WrappedKey, security: etree._Element, decrypters: Sequence[Decrypter], suite: Suite
) -> bytes:
    decrypter = _decrypter(key, security, decrypters)
    instead = os.urandom(suite.content_key_bytes)
    try:
        content_key = decrypter.unwrap_rsa_oaep_sha256(key.octets)
    except ValueError:
        return instead
    return content_key if len(content_key) == suite.content_key_bytes else instead


def _decrypter(
    key: _WrappedKey, security: etree._Element, decrypters: Sequence[Decrypter]
) -> Decrypter:
    own = [decrypter.certificate for decrypter in decrypters]
    try:
        meant = certificates_meant(key.key_info, security, own)
    except Refused as fault:
        if fault.answer == EbmsAnswer(POLICY_NONCOMPLIANCE):
            raise
        reason = f"the content key is wrapped for nobody here: {fault.reason}"
        raise refused(FAILED_DECRYPTION, "G10", reason) from fault
    return next(found for found in decrypters if found.certificate in meant)


def _children(parent: etree._Element, tags: Sequence[str]) -> Mapping[str, etree._Element]:
    """The children of `parent` by tag: exactly these, each once, in this order."""
    if [child.tag for child in parent] != list(tags):
        names = ", ".join(etree.QName(tag).localname for tag in tags) or "nothing"
        raise _noncompliant(f"{parent.tag} must hold exactly: {names}")
    return dict(zip(tags, parent, strict=True))


def _check_algorithm(element: etree._Element, expected: str) -> None:
    algorithm = element.get("Algorithm")
    if algorithm != expected:
        raise _noncompliant(f"{element.tag} is {algorithm!r}, and must be {expected}")


def _noncompliant(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, "G10", reason)
