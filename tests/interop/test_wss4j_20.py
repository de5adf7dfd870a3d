"""WSS4J alone and eDelivery AS4 2.0: both forms of it, as we write them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from keys.ring import FileSigner
from protocol.as4 import key_agreement
from protocol.as4.multipart import SOAP_CONTENT_TYPE
from protocol.as4.receipts import build_receipt
from protocol.as4.suites import TokenForm
from tests.interop.matrix import OUTBOUND, PUSH
from tests.interop.our_wire import Part, key_pair, pmode, write_request
from tests.interop.phase4_peer import PartyKeys
from tests.interop.suite_keys import BRAINPOOL, ECDSA, EDDSA, SuiteKeys, misread_by_the_jdk
from tests.interop.wss4j_reader import Reader, reading

PKIPATH, BST = TokenForm.BST_PKIPATH, TokenForm.BST_X509V3
SKI, ISSUER_SERIAL = TokenForm.SUBJECT_KEY_IDENTIFIER, TokenForm.ISSUER_SERIAL
PAIRS = [(PKIPATH, BST), (PKIPATH, SKI), (BST, BST), (SKI, SKI), (ISSUER_SERIAL, ISSUER_SERIAL)]
PARTS = {
    "no-parts": [],
    "two": [Part(b"<r/>", "application/xml"), Part(b"\0\xff" * 99, "image/png", compress=False)],
}
#: Of the ephemeral keys of a sender that does not look, one in about 2,000 meets the trap below.
MANY = 3000
TRAPS = 8  # most of such keys are misread


@dataclass(frozen=True, slots=True)
class Meeting:
    """Keys of both sides for one suite, and WSS4J with those of XU."""

    made: SuiteKeys
    az: PartyKeys
    xu: PartyKeys
    reader: Reader


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(keys, marks=pytest.mark.exchange("WSS4J", keys.profile, PUSH, OUTBOUND))
        for keys in (EDDSA, ECDSA, BRAINPOOL)
    ],
    ids=lambda keys: keys.profile,
)
def meeting(
    request: pytest.FixtureRequest, phase4: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Meeting]:
    """Both sides have keys for a suite."""
    made: SuiteKeys = request.param
    folder = tmp_path_factory.mktemp("wss4j-20")
    az, xu = made.issue(folder / "az", "AZ"), made.issue(folder / "xu", "XU")
    provider = ("--brainpool",) if made is BRAINPOOL else ()
    with reading(xu, az, folder, *provider) as reader:
        yield Meeting(made, az, xu, reader)


@pytest.mark.parametrize("forms", PAIRS, ids=lambda forms: "-".join(form.value for form in forms))
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_wss4j_verifies_and_decrypts_what_we_write(
    parts: list[Part], forms: tuple[TokenForm, TokenForm], meeting: Meeting
) -> None:
    agreed = pmode(("AZ", meeting.az), ("XU", meeting.xu), *forms, suite=meeting.made.suite)
    written = write_request(agreed, meeting.az, parts)
    said = meeting.reader.read(written.content_type, written.body)
    assert said["believed"], said
    assert said["signature"]["method"] == meeting.made.suite.signature
    found = said["signature"]["references"]
    sent = written.sealed.references
    assert {base64.b64decode(one["digest"]) for one in found} == {one.digest for one in sent}
    contents = [hashlib.sha256(part.content).hexdigest() for part in parts]
    assert [part["sha256"] for part in said["parts"]] == contents


@pytest.mark.parametrize("form", [PKIPATH, BST, SKI, ISSUER_SERIAL], ids=lambda form: form.value)
def test_wss4j_verifies_our_receipts(form: TokenForm, meeting: Meeting) -> None:
    agreed = pmode(("AZ", meeting.az), ("XU", meeting.xu), suite=meeting.made.suite)
    soap = build_receipt(
        message_id="signal@own.example",
        timestamp=datetime.now(UTC),
        ref_to_message_id="m@own.example",
        references=write_request(agreed, meeting.az, PARTS["two"]).sealed.references,
        signer=FileSigner(key_pair(meeting.az, "sign")),
        suite=meeting.made.suite,
        token_form=form,
    )
    said = meeting.reader.read(SOAP_CONTENT_TYPE, soap)
    assert said["believed"], said


@pytest.mark.exchange("WSS4J", EDDSA.profile, PUSH, OUTBOUND)
def test_no_ephemeral_key_of_ours_is_misread(phase4: None, tmp_path: Path) -> None:
    """limits: an X25519 key whose octets begin 02 <length> is a DSA key to the JDK."""
    az, xu = EDDSA.issue(tmp_path / "az", "AZ"), EDDSA.issue(tmp_path / "xu", "XU")
    agreed = pmode(("AZ", az), ("XU", xu), SKI, SKI, suite=EDDSA.suite)
    failures = []
    with reading(xu, az, tmp_path) as reader:
        for _ in range(MANY):
            written = write_request(agreed, az, [Part(b"x", "a/b")])
            assert not misread_by_the_jdk(written.body)
            said = reader.read(written.content_type, written.body)
            if not said["believed"]:
                failures.append(said["failure"])
    assert failures == []


@pytest.mark.exchange("WSS4J", EDDSA.profile, PUSH, OUTBOUND)
def test_wss4j_does_misread_such_a_key(
    phase4: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap is there: without our care the message would be refused."""
    az, xu = EDDSA.issue(tmp_path / "az", "AZ"), EDDSA.issue(tmp_path / "xu", "XU")
    monkeypatch.setattr(key_agreement, "fresh_x25519", _like_an_integer)
    agreed = pmode(("AZ", az), ("XU", xu), SKI, SKI, suite=EDDSA.suite)
    failures = ""
    with reading(xu, az, tmp_path) as reader:
        for _ in range(TRAPS):
            written = write_request(agreed, az, [Part(b"x", "a/b")])
            assert misread_by_the_jdk(written.body)
            failures += reader.read(written.content_type, written.body).get("failure", "")
    assert "Unsupported key type" in failures


def _like_an_integer() -> X25519PrivateKey:
    """A key whose octets begin like the encoding of an INTEGER that fits into them."""
    while True:
        private_key = X25519PrivateKey.generate()
        tag, length, *_ = private_key.public_key().public_bytes_raw()
        if tag == 0x02 and 0 < length <= 30:
            return private_key
