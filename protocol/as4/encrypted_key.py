"""The one xenc:EncryptedKey of a message is read, and its content key taken out.

Source: XML Encryption 1.1 sections 3.5, 5.5 and 5.6; eDelivery AS4 1.15 and 2.0 (security).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from protocol.as4.agreement_reading import AGREEMENT_METHOD, Agreement, read_agreement
from protocol.as4.encryption_policy import (
    check_algorithm,
    exact_children,
    noncompliant,
    octets_of,
    only_child,
)
from protocol.as4.key_agreement import unwrap
from protocol.as4.names import DS, WSU, XENC, XENC11, qname
from protocol.as4.ports import Decrypter
from protocol.as4.suites import KeyAgreement, KeyTransport, Suite

_METHOD: Final = qname(XENC, "EncryptionMethod")
_KEY_INFO: Final = qname(DS, "KeyInfo")
_CIPHER_DATA: Final = qname(XENC, "CipherData")
_CIPHER_VALUE: Final = qname(XENC, "CipherValue")
_REFERENCE_LIST: Final = qname(XENC, "ReferenceList")
_DATA_REFERENCE: Final = qname(XENC, "DataReference")
_DIGEST_METHOD: Final = qname(DS, "DigestMethod")
_MGF: Final = qname(XENC11, "MGF")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """What the EncryptedKey says. `key_info` names the receiver's certificate; `agreement` is there
    when the key is wrapped under an agreed one."""

    octets: bytes = field(repr=False)
    ids: frozenset[str]
    listed: tuple[str, ...]
    key_info: etree._Element = field(repr=False)
    agreement: Agreement | None


def read_encrypted_key(element: etree._Element, suite: Suite) -> WrappedKey:
    """What `element` says that keeps the policy of `suite`. Raises Refused."""
    children = exact_children(element, (_METHOD, _KEY_INFO, _CIPHER_DATA, _REFERENCE_LIST))
    key_info, agreement = children[_KEY_INFO], None
    match suite.key_establishment:
        case KeyTransport() as agreed:
            _check_transport(children[_METHOD], agreed)
        case KeyAgreement() as agreed:
            check_algorithm(children[_METHOD], agreed.wrap)
            exact_children(children[_METHOD], ())
            agreement = read_agreement(_agreement_method(key_info), agreed)
            key_info = agreement.recipient
    cipher_value = exact_children(children[_CIPHER_DATA], (_CIPHER_VALUE,))[_CIPHER_VALUE]
    identifiers = (element.get("Id"), element.get(qname(WSU, "Id")))  # some peers write wsu:Id
    return WrappedKey(
        octets=octets_of(cipher_value),
        ids=frozenset(found for found in identifiers if found is not None),
        listed=tuple(_listed(reference) for reference in children[_REFERENCE_LIST]),
        key_info=key_info,
        agreement=agreement,
    )


def content_key(key: WrappedKey, decrypter: Decrypter, suite: Suite) -> bytes:
    """The content key in `key`, or a random one where it does not open.

    What follows then fails at the authentication tag of a part, as a damaged part does.
    """
    instead = os.urandom(suite.content_key_bytes)
    try:
        found = _opened(key, decrypter, suite)
    except ValueError:
        return instead
    return found if len(found) == suite.content_key_bytes else instead


def _opened(key: WrappedKey, decrypter: Decrypter, suite: Suite) -> bytes:
    agreed, agreement = suite.key_establishment, key.agreement
    if agreement is None or not isinstance(agreed, KeyAgreement):
        return decrypter.unwrap_rsa_oaep_sha256(key.octets)
    secret = decrypter.shared_secret(agreement.originator)
    wrapping_key = agreement.derivation.wrapping_key(secret, agreed.wrapping_key_bytes)
    return unwrap(wrapping_key, key.octets)


def _agreement_method(key_info: etree._Element) -> etree._Element:
    method = only_child(key_info)
    if method.tag != AGREEMENT_METHOD:
        raise noncompliant(f"the suite agrees on a key; ds:KeyInfo holds {method.tag}")
    return method


def _check_transport(method: etree._Element, agreed: KeyTransport) -> None:
    check_algorithm(method, agreed.algorithm)
    digest_first = len(method) > 0 and method[0].tag == _DIGEST_METHOD  # either order is legal
    order = (_DIGEST_METHOD, _MGF) if digest_first else (_MGF, _DIGEST_METHOD)
    parameters = exact_children(method, order)
    check_algorithm(parameters[_DIGEST_METHOD], agreed.digest)
    check_algorithm(parameters[_MGF], agreed.mgf)


def _listed(reference: etree._Element) -> str:
    if reference.tag != _DATA_REFERENCE:
        raise noncompliant(f"the ReferenceList holds {reference.tag}")
    return reference.get("URI", "")
