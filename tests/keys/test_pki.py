"""The throw-away authority issues what the gateway itself accepts, and nothing broader."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import crypto

from keys.pki import IssuedKind, ThrowAwayAuthority
from keys.trust import Purpose, decide, defect_of
from tests.keys.certificates import DAY, NOW


@pytest.fixture(scope="module")
def authority():
    return ThrowAwayAuthority("AZ", NOW)


@pytest.fixture(scope="module")
def issued(authority):
    return {
        "tls": authority.issue_tls("AZ"),
        "signing": authority.issue_signing("AZ"),
        "encryption": authority.issue_encryption("AZ"),
    }


FIT = {
    "tls": {Purpose.TLS_CLIENT, Purpose.TLS_SERVER, Purpose.SIGNING},
    "signing": {Purpose.SIGNING, Purpose.TLS_CLIENT, Purpose.TLS_SERVER},
    "encryption": {Purpose.ENCRYPTION},
}


@pytest.mark.parametrize("use", FIT)
def test_each_certificate_is_fit_for_its_use(issued, use):
    fit = {p for p in Purpose if defect_of(issued[use].certificate, p) is None}
    assert fit == FIT[use]


def test_keys_are_of_the_kinds_that_were_decided(issued):
    assert isinstance(issued["tls"].private_key, ec.EllipticCurvePrivateKey)
    for use in ("signing", "encryption"):
        assert isinstance(issued[use].private_key, rsa.RSAPrivateKey)
        assert issued[use].private_key.key_size == 3072


SUITES = [
    (IssuedKind.ED25519, IssuedKind.X25519),
    (IssuedKind.P256, IssuedKind.P256),
    (IssuedKind.BRAINPOOL_P256, IssuedKind.BRAINPOOL_P256),
]


@pytest.mark.parametrize(("sign", "encrypt"), SUITES)
def test_keys_of_other_kinds_are_fit_for_their_use_alone(authority, sign, encrypt):
    signing = authority.issue_signing("AZ", sign).certificate
    encryption = authority.issue_encryption("AZ", encrypt).certificate
    assert defect_of(signing, Purpose.SIGNING) is None
    assert defect_of(encryption, Purpose.ENCRYPTION) is None
    assert defect_of(signing, Purpose.ENCRYPTION) is not None
    assert defect_of(encryption, Purpose.SIGNING) is not None
    usage = encryption.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_agreement
    assert not usage.key_encipherment
    assert not usage.digital_signature


def test_no_certificate_is_issued_for_what_its_key_cannot_do(authority):
    with pytest.raises(ValueError, match="signs nothing"):
        authority.issue_signing("AZ", IssuedKind.X25519)
    with pytest.raises(ValueError, match="opens nothing"):
        authority.issue_encryption("AZ", IssuedKind.ED25519)


def test_a_path_to_an_ed25519_certificate_can_be_validated(authority):
    """cryptography's own verifier refuses EdDSA; OpenSSL's does not. We pin, and need neither."""
    leaf = authority.issue_signing("AZ", IssuedKind.ED25519).certificate
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(authority.certificate))
    store.set_time(NOW)
    crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf)).verify_certificate()
    stranger = ThrowAwayAuthority("XU", NOW).issue_signing("XU", IssuedKind.ED25519).certificate
    with pytest.raises(crypto.X509StoreContextError):
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(stranger)).verify_certificate()
    assert decide(leaf, pinned=[leaf], now=NOW, purpose=Purpose.SIGNING).trusted
    assert not decide(stranger, pinned=[leaf], now=NOW, purpose=Purpose.SIGNING).trusted


def test_the_root_signed_each_of_them(authority, issued):
    for one in issued.values():
        one.certificate.verify_directly_issued_by(authority.certificate)


def test_each_has_a_subject_key_identifier_of_its_own(issued):
    identifiers = {
        one.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        for one in issued.values()
    }
    assert len(identifiers) == 3


def test_tls_is_for_this_machine_by_name_and_address(issued):
    names = (
        issued["tls"]
        .certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]


def test_validity_is_from_the_time_given():
    short = ThrowAwayAuthority("AZ", NOW, valid_days=1).issue_tls("AZ").certificate
    assert short.not_valid_before_utc < NOW
    assert short.not_valid_after_utc == NOW + DAY


def test_no_representation_shows_a_key(issued):
    assert "private_key" not in repr(issued["signing"])
