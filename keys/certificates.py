"""Certificates read from PEM files under limits."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys.files import read_public
from keys.refusal import KeyRefused

MAX_CERTIFICATE_BYTES = 16 * 1024  # DER; docs/architecture.md, hard limits
KEPT_KEYS = 4096  # encoded public keys that we remember; a certificate takes a few hundred bytes
MAX_CHAIN = 6  # certificates in one file: the longest path that we read in a PKIPath, too


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate in the PEM file `path`, in its order. Raises KeyRefused."""
    return parse_certificates(read_public(path), path)


def parse_certificates(pem: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate in `pem`; `path` is named when they cannot be read. Raises KeyRefused."""
    if b"PRIVATE KEY" in pem:
        raise KeyRefused(path, "holds a private key where certificates belong; take it out")
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, UnsupportedAlgorithm) as e:
        raise KeyRefused(path, f"is no PEM certificate ({e})") from e
    if len(found) > MAX_CHAIN:
        raise KeyRefused(path, f"holds {len(found)} certificates; at most {MAX_CHAIN} are read")
    for certificate in found:
        if len(der(certificate)) > MAX_CERTIFICATE_BYTES:
            raise KeyRefused(path, f"a certificate is larger than {MAX_CERTIFICATE_BYTES} bytes")
    return found


def der(certificate: x509.Certificate) -> bytes:
    """The DER of `certificate`."""
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    """The PEM of `certificate`."""
    return certificate.public_bytes(Encoding.PEM)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER of `certificate`, in hexadecimal."""
    return hashlib.sha256(der(certificate)).hexdigest()


@lru_cache(maxsize=KEPT_KEYS)
def public_key_octets(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo of `certificate` in DER. Raises ValueError for an unusable key."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm as e:
        raise ValueError(str(e)) from e
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
