"""Throw-away keys for each suite, in the folders that every peer here reads."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from protocol.as4.suites import EDELIVERY_20, EDELIVERY_20_ECC, EDELIVERY_115, Suite
from tests.interop.phase4_peer import PartyKeys

DAY = timedelta(days=1)
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class SuiteKeys:
    """A suite, its name in the matrix, and how its keys are made."""

    suite: Suite
    profile: str
    signing: Callable[[], Any]
    encryption: Callable[[], Any]

    def issue(self, folder: Path, name: str) -> PartyKeys:
        """Keys for signing, encryption and TLS under a root of their own."""
        root = ec.generate_private_key(ec.SECP256R1())
        root_name = f"{name} throw-away root"
        agreed = "key_encipherment" if self.suite is EDELIVERY_115 else "key_agreement"
        made = {
            "sign": (self.signing(), "digital_signature"),
            "encrypt": (self.encryption(), agreed),
            "tls": (ec.generate_private_key(ec.SECP256R1()), "digital_signature"),
        }
        folder.mkdir(parents=True)
        for purpose, (key, usage) in made.items():
            certificate = _certificate(f"{name} {purpose}", key, usage, root_name, root)
            octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            private_key = folder / f"{purpose}.key.pem"
            private_key.touch(mode=0o600)  # our own reader refuses a looser one
            private_key.write_bytes(octets)
            (folder / f"{purpose}.cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        return PartyKeys(folder)


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _brainpool() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.BrainpoolP256R1())


RSA = SuiteKeys(EDELIVERY_115, "1.15", _rsa, _rsa)
EDDSA = SuiteKeys(
    EDELIVERY_20,
    "2.0 EdDSA",
    ed25519.Ed25519PrivateKey.generate,
    x25519.X25519PrivateKey.generate,
)
ECDSA = SuiteKeys(EDELIVERY_20_ECC, "2.0 ECDSA P-256", _p256, _p256)
BRAINPOOL = SuiteKeys(EDELIVERY_20_ECC, "2.0 ECDSA brainpoolP256r1", _brainpool, _brainpool)


_X25519_KEY = re.compile(rb"DEREncodedKeyValue[^>]*>([^<]+)<")
_INTEGER_TAG = 0x02
_RAW_BYTES = 32


def misread_by_the_jdk(soap: bytes) -> bool:
    """Whether an X25519 key in `soap` begins like an INTEGER: WSS4J then refuses the message with
    "Unsupported key type" (docs/interop.md)."""
    keys = (b64decode(value)[-_RAW_BYTES:] for value in _X25519_KEY.findall(soap))
    return any(key[0] == _INTEGER_TAG for key in keys)


def _certificate(
    name: str, key: Any, usage: str, root_name: str, root: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usages = x509.KeyUsage(**{each: each == usage for each in USAGES})
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(root_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(identifier, critical=False)
        .add_extension(usages, critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(root, hashes.SHA256())
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
