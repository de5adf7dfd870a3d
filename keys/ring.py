"""The private keys of this node, loaded once: what signs for us and what opens what is ours.

Structurally a Signer and a Decrypter of protocol.as4.ports, which this room may not import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keys.certificates import public_key_octets, read_certificates
from keys.material import PrivateKey, read_private_key
from keys.refusal import KeyRefused
from keys.uri import KeyUri

_OAEP_SHA256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {  # RFC 9231 section 2.3.6: hash of the curve
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
    "brainpoolP256r1": hashes.SHA256(),
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key, its certificate, and the issuers of that (nearest first, may be empty)."""

    private_key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def load(cls, uri: KeyUri, certificates: Path) -> KeyPair:
        """The pair of `uri` and the PEM file `certificates`. Raises KeyRefused if they differ."""
        private_key = read_private_key(uri)
        certificate, *chain = read_certificates(certificates)
        if _public_octets(private_key) != public_key_octets(certificate):
            raise KeyRefused(
                certificates,
                f"the certificate does not belong to the private key in {uri.path}; "
                "put the two that were made together",
            )
        return cls(private_key, certificate, tuple(chain))

    def private_key_pem(self) -> bytes:
        """The private key as unencrypted PEM, for the TLS library; never to be written down."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class FileSigner:
    """Signs with a key that came from a file."""

    def __init__(self, pair: KeyPair) -> None:
        if isinstance(pair.private_key, x25519.X25519PrivateKey):
            raise TypeError("an X25519 key agrees on secrets and signs nothing")
        self._key = pair.private_key
        self._certificate = pair.certificate
        self._chain = pair.chain

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return self._certificate

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """Issuers, nearest first; without the certificate itself; may be empty."""
        return self._chain

    def sign(self, octets: bytes) -> bytes:
        """The XML Signature value over `octets`: RSASSA-PKCS1-v1_5, raw r||s, or Ed25519."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return _sign_ecdsa(self._key, octets)
        return self._key.sign(octets)


class FileDecrypter:
    """Opens content keys with a key that came from a file."""

    def __init__(self, pair: KeyPair) -> None:
        if isinstance(pair.private_key, ed25519.Ed25519PrivateKey):
            raise TypeError("an Ed25519 key signs and opens nothing")
        self._key = pair.private_key
        self._certificate = pair.certificate

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return self._certificate

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        """The content key in `wrapped`. Raises ValueError when it does not open."""
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise ValueError("RSA-OAEP needs an RSA key")  # noqa: TRY004 - as if it did not open
        return self._key.decrypt(wrapped, _OAEP_SHA256)

    def shared_secret(
        self, originator: x25519.X25519PublicKey | ec.EllipticCurvePublicKey
    ) -> bytes:
        """The secret agreed with the owner of `originator`, by X25519 or ECDH.

        Raises ValueError for a key of another kind or curve, and for a point of low order, with
        which everybody would know the secret (RFC 7748 section 6.1).
        """
        key = self._key
        if isinstance(key, x25519.X25519PrivateKey) and isinstance(
            originator, x25519.X25519PublicKey
        ):
            return key.exchange(originator)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(
            originator, ec.EllipticCurvePublicKey
        ):
            return key.exchange(ec.ECDH(), originator)
        raise ValueError("the two keys agree on no secret")


def _sign_ecdsa(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    der_signature = key.sign(octets, ec.ECDSA(_CURVE_HASHES[key.curve.name]))
    size_bytes = (key.curve.key_size + 7) // 8
    return b"".join(n.to_bytes(size_bytes, "big") for n in decode_dss_signature(der_signature))


def _public_octets(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
