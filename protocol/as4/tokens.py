"""A KeyInfo means one of the certificates that the P-Mode names, or it is refused.

A message never brings its own key: whatever form the reference has, it only picks one of the
certificates that we hold. A token in the message is compared octet by octet with them and is not
even parsed. Forms read: BinarySecurityToken X509v3 and X509PKIPathv1, issuer and serial number,
SubjectKeyIdentifier (the octets of the extension), SHA-1 thumbprint, ds:X509SKI.

Source: WSS X.509 Token Profile 1.1 section 3, WSS SOAP Message Security 1.1.1 section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from protocol.as4.distinguished import Rdns, parse_name, rdns_of, same_name
from protocol.as4.errors import FAILED_AUTHENTICATION, POLICY_NONCOMPLIANCE, Refused, refused
from protocol.as4.limits import MAX_CERTIFICATE_BYTES, MAX_PATH_CERTIFICATES, MAX_TOKENS
from protocol.as4.names import (
    BASE64_BINARY,
    DS,
    THUMBPRINT_SHA1,
    WSSE,
    WSU,
    X509_PKIPATH,
    X509_SKI_VALUE,
    X509V3,
    qname,
)
from protocol.as4.pkipath import end_entity
from protocol.as4.xml import base64_octets, collapse, text_of

BINARY_SECURITY_TOKEN: Final = qname(WSSE, "BinarySecurityToken")
SECURITY_TOKEN_REFERENCE: Final = qname(WSSE, "SecurityTokenReference")
REFERENCE: Final = qname(WSSE, "Reference")
_KEY_IDENTIFIER: Final = qname(WSSE, "KeyIdentifier")
_X509_DATA: Final = qname(DS, "X509Data")
_X509_SKI: Final = qname(DS, "X509SKI")
_ISSUER_SERIAL: Final = qname(DS, "X509IssuerSerial")
_GATE: Final = "G7"


@dataclass(frozen=True, slots=True)
class Marks:
    """Everything by which a certificate can be referred to, and its key."""

    der: bytes = field(repr=False)
    thumbprint: bytes
    subject_key_identifier: bytes | None
    issuer: Rdns
    serial_number: int
    public_key: CertificatePublicKeyTypes


@lru_cache(
    maxsize=512
)  # certificates of all P-Modes together; loading a key costs more than all else
def marks_of(certificate: x509.Certificate) -> Marks:
    """The marks of `certificate`, computed once."""
    der = certificate.public_bytes(Encoding.DER)
    return Marks(
        der=der,
        thumbprint=sha1(der, usedforsecurity=False).digest(),
        subject_key_identifier=_subject_key_identifier(certificate),
        issuer=rdns_of(certificate.issuer),
        serial_number=certificate.serial_number,
        public_key=certificate.public_key(),
    )


def _subject_key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return None
    return found.value.digest


def certificates_meant(
    key_info: etree._Element,
    security: etree._Element,
    certificates: Sequence[x509.Certificate],
) -> tuple[x509.Certificate, ...]:
    """Those of `certificates` that `key_info` refers to; more than one if they share the mark.

    Raises Refused: EBMS:0103 for a form that the profile does not have, EBMS:0101 when the
    reference means none of them.
    """
    matches = _reading(_token(key_info), security)
    meant = tuple(found for found in certificates if matches(marks_of(found)))
    if not meant:
        raise refused(
            FAILED_AUTHENTICATION,
            _GATE,
            "the key reference means no certificate that the P-Mode names",
        )
    return meant


_Matches = Callable[[Marks], bool]


def _token(key_info: etree._Element) -> etree._Element:
    """The one element in ds:KeyInfo that names a key."""
    reference = _only_child(key_info)
    if reference.tag == SECURITY_TOKEN_REFERENCE:
        return _only_child(reference)
    return reference


def _only_child(element: etree._Element) -> etree._Element:
    if len(element) != 1:
        raise _not_in_profile(f"{element.tag} must have one child, not {len(element)}")
    return element[0]


def _reading(token: etree._Element, security: etree._Element) -> _Matches:
    if token.tag == REFERENCE:
        return _by_token(token, security)
    if token.tag == _KEY_IDENTIFIER:
        return _by_key_identifier(token)
    if token.tag == _X509_DATA:
        return _by_x509_data(_only_child(token))
    raise _not_in_profile(f"a key reference by {token.tag}")


def _by_token(reference: etree._Element, security: etree._Element) -> _Matches:
    uri = reference.get("URI", "")
    tokens = list(security.iterchildren(BINARY_SECURITY_TOKEN))
    if len(tokens) > MAX_TOKENS:
        raise _not_in_profile(f"more than {MAX_TOKENS} security tokens")
    token = next((found for found in tokens if found.get(qname(WSU, "Id")) == uri[1:]), None)
    if token is None or not uri.startswith("#"):
        raise refused(FAILED_AUTHENTICATION, _GATE, f"no security token has the Id of {uri!r}")
    value_type = token.get("ValueType")
    if reference.get("ValueType", value_type) != value_type:
        raise _not_in_profile("the reference and the security token differ in ValueType")
    der = _token_certificate(value_type, _octets(token))
    return lambda marks: marks.der == der


def _token_certificate(value_type: str | None, octets: bytes) -> bytes:
    if len(octets) > MAX_PATH_CERTIFICATES * MAX_CERTIFICATE_BYTES:
        raise _not_in_profile("the security token is too large")
    if value_type == X509V3:
        return octets
    if value_type == X509_PKIPATH:
        try:
            return end_entity(octets)
        except ValueError as fault:
            raise refused(FAILED_AUTHENTICATION, _GATE, f"the PKIPath: {fault}") from fault
    raise _not_in_profile(f"a security token of type {value_type!r}")


def _by_key_identifier(identifier: etree._Element) -> _Matches:
    value_type = identifier.get("ValueType")
    octets = _octets(identifier)
    if value_type == X509_SKI_VALUE:
        return lambda marks: marks.subject_key_identifier == octets
    if value_type == THUMBPRINT_SHA1:
        return lambda marks: marks.thumbprint == octets
    raise _not_in_profile(f"a key identifier of type {value_type!r}")


def _by_x509_data(content: etree._Element) -> _Matches:
    if content.tag == _X509_SKI:
        octets = _octets(content)
        return lambda marks: marks.subject_key_identifier == octets
    if content.tag == _ISSUER_SERIAL:
        return _by_issuer_serial(content)
    raise _not_in_profile(f"a key reference by {content.tag}")


def _by_issuer_serial(content: etree._Element) -> _Matches:
    name = content.find(qname(DS, "X509IssuerName"))
    number = content.find(qname(DS, "X509SerialNumber"))
    if name is None or number is None or len(content) != 2:
        raise _not_in_profile("ds:X509IssuerSerial must hold a name and a number")
    try:
        issuer = parse_name(text_of(name))
        serial_number = int(collapse(text_of(number)))
    except ValueError as fault:
        raise refused(FAILED_AUTHENTICATION, _GATE, f"ds:X509IssuerSerial: {fault}") from fault
    return lambda marks: marks.serial_number == serial_number and same_name(issuer, marks.issuer)


def _octets(element: etree._Element) -> bytes:
    if element.get("EncodingType", BASE64_BINARY) != BASE64_BINARY:
        raise _not_in_profile(f"{element.tag} is encoded as {element.get('EncodingType')!r}")
    try:
        return base64_octets(text_of(element))
    except ValueError as fault:
        raise refused(FAILED_AUTHENTICATION, _GATE, f"{element.tag}: {fault}") from fault


def _not_in_profile(reason: str) -> Refused:
    return refused(POLICY_NONCOMPLIANCE, _GATE, reason)
