"""same_state: of every combination of TLS identity, signer and party, exactly one is let in."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from keys.identity import PartnerIdentity, same_state, shared_keys
from keys.trust import TrustDecision
from tests.keys.certificates import (
    DAY,
    NOW,
    certificate,
    encryption,
    rsa_key,
    signing,
    tls,
)

TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"

AZ = PartnerIdentity(
    "AZ", "az-gateway", TYPE, (tls(0),), (signing(0),), (encryption(2, name="AZ"),)
)
XU = PartnerIdentity(
    "XU", "xu-gateway", TYPE, (tls(1),), (signing(1),), (encryption(3, name="XU"),)
)
PARTNERS = (AZ, XU)
STRANGER_TLS, STRANGER_SIGNING = tls(9), signing(9)

TLS = {
    "AZ tls": AZ.tls_certificates[0],
    "XU tls": XU.tls_certificates[0],
    "AZ signing": AZ.signing_certificates[0],
    "AZ encryption": AZ.encryption_certificates[0],
    "XU signing": XU.signing_certificates[0],
    "stranger": STRANGER_TLS,
    "none": None,
}
SIGNERS = {
    "AZ signing": AZ.signing_certificates[0],
    "XU signing": XU.signing_certificates[0],
    "AZ tls": AZ.tls_certificates[0],
    "AZ encryption": AZ.encryption_certificates[0],
    "XU tls": XU.tls_certificates[0],
    "XU encryption": XU.encryption_certificates[0],
    "stranger": STRANGER_SIGNING,
    "none": None,
}
PARTIES = {
    "AZ": ("az-gateway", TYPE),
    "XU": ("xu-gateway", TYPE),
    "AZ without type": ("az-gateway", None),
    "AZ with empty type": ("az-gateway", ""),
    "AZ with other type": ("az-gateway", "urn:other"),
    "AZ in capitals": ("AZ-GATEWAY", TYPE),
    "AZ and a space": ("az-gateway ", TYPE),
    "stranger": ("zz-gateway", TYPE),
    "empty": ("", None),
}
RIGHT = {("AZ tls", "AZ signing", "AZ"): "AZ", ("XU tls", "XU signing", "XU"): "XU"}


def asked(tls_name="AZ tls", signer="AZ signing", party="AZ", partners=PARTNERS, now=NOW):
    return same_state(
        tls_certificate=TLS[tls_name] if isinstance(tls_name, str) else tls_name,
        signing_certificate=SIGNERS[signer] if isinstance(signer, str) else signer,
        from_party=PARTIES[party],
        partners=partners,
        now=now,
    )


@pytest.mark.parametrize("combination", list(product(TLS, SIGNERS, PARTIES)), ids="-".join)
def test_every_combination_but_the_two_right_ones_is_refused(combination):
    decision = asked(*combination)
    assert decision.trusted is (combination in RIGHT)
    assert decision.state == RIGHT.get(combination)
    assert decision.because


def test_the_decision_is_valid_until_the_first_certificate_ends():
    early = tls(0, until=NOW + DAY)
    decision = asked(early, partners=(replace(AZ, tls_certificates=(early,)), XU))
    assert decision.trusted
    assert decision.valid_until == NOW + DAY


@pytest.mark.parametrize("partners", [(), (XU,)])
def test_a_partner_that_is_not_there_is_nobody(partners):
    assert not asked(partners=partners).trusted


@pytest.mark.parametrize("field", ["tls_certificates", "signing_certificates"])
@pytest.mark.parametrize(
    "when", [{"until": NOW - DAY}, {"since": NOW + DAY}], ids=["expired", "not-yet-valid"]
)
def test_an_agreed_certificate_out_of_its_time_is_refused(field, when):
    make = {"tls_certificates": tls, "signing_certificates": signing}[field]
    stale = make(0, **when)
    partner = replace(AZ, **{field: (stale,)})
    shown = {"tls_name": stale} if field == "tls_certificates" else {"signer": stale}
    decision = asked(**shown, partners=(partner, XU))
    assert not decision.trusted
    assert "expired" in decision.because or "not valid before" in decision.because


def test_a_certificate_taken_out_of_the_agreement_is_refused_at_once():
    """The set of partners is an argument: an open connection keeps nothing (threat K10)."""
    assert asked().trusted
    rotated = replace(AZ, signing_certificates=(signing(4),))
    assert not asked(partners=(rotated, XU)).trusted


def test_two_partners_of_one_party_are_nobody():
    twin = replace(XU, party_id=AZ.party_id)
    decision = asked(partners=(AZ, twin))
    assert not decision.trusted
    assert "2 partners" in decision.because


@pytest.mark.parametrize(
    "theirs",
    [
        {"tls_certificates": AZ.tls_certificates},
        {"signing_certificates": AZ.signing_certificates},
        {"encryption_certificates": AZ.signing_certificates},
        {"encryption_certificates": (encryption(0, name="another of the same key"),)},
        {"tls_certificates": AZ.signing_certificates},
    ],
    ids=lambda theirs: next(iter(theirs)),
)
def test_a_key_that_two_states_use_opens_nothing_and_is_named_at_load(theirs):
    partners = (AZ, replace(XU, **theirs))
    assert not asked(partners=partners).trusted
    assert any("AZ" in s and "XU" in s for s in shared_keys(partners))


@pytest.mark.parametrize("field", ["tls_certificates", "encryption_certificates"])
def test_a_key_agreed_for_signing_and_something_else_signs_nothing(field):
    """Even if somebody wrote it so into the agreement (threat K09)."""
    both = certificate(rsa_key(which=0), "digital_signature", "key_encipherment")
    partner = replace(AZ, signing_certificates=(both,), **{field: (both,)})
    shown = both if field == "tls_certificates" else "AZ tls"
    assert not asked(shown, both, partners=(partner, XU)).trusted
    assert any("nothing but sign" in s for s in shared_keys((partner, XU)))


def test_partners_with_keys_of_their_own_share_nothing():
    assert list(shared_keys(PARTNERS)) == []


def test_one_party_id_for_two_states_is_named_at_load():
    assert any("same party id" in s for s in shared_keys((AZ, replace(XU, party_id="az-gateway"))))


def test_the_reason_says_whose_certificate_it_was():
    assert "XU" in asked("XU tls").because
    assert "encryption certificate of AZ" in asked(signer="AZ encryption").because


def test_a_decision_never_passes_for_a_yes():
    decision: TrustDecision = asked("stranger")
    with pytest.raises(TypeError):
        bool(decision)
