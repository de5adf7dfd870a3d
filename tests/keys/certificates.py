"""Makes certificates with one chosen defect each; keys are made once, for they cost seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.x509.oid import NameOID

# When the session began: certificates are made around it. What looks at the times of files must be
# given the real time instead, for a session may last longer than any leeway.
NOW = datetime.now(UTC).replace(microsecond=0)
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


def rsa_key(bits: int = 2048, which: int = 0, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """The `which`-th RSA key of its size in this test run."""
    return _rsa_key(bits, which, exponent)


@cache
def _rsa_key(bits: int, _which: int, exponent: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=exponent, key_size=bits)


def ec_key(which: int = 0) -> ec.EllipticCurvePrivateKey:
    """The `which`-th P-256 key."""
    return _ec_key(which)


@cache
def _ec_key(_which: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def other_key(kind: str) -> Any:
    """A key that few certificates have."""
    make = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "dsa": lambda: dsa.generate_private_key(2048),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        "x25519": x25519.X25519PrivateKey.generate,
    }
    return make[kind]()


def usage(*allowed: str) -> x509.KeyUsage:
    """KeyUsage with `allowed` and nothing else."""
    return x509.KeyUsage(**{name: name in allowed for name in USAGES})


def certificate(
    key: Any,
    *allowed: str,
    name: str = "AZ",
    serial: int = 1,
    since: datetime = NOW - 30 * DAY,
    until: datetime = NOW + 365 * DAY,
    extended: Sequence[x509.ObjectIdentifier] = (),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key_usage: bool = True,
) -> x509.Certificate:
    """A certificate of `key` whose KeyUsage has `allowed`; self-signed where the key can sign."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(since)
        .not_valid_after(until)
    )
    if key_usage:
        builder = builder.add_extension(usage(*allowed), critical=True)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    issuer = ec_key() if isinstance(key, x25519.X25519PrivateKey) else key  # it cannot sign
    algorithm = None if isinstance(issuer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(issuer, algorithm)


def signing(which: int = 0, **how: Any) -> x509.Certificate:
    """A good signing certificate of the `which`-th RSA key."""
    return certificate(rsa_key(which=which), "digital_signature", **how)


def encryption(which: int = 0, **how: Any) -> x509.Certificate:
    """A good encryption certificate of the `which`-th RSA key."""
    return certificate(rsa_key(which=which), "key_encipherment", **how)


def tls(which: int = 0, **how: Any) -> x509.Certificate:
    """A good TLS certificate of the `which`-th P-256 key."""
    return certificate(ec_key(which), "digital_signature", **how)


def altered(original: x509.Certificate, old: bytes, new: bytes) -> x509.Certificate:
    """`original` with every `old` in its DER replaced; its signature is then wrong, which no
    pinned certificate is asked for."""
    from cryptography.hazmat.primitives.serialization import Encoding

    octets = original.public_bytes(Encoding.DER)
    assert old in octets
    assert len(old) == len(new)
    return x509.load_der_x509_certificate(octets.replace(old, new))
