"""xmlsec1 verifies our signatures and opens what we encrypted, where it knows the algorithms."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from protocol.as4.suites import TokenForm
from tests.interop.matrix import INBOUND, OUTBOUND, PEERS, PUSH
from tests.interop.our_wire import Part, pmode, write_request
from tests.interop.reference import reference_folder
from tests.interop.suite_keys import ECDSA, RSA, SuiteKeys
from tests.interop.xml_security import ask, standing_alone

CONTENT = bytes(range(256)) * 3


def _rows(*made: SuiteKeys) -> list[object]:
    return [
        pytest.param(
            one,
            id=one.profile,
            marks=pytest.mark.exchange("xmlsec1", one.profile, PUSH, OUTBOUND),
        )
        for one in made
    ]


@pytest.mark.parametrize("made", _rows(RSA, ECDSA))
def test_xmlsec1_verifies_our_signature(
    made: SuiteKeys, xml_security: None, tmp_path: Path
) -> None:
    az, xu = made.issue(tmp_path / "az", "AZ"), made.issue(tmp_path / "xu", "XU")
    agreed = pmode(("AZ", az), ("XU", xu), TokenForm.SUBJECT_KEY_IDENTIFIER, suite=made.suite)
    written = write_request(agreed, az, [])
    message = tmp_path / "message.xml"
    message.write_bytes(written.sealed.soap)
    said = ask("xmlsec1", "verify", message, az.certificate("sign"))
    assert said["ok"], said
    assert said["version"] == PEERS["xmlsec1"].version()
    message.write_bytes(written.sealed.soap.replace(b"<eb:Action>P", b"<eb:Action>Q"))
    assert not ask("xmlsec1", "verify", message, az.certificate("sign"))["ok"]


@pytest.mark.parametrize("made", _rows(RSA))
def test_xmlsec1_opens_what_we_encrypted(
    made: SuiteKeys, xml_security: None, tmp_path: Path
) -> None:
    az, xu = made.issue(tmp_path / "az", "AZ"), made.issue(tmp_path / "xu", "XU")
    written = write_request(
        pmode(("AZ", az), ("XU", xu), suite=made.suite),
        az,
        [Part(CONTENT, "application/octet-stream", compress=False)],
    )
    file = tmp_path / "encrypted.xml"
    file.write_bytes(standing_alone(written))
    said = ask("xmlsec1", "decrypt", file, xu.private_key("encrypt"))
    assert said["ok"], said
    assert base64.b64decode(said["content"]) == CONTENT


@pytest.mark.exchange("xmlsec1", "2.0 EdDSA", PUSH, INBOUND)
def test_xmlsec1_of_this_version_does_not_know_ed25519(xml_security: None) -> None:
    """Its own newer vectors cannot be read with it; Bergshamra reads them (docs/interop.md)."""
    vectors = reference_folder() / "crypto-vectors"
    vector = vectors / "enveloping-sha256-eddsa-ed25519-der-encoded-key-value.xml"
    assert not ask("xmlsec1", "verify", vector)["ok"]
