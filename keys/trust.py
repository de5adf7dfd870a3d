"""Is this certificate one that we agreed on, and fit for its purpose at this time?

The rules, in their order; the first that does not hold decides:

1. it is, octet for octet, one of the pinned certificates (a same name, serial or key is nothing);
2. its signature algorithm is not SHA-1, MD5 or unknown to us;
3. its key is of a kind for the purpose: RSA of 2048 to 8192 bits with e = 65537; for TLS and
   signing EC on P-256, P-384 or P-521, or Ed25519; for signing also brainpoolP256r1; for encryption
   X25519, or EC on P-256 or brainpoolP256r1;
4. it has no critical extension that we do not understand, and no malformed one;
5. its KeyUsage is there and allows the purpose (for encryption keyEncipherment with an RSA key and
   keyAgreement with the others); for TLS its ExtendedKeyUsage, if any, does too;
6. `now` lies in its validity.

Rules 2 to 5 cannot change with time, so that they are examined once for each certificate.
Source: RFC 5280 section 4.2, threats C01, C05, C09, C10, K02.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID

MIN_RSA_BITS = 2048  # eDelivery AS4 1.15 section 3.2.6; NIST SP 800-57 gives it until 2030
MAX_RSA_BITS = 8192  # beyond, one verification costs as much as an attack
RSA_EXPONENT = 65537  # 1 and 3 make forgeries cheap; a huge one makes verification slow
KEPT_EXAMINATIONS = 1024  # certificates whose form we remember; partners have a handful each

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
# CertificatePolicies: no policy is required of a pinned certificate, so any set of them will do.
_UNDERSTOOD = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
)


class Purpose(Enum):
    """What a certificate is about to be used for."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    TLS_CLIENT = "TLS client authentication"
    TLS_SERVER = "TLS server authentication"


_TLS_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_CURVES = {
    Purpose.SIGNING: _TLS_CURVES | {"brainpoolP256r1"},
    Purpose.ENCRYPTION: frozenset({"secp256r1", "brainpoolP256r1"}),
    Purpose.TLS_CLIENT: _TLS_CURVES,
    Purpose.TLS_SERVER: _TLS_CURVES,
}
_EXTENDED_USES = {
    Purpose.TLS_CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.TLS_SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
}


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """A certificate is (not) trusted, because ... `valid_until` is set when it is.

    `state` is the State that it speaks for, where that was asked. Never to be used as a truth
    value: a decision that is there is not a decision in favour.
    """

    trusted: bool
    because: str
    state: str | None = None
    valid_until: datetime | None = None

    def __bool__(self) -> bool:
        raise TypeError("ask for .trusted: a TrustDecision is no truth value")


def decide(
    certificate: x509.Certificate,
    *,
    pinned: Iterable[x509.Certificate],
    now: datetime,
    purpose: Purpose,
) -> TrustDecision:
    """Whether `certificate` may be used for `purpose` at `now` (aware)."""
    if not any(certificate == known for known in pinned):
        return refusal(
            f"{named(certificate)} is none of the certificates agreed for {purpose.value}"
        )
    defect = defect_of(certificate, purpose) or _out_of_time(certificate, now)
    if defect is not None:
        return refusal(f"{named(certificate)} {defect}")
    return TrustDecision(
        True,
        f"{named(certificate)} is agreed for {purpose.value} and valid",
        valid_until=certificate.not_valid_after_utc,
    )


def refusal(because: str) -> TrustDecision:
    """The decision against, with its reason."""
    return TrustDecision(False, because)


@lru_cache(maxsize=KEPT_EXAMINATIONS)
def named(certificate: x509.Certificate) -> str:
    """A name of `certificate` for people: its subject, escaped, and how its SHA-256 begins."""
    digest = certificate.fingerprint(hashes.SHA256()).hex()
    try:
        subject = certificate.subject.rfc4514_string()
    except ValueError:
        subject = "unreadable subject"
    return f"certificate {subject!a} (SHA-256 {digest[:16]})"


@lru_cache(maxsize=KEPT_EXAMINATIONS)
def defect_of(certificate: x509.Certificate, purpose: Purpose) -> str | None:
    """What is wrong with the form of `certificate` for `purpose` at any time; None if nothing."""
    try:
        return (
            _weak_signature(certificate)
            or _weak_key(certificate, purpose)
            or _unknown_extension(certificate)
            or _wrong_use(certificate, purpose)
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as e:
        return f"cannot be read whole ({e})"


def _out_of_time(certificate: x509.Certificate, now: datetime) -> str | None:
    if now < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc.isoformat()}"
    if now > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc.isoformat()}"
    return None


def _weak_signature(certificate: x509.Certificate) -> str | None:
    algorithm = certificate.signature_hash_algorithm  # None: EdDSA, which hashes by itself
    if algorithm is not None and not isinstance(algorithm, _HASHES):
        return f"is signed with {algorithm.name.upper()}; SHA-256 or better is needed"
    return None


def _weak_key(certificate: x509.Certificate, purpose: Purpose) -> str | None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return _weak_rsa(key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name in _CURVES[purpose]:
            return None
        return f"has a key on the curve {key.curve.name}, which is not used for {purpose.value}"
    encrypts = purpose is Purpose.ENCRYPTION
    if isinstance(key, x25519.X25519PublicKey if encrypts else ed25519.Ed25519PublicKey):
        return None
    return f"has a key of the kind {type(key).__name__}, which is not used for {purpose.value}"


def _weak_rsa(key: rsa.RSAPublicKey) -> str | None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return (
            f"has an RSA key of {key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are allowed"
        )
    exponent = key.public_numbers().e
    return None if exponent == RSA_EXPONENT else f"has an RSA key with e other than {RSA_EXPONENT}"


def _unknown_extension(certificate: x509.Certificate) -> str | None:
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            return f"has the critical extension {extension.oid.dotted_string}, unknown to us"
    return None


def _wrong_use(certificate: x509.Certificate, purpose: Purpose) -> str | None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return f"has no KeyUsage; {purpose.value} needs it"
    if purpose is Purpose.ENCRYPTION:
        return _wrong_encryption_use(certificate, usage)
    if not usage.digital_signature:
        return "does not allow digitalSignature in its KeyUsage"
    return _wrong_extended_use(certificate, purpose)


def _wrong_encryption_use(certificate: x509.Certificate, usage: x509.KeyUsage) -> str | None:
    if isinstance(certificate.public_key(), rsa.RSAPublicKey):
        return None if usage.key_encipherment else "does not allow keyEncipherment in its KeyUsage"
    return None if usage.key_agreement else "does not allow keyAgreement in its KeyUsage"


def _wrong_extended_use(certificate: x509.Certificate, purpose: Purpose) -> str | None:
    wanted = _EXTENDED_USES.get(purpose)
    if wanted is None:
        return None
    try:
        allowed = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if wanted in allowed or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in allowed:
        return None
    return f"does not allow {purpose.value} in its ExtendedKeyUsage"
