"""phase4 and eDelivery AS4 2.0: both forms, both ways, receipts accepted on both sides.

What phase4 writes, our reader believes; what our writer writes, phase4 believes. No gateway runs
here; test_phase4_20_gateway.py has it run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys.ring import FileSigner
from protocol.as4.envelope import Envelope
from protocol.as4.errors import OTHER
from protocol.as4.multipart import SOAP_CONTENT_TYPE
from protocol.as4.pmode import PMode
from protocol.as4.receipt_check import check_receipt
from protocol.as4.receipts import build_receipt
from protocol.as4.response import read_response
from protocol.as4.signals import build_error
from protocol.as4.suites import TokenForm
from protocol.as4.values import ErrorSignal, SignedReference, UserMessage
from tests.interop import phase4_peer
from tests.interop.conftest import Payloads
from tests.interop.matrix import INBOUND, OUTBOUND, PEER_ALONE, PUSH
from tests.interop.our_wire import (
    Part,
    ReadRequest,
    dumped_content_type,
    key_pair,
    pmode,
    read_request,
    write_request,
)
from tests.interop.phase4_peer import PartyKeys, Receiver, Sender, Side
from tests.interop.plain_https import Answer, answering, post
from tests.interop.suite_keys import ECDSA, EDDSA, SuiteKeys, misread_by_the_jdk

pytestmark = pytest.mark.slow

PHASE4_FORMS = ["bst", "pkipath", "ski", "issuer-serial", "thumbprint"]
OUR_FORMS = [form for form in TokenForm if form is not TokenForm.X509_SKI]
PARTS = [Part(b"<r>" + b"x" * 5000 + b"</r>", "application/xml"), Part(b"\0\xff" * 99, "a/b")]

outbound = pytest.mark.exchange("phase4", "2.0", PUSH, OUTBOUND)
inbound = pytest.mark.exchange("phase4", "2.0", PUSH, INBOUND)
alone = pytest.mark.exchange("phase4", "2.0", PUSH, PEER_ALONE)


@dataclass(frozen=True, slots=True)
class Met:
    """Keys of both sides for one suite, and phase4 as AZ that sends and as XU that receives."""

    made: SuiteKeys
    az: PartyKeys
    xu: PartyKeys
    sender: Sender
    receiver: Receiver

    @property
    def from_az(self) -> PMode:
        """XU's view, when phase4 is AZ."""
        return pmode(("XU", self.xu), ("AZ", self.az), suite=self.made.suite)

    def to_xu(self, token: TokenForm, encryption_token: TokenForm) -> PMode:
        """AZ's view, when phase4 is XU."""
        forms = (token, encryption_token)
        return pmode(("AZ", self.az), ("XU", self.xu), *forms, suite=self.made.suite)

    def to_itself(self, request: Path, *options: str) -> None:
        """phase4 has sent a message that its own receiver took, and its octets are in `request`.

        Sent again when the ephemeral key was one that the JDK misreads: about one message in 2000,
        and no fault of what is tested (docs/interop.md).
        """
        while True:
            said = self.sender.send(self.receiver.url, *options, "--dump", str(request))
            received = self.receiver.next_line()["event"] == "received"
            if said["accepted"] or not misread_by_the_jdk(request.read_bytes()):
                break
        assert said["accepted"], said
        assert received

    def sent_by_phase4(self, folder: Path, *options: str) -> tuple[ReadRequest, Envelope]:
        """A message of phase4 to phase4 as our reader reads it, and phase4's answer."""
        request, answer = folder / "request", folder / "answer"
        self.to_itself(request, *options, "--dump-answer", str(answer))
        content_type = dumped_content_type(request)
        assert content_type is not None
        read = read_request(content_type, request.read_bytes(), self.from_az, self.xu)
        envelope = read_response(200, dumped_content_type(answer), answer.read_bytes())
        assert isinstance(envelope, Envelope), envelope
        return read, envelope


@pytest.fixture(scope="module", params=[EDDSA, ECDSA], ids=lambda made: made.profile)
def met(
    request: pytest.FixtureRequest, phase4: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Met]:
    """phase4 runs twice, with the keys of a suite."""
    made: SuiteKeys = request.param
    folder = tmp_path_factory.mktemp("phase4-20")
    az, xu = made.issue(folder / "az", "AZ"), made.issue(folder / "xu", "XU")
    suite = ("--suite", made.suite.id)
    send = ("--action", "PreservationRequest", *suite)
    log = folder / "sender.log"
    receiver_log = folder / "receiver.log"
    with (
        phase4_peer.receiving(Side(xu, az.folder), "AZ", "XU", receiver_log, *suite) as receiver,
        phase4_peer.sending(Side(az, xu.folder), "AZ", "XU", log, *send) as sender,
    ):
        yield Met(made, az, xu, sender, receiver)


@pytest.fixture(autouse=True)
def _profile(met: Met, record_property) -> None:  # type: ignore[no-untyped-def]  # pytest's own
    record_property("profile", met.made.profile)


