"""xenc:EncryptedKey as we write it: the content key, for one receiver, by the suite's way.

RecipientKeyInfo is always written and always holds a wsse:SecurityTokenReference: there are
receivers that look for it there (docs/interop.md).

Source: XML Encryption 1.1 sections 3.5, 5.5 and 5.6; RFC 9231 section 2.8.1; eDelivery AS4 1.15
section 3.2.6 and 2.0 (security).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.as4.key_agreement import (
    NAMED_CURVES,
    AgreementKey,
    Derivation,
    agree_with,
    new_derivation,
    wrap,
)
from protocol.as4.names import DSIG11, DSIG_MORE, XENC11
from protocol.as4.suites import KeyAgreement, KeyTransport, Suite, kind_of, names_of
from protocol.as4.token_writing import WrittenToken
from protocol.as4.tokens import marks_of

_URI_OF_CURVE = {curve().name: uri for uri, curve in NAMED_CURVES.items()}


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """The wrapped key, and the elements that say how it was wrapped and for whom."""

    method: str
    key_info: str
    octets: bytes = field(repr=False)


def encrypted_key(
    key_id: str,
    data_ids: Sequence[str],
    content_key: bytes,
    receiver: x509.Certificate,
    token: WrittenToken,
    suite: Suite,
) -> str:
    """xenc:EncryptedKey with `content_key` for `receiver`, whom `token` names.

    Raises ValueError when the receiver's key is not one that the suite uses.
    """
    key = marks_of(receiver).public_key
    if kind_of(key) not in suite.encryption_kinds:
        kinds, name = names_of(suite.encryption_kinds), receiver.subject.rfc4514_string()
        raise ValueError(f"{suite.id} encrypts for {kinds} keys; the key of {name} is another")
    match suite.key_establishment:
        case KeyTransport() as agreed:
            wrapped = _transported(content_key, key, token, agreed)
        case KeyAgreement() as agreed:
            wrapped = _agreed(content_key, key, token, agreed)
    references = "".join(f'<xenc:DataReference URI="#{data_id}"/>' for data_id in data_ids)
    return (
        f'<xenc:EncryptedKey Id="{key_id}">{wrapped.method}'
        f"<ds:KeyInfo>{wrapped.key_info}</ds:KeyInfo>"
        f"<xenc:CipherData><xenc:CipherValue>{_base64(wrapped.octets)}</xenc:CipherValue>"
        f"</xenc:CipherData><xenc:ReferenceList>{references}</xenc:ReferenceList>"
        "</xenc:EncryptedKey>"
    )


def _transported(
    content_key: bytes, key: CertificatePublicKeyTypes, token: WrittenToken, agreed: KeyTransport
) -> _Wrapped:
    if not isinstance(key, RSAPublicKey):
        raise TypeError(f"key transport needs an RSA key, not a {type(key).__name__}")
    method = (
        f'<xenc:EncryptionMethod Algorithm="{agreed.algorithm}">'
        f'<ds:DigestMethod Algorithm="{agreed.digest}"/>'
        f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{agreed.mgf}"/></xenc:EncryptionMethod>'
    )
    octets = key.encrypt(content_key, OAEP(MGF1(SHA256()), SHA256(), None))
    return _Wrapped(method, token.key_info, octets)


def _agreed(
    content_key: bytes, key: CertificatePublicKeyTypes, token: WrittenToken, agreed: KeyAgreement
) -> _Wrapped:
    fresh, derivation = agree_with(key), new_derivation()
    wrapping_key = derivation.wrapping_key(fresh.secret, agreed.wrapping_key_bytes)
    key_info = (
        f'<xenc:AgreementMethod Algorithm="{agreed.algorithm}">{_derivation(derivation, agreed)}'
        f"<xenc:OriginatorKeyInfo>{_originator(fresh.originator)}</xenc:OriginatorKeyInfo>"
        f"<xenc:RecipientKeyInfo>{token.reference}</xenc:RecipientKeyInfo></xenc:AgreementMethod>"
    )
    method = f'<xenc:EncryptionMethod Algorithm="{agreed.wrap}"/>'
    return _Wrapped(method, key_info, wrap(wrapping_key, content_key))


def _derivation(derivation: Derivation, agreed: KeyAgreement) -> str:
    return (
        f'<xenc11:KeyDerivationMethod xmlns:xenc11="{XENC11}" Algorithm="{agreed.derivation}">'
        f'<dsig-more:HKDFParams xmlns:dsig-more="{DSIG_MORE}">'
        f'<dsig-more:PRF Algorithm="{agreed.prf}"/>'
        f"<dsig-more:Salt>{_base64(derivation.salt)}</dsig-more:Salt>"
        f"<dsig-more:KeyLength>{agreed.wrapping_key_bytes}</dsig-more:KeyLength>"
        "</dsig-more:HKDFParams></xenc11:KeyDerivationMethod>"
    )


def _originator(key: AgreementKey) -> str:
    """DEREncodedKeyValue for X25519, ECKeyValue for a curve: as the profile has the two."""
    if isinstance(key, X25519PublicKey):
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return (
            f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{DSIG11}">{_base64(octets)}'
            "</dsig11:DEREncodedKeyValue>"
        )
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return (
        f'<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11="{DSIG11}">'
        f'<dsig11:NamedCurve URI="{_URI_OF_CURVE[key.curve.name]}"/>'
        f"<dsig11:PublicKey>{_base64(point)}</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>"
    )


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
