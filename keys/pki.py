"""A throw-away authority for demonstrations and tests: an EC root and certificates under it.

It issues keys of every kind that messages are signed and encrypted with, for both eDelivery
profiles; those that agree on keys have keyAgreement in their KeyUsage and nothing else.

Its root key is forgotten with the object: nothing can be issued later. A State replaces what it
issued by certificates of its own authority before it talks to anybody (docs/operations.md).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keys.certificates import pem

RSA_BITS = 3072  # 128 bits of security (NIST SP 800-57 part 1, table 2)
VALID_DAYS = 365
BACKDATED = timedelta(hours=1)  # the partner's clock may be behind ours
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

IssuedKey = (
    ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | rsa.RSAPrivateKey
    | x25519.X25519PrivateKey
)


class IssuedKind(Enum):
    """What kind of key to make; the values are the names that suites have for them."""

    RSA = "RSA"
    ED25519 = "Ed25519"
    X25519 = "X25519"
    P256 = "EC P-256"
    BRAINPOOL_P256 = "EC brainpoolP256r1"


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh private key and its certificate."""

    private_key: IssuedKey = field(repr=False)
    certificate: x509.Certificate

    def private_key_pem(self) -> bytes:
        """The private key, unencrypted PKCS #8 in PEM."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return pem(self.certificate)


class ThrowAwayAuthority:
    """A root certificate and what it issues, all valid from `now` for `valid_days`."""

    def __init__(self, name: str, now: datetime, valid_days: int = VALID_DAYS) -> None:
        self._not_before = now - BACKDATED
        self._not_after = now + timedelta(days=valid_days)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"{name} throw-away root")
        usage = _key_usage(key_cert_sign=True, crl_sign=True)
        draft = self._draft(self._name, self._key, usage).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = draft.sign(self._key, hashes.SHA256())

    def issue_tls(self, name: str, hosts: Sequence[str] = LOCAL_HOSTS) -> Issued:
        """An ECDSA P-256 pair for both ends of TLS, good for `hosts` (names and addresses)."""
        key = ec.generate_private_key(ec.SECP256R1())
        both_ends = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        )
        draft = (
            self._leaf(f"{name} TLS", key, _key_usage(digital_signature=True))
            .add_extension(both_ends, critical=False)
            .add_extension(x509.SubjectAlternativeName(map(_general_name, hosts)), critical=False)
        )
        return self._issue(draft, key)

    def issue_signing(self, name: str, kind: IssuedKind = IssuedKind.RSA) -> Issued:
        """A pair that signs messages and receipts, and does nothing else."""
        if kind is IssuedKind.X25519:
            raise ValueError("an X25519 key signs nothing")
        key = _MAKE[kind]()
        return self._issue(self._leaf(f"{name} sign", key, _key_usage(digital_signature=True)), key)

    def issue_encryption(self, name: str, kind: IssuedKind = IssuedKind.RSA) -> Issued:
        """A pair that content keys are encrypted for, or that the key above them is agreed with."""
        if kind is IssuedKind.ED25519:
            raise ValueError("an Ed25519 key opens nothing")
        key = _MAKE[kind]()
        transports = kind is IssuedKind.RSA
        usage = _key_usage(key_encipherment=transports, key_agreement=not transports)
        return self._issue(self._leaf(f"{name} encrypt", key, usage), key)

    def _leaf(self, name: str, key: IssuedKey, usage: x509.KeyUsage) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            self._draft(_name(name), key, usage)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer, critical=False)
        )

    def _draft(
        self, subject: x509.Name, key: IssuedKey, usage: x509.KeyUsage
    ) -> x509.CertificateBuilder:
        public_key = key.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._not_before)
            .not_valid_after(self._not_after)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
        )

    def _issue(self, draft: x509.CertificateBuilder, key: IssuedKey) -> Issued:
        return Issued(key, draft.sign(self._key, hashes.SHA256()))


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


_MAKE: dict[IssuedKind, Callable[[], IssuedKey]] = {
    IssuedKind.RSA: _rsa_key,
    IssuedKind.ED25519: ed25519.Ed25519PrivateKey.generate,
    IssuedKind.X25519: x25519.X25519PrivateKey.generate,
    IssuedKind.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    IssuedKind.BRAINPOOL_P256: lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
}


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
