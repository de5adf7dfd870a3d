"""A private key read from its URI, whole and validated once in a process."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from keys.files import read_tight
from keys.refusal import KeyRefused
from keys.uri import KeyUri

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | x25519.X25519PrivateKey
)

# SHA-256 of PEM files whose RSA key was validated in this process: a validation costs 36 to 250 ms
# (docs/performance.md) and the same octets cannot validate differently. Digests only, never keys.
_validated: set[bytes] = set()


def read_private_key(uri: KeyUri) -> PrivateKey:
    """The private key at `uri`, fully validated. Raises KeyRefused with the remedy."""
    octets = read_tight(uri.path)
    password = _password(uri)
    loaded = (
        _from_p12(uri, octets, password) if uri.scheme == "p12" else _pem(uri, octets, password)
    )
    if not isinstance(loaded, PrivateKey):
        raise KeyRefused(
            uri.path,
            f"holds a {type(loaded).__name__}; RSA, EC, Ed25519 and X25519 keys are used here",
        )
    return loaded


def _password(uri: KeyUri) -> bytes | None:
    if uri.password_file is None:
        return None
    return read_tight(uri.password_file).rstrip(b"\r\n")


def _pem(uri: KeyUri, octets: bytes, password: bytes | None) -> object:
    digest = hashlib.sha256(octets).digest()
    try:
        loaded = load_pem_private_key(
            octets, password, unsafe_skip_rsa_key_validation=digest in _validated
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise KeyRefused(uri.path, _unreadable("PEM private key", e)) from e
    _validated.add(digest)
    return loaded


def _from_p12(uri: KeyUri, octets: bytes, password: bytes | None) -> object:
    try:
        loaded, _, _ = pkcs12.load_key_and_certificates(octets, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise KeyRefused(uri.path, _unreadable("PKCS #12 store", e)) from e
    if loaded is None:
        raise KeyRefused(uri.path, "the PKCS #12 store holds no private key")
    return loaded


def _unreadable(form: str, error: Exception) -> str:
    reason = str(error).split("(")[0].strip().rstrip(".")
    return f"is no usable {form}: {reason}; check the file, and password-file if it has a password"
