"""The signature of an envelope holds, and what was signed is read again: gate G7.

The steps, in their order; policy comes before the first operation with a key:

1. There is one ds:Signature, made of SignedInfo, SignatureValue and KeyInfo.
2. KeyInfo means one of the P-Mode's certificates. It comes before the policy, so that a stranger
   learns that it is one and nothing of what we agreed with others.
3. Every payload is a MIME part and the Body is empty.
4. SignedInfo is canonicalised; from here on only its canonical octets are read. Every algorithm
   is the suite's, every reference has the one form that the profile allows.
5. The references cover eb:Messaging, the Body, each part and a fragment header, each once.
6. The signature value holds with that certificate's key.
7. The digests of eb:Messaging, Body and mf:MessageFragment hold.
8. The message unit is the one in the octets that were digested, and says nothing twice. It was
   read from them in the first place; only where a PrefixList changes them is it read again.

The caller must still check: trust and identity of the signer (keys), the digests of the parts
(`attachments`), time window and duplicates.

Source: XML Signature 1.1 section 3.2, AS4 1.0 section 5.1, eDelivery AS4 1.15 section 3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from protocol.as4.consistency import check_consistency
from protocol.as4.coverage import Covered, check_coverage
from protocol.as4.envelope import SIGNATURE, Envelope, check_packaging
from protocol.as4.errors import FAILED_AUTHENTICATION, POLICY_NONCOMPLIANCE, Refused, refused
from protocol.as4.fragment import MessageFragment
from protocol.as4.fragment_header import read_fragment
from protocol.as4.header import read_unit
from protocol.as4.names import DS, ECDSA_SHA256, EDDSA_ED25519, RSA_SHA256, SHA256, qname
from protocol.as4.signed_info import (
    PlannedReference,
    SignedInfo,
    canonicalization_prefixes,
    read_signed_info,
    reference_octets,
)
from protocol.as4.suites import Suite, kind_of
from protocol.as4.tokens import certificates_meant, marks_of
from protocol.as4.values import MessageUnit, SignedReference
from protocol.as4.xml import base64_octets, canonical, read_again, text_of

_CHILDREN: Final = [qname(DS, "SignedInfo"), qname(DS, "SignatureValue"), qname(DS, "KeyInfo")]


@dataclass(frozen=True, slots=True)
class SignedEnvelope:
    """An envelope whose signature holds. `unit` was read from the octets that were digested.

    `references` stand in the order of SignedInfo; those to parts are still to be checked.
    """

    unit: MessageUnit
    references: tuple[SignedReference, ...]
    signer: x509.Certificate
    security: etree._Element = field(repr=False, compare=False)
    fragment: MessageFragment | None = None


def verify_signature(
    envelope: Envelope, certificates: Sequence[x509.Certificate], suite: Suite
) -> SignedEnvelope:
    """The signed view of `envelope`, its signer being one of `certificates` (of the P-Mode).

    Raises Refused: EBMS:0103 where the policy is not kept, EBMS:0101 where a check fails.
    """
    security, signed_info, value, key_info = _signature(envelope)
    meant = certificates_meant(key_info, security, certificates)
    check_packaging(envelope)
    octets, plan = _read_canonical(signed_info, suite)
    covered = check_coverage(envelope, plan.references)
    signer = _signer(meant, _signature_value(value), octets, suite)
    _check_digest(envelope.body, covered.body, suite)
    return SignedEnvelope(
        unit=_signed_unit(envelope, covered.messaging, suite),
        references=_signed_references(octets, plan, suite),
        signer=signer,
        security=security,
        fragment=_fragment_again(envelope, covered, suite),
    )


def _signature(
    envelope: Envelope,
) -> tuple[etree._Element, etree._Element, etree._Element, etree._Element]:
    """The security header and the three children of its signature."""
    security = envelope.security
    signature = None if security is None else security.find(SIGNATURE)
    if security is None or signature is None:
        raise _noncompliant("the message is not signed")
    if [child.tag for child in signature] != _CHILDREN:
        raise _noncompliant("ds:Signature must hold SignedInfo, SignatureValue, KeyInfo only")
    signed_info, value, key_info = signature
    return security, signed_info, value, key_info


def _read_canonical(signed_info: etree._Element, suite: Suite) -> tuple[bytes, SignedInfo]:
    """The octets that are signed, and the plan as it stands in them."""
    prefixes = canonicalization_prefixes(signed_info)
    octets = canonical(signed_info, prefixes)
    plan = read_signed_info(read_again(octets), suite)
    if plan.prefixes != prefixes:
        raise _noncompliant("SignedInfo reads otherwise in its canonical form")
    return octets, plan


def _signature_value(element: etree._Element) -> bytes:
    try:
        return base64_octets(text_of(element))
    except ValueError as fault:
        raise refused(FAILED_AUTHENTICATION, "G7", f"ds:SignatureValue: {fault}") from fault


_Verification = Callable[[CertificatePublicKeyTypes, bytes, bytes], None]


def _verify_rsa_sha256(key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> None:
    if not isinstance(key, RSAPublicKey):
        raise InvalidSignature
    key.verify(value, octets, PKCS1v15(), hashes.SHA256())


def _verify_ecdsa_sha256(key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> None:
    """The value is r and s, each as long as the order of the curve (XML Signature 1.1 6.4.3)."""
    if not isinstance(key, EllipticCurvePublicKey):
        raise InvalidSignature
    size_bytes = (key.curve.key_size + 7) // 8
    if len(value) != 2 * size_bytes:
        raise InvalidSignature
    r, s = (int.from_bytes(half) for half in (value[:size_bytes], value[size_bytes:]))
    key.verify(encode_dss_signature(r, s), octets, ECDSA(hashes.SHA256()))


def _verify_ed25519(key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> None:
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidSignature
    key.verify(value, octets)


#: How a value is verified, by signature algorithm: the algorithms that suites may name.
VERIFICATIONS: Final[dict[str, _Verification]] = {
    RSA_SHA256: _verify_rsa_sha256,
    ECDSA_SHA256: _verify_ecdsa_sha256,
    EDDSA_ED25519: _verify_ed25519,
}

_DIGESTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    SHA256: lambda octets: hashlib.sha256(octets).digest(),
}


def _signer(
    meant: Sequence[x509.Certificate], value: bytes, octets: bytes, suite: Suite
) -> x509.Certificate:
    verify = VERIFICATIONS.get(suite.signature)
    if verify is None:
        raise _noncompliant(f"no verification for {suite.signature} is known here")
    for certificate in meant:
        key = marks_of(certificate).public_key
        if kind_of(key) not in suite.signing_kinds:
            continue
        try:
            verify(key, value, octets)
        except InvalidSignature:
            continue
        return certificate
    raise refused(FAILED_AUTHENTICATION, "G7", "the signature value does not hold")


def _check_digest(block: etree._Element, reference: PlannedReference, suite: Suite) -> bytes:
    """The canonical octets of `block`, which have the digest of `reference`."""
    octets = canonical(block, reference.prefixes)
    _require_digest(octets, block.tag, reference, suite)
    return octets


def _require_digest(octets: bytes, name: str, reference: PlannedReference, suite: Suite) -> None:
    digest = _DIGESTS.get(suite.digest)
    if digest is None:
        raise _noncompliant(f"no digest for {suite.digest} is known here")
    if not compare_digest(digest(octets), reference.digest):
        raise refused(FAILED_AUTHENTICATION, "G7", f"the digest of {name} does not hold")


def _signed_unit(envelope: Envelope, reference: PlannedReference, suite: Suite) -> MessageUnit:
    """The message unit as it stands in the octets that have the digest of `reference`."""
    read = envelope.canonical_messaging
    if read and not reference.prefixes:
        _require_digest(read, envelope.messaging.tag, reference, suite)
        unit = envelope.unit  # it was read from these octets
    else:
        octets = _check_digest(envelope.messaging, reference, suite)
        unit = read_unit(read_again(octets))
        if unit != envelope.unit:
            raise _noncompliant("the message unit reads otherwise in its canonical form")
    check_consistency(unit)
    return unit


def _fragment_again(envelope: Envelope, covered: Covered, suite: Suite) -> MessageFragment | None:
    block, reference = envelope.fragment_block, covered.fragment
    if block is None or reference is None:
        return None
    fragment = read_fragment(read_again(_check_digest(block, reference, suite)))
    if fragment != envelope.fragment:
        raise _noncompliant("mf:MessageFragment reads otherwise in its canonical form")
    return fragment


def _signed_references(
    signed_info: bytes, plan: SignedInfo, suite: Suite
) -> tuple[SignedReference, ...]:
    return tuple(
        SignedReference(reference.uri, suite.digest, reference.digest, octets)
        for reference, octets in zip(
            plan.references, reference_octets(signed_info, plan), strict=True
        )
    )


def _noncompliant(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, "G7", reason)
