"""Every rule of keys.trust, each met by one certificate that breaks it and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.trust import Purpose, TrustDecision, decide, defect_of
from tests.keys.certificates import (
    DAY,
    NOW,
    altered,
    certificate,
    ec_key,
    encryption,
    other_key,
    rsa_key,
    signing,
    tls,
)

SHA256_RSA = bytes.fromhex("2a864886f70d01010b")
SHA1_RSA = bytes.fromhex("2a864886f70d010105")
MD5_RSA = bytes.fromhex("2a864886f70d010104")
UNKNOWN_RSA = bytes.fromhex("2a864886f70d01017f")
E_65537, E_EVEN = bytes.fromhex("0203010001"), bytes.fromhex("0203010000")
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0"
)


def decided(one: x509.Certificate, purpose: Purpose, *pinned: x509.Certificate) -> TrustDecision:
    return decide(one, pinned=pinned or (one,), now=NOW, purpose=purpose)


@pytest.mark.parametrize(
    ("made", "purpose"),
    [
        (signing, Purpose.SIGNING),
        (encryption, Purpose.ENCRYPTION),
        (tls, Purpose.TLS_CLIENT),
        (tls, Purpose.TLS_SERVER),
        (lambda: certificate(rsa_key(3072), "digital_signature"), Purpose.SIGNING),
        (lambda: certificate(other_key("ed25519"), "digital_signature"), Purpose.SIGNING),
        (lambda: certificate(other_key("brainpool"), "digital_signature"), Purpose.SIGNING),
        (lambda: certificate(other_key("x25519"), "key_agreement"), Purpose.ENCRYPTION),
        (lambda: certificate(other_key("brainpool"), "key_agreement"), Purpose.ENCRYPTION),
        (lambda: certificate(ec_key(), "key_agreement"), Purpose.ENCRYPTION),
        (lambda: certificate(other_key("p384"), "digital_signature"), Purpose.TLS_CLIENT),
        (lambda: certificate(other_key("p521"), "digital_signature"), Purpose.TLS_SERVER),
        (lambda: tls(extended=[ExtendedKeyUsageOID.CLIENT_AUTH]), Purpose.TLS_CLIENT),
        (lambda: tls(extended=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), Purpose.TLS_SERVER),
        (lambda: signing(extensions=[(UNKNOWN_EXTENSION, False)]), Purpose.SIGNING),
        (
            lambda: signing(extensions=[(x509.BasicConstraints(False, None), True)]),
            Purpose.SIGNING,
        ),
    ],
)
def test_a_fit_and_pinned_certificate_is_trusted_until_it_expires(made, purpose):
    one = made()
    decision = decided(one, purpose)
    assert decision.trusted, decision.because
    assert decision.valid_until == one.not_valid_after_utc


DEFECTS = {
    "expired": (lambda: signing(until=NOW - timedelta(seconds=1)), Purpose.SIGNING, "expired on"),
    "not-yet-valid": (lambda: signing(since=NOW + DAY), Purpose.SIGNING, "not valid before"),
    "sha1": (lambda: altered(signing(), SHA256_RSA, SHA1_RSA), Purpose.SIGNING, "SHA1"),
    "md5": (lambda: altered(signing(), SHA256_RSA, MD5_RSA), Purpose.SIGNING, "MD5"),
    "unknown-signature-algorithm": (
        lambda: altered(signing(), SHA256_RSA, UNKNOWN_RSA),
        Purpose.SIGNING,
        "cannot be read whole",
    ),
    "rsa-1024": (
        lambda: certificate(rsa_key(1024), "digital_signature"),
        Purpose.SIGNING,
        "1024 bits",
    ),
    "rsa-e-3": (
        lambda: certificate(rsa_key(exponent=3), "digital_signature"),
        Purpose.SIGNING,
        "e other than 65537",
    ),
    "rsa-e-even": (
        lambda: altered(signing(), E_65537, E_EVEN),
        Purpose.SIGNING,
        "cannot be read whole",
    ),
    "x25519 signing": (
        lambda: certificate(other_key("x25519"), "digital_signature"),
        Purpose.SIGNING,
        "X25519",
    ),
    "ed25519 encryption": (
        lambda: certificate(other_key("ed25519"), "key_agreement"),
        Purpose.ENCRYPTION,
        "Ed25519",
    ),
    "brainpool TLS": (
        lambda: certificate(other_key("brainpool"), "digital_signature"),
        Purpose.TLS_SERVER,
        "brainpoolP256r1",
    ),
    "p384 encryption": (
        lambda: certificate(other_key("p384"), "key_agreement"),
        Purpose.ENCRYPTION,
        "secp384r1",
    ),
    "x25519 for transport": (
        lambda: certificate(other_key("x25519"), "key_encipherment"),
        Purpose.ENCRYPTION,
        "keyAgreement",
    ),
    "rsa for agreement": (
        lambda: certificate(rsa_key(), "key_agreement"),
        Purpose.ENCRYPTION,
        "keyEncipherment",
    ),
    "dsa": (lambda: certificate(other_key("dsa"), "digital_signature"), Purpose.SIGNING, "DSA"),
    "other-curve": (
        lambda: certificate(other_key("secp256k1"), "digital_signature"),
        Purpose.TLS_CLIENT,
        "secp256k1",
    ),
    "unknown-critical-extension": (
        lambda: signing(extensions=[(UNKNOWN_EXTENSION, True)]),
        Purpose.SIGNING,
        "1.3.6.1.4.1.55555.1",
    ),
    "no-key-usage": (lambda: signing(key_usage=False), Purpose.SIGNING, "no KeyUsage"),
    "encryption-only": (encryption, Purpose.SIGNING, "digitalSignature"),
    "signing-only": (signing, Purpose.ENCRYPTION, "keyEncipherment"),
    "tls-without-signature": (
        lambda: certificate(ec_key(), "key_agreement"),
        Purpose.TLS_CLIENT,
        "digitalSignature",
    ),
    "server-only": (
        lambda: tls(extended=[ExtendedKeyUsageOID.SERVER_AUTH]),
        Purpose.TLS_CLIENT,
        "TLS client authentication",
    ),
    "client-only": (
        lambda: tls(extended=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        Purpose.TLS_SERVER,
        "TLS server authentication",
    ),
    "code-signing-only": (
        lambda: tls(extended=[ExtendedKeyUsageOID.CODE_SIGNING]),
        Purpose.TLS_CLIENT,
        "ExtendedKeyUsage",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_pinned_certificate_with_a_defect_is_refused_with_its_reason(defect):
    make, purpose, fragment = DEFECTS[defect]
    decision = decided(make(), purpose)
    assert not decision.trusted
    assert fragment in decision.because
    assert decision.valid_until is None


@pytest.mark.parametrize(
    "impostor",
    [
        pytest.param(lambda: signing(1), id="same-name-and-serial-other-key"),
        pytest.param(lambda: signing(serial=2), id="same-key-other-serial"),
        pytest.param(lambda: signing(name="XU"), id="same-key-other-name"),
        pytest.param(lambda: signing(until=NOW + 400 * DAY), id="same-key-other-validity"),
    ],
)
def test_only_the_pinned_octets_count(impostor):
    decision = decided(impostor(), Purpose.SIGNING, signing())
    assert not decision.trusted
    assert "none of the certificates agreed" in decision.because


def test_nothing_is_trusted_where_nothing_is_pinned():
    assert not decide(signing(), pinned=(), now=NOW, purpose=Purpose.SIGNING).trusted


def test_an_examined_form_does_not_outlive_the_validity():
    """Rules 2 to 5 are remembered, rule 6 never is."""
    one = signing()
    before = one.not_valid_before_utc
    until = one.not_valid_after_utc
    second = timedelta(seconds=1)
    for now, trusted in (
        (NOW, True),
        (until + second, False),
        (until, True),
        (before, True),
        (before - second, False),
    ):
        found = decide(one, pinned=(one,), now=now, purpose=Purpose.SIGNING)
        assert found.trusted is trusted
    assert defect_of(one, Purpose.SIGNING) is None


def test_overlap_both_keys_are_trusted_inside_and_the_old_one_not_after():
    old, new = signing(0, until=NOW + DAY), signing(1, since=NOW - DAY)
    later = NOW + 2 * DAY
    assert decided(old, Purpose.SIGNING, old, new).trusted
    assert decided(new, Purpose.SIGNING, old, new).trusted
    assert not decide(old, pinned=(old, new), now=later, purpose=Purpose.SIGNING).trusted
    assert decide(new, pinned=(old, new), now=later, purpose=Purpose.SIGNING).trusted


def test_a_decision_is_no_truth_value():
    with pytest.raises(TypeError, match="trusted"):
        bool(decided(signing(), Purpose.SIGNING))


def test_a_subject_cannot_write_into_the_log():
    one = signing(name='x\n{"event":"accepted"}\x1b[2J')
    because = decided(one, Purpose.SIGNING, signing()).because
    assert because.isascii()
    assert because.isprintable()
