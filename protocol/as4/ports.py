"""What the wire needs from whoever holds the private keys: two small protocols, no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey


class Signer(Protocol):
    """Holds one private signing key, in a file or in a token."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """Issuers, nearest first; without the certificate itself; may be empty."""

    def sign(self, octets: bytes) -> bytes:
        """The XML Signature value over `octets` by the key's algorithm (raw r||s for ECDSA)."""


class Decrypter(Protocol):
    """Holds one private decryption key."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        """The content key in `wrapped` (RSA-OAEP, SHA-256, MGF1-SHA-256, no label).

        Raises ValueError when it does not open; the caller must not say why to the peer.
        """

    def shared_secret(self, originator: X25519PublicKey | EllipticCurvePublicKey) -> bytes:
        """The secret agreed with the owner of `originator`: X25519 (RFC 7748 section 6.1), or the
        x coordinate of ECDH in the length of the field (SEC 1 section 3.3.1).

        Raises ValueError for a key of another kind or curve, and for a point that gives no secret;
        the caller must not say why to the peer.
        """
