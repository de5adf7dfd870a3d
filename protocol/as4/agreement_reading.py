"""An xenc:AgreementMethod is read: all of it is policy, and no private key is used for it.

What is agreed by the suite must be written out exactly. Where drafts and products are known to
differ in form (docs/interop.md), each form is read: HKDFParams in the namespace of 2001/04, a Salt
in a child "Specified", a KeyLength in bits, no Salt, which means zeros; the originator's key as
DEREncodedKeyValue or, for a curve, as ECKeyValue.

Source: XML Encryption 1.1 section 5.6, RFC 9231 section 2.8.1, XML Signature 1.1 section 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from protocol.as4.encryption_policy import (
    check_algorithm,
    exact_children,
    noncompliant,
    octets_of,
    only_child,
    unreadable,
)
from protocol.as4.key_agreement import NAMED_CURVES, AgreementKey, Derivation
from protocol.as4.names import DS, DSIG11, DSIG_MORE, DSIG_MORE_2001, XENC, XENC11, qname
from protocol.as4.suites import KeyAgreement, kind_of
from protocol.as4.xml import collapse, text_of

AGREEMENT_METHOD: Final = qname(XENC, "AgreementMethod")

#: An encoded key of 256 bits has at most some 130 bytes, with its curve written out by name.
MAX_ORIGINATOR_BYTES: Final = 512
#: Salt and Info are as long as a hash where anybody uses them; they are hashed, and no longer.
MAX_PARAMETER_BYTES: Final = 1024

_DERIVATION: Final = qname(XENC11, "KeyDerivationMethod")
_ORIGINATOR: Final = qname(XENC, "OriginatorKeyInfo")
_RECIPIENT: Final = qname(XENC, "RecipientKeyInfo")
_DER_VALUE: Final = qname(DSIG11, "DEREncodedKeyValue")
_KEY_VALUE: Final = qname(DS, "KeyValue")
_EC_KEY_VALUE: Final = qname(DSIG11, "ECKeyValue")
_NAMED_CURVE: Final = qname(DSIG11, "NamedCurve")
_PUBLIC_KEY: Final = qname(DSIG11, "PublicKey")
_PARAMETER_NAMESPACES: Final = (DSIG_MORE, DSIG_MORE_2001)
_PARAMETERS: Final = ("PRF", "Salt", "Info", "KeyLength")
_UNCOMPRESSED: Final = 0x04
_BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one xenc:AgreementMethod says; `recipient` names the certificate of the receiver."""

    originator: AgreementKey
    derivation: Derivation
    recipient: etree._Element = field(repr=False)


def read_agreement(method: etree._Element, agreed: KeyAgreement) -> Agreement:
    """What `method` says that keeps the policy `agreed`. Raises Refused."""
    check_algorithm(method, agreed.algorithm)
    children = exact_children(method, (_DERIVATION, _ORIGINATOR, _RECIPIENT))
    derivation = _read_derivation(children[_DERIVATION], agreed)
    originator = _read_originator(only_child(children[_ORIGINATOR]))
    if kind_of(originator) not in agreed.kinds:
        raise noncompliant("the originator's key is of a kind that the suite does not have")
    return Agreement(originator, derivation, children[_RECIPIENT])


def _read_derivation(method: etree._Element, agreed: KeyAgreement) -> Derivation:
    check_algorithm(method, agreed.derivation)
    parameters = only_child(method)
    namespace = etree.QName(parameters).namespace or ""
    if parameters.tag not in [qname(known, "HKDFParams") for known in _PARAMETER_NAMESPACES]:
        raise noncompliant(f"{method.tag} holds {parameters.tag}")
    given = _by_name(parameters, namespace)
    _check_prf(given.get("PRF"), agreed)
    _check_length(given.get("KeyLength"), agreed)
    return Derivation(_optional_octets(given.get("Salt")), _optional_octets(given.get("Info")))


def _by_name(parameters: etree._Element, namespace: str) -> dict[str, etree._Element]:
    """The children of HKDFParams, each at most once and in the order of the schema."""
    names = [name for name in _PARAMETERS if parameters.find(qname(namespace, name)) is not None]
    found = exact_children(parameters, [qname(namespace, name) for name in names])
    return {name: found[qname(namespace, name)] for name in names}


def _check_prf(prf: etree._Element | None, agreed: KeyAgreement) -> None:
    if prf is None:
        raise noncompliant("HKDFParams has no PRF")
    check_algorithm(prf, agreed.prf)
    exact_children(prf, ())


def _check_length(length: etree._Element | None, agreed: KeyAgreement) -> None:
    """In bytes (RFC 9231), in bits (early drafts), or absent, when the key wrap says it."""
    if length is None:
        return
    text = collapse(text_of(length))
    accepted = (agreed.wrapping_key_bytes, agreed.wrapping_key_bytes * _BITS)
    if text not in [str(number) for number in accepted]:
        raise noncompliant(f"KeyLength is {text[:20]!r}, and must be {agreed.wrapping_key_bytes}")


def _optional_octets(element: etree._Element | None) -> bytes:
    if element is None:
        return b""
    if len(element) == 1 and etree.QName(element[0]).localname == "Specified":
        element = element[0]
    octets = octets_of(element)
    if len(octets) > MAX_PARAMETER_BYTES:
        raise noncompliant(f"{element.tag} has more than {MAX_PARAMETER_BYTES} bytes")
    return octets


def _read_originator(value: etree._Element) -> AgreementKey:
    try:
        if value.tag == _DER_VALUE:
            return _from_der(_key_octets(value))
        if value.tag == _KEY_VALUE:
            return _from_ec_key_value(only_child(value))
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise unreadable(f"the originator's key: {fault}") from fault
    raise noncompliant(f"the originator's key is given as {value.tag}")


def _key_octets(element: etree._Element) -> bytes:
    octets = octets_of(element)
    if len(octets) > MAX_ORIGINATOR_BYTES:
        raise noncompliant(f"{element.tag} has more than {MAX_ORIGINATOR_BYTES} bytes")
    return octets


def _from_der(octets: bytes) -> AgreementKey:
    key = load_der_public_key(octets)
    if not isinstance(key, X25519PublicKey | ec.EllipticCurvePublicKey):
        raise noncompliant(f"the originator's key is a {type(key).__name__}")
    return key


def _from_ec_key_value(value: etree._Element) -> AgreementKey:
    if value.tag != _EC_KEY_VALUE:
        raise noncompliant(f"the originator's key is given as {value.tag}")
    children = exact_children(value, (_NAMED_CURVE, _PUBLIC_KEY))
    curve = NAMED_CURVES.get(children[_NAMED_CURVE].get("URI", ""))
    if curve is None:
        raise noncompliant("the originator's key is on a curve that the suite does not have")
    point = _key_octets(children[_PUBLIC_KEY])
    if point[:1] != bytes([_UNCOMPRESSED]):
        raise noncompliant("the originator's key is not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
