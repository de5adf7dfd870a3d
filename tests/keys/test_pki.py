"""The throw-away authority issues what the gateway itself accepts, and nothing broader."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keys.pki import ThrowAwayAuthority
from keys.trust import Purpose, defect_of
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
