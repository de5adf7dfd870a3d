"""WSS4J alone decrypts and verifies what we write, under the Basic Security Profile.

phase4 uses WSS4J too, but answers yes or no; here every digest, the signer and each algorithm that
WSS4J found are compared with what we meant to write.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from keys.ring import FileSigner
from protocol.as4.errors import OTHER
from protocol.as4.multipart import SOAP_CONTENT_TYPE
from protocol.as4.receipts import build_receipt
from protocol.as4.signals import build_error
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import SignedReference
from tests.interop.conftest import Parties
from tests.interop.matrix import OUTBOUND, PROFILE_1_15, PUSH
from tests.interop.our_wire import Part, certificate, key_pair, pmode, write_request
from tests.interop.phase4_peer import JsonLine
from tests.interop.wss4j_reader import RSA_OAEP_OF_XMLENC11, X509_SKI, Reader, reading

pytestmark = pytest.mark.exchange("WSS4J", PROFILE_1_15, PUSH, OUTBOUND)

SIGNING = [form for form in TokenForm if form is not TokenForm.X509_SKI]
FORMS = pytest.mark.parametrize("form", SIGNING, ids=lambda form: form.value)
#: How signer and recipient are named: alike where both can be, and the two that only one can be.
PAIRS = [
    *((form, form) for form in SIGNING if form is not TokenForm.BST_PKIPATH),
    (TokenForm.BST_PKIPATH, TokenForm.BST_X509V3),
    (TokenForm.BST_X509V3, TokenForm.X509_SKI),
]
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
PARTS = {
    "no-parts": [],
    "gzip": [Part(b"<r>" + b"x" * 5000 + b"</r>", "application/xml")],
    "octet-stream": [Part(bytes(range(256)) * 9, "application/octet-stream", compress=False)],
    "xml": [Part(b"<r><!-- c --><a  b='1'/>\r\n</r>", "text/xml", compress=False)],
    "text-with-lf": [Part(b"one\ntwo\n", "text/plain", compress=False)],
    "two": [Part(b"<r/>", "application/xml"), Part(b"\0\xff" * 99, "image/png", compress=False)],
}


@pytest.fixture(scope="module")
def xu_reader(
    phase4: None, parties: Parties, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    """WSS4J in the place of XU: it decrypts for XU and believes AZ."""
    with reading(parties.xu, parties.az, tmp_path_factory.mktemp("wss4j")) as reader:
        yield reader


@pytest.mark.parametrize("forms", PAIRS, ids=lambda forms: "-".join(form.value for form in forms))
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_wss4j_verifies_and_decrypts_what_we_write(
    parts: list[Part], forms: tuple[TokenForm, TokenForm], xu_reader: Reader, parties: Parties
) -> None:
    agreed = pmode(("AZ", parties.az), ("XU", parties.xu), *forms)
    written = write_request(agreed, parties.az, parts)
    waived = (RSA_OAEP_OF_XMLENC11, *(X509_SKI if TokenForm.X509_SKI in forms else ()))
    said = xu_reader.read(written.content_type, written.body, waived=waived)
    assert said["believed"], said
    _check_signature(said, written.sealed.references, parties)
    contents = [hashlib.sha256(part.content).hexdigest() for part in parts]
    assert [part["sha256"] for part in said["parts"]] == contents
    if parts:
        assert said["encryption"]["key"] == EDELIVERY_115.key_establishment.algorithm
        algorithms = {one["algorithm"] for one in said["encryption"]["references"]}
        assert algorithms == {EDELIVERY_115.content_encryption}


def test_wss4j_knows_no_signer_by_x509ski_alone(xu_reader: Reader, parties: Parties) -> None:
    """Neither does phase4; such a partner uses something else (docs/interop.md)."""
    agreed = pmode(("AZ", parties.az), ("XU", parties.xu), TokenForm.X509_SKI)
    written = write_request(agreed, parties.az, [])
    said = xu_reader.read(written.content_type, written.body)
    assert "R5417" in said["failure"]
    said = xu_reader.read(written.content_type, written.body, waived=X509_SKI)
    assert "Unsupported KeyInfo type" in said["failure"]


@FORMS
@pytest.mark.parametrize("kind", ["receipt", "error"])
def test_wss4j_verifies_our_signals(
    kind: str, form: TokenForm, xu_reader: Reader, parties: Parties
) -> None:
    signer = FileSigner(key_pair(parties.az, "sign"))
    common = {
        "message_id": "signal@own.example",
        "timestamp": datetime.now(UTC),
        "ref_to_message_id": "m@own.example",
        "signer": signer,
        "suite": EDELIVERY_115,
        "token_form": form,
    }
    if kind == "receipt":
        agreed = pmode(("AZ", parties.az), ("XU", parties.xu))
        references = write_request(agreed, parties.az, PARTS["two"]).sealed.references
        soap = build_receipt(references=references, **common)
    else:
        soap = build_error(error=OTHER, detail="the authority is not competent", **common)
    said = xu_reader.read(SOAP_CONTENT_TYPE, soap)
    assert said["believed"], said
    assert sorted(one["name"] for one in said["signature"]["references"]) == ["Body", "Messaging"]
    _check_signer(said, parties)


@pytest.mark.parametrize("octet", [b"<eb:Action>", b"ds:SignatureValue>", b'wsu:Id="_'])
def test_wss4j_sees_what_was_changed(octet: bytes, xu_reader: Reader, parties: Parties) -> None:
    """The reader is not one that believes everything."""
    agreed = pmode(("AZ", parties.az), ("XU", parties.xu))
    written = write_request(agreed, parties.az, PARTS["gzip"])
    at = written.body.index(octet) + len(octet)
    changed = written.body[:at] + b"A" + written.body[at + 1 :]
    said = xu_reader.read(written.content_type, changed, waived=[RSA_OAEP_OF_XMLENC11])
    assert not said["believed"], said


def _check_signature(said: JsonLine, sent: tuple[SignedReference, ...], parties: Parties) -> None:
    found = said["signature"]["references"]
    assert sorted(base64.b64decode(one["digest"]) for one in found) == sorted(
        one.digest for one in sent
    )
    assert said["signature"]["method"] == EDELIVERY_115.signature
    assert said["signature"]["canonicalization"] == EXC_C14N
    _check_signer(said, parties)


def _check_signer(said: JsonLine, parties: Parties) -> None:
    signer = certificate(parties.az, "sign").fingerprint(SHA256()).hex()
    assert said["signature"]["signer_sha256"] == signer
