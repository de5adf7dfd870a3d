"""Algorithm suites: one suite is one value here, and adding one touches this table only.

A suite says which signature over which kind of key, which digest, which content encryption, and how
the content key reaches the receiver: transported under its RSA key, or wrapped under a key that is
agreed with it. The names of algorithms are implemented in `signature` and `key_agreement`.

Source: eDelivery AS4 1.15 section 3.2.6 (security), AS4 1.0 section 5.1; eDelivery AS4 2.0, common
usage profile and the enhancement "alternative ECC"; RFC 9231.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from protocol.as4.names import (
    AES128_GCM,
    ECDH_ES,
    ECDSA_SHA256,
    EDDSA_ED25519,
    HKDF,
    HMAC_SHA256,
    KW_AES128,
    MGF1_SHA256,
    RSA_OAEP,
    RSA_SHA256,
    SHA256,
    X25519,
)


class TokenForm(Enum):
    """How a KeyInfo names its certificate (WSS X.509 Token Profile 1.1 section 3)."""

    BST_X509V3 = "bst-x509v3"
    BST_PKIPATH = "bst-pkipath"
    ISSUER_SERIAL = "issuer-serial"
    SUBJECT_KEY_IDENTIFIER = "ski"
    THUMBPRINT = "thumbprint"
    X509_SKI = "x509ski"


class KeyKind(Enum):
    """What a public key is, as far as a suite asks; the value is its name for people."""

    RSA = "RSA"
    ED25519 = "Ed25519"
    X25519 = "X25519"
    P256 = "EC P-256"
    BRAINPOOL_P256 = "EC brainpoolP256r1"


_CURVES: Final = {"secp256r1": KeyKind.P256, "brainpoolP256r1": KeyKind.BRAINPOOL_P256}


def kind_of(public_key: object) -> KeyKind | None:
    """The kind of `public_key`; None for one that no suite uses."""
    if isinstance(public_key, RSAPublicKey):
        return KeyKind.RSA
    if isinstance(public_key, Ed25519PublicKey):
        return KeyKind.ED25519
    if isinstance(public_key, X25519PublicKey):
        return KeyKind.X25519
    if isinstance(public_key, EllipticCurvePublicKey):
        return _CURVES.get(public_key.curve.name)
    return None


def names_of(kinds: tuple[KeyKind, ...]) -> str:
    """`kinds` in a sentence."""
    return " or ".join(kind.value for kind in kinds)


@dataclass(frozen=True, slots=True)
class KeyTransport:
    """The content key is encrypted for the receiver's RSA key (XML Encryption 1.1 section 5.5)."""

    algorithm: str
    digest: str
    mgf: str
    kinds: tuple[KeyKind, ...]


@dataclass(frozen=True, slots=True)
class KeyAgreement:
    """The content key is wrapped under a key derived from a fresh key and the receiver's own.

    Source: XML Encryption 1.1 section 5.6, RFC 9231 section 2.8.1, RFC 5869, RFC 3394.
    """

    algorithm: str
    derivation: str
    prf: str
    wrap: str
    wrapping_key_bytes: int
    kinds: tuple[KeyKind, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms two parties use, by XML Security identifier, and the keys they need.

    Of several kinds of keys the first is what a new node gets. `signing_token` is the form in which
    the profile wants a signer named.
    """

    id: str
    signature: str
    signing_kinds: tuple[KeyKind, ...]
    digest: str
    content_encryption: str
    content_key_bytes: int
    key_establishment: KeyTransport | KeyAgreement
    signing_token: TokenForm

    @property
    def encryption_kinds(self) -> tuple[KeyKind, ...]:
        """The keys that a receiver may have."""
        return self.key_establishment.kinds


EDELIVERY_20: Final = Suite(
    id="edelivery-as4-2.0",
    signature=EDDSA_ED25519,
    signing_kinds=(KeyKind.ED25519,),
    digest=SHA256,
    content_encryption=AES128_GCM,
    content_key_bytes=16,
    key_establishment=KeyAgreement(
        algorithm=X25519,
        derivation=HKDF,
        prf=HMAC_SHA256,
        wrap=KW_AES128,
        wrapping_key_bytes=16,
        kinds=(KeyKind.X25519,),
    ),
    signing_token=TokenForm.BST_PKIPATH,
)

# The curves of 256 bits only: they match the strength of the rest, and with them ecdsa-sha256 is
# the one signature algorithm, as the enhancement has it.
_ECC_KINDS: Final = (KeyKind.P256, KeyKind.BRAINPOOL_P256)

EDELIVERY_20_ECC: Final = Suite(
    id="edelivery-as4-2.0-ecc",
    signature=ECDSA_SHA256,
    signing_kinds=_ECC_KINDS,
    digest=SHA256,
    content_encryption=AES128_GCM,
    content_key_bytes=16,
    key_establishment=KeyAgreement(
        algorithm=ECDH_ES,
        derivation=HKDF,
        prf=HMAC_SHA256,
        wrap=KW_AES128,
        wrapping_key_bytes=16,
        kinds=_ECC_KINDS,
    ),
    signing_token=TokenForm.BST_PKIPATH,
)

EDELIVERY_115: Final = Suite(
    id="edelivery-as4-1.15",
    signature=RSA_SHA256,
    signing_kinds=(KeyKind.RSA,),
    digest=SHA256,
    content_encryption=AES128_GCM,
    content_key_bytes=16,
    key_establishment=KeyTransport(
        algorithm=RSA_OAEP, digest=SHA256, mgf=MGF1_SHA256, kinds=(KeyKind.RSA,)
    ),
    signing_token=TokenForm.BST_X509V3,
)

#: Every suite by its id. The order is that of preference: a new partner gets the first that both
#: sides have keys for.
SUITES: Final[dict[str, Suite]] = {
    suite.id: suite for suite in (EDELIVERY_20, EDELIVERY_20_ECC, EDELIVERY_115)
}
