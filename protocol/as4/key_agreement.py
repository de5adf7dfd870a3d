"""The key under which a content key is wrapped: agreed, derived, and used once.

A fresh key of the sender and the receiver's own give a secret; HKDF gives the wrapping key from it;
AES key wrap puts the content key under that.

Source: XML Encryption 1.1 section 5.6, RFC 9231 section 2.8.1 (HKDF), RFC 5869, RFC 3394, RFC 7748,
XML Signature 1.1 section 4.5.2.3 (ECKeyValue).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

AgreementKey = X25519PublicKey | ec.EllipticCurvePublicKey

#: Of the salt that we write: as long as the hash, which RFC 5869 section 3.1 calls the best.
SALT_BYTES: Final = 32

#: The curves of the suites, by the identifier that ECKeyValue has for them.
NAMED_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "urn:oid:1.2.840.10045.3.1.7": ec.SECP256R1,
    "urn:oid:1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1,
}

# In the Java peers an X25519 key whose octets begin like this is taken for a DSA key, because the
# encoding of an INTEGER begins so, and the message cannot be read (docs/interop.md).
_MISREAD_FIRST_OCTET: Final = 0x02


@dataclass(frozen=True, slots=True)
class Derivation:
    """The parameters of HKDF with HMAC-SHA-256 that stand in a message."""

    salt: bytes
    info: bytes = b""

    def wrapping_key(self, secret: bytes, length_bytes: int) -> bytes:
        """The key of `length_bytes` that `secret` gives."""
        derivation = HKDF(SHA256(), length_bytes, self.salt or None, self.info or None)
        return derivation.derive(secret)


@dataclass(frozen=True, slots=True)
class AgreedSecret:
    """A secret that only the receiver can find again, and the key that lets it do so."""

    originator: AgreementKey
    secret: bytes = field(repr=False)


def agree_with(receiver: CertificatePublicKeyTypes) -> AgreedSecret:
    """A fresh secret for the owner of `receiver`. Raises ValueError for a key of another kind."""
    if isinstance(receiver, X25519PublicKey):
        fresh = fresh_x25519()
        return AgreedSecret(fresh.public_key(), fresh.exchange(receiver))
    if isinstance(receiver, ec.EllipticCurvePublicKey):
        on_curve = ec.generate_private_key(receiver.curve)
        return AgreedSecret(on_curve.public_key(), on_curve.exchange(ec.ECDH(), receiver))
    raise ValueError(f"no secret can be agreed with a {type(receiver).__name__}")


def fresh_x25519(
    generate: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
) -> X25519PrivateKey:
    """A new key that every peer can read: one in 256 is thrown away for it."""
    while True:
        fresh = generate()
        if fresh.public_key().public_bytes_raw()[0] != _MISREAD_FIRST_OCTET:
            return fresh


def new_derivation() -> Derivation:
    """Parameters with a salt of their own."""
    return Derivation(os.urandom(SALT_BYTES))


def wrap(wrapping_key: bytes, content_key: bytes) -> bytes:
    """`content_key` under `wrapping_key` (RFC 3394): eight bytes longer than it."""
    return aes_key_wrap(wrapping_key, content_key)


def unwrap(wrapping_key: bytes, wrapped: bytes) -> bytes:
    """The content key in `wrapped`. Raises ValueError when it does not open."""
    try:
        return aes_key_unwrap(wrapping_key, wrapped)
    except InvalidUnwrap as error:
        raise ValueError(f"the key does not unwrap: {error}") from error
