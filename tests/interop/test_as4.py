"""The running gateway and the Python package `as4`, both ways: AZ is ours, XU is the package.

The package knows Peppol's profile only; tests/interop/as4/cooperation.py gives its messages our
values. It writes and reads one compressed part, and takes tokens by BinarySecurityToken alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys.ring import FileSigner
from protocol.as4.multipart import SOAP_CONTENT_TYPE
from protocol.as4.receipts import build_receipt
from protocol.as4.suites import TokenForm
from schemas.catalogue import example
from tests.gateway.ground import renamed
from tests.interop import as4_peer
from tests.interop.conftest import Parties, Payloads
from tests.interop.ground import AZ_PARTY, XU_PARTY, Ground, az_running
from tests.interop.matrix import INBOUND, OUTBOUND, PROFILE_1_15, PUSH
from tests.interop.our_wire import key_pair, pmode, read_request
from tests.interop.phase4_peer import Receiver, Sender, Side
from tests.interop.plain_https import Answer, answering

outbound = pytest.mark.exchange("as4", PROFILE_1_15, PUSH, OUTBOUND)
inbound = pytest.mark.exchange("as4", PROFILE_1_15, PUSH, INBOUND)

ACTION = ("--action", "PreservationRequest")


@pytest.fixture(scope="module")
def ground(as4: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """AZ's gateway runs, knows XU, and names certificates in the only form that XU reads."""
    forms = {'encryption_token = "ski"': 'encryption_token = "bst-x509v3"'}
    with az_running(tmp_path_factory.mktemp("as4"), forms) as made:
        yield made


@pytest.fixture(scope="module")
def xu_receiver(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """The package listening where XU's card says."""
    log = tmp_path_factory.mktemp("as4") / "receiver.log"
    port = ("--port", str(ground.xu_port))
    with as4_peer.receiving(ground.peer, AZ_PARTY, XU_PARTY, log, *port) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def xu_sender(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """The package ready to send as XU."""
    log = tmp_path_factory.mktemp("as4") / "sender.log"
    with as4_peer.sending(ground.peer, XU_PARTY, AZ_PARTY, log, *ACTION) as sender:
        yield sender


def _document(direction: str, folder: Path) -> Path:
    file = folder / f"preservation-request-{direction}.xml"
    file.write_bytes(renamed(example(file.name)))
    return file


@outbound
def test_as4_takes_what_the_gateway_sends_and_its_receipt_holds(
    ground: Ground, xu_receiver: Receiver, tmp_path: Path
) -> None:
    document = _document("az-xu", tmp_path)
    told = ground.az.submit("AZ-SSS", document)
    assert told["state"] == "ACKNOWLEDGED", told
    said = xu_receiver.next_line()
    assert (said["message_id"], said["action"]) == (told["messageId"], "PreservationRequest")
    assert said["properties"]["originalSender"] == "AZ-SSS"
    sha256 = hashlib.sha256(document.read_bytes()).hexdigest()
    assert [part["sha256"] for part in said["attachments"]] == [sha256]


@inbound
def test_the_gateway_takes_what_as4_sends_and_as4_believes_the_receipt(
    ground: Ground, xu_sender: Sender, tmp_path: Path
) -> None:
    document = _document("xu-az", tmp_path)
    sent = xu_sender.send(ground.url, "--payload", str(document))
    assert sent["accepted"], sent
    message, folder = ground.az.take("AZ-SSS", tmp_path)
    assert message["messageId"] == sent["message_id"]
    assert (folder / "document.xml").read_bytes() == document.read_bytes()


@inbound
def test_as4_writes_message_properties(ground: Ground, xu_sender: Sender, tmp_path: Path) -> None:
    document = _document("xu-az", tmp_path)
    addresses = ("originalSender=XU-POC247", "finalRecipient=AZ-SSS")
    properties = [word for each in addresses for word in ("--property", each)]
    sent = xu_sender.send(ground.url, "--payload", str(document), *properties)
    assert sent["accepted"], sent
    message, _ = ground.az.take("AZ-SSS", tmp_path)
    assert message["messageId"] == sent["message_id"]


@inbound
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--tamper",), "EBMS:0101"),
        (("--action", "NoSuchAction"), "EBMS:0010"),
        (("--agreement", "urn:uncc:agreement:other:1"), "EBMS:0010"),
    ],
    ids=["changed-after-signing", "action", "agreement"],
)
def test_as4_understands_why_the_gateway_refuses(
    options: tuple[str, ...], code: str, ground: Ground, xu_sender: Sender, tmp_path: Path
) -> None:
    document = _document("xu-az", tmp_path)
    sent = xu_sender.send(ground.url, "--payload", str(document), *options)
    assert not sent["accepted"]
    assert [error["code"] for error in sent["errors"]] == [code], sent


@inbound
@pytest.mark.parametrize("form", TokenForm, ids=lambda form: form.value)
def test_as4_reads_a_receipt_that_names_its_signer_by_certificate_alone(
    form: TokenForm, as4: None, parties: Parties, payloads: Payloads, tmp_path: Path
) -> None:
    """Why signing_token must be bst-x509v3 for this partner (docs/interop.md)."""
    agreed = pmode(("XU", parties.xu), ("AZ", parties.az))
    signer = FileSigner(key_pair(parties.xu, "sign"))

    def receipted(content_type: str, body: bytes) -> Answer:
        read = read_request(content_type, body, agreed, parties.xu)
        receipt = build_receipt(
            message_id="receipt@own.example",
            timestamp=datetime.now(UTC),
            ref_to_message_id=read.message.unit.message_id,
            references=read.signed.references,
            signer=signer,
            suite=agreed.suite,
            token_form=form,
        )
        return Answer(200, SOAP_CONTENT_TYPE, receipt)

    side = Side(parties.az, parties.xu.folder)
    with (
        answering(parties.xu, parties.az, receipted) as url,
        as4_peer.sending(side, "AZ", "XU", tmp_path / "log", *ACTION) as sender,
    ):
        sent = sender.send(url, "--payload", str(payloads.xml))
    assert sent["accepted"] is (form is TokenForm.BST_X509V3), sent


@outbound
def test_two_parts_are_refused_by_as4_and_the_submitter_hears_it(
    ground: Ground, xu_receiver: Receiver, tmp_path: Path
) -> None:
    document = _document("az-xu", tmp_path)
    annex = tmp_path / "annex.bin"
    annex.write_bytes(bytes(range(256)))
    told = ground.az.submit_refused("AZ-SSS", document, annex)
    assert told["state"] == "FAILED"
    assert told["error"]["code"] == "EBMS:0102"
    assert "no MIME attachment matches" in told["error"]["sentence"]
    assert xu_receiver.next_line()["event"] == "refused"


@inbound
def test_the_evidence_of_it_all_holds(ground: Ground) -> None:
    assert "findings: 0" in ground.az.verify()