@alone
@pytest.mark.parametrize("count", [0, 1, 2])
def test_phase4_speaks_it_to_itself(
    count: int, met: Met, payloads: Payloads, tmp_path: Path
) -> None:
    met.to_itself(tmp_path / "request", *payloads.options(count))


@inbound
@pytest.mark.parametrize("count", [0, 1, 2])
def test_we_read_what_phase4_writes(
    count: int, met: Met, payloads: Payloads, tmp_path: Path
) -> None:
    read, answer = met.sent_by_phase4(tmp_path, *payloads.options(count))
    assert list(read.contents) == [f.read_bytes() for f in (payloads.xml, payloads.binary)][:count]
    agreed = met.to_xu(TokenForm.BST_X509V3, TokenForm.SUBJECT_KEY_IDENTIFIER)
    receipt = check_receipt(
        answer,
        ref_to_message_id=read.message.unit.message_id,
        sent=read.signed.references,
        certificates=agreed.partner_signing,
        suite=met.made.suite,
    )
    assert len(receipt.references) == count + 2


@inbound
@pytest.mark.parametrize("form", PHASE4_FORMS)
def test_we_read_every_token_form_of_phase4(
    form: str, met: Met, payloads: Payloads, tmp_path: Path
) -> None:
    encryption = "bst" if form == "pkipath" else form
    tokens = ("--sign-token", form, "--encrypt-token", encryption)
    read, _ = met.sent_by_phase4(tmp_path, *payloads.options(1), *tokens)
    assert read.contents == (payloads.xml.read_bytes(),)


@outbound
@pytest.mark.parametrize("form", OUR_FORMS, ids=lambda form: form.value)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_phase4_reads_what_we_write(count: int, form: TokenForm, met: Met) -> None:
    encryption = TokenForm.BST_X509V3 if form is TokenForm.BST_PKIPATH else form
    agreed = met.to_xu(form, encryption)
    written = write_request(agreed, met.az, PARTS[:count])
    answer = post(met.receiver.url, met.az, met.xu, written.content_type, written.body)
    said = met.receiver.next_line()
    assert said["event"] == "received", said
    assert said["message_id"] == written.unit.message_id
    assert [part["size_bytes"] for part in said["attachments"]] == [5007, 198][:count]
    _check_receipt(answer, written.unit.message_id, written.sealed.references, agreed)


@outbound
def test_phase4_refuses_what_was_changed_on_the_way(met: Met) -> None:
    agreed = met.to_xu(TokenForm.BST_PKIPATH, TokenForm.SUBJECT_KEY_IDENTIFIER)
    written = write_request(agreed, met.az, PARTS)
    body = written.body.replace(b"<eb:Action>P", b"<eb:Action>Q")
    assert body != written.body
    answer = post(met.receiver.url, met.az, met.xu, written.content_type, body)
    assert met.receiver.next_line()["event"] == "refused"
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope)
    assert isinstance(envelope.unit, ErrorSignal)


@inbound
@pytest.mark.parametrize("form", OUR_FORMS, ids=lambda form: form.value)
def test_phase4_believes_our_receipt(form: TokenForm, met: Met, payloads: Payloads) -> None:
    signer = FileSigner(key_pair(met.xu, "sign"))

    def receipted(content_type: str, body: bytes) -> Answer:
        read = read_request(content_type, body, met.from_az, met.xu)
        receipt = build_receipt(
            message_id="receipt@own.example",
            timestamp=datetime.now(UTC),
            ref_to_message_id=read.message.unit.message_id,
            references=read.signed.references,
            signer=signer,
            suite=met.made.suite,
            token_form=form,
        )
        return Answer(200, SOAP_CONTENT_TYPE, receipt)

    with answering(met.xu, met.az, receipted) as url:
        sent = met.sender.send(url, *payloads.options(2))
    assert sent["accepted"], sent
    assert sent["receipt_id"] == "receipt@own.example"


@inbound
def test_phase4_reads_our_signed_errors(met: Met) -> None:
    signer = FileSigner(key_pair(met.xu, "sign"))

    def refusing(content_type: str, body: bytes) -> Answer:
        unit = read_request(content_type, body, met.from_az, met.xu).message.unit
        assert isinstance(unit, UserMessage)
        error = build_error(
            message_id="error@own.example",
            timestamp=datetime.now(UTC),
            ref_to_message_id=unit.message_id,
            error=OTHER,
            detail="the authority is not competent",
            signer=signer,
            suite=met.made.suite,
            token_form=TokenForm.BST_PKIPATH,
        )
        return Answer(200, SOAP_CONTENT_TYPE, error)

    with answering(met.xu, met.az, refusing) as url:
        sent = met.sender.send(url)
    assert not sent["accepted"]
    assert [error["code"] for error in sent["errors"]] == ["EBMS:0004"]


def _check_receipt(
    answer: Answer, message_id: str, sent: tuple[SignedReference, ...], agreed: PMode
) -> None:
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope), (envelope, answer.body[:500])
    check_receipt(
        envelope,
        ref_to_message_id=message_id,
        sent=sent,
        certificates=agreed.partner_signing,
        suite=agreed.suite,
    )
