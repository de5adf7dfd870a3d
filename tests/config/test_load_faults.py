"""Every fault that keeps a node from running: its place, and what the sentence says of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.credentials import token_digest
from config.faults import ConfigRefused, Fault
from config.node import load_node
from keys.certificates import pem
from keys.pki import IssuedKind, ThrowAwayAuthority
from protocol.as4.suites import EDELIVERY_20
from tests.config.conftest import edit, line
from tests.keys.certificates import NOW, encryption, signing, tls


def faults_of(folder: Path) -> tuple[Fault, ...]:
    with pytest.raises(ConfigRefused) as refused:
        load_node(folder)
    return refused.value.faults


def assert_fault(faults, path: str, fragment: str) -> None:
    found = [fault for fault in faults if fault.path.endswith(path)]
    assert found, f"no fault at {path}, only at {[fault.path for fault in faults]}"
    assert any(fragment in fault.sentence for fault in found), [str(fault) for fault in found]


SUITE = "keys.suites.edelivery-as4-1.15"  # the last table, which "line" edits

# key, value (None: the line is taken out), place, fragment of the sentence
GATEWAY = [
    ("state", '"az"', "gateway.toml: state", "pattern"),
    ("state", '"ZZ"', "states", "has no authority of ZZ"),
    ("state", "7", "gateway.toml: state", "valid string"),
    ("state", None, "gateway.toml: state", "is missing"),
    ("workers", "2", "gateway.toml: workers", "only one process"),
    ("workers", "0", "gateway.toml: workers", "greater than or equal to 1"),
    ("workers", "true", "gateway.toml: workers", "valid integer"),
    ("id", '""', "gateway.toml: party.id", "at least 1 character"),
    ("id", '"az\\u0001"', "gateway.toml: party.id", "control characters"),
    ("id", '"az\\u009b2J"', "gateway.toml: party.id", "control characters"),
    ("id", '"xu-gateway"', "XU.toml: party", "this node's own party"),
    ("minimum_tls", '"1.1"', "gateway.toml: as4.minimum_tls", "'1.2' or '1.3'"),
    ("minimum_tls", "1.3", "gateway.toml: as4.minimum_tls", "(it is 1.3)"),
    ("public_url", '"http://127.0.0.1/as4"', "as4.public_url", "https URL"),
    ("public_url", '"https:///as4"', "as4.public_url", "https URL"),
    ("public_url", '"https://127.0.0.1/a\\ns4"', "as4.public_url", "ASCII"),
    ("public_url", '"https://127.0.0.1/a s4"', "as4.public_url", "ASCII"),
    ("public_url", '"https://127.0.0.1/as4?x"', "as4.public_url", "query"),
    ("public_url", '"https://münchen.example/as4"', "as4.public_url", "ASCII"),
    ("lease_seconds", "0", "gateway.toml: local.lease_seconds", "greater than 0"),
    ("lease_seconds", "inf", "gateway.toml: local.lease_seconds", "finite"),
    ("lease_seconds", '"300"', "gateway.toml: local.lease_seconds", "valid number"),
    ("max_deliveries", "0", "gateway.toml: local.max_deliveries", "greater than or equal to 1"),
    ("url", '"mysql://x"', "gateway.toml: store.url", "must begin with sqlite"),
    ("url", '"postgresql+psycopg://u:canary@h/n"', "gateway.toml: store.url", "password_file"),
    ("folder", '"data/wire"', "gateway.toml: spool.wire_folder", "is spool.folder, too"),
    ("level", '"loud"', "gateway.toml: log.level", "'debug'"),
    ("storage", '"keys/none.key"', "keys/none.key", "not there"),
    (
        "signing",
        "{ key = 'file:keys/sign.key.pem' }",
        f"{SUITE}.signing.certificate",
        "is missing",
    ),
    (
        "signing",
        "{ key = 'file:keys/none.pem', certificate = 'keys/sign.cert.pem' }",
        "keys/none.pem",
        "not there",
    ),
    (
        "signing",
        "{ key = 'pkcs11:x', certificate = 'keys/sign.cert.pem' }",
        "pkcs11:x",
        "no key URI",
    ),
    (
        "signing",
        "{ key = 'file:keys/sign.key.pem', certificate = 'keys/tls.cert.pem' }",
        "keys/tls.cert.pem",
        "does not belong to the private key",
    ),
    (
        "signing",
        "{ key = 'file:keys/encrypt.key.pem', certificate = 'keys/encrypt.cert.pem' }",
        f"gateway.toml: {SUITE}.signing.certificate",
        "digitalSignature",
    ),
    (
        "signing",
        "{ key = 'file:keys/tls.key.pem', certificate = 'keys/tls.cert.pem' }",
        f"gateway.toml: {SUITE}.signing.certificate",
        "no RSA key",
    ),
    (
        "tls",
        "{ key = 'file:keys/sign.key.pem', certificate = 'keys/sign.cert.pem' }",
        "partners",
        "nothing but sign",
    ),
    (
        "tls",
        "{ key = 'file:keys/encrypt.key.pem', certificate = 'keys/encrypt.cert.pem' }",
        "gateway.toml: keys.tls.certificate",
        "digitalSignature",
    ),
]


@pytest.mark.parametrize(("key", "value", "path", "fragment"), GATEWAY)
def test_a_fault_in_gateway_toml_is_named(az, key, value, path, fragment):
    line(az / "gateway.toml", key, value)
    assert_fault(faults_of(az), path, fragment)


# old text, new text, place, fragment
EDITS = [
    ("workers = 1", "wrokers = 1", "gateway.toml: wrokers", "did you mean 'workers'?"),
    ("[party]", "[party]\nrole = 'x'", "gateway.toml: party.role", "known here: id, type"),
    ("[as4]", "[as4]\nprot = 1", "gateway.toml: as4.prot", "did you mean 'port'?"),
    ("[log]", "[log]\nfile = 'x'", "gateway.toml: log.file", "do not know"),
    ("[store]", "[store]\npassword_file = 'x'", "store.password_file", "SQLite has no password"),
    ("port = 9002", "port = 9001", "gateway.toml: local.port", "give each its own"),
    ("port = 9001", "port = 65536", "gateway.toml: as4.port", "less than or equal to 65535"),
    ('[local]\nhost = "127.0.0.1"', '[local]\nhost = "0.0.0.0"', "local.host", "loopback"),
    ('[local]\nhost = "127.0.0.1"', '[local]\nhost = "here"', "local.host", "IPv4 or IPv6"),
    ("[as4]", "[as4", "gateway.toml", "is no TOML"),
    ("decryption = [", "decryption = [] #[", "gateway.toml", "is no TOML"),
    (
        '  { key = "file:keys/encrypt.key.pem", certificate = "keys/encrypt.cert.pem" },\n',
        "",
        f"gateway.toml: {SUITE}.decryption",
        "at least 1 item",
    ),
    (
        '{ key = "file:keys/encrypt.key.pem",',
        '{ key = "file:keys/encrypt.key.pem", certficate = "x",',
        f"gateway.toml: {SUITE}.decryption[0].certficate",
        "did you mean 'certificate'?",
    ),
    (
        '"file:keys/encrypt.key.pem", certificate = "keys/encrypt.cert.pem"',
        '"file:keys/sign.key.pem", certificate = "keys/sign.cert.pem"',
        f"gateway.toml: {SUITE}.decryption[0].certificate",
        "keyEncipherment",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "fragment"), EDITS)
def test_an_edit_that_went_wrong_is_named(az, old, new, path, fragment):
    edit(az / "gateway.toml", old, new)
    assert_fault(faults_of(az), path, fragment)


PMODE = [
    ("state", '"AZ"', "XU.toml: state", "own State"),
    ("state", '"QQ"', "XU.toml: state", "name the file QQ.toml"),
    ("state", None, "XU.toml: state", "is missing"),
    ("address", '"http://x"', "XU.toml: address", "https URL"),
    ("address", None, "XU.toml: address", "is missing"),
    ("max_in_flight", "0", "XU.toml: max_in_flight", "greater than or equal to 1"),
    ("suite", None, "XU.toml: security.suite", "is missing"),
    ("suite", '"none"', "XU.toml: security.suite", "edelivery-as4-1.15"),
    ("signing_token", '"bst"', "XU.toml: security.signing_token", "'bst-x509v3'"),
    ("compress", "1", "XU.toml: security.compress", "valid boolean"),
    ("tls", None, "XU.toml: certificates.tls", "is missing"),
    ("signing", None, "XU.toml: certificates.signing", "is missing"),
    ("encryption", None, "XU.toml: certificates.encryption", "is missing"),
    ("signing", "[]", "XU.toml: certificates.signing", "at least 1 item"),
    ("signing", '["none.pem"]', "XU.toml: certificates.signing[0]", "not there"),
    ("signing", '["XU.toml"]', "XU.toml: certificates.signing[0]", "no PEM certificate"),
    ("max_retries", "-1", "XU.toml: reliability.max_retries", "greater than or equal to 0"),
    ("backoff", "0.5", "XU.toml: reliability.backoff", "greater than or equal to 1"),
    ("backoff", "nan", "XU.toml: reliability.backoff", "finite"),
    ("max_interval_seconds", "1", "first_interval_seconds", "more than reliability.max_interval"),
    ("duplicate_window_seconds", "600", "duplicate_window_seconds", "goes on trying for"),
    ("duplicate_window_seconds", "1209600", "duplicate_window_seconds", "[window] is 1209900"),
    ("max_part_bytes", "8589934593", "XU.toml: limits.max_part_bytes", "less than or equal"),
    ("max_message_bytes", "1000", "XU.toml: limits.max_part_bytes", "max_message_bytes"),
    ("max_parts", "33", "XU.toml: limits.max_parts", "less than or equal to 32"),
    ("max_ratio", "201", "XU.toml: limits.max_ratio", "less than or equal to 200"),
    ("past_seconds", "0", "XU.toml: window.past_seconds", "greater than 0"),
    ("value", None, "XU.toml: agreement.value", "is missing"),
    (
        "receiver",
        '"http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/initiator"',
        "XU.toml: roles",
        "two roles",
    ),
]


@pytest.mark.parametrize(("key", "value", "path", "fragment"), PMODE)
def test_a_fault_in_a_pmode_is_named_with_its_file(az, key, value, path, fragment):
    target = az / "partners/XU.toml"
    if key == "value":
        edit(target, '[agreement]\nvalue = "urn:uncc:agreement:az-xu:1"', "[agreement]")
    else:
        line(target, key, value)
    assert_fault(faults_of(az), path, fragment)


def test_a_suite_in_use_without_keys_of_our_own_is_named(az):
    path = az / "gateway.toml"
    text = path.read_text()
    path.write_text(text[: text.index('[keys.suites."edelivery-as4-1.15"]')])
    (fault,) = faults_of(az)
    assert fault.path == f"{az / 'partners/XU.toml'}: security.suite"
    assert 'add [keys.suites."edelivery-as4-1.15"]' in fault.sentence


@pytest.mark.parametrize("suite", ["edelivery-as4-2.0", "edelivery-as4-2.0-ecc"])
def test_a_suite_that_does_not_fit_the_certificates_is_named(az, suite):
    line(az / "partners/XU.toml", "suite", f'"{suite}"')
    found = faults_of(az)
    for use in ("signing", "encryption"):
        assert_fault(found, f"XU.toml: certificates.{use}[0]", f"which the suite {suite} needs")


KEYS = [
    ("sign-2.0", "sign", "signing", "no Ed25519 key"),
    ("encrypt-2.0", "encrypt", "decryption[0]", "no X25519 key"),
    ("sign-2.0", "encrypt-2.0", "signing", "Ed25519"),
]


@pytest.mark.parametrize(("named", "instead", "use", "fragment"), KEYS)
def test_an_own_key_that_does_not_fit_its_suite_is_named(az, named, instead, use, fragment):
    text = (az / "gateway.toml").read_text()
    for end in ("key.pem", "cert.pem"):
        text = text.replace(f"keys/{named}.{end}", f"keys/{instead}.{end}")
    (az / "gateway.toml").write_text(text)
    place = f"gateway.toml: keys.suites.edelivery-as4-2.0.{use}.certificate"
    found = [fault for fault in faults_of(az) if fault.path.endswith(place)]
    assert any(fragment in fault.sentence or "X25519" in fault.sentence for fault in found)


def test_a_suite_that_there_is_not_is_named(az):
    edit(az / "gateway.toml", '[keys.suites."edelivery-as4-1.15"]', '[keys.suites."rot13"]')
    assert_fault(faults_of(az), "gateway.toml: keys.suites.rot13", "must be one of the suites")


def test_an_unknown_key_in_the_table_of_a_suite_is_named(az):
    table = '[keys.suites."edelivery-as4-1.15"]'
    edit(az / "gateway.toml", table, f"{table}\nsignning = 1")
    place = f"gateway.toml: {SUITE}.signning"
    assert_fault(faults_of(az), place, "did you mean 'signing'?")


def test_a_pmode_that_allows_nothing_is_named(az):
    line(az / "partners/XU.toml", "sent", "[]")
    line(az / "partners/XU.toml", "received", "[]")
    assert_fault(faults_of(az), "XU.toml: actions", "allow nothing")


def test_a_pmode_cannot_switch_encryption_off(az):
    edit(az / "partners/XU.toml", "compress = true", "compress = true\nencrypt = false")
    assert_fault(faults_of(az), "XU.toml: security.encrypt", "do not know")


CERTIFICATES: list[tuple[str, Callable[[], bytes], str, str]] = [
    ("signing", lambda: pem(encryption(30)), "certificates.signing[0]", "digitalSignature"),
    ("signing", lambda: pem(tls(30)), "certificates.signing[0]", "no RSA key"),
    ("encryption", lambda: pem(signing(30)), "certificates.encryption[0]", "keyEncipherment"),
    ("encryption", lambda: pem(tls(30)), "certificates.encryption[0]", "keyAgreement"),
    ("encryption", lambda: pem(encryption(30)), "certificates.encryption[0]", "issuer-serial"),
    ("tls", lambda: pem(encryption(30)), "certificates.tls", "no certificate that is fit for"),
    ("signing", lambda: pem(signing(30)) * 2, "certificates.signing[0]", "give each its file"),
    ("signing", lambda: b"", "certificates.signing[0]", "no PEM certificate"),
]


@pytest.mark.parametrize(("use", "octets", "path", "fragment"), CERTIFICATES)
def test_a_partner_certificate_that_is_not_fit_is_named(az, use, octets, path, fragment):
    (target,) = (az / "partners").glob(f"XU.{use}.*.pem")
    target.write_bytes(octets())
    assert_fault(faults_of(az), path, fragment)


def test_a_partner_key_for_signing_and_encryption_is_refused(az):
    """Threat K09: what decrypts never signs."""
    (sign,) = (az / "partners").glob("XU.signing.*.pem")
    (encrypt,) = (az / "partners").glob("XU.encryption.*.pem")
    sign.write_bytes(pem(signing(31)))
    encrypt.write_bytes(pem(encryption(31)))
    line(az / "partners/XU.toml", "encryption_token", '"issuer-serial"')
    assert_fault(faults_of(az), "partners", "nothing but sign")


def test_two_states_that_share_a_key_are_refused(az):
    text = (az / "partners/XU.toml").read_text()
    text = text.replace('state = "XU"', 'state = "QQ"').replace('id = "xu-gateway"', 'id = "qq"')
    (az / "partners/QQ.toml").write_text(text)
    (az / "partners/QQ.toml").chmod(0o600)
    assert_fault(faults_of(az), "partners", "QQ and XU both use")


def test_a_partner_with_our_own_key_is_refused(az):
    (target,) = (az / "partners").glob("XU.signing.*.pem")
    own = (az / "keys/sign.cert.pem").read_text()
    target.write_text(own[: own.index("-----END CERTIFICATE-----") + 26])
    assert_fault(faults_of(az), "partners", "AZ and XU both use")


@dataclass(frozen=True)
class Mode:
    name: str
    mode: int
    fragment: str


MODES = [
    Mode("gateway.toml", 0o666, "change"),
    Mode("gateway.toml", 0o620, "change"),
    Mode("credentials.toml", 0o602, "change"),
    Mode("partners/XU.toml", 0o660, "change"),
    Mode("keys/sign.key.pem", 0o644, "use"),
    Mode("keys/tls.key.pem", 0o640, "use"),
    Mode("keys/encrypt.key.pem", 0o604, "use"),
    Mode("keys/storage.key", 0o644, "use"),
    Mode("keys", 0o770, "write into"),
    Mode(".", 0o777, "write into"),
]


@pytest.mark.parametrize("bad", MODES, ids=lambda m: f"{m.name}-{m.mode:o}")
def test_a_mode_that_lets_others_in_is_refused(az, bad):
    path = (az / bad.name).resolve()
    path.chmod(bad.mode)
    found = faults_of(az)
    assert_fault(found, str(path), bad.fragment)
    assert_fault(found, str(path), f"{bad.mode:04o}")


def test_a_linked_key_is_refused(az):
    (az / "keys/sign.key.pem").rename(az / "keys/real.pem")
    (az / "keys/sign.key.pem").symlink_to(az / "keys/real.pem")
    assert_fault(faults_of(az), "keys/sign.key.pem", "not a link")


@pytest.mark.parametrize(
    ("text", "path", "fragment"),
    [
        ("credential = 1", "credentials.toml: credential", "valid"),
        ("[[credential]]\nholder = 'AZ-SSS'", "credential[0].token_sha256", "is missing"),
        (
            "[[credential]]\nholder = 'AZ-SSS'\ntoken_sha256 = 'secret'",
            "credential[0].token_sha256",
            "pattern",
        ),
        (
            f"[[credential]]\nholder = 'XU-CA'\ntoken_sha256 = '{'0' * 64}'",
            "credential[0].holder",
            "no authority of AZ",
        ),
        (
            f"[[credential]]\nholder = 'AZ-SSS'\ntoken = 'x'\ntoken_sha256 = '{'0' * 64}'",
            "credential[0].token",
            "do not know",
        ),
        (
            f"[[credential]]\nholder = 'AZ-SSS'\ntoken_sha256 = '{'0' * 64}'\n"
            f"[[credential]]\nholder = 'AZ-MOJ'\ntoken_sha256 = '{'0' * 64}'",
            "credential[1].token_sha256",
            "is there twice",
        ),
    ],
)
def test_a_fault_in_the_credentials_is_named(az, text, path, fragment):
    (az / "credentials.toml").write_text(text)
    assert_fault(faults_of(az), path, fragment)


@pytest.mark.parametrize("name", ["gateway.toml", "credentials.toml", "states/AZ.toml"])
def test_a_file_that_is_missing_is_named(az, name):
    (az / name).unlink()
    fragment = "no authority of AZ" if "states" in name else "cannot be read"
    assert_fault(faults_of(az), name if "states" not in name else "states", fragment)


def test_no_fault_shows_a_password(az):
    line(az / "gateway.toml", "url", '"postgresql+psycopg://u:canary@h/n"')
    assert "canary" not in "\n".join(map(str, faults_of(az)))


def test_all_faults_are_named_at_once(az):
    """Three files and a key, one loading."""
    line(az / "gateway.toml", "workers", "4")
    line(az / "partners/XU.toml", "address", '"http://x"')
    (az / "credentials.toml").write_text("credential = 1")
    (az / "keys/storage.key").chmod(0o644)
    shutil.rmtree(az / "states")
    found = faults_of(az)
    for path in ("workers", "address", "credentials.toml: credential", "storage.key", "states"):
        assert any(fault.path.endswith(path) for fault in found), path


def test_every_fault_names_a_place_and_a_remedy_in_plain_sentences(az):
    line(az / "gateway.toml", "workers", "4")
    (az / "keys/storage.key").chmod(0o644)
    for fault in faults_of(az):
        assert fault.path.startswith(str(az))
        assert re.search(r"[;:,] ?\w+", fault.sentence)
        assert not fault.sentence.endswith(".")


def test_a_postgresql_password_comes_from_its_file(az):
    line(az / "gateway.toml", "url", '"postgresql+psycopg://gateway@db.example/hanoi"')
    edit(az / "gateway.toml", "[store]", '[store]\npassword_file = "keys/db.password"')
    (az / "keys/db.password").write_text("p@ss/word\n")
    (az / "keys/db.password").chmod(0o600)
    node = load_node(az)
    assert node.store_url == "postgresql+psycopg://gateway:p%40ss%2Fword@db.example/hanoi"
    assert "p%40ss" not in repr(node)
    (az / "keys/db.password").chmod(0o644)
    assert_fault(faults_of(az), "keys/db.password", "0644")


def test_several_workers_need_postgresql(az):
    line(az / "gateway.toml", "workers", "4")
    line(az / "gateway.toml", "url", '"postgresql+psycopg://gateway@db.example/hanoi"')
    assert load_node(az).settings.workers == 4


def test_two_decryption_pairs_overlap(az):
    issued = ThrowAwayAuthority("AZ", NOW).issue_encryption("AZ", IssuedKind.X25519)
    (az / "keys/old.key.pem").write_bytes(issued.private_key_pem())
    (az / "keys/old.key.pem").chmod(0o600)
    (az / "keys/old.cert.pem").write_bytes(issued.certificate_pem())
    edit(
        az / "gateway.toml",
        "decryption = [\n",
        'decryption = [\n{ key = "file:keys/old.key.pem", certificate = "keys/old.cert.pem" },\n',
    )
    decrypters = load_node(az).decrypters_for(EDELIVERY_20)
    assert decrypters[0].certificate == issued.certificate
    assert len(decrypters) == 2


def test_a_token_is_nobodys_unless_it_is_accepted(az):
    credentials = load_node(az).credentials
    token = (az / "credentials/AZ-SSS.token").read_text().strip()
    assert credentials.authority_of(token) == "AZ-SSS"
    for other in ("", token[:-1], token + "x", token.swapcase(), token_digest(token), "é\udc80"):
        assert credentials.authority_of(other) is None
    assert credentials.authority_of("x" * 10_000_000) is None
