"""Two States take in each other's cards, and their P-Modes mirror each other."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from config.card import AddedPartner, add_partner
from config.card_file import Card, SuiteCertificates, card_text, read_card
from config.faults import ConfigRefused
from config.new_node import write_node
from config.node import load_node
from config.partner import agreement_between
from config.partner_settings import ACTIONS, SERVICE
from keys.identity import same_state
from protocol.as4.pmode import INITIATOR, RESPONDER, PMode, Reliability, SizeLimits, TimeWindow
from protocol.as4.suites import EDELIVERY_20, EDELIVERY_20_ECC, EDELIVERY_115, TokenForm
from tests.config.conftest import edit
from tests.keys.certificates import (
    DAY,
    NOW,
    certificate,
    ec_key,
    encryption,
    other_key,
    rsa_key,
    signing,
    tls,
)

ADDRESS = "https://127.0.0.1:9443/as4"


def pmode_of(node_folder) -> PMode:
    (found,) = load_node(node_folder).pmodes
    return found


def test_the_two_pmodes_mirror_each_other(ground):
    az, xu = pmode_of(ground / "AZ"), pmode_of(ground / "XU")
    assert az.sending_parties == xu.receiving_parties
    assert az.receiving_parties == xu.sending_parties
    assert (az.service, az.agreement) == (xu.service, xu.agreement)
    assert az.actions_sent == xu.actions_received == frozenset(ACTIONS)
    assert az.actions_received == xu.actions_sent
    assert az.suite == xu.suite
    assert az.partner_state == "XU"


def test_what_a_message_says(ground):
    az = pmode_of(ground / "AZ")
    sender, receiver = az.sending_parties
    assert (sender.party_id.value, sender.role) == ("az-gateway", INITIATOR)
    assert (receiver.party_id.value, receiver.role) == ("xu-gateway", RESPONDER)
    assert az.service.value == SERVICE
    assert az.service.type is None
    assert az.agreement is not None
    assert az.agreement.value == "urn:uncc:agreement:az-xu:1"
    assert az.address == "https://127.0.0.1:9003/as4"


def test_the_agreement_is_the_same_whoever_asks():
    assert agreement_between("AZ", "XU") == agreement_between("XU", "AZ")


def test_the_certificates_are_those_of_the_other_node(ground):
    az, xu = load_node(ground / "AZ"), load_node(ground / "XU")
    (pmode,) = az.pmodes
    assert pmode.partner_signing == (xu.signer_for(pmode.suite).certificate,)
    assert pmode.partner_encryption == (xu.decrypters_for(pmode.suite)[0].certificate,)
    assert pmode.partner_tls == xu.tls.certificates[:1]


def test_each_knows_the_other_as_one_state(ground):
    az, xu = load_node(ground / "AZ"), load_node(ground / "XU")
    decision = same_state(
        tls_certificate=az.tls.certificates[0],
        signing_certificate=az.signer_for(az.pmodes[0].suite).certificate,
        from_party=("az-gateway", az.settings.party.type),
        partners=xu.partners,
        now=NOW,
    )
    assert decision.state == "AZ"


def test_the_written_file_has_the_defaults_of_the_protocol(ground):
    az = pmode_of(ground / "AZ")
    assert az.reliability == Reliability()
    assert az.limits == SizeLimits()
    assert az.window == TimeWindow()
    plain = PMode.__dataclass_fields__
    assert az.signing_token is az.suite.signing_token
    assert az.encryption_token is plain["encryption_token"].default
    assert az.max_in_flight == plain["max_in_flight"].default


def test_a_person_can_edit_the_file(az):
    path = az / "partners/XU.toml"
    edit(path, 'signing_token = "bst-x509v3"', 'signing_token = "issuer-serial"')
    edit(path, "max_retries = 8", "max_retries = 3")
    edit(path, "max_part_bytes = 8589934592", "max_part_bytes = 1048576")
    edit(path, '    "MlaRequest",\n', "")
    pmode = pmode_of(az)
    assert pmode.signing_token is TokenForm.ISSUER_SERIAL
    assert pmode.reliability.max_retries == 3
    assert pmode.limits.max_part_bytes == 1048576
    assert "MlaRequest" not in pmode.actions_sent
    assert "MlaRequest" in pmode.actions_received


def test_a_party_without_type_stays_without(az):
    edit(
        az / "partners/XU.toml",
        'type = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"\n',
        "",
    )
    assert pmode_of(az).partner.type is None


def test_the_fingerprints_are_those_of_the_card(az, nodes):
    added = add_partner(az, nodes / "XU/card.toml", now=NOW, replace=True)
    xu = load_node(nodes / "XU")
    signer = xu.signer_for(EDELIVERY_20).certificate
    digest = signer.fingerprint(hashes.SHA256()).hex()
    assert ("signing, edelivery-as4-2.0", digest) in added.fingerprints
    assert not any("1.15" in use for use, _ in added.fingerprints)
    assert digest in (nodes / "XU/card.toml").read_text()
    assert added.fingerprints[0][1] in (nodes / "XU/card.toml").read_text()


def test_a_second_time_is_refused_without_replace(az, nodes):
    before = (az / "partners/XU.toml").read_bytes()
    with pytest.raises(ConfigRefused, match="--replace"):
        add_partner(az, nodes / "XU/card.toml", now=NOW)
    assert (az / "partners/XU.toml").read_bytes() == before


def test_replacing_keeps_what_was_there(az, nodes):
    before = (az / "partners/XU.toml").read_bytes()
    shutil.rmtree(nodes / "XU")
    write_node(nodes / "XU", "XU", as4_port=9100, now=NOW)
    add_partner(az, nodes / "XU/card.toml", now=NOW, replace=True)
    assert (az / "partners/XU.toml.replaced").read_bytes() == before
    assert pmode_of(az).address == "https://127.0.0.1:9100/as4"
    assert pmode_of(az).partner_signing == (
        load_node(nodes / "XU").signer_for(EDELIVERY_20).certificate,
    )
    assert not [path for path in (az / "partners").iterdir() if path.name.startswith(".")]


GOOD = {"since": NOW - DAY, "until": NOW + 365 * DAY}


def card(
    folder, *, suites=None, signing_certificates=None, encryption_certificates=None, **changes
):
    """A card of XU for profile 1.15, or for `suites`."""
    held = SuiteCertificates(
        signing_certificates or (signing(20, **GOOD),),
        encryption_certificates or (encryption(21, **GOOD),),
    )
    base = Card("XU", ADDRESS, "xu-gateway", None, (tls(20, **GOOD),), suites or {OLD: held})
    path = folder / "handed-over.toml"
    path.write_text(card_text(replace(base, **changes)))
    return path


OLD = EDELIVERY_115.id


def added(az, path) -> AddedPartner:
    shutil.rmtree(az / "partners")
    (az / "partners").mkdir(mode=0o700)
    return add_partner(az, path, now=NOW)


def held_for(signing_key, encryption_key):
    return SuiteCertificates(
        (certificate(signing_key, "digital_signature", name="XU", **GOOD),),
        (certificate(encryption_key, "key_agreement", name="XU", **GOOD),),
    )


NEW, ECC = EDELIVERY_20.id, EDELIVERY_20_ECC.id
MODERN = held_for(other_key("ed25519"), other_key("x25519"))
CURVES = held_for(other_key("brainpool"), ec_key(21))
RSA = SuiteCertificates((signing(20, **GOOD),), (encryption(21, **GOOD),))


@pytest.mark.parametrize(
    ("offered", "wanted", "agreed"),
    [
        ({NEW: MODERN, OLD: RSA}, None, EDELIVERY_20),
        ({OLD: RSA, NEW: MODERN}, None, EDELIVERY_20),
        ({ECC: CURVES, NEW: MODERN}, None, EDELIVERY_20),
        ({OLD: RSA}, None, EDELIVERY_115),
        ({ECC: CURVES, OLD: RSA}, None, EDELIVERY_115),  # AZ has no keys for curves
        ({NEW: MODERN, OLD: RSA}, OLD, EDELIVERY_115),
        ({NEW: MODERN, OLD: RSA}, NEW, EDELIVERY_20),
    ],
)
def test_the_best_suite_of_both_is_agreed_unless_another_is_wanted(
    az, tmp_path, offered, wanted, agreed
):
    path = card(tmp_path, suites=offered)
    shutil.rmtree(az / "partners")
    (az / "partners").mkdir(mode=0o700)
    assert add_partner(az, path, suite=wanted, now=NOW).suite == agreed.id
    pmode = pmode_of(az)
    assert pmode.suite is agreed
    assert pmode.partner_signing == offered[agreed.id].signing
    assert pmode.partner_encryption == offered[agreed.id].encryption
    assert pmode.signing_token is agreed.signing_token


def test_a_node_with_keys_for_curves_agrees_on_them(tmp_path):
    made = write_node(tmp_path / "az", "AZ", suites=(EDELIVERY_20_ECC,), now=NOW)
    path = card(tmp_path, suites={ECC: CURVES, OLD: RSA})
    assert add_partner(made.folder, path, now=NOW).suite == ECC
    node = load_node(made.folder)
    assert node.pmodes[0].partner_signing == CURVES.signing
    assert list(node.suite_keys) == [ECC]
    assert node.suite_for_strangers is EDELIVERY_20_ECC


@pytest.mark.parametrize(
    ("offered", "wanted", "place", "fragment"),
    [
        ({ECC: CURVES}, None, "certificates.suites", "no suite is in both"),
        ({OLD: RSA}, NEW, "handed-over.toml: certificates.suites", "only for edelivery-as4-1.15"),
        ({ECC: CURVES}, ECC, "gateway.toml: keys.suites", "has no keys for edelivery-as4-2.0-ecc"),
        ({OLD: RSA}, "none", "--suite", "none of the suites"),
        ({OLD: MODERN}, None, f"certificates.suites.{OLD}.signing[0]", "no RSA key"),
        ({OLD: MODERN}, None, f"certificates.suites.{OLD}.encryption[0]", "no RSA key"),
        ({NEW: CURVES}, None, f"certificates.suites.{NEW}.signing[0]", "no Ed25519 key"),
        ({NEW: CURVES}, None, f"certificates.suites.{NEW}.encryption[0]", "no X25519 key"),
        ({NEW: RSA}, None, f"certificates.suites.{NEW}.encryption[0]", "no X25519 key"),
    ],
)
def test_a_suite_that_cannot_be_agreed_on_is_refused(
    az, tmp_path, offered, wanted, place, fragment
):
    shutil.rmtree(az / "partners")
    (az / "partners").mkdir(mode=0o700)
    with pytest.raises(ConfigRefused) as refused:
        add_partner(az, card(tmp_path, suites=offered), suite=wanted, now=NOW)
    assert any(place in f.path and fragment in f.sentence for f in refused.value.faults), (
        refused.value.faults
    )
    assert list((az / "partners").iterdir()) == []


def test_what_is_wrong_with_another_suite_of_the_card_does_not_matter(az, tmp_path):
    stale = SuiteCertificates((signing(20, until=NOW - DAY),), (encryption(21, **GOOD),))
    added(az, card(tmp_path, suites={NEW: MODERN, OLD: stale}))
    assert pmode_of(az).suite is EDELIVERY_20


def test_a_card_with_a_suite_that_we_do_not_know_is_refused(az, tmp_path):
    path = card(tmp_path)
    edit(path, f'[certificates.suites."{OLD}"]', '[certificates.suites."edelivery-as4-3.0"]')
    with pytest.raises(ConfigRefused, match=r"edelivery-as4-3.0: must be one of the suites"):
        added(az, path)


def test_a_partner_that_the_directory_does_not_know_is_added_with_a_note(az, tmp_path):
    found = added(az, card(tmp_path, state="QQ"))
    assert "QQ is not in the State directory" in found.notes[0]
    assert pmode_of(az).partner_state == "QQ"


def test_an_encryption_certificate_without_key_identifier_is_named_otherwise(az, tmp_path):
    added(az, card(tmp_path))
    assert pmode_of(az).encryption_token is TokenForm.ISSUER_SERIAL
    assert pmode_of(az).partner.type is None


def test_a_card_of_two_certificates_for_each_use_is_taken_whole(az, tmp_path):
    two = (signing(20), signing(22))
    added(az, card(tmp_path, signing_certificates=two))
    assert pmode_of(az).partner_signing == two


BAD_CARDS = {
    "expired": (
        {"signing_certificates": (signing(20, until=NOW - DAY),)},
        "certificates.suites.edelivery-as4-1.15.signing[0]",
        "expired on",
    ),
    "not-yet-valid": (
        {"encryption_certificates": (encryption(20, since=NOW + DAY, until=NOW + 2 * DAY),)},
        "certificates.suites.edelivery-as4-1.15.encryption[0]",
        "not valid before",
    ),
    "tls-expired": (
        {"tls": (tls(20, until=NOW - DAY),)},
        "certificates.tls[0]",
        "expired on",
    ),
    "small-key": (
        {"signing_certificates": (certificate(rsa_key(1024), "digital_signature"),)},
        "certificates.suites.edelivery-as4-1.15.signing[0]",
        "1024 bits",
    ),
    "ecdsa-signing": (
        {"signing_certificates": (tls(20),)},
        "certificates.suites.edelivery-as4-1.15.signing[0]",
        "no RSA key",
    ),
    "swapped": (
        {"signing_certificates": (encryption(20),), "encryption_certificates": (signing(20),)},
        "certificates.suites.edelivery-as4-1.15.encryption[0]",
        "keyEncipherment",
    ),
    "one-key-for-two-uses": (
        {"encryption_certificates": (encryption(20),)},
        "handed-over.toml",
        "nothing but sign",
    ),
    "own-state": ({"state": "AZ"}, "handed-over.toml", "own State"),
    "own-party": (
        {
            "party_id": "az-gateway",
            "party_type": "urn:oasis:names:tc:ebcore:partyid-type:unregistered",
        },
        "handed-over.toml",
        "same party id",
    ),
}


@pytest.mark.parametrize("defect", BAD_CARDS)
def test_a_card_that_does_not_hold_is_refused_and_changes_nothing(az, tmp_path, defect):
    changes, place, fragment = BAD_CARDS[defect]
    with pytest.raises(ConfigRefused) as refused:
        added(az, card(tmp_path, **changes))
    assert any(place in f.path and fragment in f.sentence for f in refused.value.faults)
    assert list((az / "partners").iterdir()) == []


def test_a_card_with_our_own_key_is_refused(az, nodes):
    """Whoever sends us our own certificate back is not to be believed."""
    own = read_card(az / "card.toml").suites[OLD]
    path = card(nodes, signing_certificates=own.signing)
    with pytest.raises(ConfigRefused, match="AZ and XU both use"):
        added(az, path)


def test_a_card_with_a_key_of_another_partner_is_refused(az, nodes):
    known = read_card(nodes / "XU/card.toml")
    path = card(nodes, state="QQ", party_id="qq", tls=known.tls)
    with pytest.raises(ConfigRefused, match="XU both use"):
        add_partner(az, path, now=NOW)


@pytest.mark.parametrize(
    ("old", "new", "place", "fragment"),
    [
        ('state = "XU"', 'state = "Xu"', "state", "pattern"),
        ("https://", "http://", "address", "https URL"),
        ("https://", "https://user:secret@", "address", "without user name"),
        ("[party]", "[party]\nrole = 'x'", "party.role", "do not know"),
        ('state = "XU"', 'state = "XU"\ntrust = true', "trust", "do not know"),
        ("BEGIN CERT", "BEGIN SORT", "certificates.tls[0]", "no PEM certificate"),
        ('"""\n-----BEGIN', '"""', "certificates.tls[0]", "no PEM certificate"),
        ('state = "XU"', "state = ", "handed-over.toml", "no TOML"),
        ("tls = [", "tls_ = [", "certificates.tls", "missing"),
    ],
)
def test_a_card_that_cannot_be_read_is_refused_with_the_place(
    az, tmp_path, old, new, place, fragment
):
    path = card(tmp_path)
    edit(path, old, new)
    with pytest.raises(ConfigRefused) as refused:
        added(az, path)
    assert any(f.path.endswith(place) and fragment in f.sentence for f in refused.value.faults)


def test_a_card_can_write_nothing_else_into_the_pmode(az, tmp_path):
    """Its texts are quoted: a name that looks like TOML stays a name."""
    name = 'x" ] [security] suite = "none" # \\ é'
    added(az, card(tmp_path, party_id=name))
    assert pmode_of(az).partner.value == name


@pytest.mark.parametrize("name", ['x"\n[security]\nsuite = "none"', "x\x7f", "x\x9b2J"])
def test_a_card_has_no_control_characters(az, tmp_path, name):
    with pytest.raises(ConfigRefused, match="one line without control characters"):
        added(az, card(tmp_path, party_id=name))


def test_a_card_larger_than_any_card_is_refused(az, tmp_path):
    path = card(tmp_path)
    with path.open("a") as opened:
        opened.write("#" * 2_000_000)
    with pytest.raises(ConfigRefused, match="larger than"):
        added(az, path)


def only(end):
    return tls(20, since=NOW - DAY, until=NOW + DAY, extended=[end])


def test_one_certificate_for_each_end_of_tls_is_enough(az, tmp_path):
    both = (only(ExtendedKeyUsageOID.CLIENT_AUTH), only(ExtendedKeyUsageOID.SERVER_AUTH))
    added(az, card(tmp_path, tls=both))
    assert pmode_of(az).partner_tls == both


@pytest.mark.parametrize(
    ("end", "missing"),
    [
        (ExtendedKeyUsageOID.CLIENT_AUTH, "TLS server"),
        (ExtendedKeyUsageOID.SERVER_AUTH, "TLS client"),
    ],
)
def test_a_card_for_one_end_of_tls_only_is_refused(az, tmp_path, end, missing):
    path = card(tmp_path, tls=(only(end),))
    with pytest.raises(ConfigRefused) as refused:
        added(az, path)
    (fault,) = refused.value.faults
    assert fault.path == f"{path}: certificates.tls"
    assert missing in fault.sentence
    assert list((az / "partners").iterdir()) == []


def test_what_could_not_be_loaded_never_takes_its_place(az, nodes, monkeypatch):
    monkeypatch.setattr("config.card.partner_text", lambda *_: "state = 1\n")
    before = (az / "partners/XU.toml").read_bytes()
    with pytest.raises(ConfigRefused, match="valid string"):
        add_partner(az, nodes / "XU/card.toml", now=NOW, replace=True)
    assert (az / "partners/XU.toml").read_bytes() == before


def test_a_crash_before_the_end_changes_nothing(az, nodes, monkeypatch):
    before = (az / "partners/XU.toml").read_bytes()

    def crash(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("config.card.write_new", crash)
    with pytest.raises(OSError, match="no space"):
        add_partner(az, nodes / "XU/card.toml", now=NOW, replace=True)
    assert (az / "partners/XU.toml").read_bytes() == before
    assert load_node(az).partners


def test_the_throw_away_authority_gives_a_key_identifier(ground):
    assert pmode_of(ground / "AZ").encryption_token is TokenForm.SUBJECT_KEY_IDENTIFIER
