"""Bergshamra verifies our signatures, Ed25519 among them, and the Ed25519 vectors of xmlsec1."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from protocol.as4.suites import TokenForm
from tests.interop.matrix import INBOUND, OUTBOUND, PUSH
from tests.interop.our_wire import Part, pmode, write_request
from tests.interop.reference import reference_folder
from tests.interop.suite_keys import ECDSA, EDDSA, RSA, SuiteKeys
from tests.interop.xml_security import ask, standing_alone

vector = pytest.mark.exchange("Bergshamra", "2.0 EdDSA", PUSH, INBOUND)
CONTENT = bytes(range(256)) * 3


def _rows(*made: SuiteKeys) -> list[object]:
    return [
        pytest.param(
            one,
            id=one.profile,
            marks=pytest.mark.exchange("Bergshamra", one.profile, PUSH, OUTBOUND),
        )
        for one in made
    ]


@vector
@pytest.mark.parametrize(
    "name",
    [
        "enveloping-sha256-eddsa-ed25519-der-encoded-key-value.xml",
        "enveloped-sha256-eddsa-ed25519.xml",
    ],
)
def test_bergshamra_verifies_the_ed25519_vector(name: str, xml_security: None) -> None:
    vectors = reference_folder() / "crypto-vectors"
    said = ask("bergshamra", "verify", vectors / name, vectors / "eddsa-ed25519-pubkey.pem")
    assert said["ok"], said
    assert all(said["references"].values())


@pytest.mark.parametrize("made", _rows(RSA, EDDSA, ECDSA))
def test_bergshamra_verifies_our_signature(
    made: SuiteKeys, xml_security: None, tmp_path: Path
) -> None:
    az, xu = made.issue(tmp_path / "az", "AZ"), made.issue(tmp_path / "xu", "XU")
    agreed = pmode(("AZ", az), ("XU", xu), TokenForm.SUBJECT_KEY_IDENTIFIER, suite=made.suite)
    written = write_request(agreed, az, [Part(CONTENT, "application/octet-stream")])
    message = tmp_path / "message.xml"
    message.write_bytes(written.sealed.soap)
    said = ask("bergshamra", "verify", message, az.certificate("sign"))
    assert said["ok"], said
    # the digest of the part is not its to see; those of Messaging and Body are
    assert sorted(said["references"].values()) == [False, True, True]
    message.write_bytes(written.sealed.soap.replace(b"<eb:Action>P", b"<eb:Action>Q"))
    assert not ask("bergshamra", "verify", message, az.certificate("sign"))["ok"]


@pytest.mark.parametrize("made", _rows(RSA))
def test_bergshamra_opens_what_we_encrypted(
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
    said = ask("bergshamra", "decrypt", file, xu.private_key("encrypt"))
    assert said["ok"], said
    assert base64.b64decode(said["content"]) == CONTENT
