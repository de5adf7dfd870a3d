"""How our KeyInfos name a certificate: every form that a partner may want.

Source: WSS X.509 Token Profile 1.1 section 3, Basic Security Profile 1.1 section 5; what the
products insist on: docs/interop.md.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from protocol.as4.names import (
    BASE64_BINARY,
    THUMBPRINT_SHA1,
    X509_PKIPATH,
    X509_SKI_VALUE,
    X509V3,
)
from protocol.as4.suites import TokenForm
from protocol.as4.writing import attribute, text


@dataclass(frozen=True, slots=True)
class WrittenToken:
    """What names one certificate: `binary`, a token that stands before its use, or nothing; and
    `key_info`, the content of ds:KeyInfo."""

    binary: str
    key_info: str

    @property
    def reference(self) -> str:
        """The content of RecipientKeyInfo: always a wsse:SecurityTokenReference."""
        bare = self.key_info.startswith("<ds:X509Data>")
        return _token_reference(self.key_info) if bare else self.key_info


def written_token(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    form: TokenForm,
    token_id: str,
) -> WrittenToken:
    """`certificate` named in `form`; `chain` holds its issuers, nearest first.

    The prefixes wsse, wsse11, wsu and ds are expected in scope. Raises ValueError when the
    certificate cannot be named so, because it has no SubjectKeyIdentifier.
    """
    if form is TokenForm.BST_X509V3:
        return _binary(_der(certificate), X509V3, token_id, "")
    if form is TokenForm.BST_PKIPATH:
        token_type = f' wsse11:TokenType="{X509_PKIPATH}"'
        return _binary(_pki_path(certificate, chain), X509_PKIPATH, token_id, token_type)
    return WrittenToken("", _BY_NAME[form](certificate))


def _binary(octets: bytes, value_type: str, token_id: str, token_type: str) -> WrittenToken:
    token = (
        f'<wsse:BinarySecurityToken EncodingType="{BASE64_BINARY}" ValueType="{value_type}"'
        f' wsu:Id="{attribute(token_id)}">{_base64(octets)}</wsse:BinarySecurityToken>'
    )
    reference = f'<wsse:Reference URI="#{attribute(token_id)}" ValueType="{value_type}"/>'
    return WrittenToken(token, _token_reference(reference, token_type))


def _pki_path(certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> bytes:
    """ASN.1 SEQUENCE OF Certificate, CA side first; receivers stumble over a root inside it."""
    issuers = [issuer for issuer in chain if issuer.issuer != issuer.subject]
    content = b"".join(_der(each) for each in (*reversed(issuers), certificate))
    return b"\x30" + _der_length(len(content)) + content


def _der_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _issuer_serial(certificate: x509.Certificate) -> str:
    name = text(certificate.issuer.rfc4514_string())
    return _token_reference(
        "<ds:X509Data><ds:X509IssuerSerial>"
        f"<ds:X509IssuerName>{name}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber>"
        "</ds:X509IssuerSerial></ds:X509Data>"
    )


def _subject_key_identifier(certificate: x509.Certificate) -> str:
    return _key_identifier(_ski(certificate), X509_SKI_VALUE)


def _thumbprint(certificate: x509.Certificate) -> str:
    # SHA-1 names the certificate here, it protects nothing; the profile knows no other.
    digest = hashlib.sha1(_der(certificate), usedforsecurity=False).digest()
    return _key_identifier(digest, THUMBPRINT_SHA1)


def _x509_ski(certificate: x509.Certificate) -> str:
    return f"<ds:X509Data><ds:X509SKI>{_base64(_ski(certificate))}</ds:X509SKI></ds:X509Data>"


_BY_NAME: Final[dict[TokenForm, Callable[[x509.Certificate], str]]] = {
    TokenForm.ISSUER_SERIAL: _issuer_serial,
    TokenForm.SUBJECT_KEY_IDENTIFIER: _subject_key_identifier,
    TokenForm.THUMBPRINT: _thumbprint,
    TokenForm.X509_SKI: _x509_ski,
}


def _key_identifier(octets: bytes, value_type: str) -> str:
    return _token_reference(
        f'<wsse:KeyIdentifier EncodingType="{BASE64_BINARY}" ValueType="{value_type}">'
        f"{_base64(octets)}</wsse:KeyIdentifier>"
    )


def _token_reference(content: str, attributes: str = "") -> str:
    return f"<wsse:SecurityTokenReference{attributes}>{content}</wsse:SecurityTokenReference>"


def _ski(certificate: x509.Certificate) -> bytes:
    """The value of the extension, not a digest made anew: that is what receivers compare."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound as error:
        name = certificate.subject.rfc4514_string()
        raise ValueError(f"the certificate of {name} has no SubjectKeyIdentifier") from error
    return found.value.digest


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
