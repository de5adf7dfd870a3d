"""check_node: what keeps a node from running, and what soon will, with place and weight."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.check_machine import MIN_FREE_BYTES
from config.checks import check_node
from config.credentials import token_digest
from config.faults import Weight
from config.new_node import write_node
from keys.certificates import pem
from keys.pki import VALID_DAYS
from tests.config.conftest import edit, line
from tests.keys.certificates import DAY, NOW, signing
from tests.signed import sign

END = NOW + VALID_DAYS * DAY  # of every certificate of the nodes
SECOND = timedelta(seconds=1)
ERROR, WARNING = Weight.ERROR, Weight.WARNING


def assert_fault(faults, weight: Weight, path: str, fragment: str) -> None:
    found = [fault for fault in faults if fault.path.endswith(path)]
    assert found, f"no fault at {path}, only {[str(fault) for fault in faults]}"
    assert any(fragment in f.sentence and f.severity is weight for f in found), found


OWN = (
    "gateway.toml: keys.tls",
    *(
        f"gateway.toml: keys.suites.{suite}.{use}"
        for suite in ("edelivery-as4-2.0", "edelivery-as4-1.15")
        for use in ("signing", "decryption")
    ),
)
THEIRS = (
    "XU.toml: certificates.tls",
    "XU.toml: certificates.signing",
    "XU.toml: certificates.encryption",
)


@pytest.mark.parametrize("path", OWN + THEIRS)
@pytest.mark.parametrize(
    ("now", "weight", "fragment"),
    [
        (END - 59 * DAY, WARNING, "expires in 59 days; ask for a new one now"),
        (END - 14 * DAY, WARNING, "expires in 14 days; ask for a new one now"),
        (END - 13 * DAY, WARNING, "expires in 13 days; act today"),
        (END - SECOND, WARNING, "expires in 0 days; act today"),
        (END + SECOND, ERROR, "expired on"),
        (NOW - DAY, ERROR, "not valid before"),
    ],
)
def test_expiry_is_told_early_and_late(ground, path, now, weight, fragment):
    assert_fault(check_node(ground / "AZ", now), weight, path, fragment)


def test_sixty_days_before_all_is_well(ground):
    assert check_node(ground / "AZ", END - 60 * DAY) == []


def test_an_expired_issuer_that_we_send_along_is_a_warning(ground):
    faults = check_node(ground / "AZ", END + SECOND)
    assert_fault(faults, WARNING, "keys.tls.certificate", "the issuer")


def test_an_old_key_that_has_a_successor_is_a_warning(az):
    (az / "partners/old.pem").write_bytes(pem(signing(40, until=NOW - SECOND)))
    (current,) = (az / "partners").glob("XU.signing.*.pem")
    line(az / "partners/XU.toml", "signing", f'["{current.name}", "old.pem"]')
    (fault,) = check_node(az)
    assert fault.path.endswith("XU.toml: certificates.signing[1]")
    assert fault.severity is WARNING


def test_encrypting_for_an_expired_key_is_an_error_although_there_is_another(az, nodes):
    from tests.keys.certificates import encryption

    (az / "partners/old.pem").write_bytes(pem(encryption(41, until=NOW - SECOND)))
    (current,) = (az / "partners").glob("XU.encryption.*.pem")
    line(az / "partners/XU.toml", "encryption", f'["old.pem", "{current.name}"]')
    line(az / "partners/XU.toml", "encryption_token", '"issuer-serial"')
    assert_fault(check_node(az), ERROR, "certificates.encryption[0]", "put the valid one first")


@pytest.mark.parametrize(
    ("name", "key", "path"),
    [
        ("gateway.toml", "public_url", "gateway.toml: as4.public_url"),
        ("partners/XU.toml", "address", "XU.toml: address"),
    ],
)
def test_a_host_that_no_tls_certificate_names_is_told(az, name, key, path):
    line(az / name, key, '"https://elsewhere.example/as4"')
    assert_fault(check_node(az), WARNING, path, "subjectAltName")


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("as4.example", True),
        ("AS4.example", True),
        ("x.wild.example", True),
        ("a.x.wild.example", False),
        ("wild.example", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("[2001:db8::1]", True),
    ],
)
def test_the_host_is_compared_as_tls_does(tmp_path, host, good):
    hosts = ["as4.example", "*.wild.example", "192.0.2.1", "2001:db8::1"]
    url = f"https://{host}/as4"
    made = write_node(tmp_path / "az", "AZ", public_url=url, hosts=hosts, now=NOW)
    assert (check_node(made.folder) == []) is good


@pytest.mark.parametrize("year", [1970, 2024, 2100])
def test_an_impossible_year_is_an_error(ground, year):
    assert_fault(check_node(ground / "AZ", datetime(year, 7, 1, tzinfo=UTC)), ERROR, "clock", "NTP")


def test_a_time_without_zone_is_an_error(ground):
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the fault under test
    assert_fault(check_node(ground / "AZ", naive), ERROR, "clock", "no zone")


def test_a_file_from_the_future_tells_of_a_clock_set_back(az):
    later = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    os.utime(az / "keys/sign.key.pem", (later, later))
    assert_fault(check_node(az), WARNING, "keys/sign.key.pem", "set the clock by NTP")


def test_a_file_of_this_minute_tells_nothing(az):
    soon = (datetime.now(UTC) + timedelta(minutes=4)).timestamp()
    os.utime(az / "keys/sign.key.pem", (soon, soon))
    assert check_node(az) == []


@pytest.mark.parametrize("name", ["keys", "credentials", "data", "."])
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_open_to_others_is_an_error(az, name, mode):
    path = (az / name).resolve()
    path.chmod(mode)
    assert_fault(check_node(az), ERROR, str(path), "run chmod 0700")


@pytest.mark.parametrize("name", ["keys", "credentials", "data", "partners", "states"])
def test_a_missing_folder_is_an_error(az, name):
    shutil.rmtree(az / name)
    assert_fault(check_node(az), ERROR, str(az / name), "is missing")


def test_a_full_disk_is_a_warning(ground, monkeypatch):
    usage = shutil.disk_usage(ground)._replace(free=MIN_FREE_BYTES - 1)
    monkeypatch.setattr("config.check_machine.shutil.disk_usage", lambda _: usage)
    assert_fault(check_node(ground / "AZ"), WARNING, "AZ", "bytes left")


def test_a_token_open_to_others_is_an_error(az):
    (az / "credentials/AZ-SSS.token").chmod(0o644)
    assert_fault(check_node(az), ERROR, "AZ-SSS.token", "chmod 0600")


def test_a_token_that_nobody_accepts_is_an_error_with_its_remedy(az):
    (az / "credentials/AZ-SSS.token").write_text("another\n")
    fragment = f'token_sha256 = "{token_digest("another")}"'
    assert_fault(check_node(az), ERROR, "AZ-SSS.token", fragment)


def test_a_token_under_another_name_is_a_warning(az):
    (az / "credentials/AZ-SSS.token").rename(az / "credentials/sss.token")
    assert_fault(check_node(az), WARNING, "sss.token", "is the token of AZ-SSS")


def test_a_token_that_was_handed_over_is_no_fault(az):
    for path in (az / "credentials").iterdir():
        path.unlink()
    assert check_node(az) == []


@pytest.mark.parametrize("holder", ["AZ-SSS", "AZ-MOJ", "auditor"])
def test_somebody_without_token_is_a_warning(az, holder):
    blocks = (az / "credentials.toml").read_text().split("\n[[credential]]\n")
    kept = [block for block in blocks if f'"{holder}"' not in block or block is blocks[0]]
    (az / "credentials.toml").write_text("\n[[credential]]\n".join(kept))
    assert_fault(check_node(az), WARNING, "credentials.toml", f"{holder} has no token")


def test_a_partner_that_the_directory_does_not_know_is_a_warning(az):
    (az / "states/XU.toml").unlink()
    assert_fault(check_node(az), WARNING, "partners/XU.toml", "no authority in the directory")


def test_a_matter_that_nobody_receives_is_a_warning(az):
    edit(
        az / "states/AZ.toml", 'matters = ["MLA"]', 'matters = ["MLA"]\nvalid_until = "2001-01-01"'
    )
    sign(az, "AZ")
    faults = check_node(az)
    assert_fault(faults, WARNING, "states/AZ.toml", "every MlaRequest is refused")


def test_a_directory_that_nobody_looked_after_is_a_warning(ground):
    faults = check_node(ground / "AZ", NOW + 1200 * DAY)
    assert_fault(faults, WARNING, "states/XU.toml", "last compared with its source")


def test_a_directory_from_the_future_is_a_warning(az):
    text = (az / "states/XU.toml").read_text()
    (az / "states/XU.toml").write_text(text.replace('as_of = "2026', 'as_of = "2096'))
    sign(az, "XU")
    assert_fault(check_node(az), WARNING, "states/XU.toml", "after today")


def test_faults_of_the_directory_are_among_the_others(az):
    edit(az / "states/XU.toml", 'code = "XU"', 'code = "XX"')
    assert_fault(check_node(az), ERROR, "XU.toml: code", "XX")


def test_no_node_is_told_in_one_sentence(tmp_path):
    (fault,) = check_node(tmp_path / "none")
    assert "hanoi-gateway init" in fault.sentence
    assert fault.severity is ERROR


def test_an_empty_folder_is_told_without_a_crash(tmp_path):
    faults = check_node(tmp_path)
    assert_fault(faults, ERROR, "gateway.toml", "cannot be read")


def test_errors_come_first_and_nothing_is_said_twice(az):
    line(az / "gateway.toml", "workers", "2")
    (az / "credentials/AZ-SSS.token").rename(az / "credentials/sss.token")
    (az / "keys/storage.key").chmod(0o644)
    faults = check_node(az)
    weights = [fault.severity for fault in faults]
    assert weights == sorted(weights, key=lambda weight: weight is WARNING)
    assert len(set(faults)) == len(faults)
    assert len(weights) == 3


def test_all_kinds_of_fault_come_at_once(az):
    """Configuration, keys, expiry, directory, clock, modes: one call."""
    line(az / "partners/XU.toml", "address", '"https://x.example/as4"')
    (az / "states/XU.toml").unlink()
    (az / "data").chmod(0o755)
    later = (END + 2 * DAY).timestamp()
    os.utime(az / "gateway.toml", (later, later))
    faults = check_node(az, END + SECOND)
    for weight, path, fragment in (
        (WARNING, "XU.toml: address", "x.example"),
        (WARNING, "partners/XU.toml", "directory"),
        (ERROR, "data", "0755"),
        (WARNING, "gateway.toml", "clock"),
        (ERROR, "keys.suites.edelivery-as4-2.0.signing", "expired"),
    ):
        assert_fault(faults, weight, path, fragment)


def test_check_changes_nothing(az):
    def state(folder: Path) -> dict[Path, tuple[int, int, int]]:
        found = (path for path in (folder, *folder.rglob("*")))
        return {p: (p.stat().st_mode, p.stat().st_mtime_ns, p.stat().st_size) for p in found}

    before = state(az)
    check_node(az)
    assert state(az) == before
