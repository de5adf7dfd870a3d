"""What phase4 writes, our reader believes; what our writer writes, phase4 believes.

No gateway runs here: bodies and answers are compared with protocol.as4 put together in memory.
"""

from __future__ import annotations

from collections.abc import Callable
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
from protocol.as4.values import ErrorSignal, UserMessage
from tests.interop.conftest import Parties, Payloads
from tests.interop.matrix import INBOUND, OUTBOUND, PROFILE_1_15, PUSH
from tests.interop.our_wire import (
    Part,
    ReadRequest,
    dumped_content_type,
    key_pair,
    pmode,
    read_request,
    write_request,
)
from tests.interop.phase4_peer import Receiver, Sender
from tests.interop.plain_https import Answer, answering, post

pytestmark = pytest.mark.slow

outbound = pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, OUTBOUND)
inbound = pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, INBOUND)

PHASE4_FORMS = ["bst", "pkipath", "ski", "issuer-serial", "thumbprint"]
OUR_FORMS = [form for form in TokenForm if form is not TokenForm.X509_SKI]


@pytest.fixture
def from_az(parties: Parties) -> PMode:
    """XU's view of what it agreed with AZ."""
    return pmode(("XU", parties.xu), ("AZ", parties.az))


@pytest.fixture
def to_xu(parties: Parties) -> PMode:
    """AZ's view of what it agreed with XU."""
    return pmode(("AZ", parties.az), ("XU", parties.xu))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message of phase4 and phase4's answer to it, as files."""

    request: Path
    answer: Path


@pytest.fixture
def phase4_exchange(
    phase4_sender: Sender, phase4_receiver: Receiver, tmp_path: Path
) -> Callable[..., Exchange]:
    """Lets phase4 send to phase4 and keeps the octets."""

    def exchange(*options: str) -> Exchange:
        kept = Exchange(tmp_path / "request", tmp_path / "answer")
        dumps = ("--dump", str(kept.request), "--dump-answer", str(kept.answer))
        phase4_sender.send(phase4_receiver.url, *options, *dumps)
        phase4_receiver.next_line()
        return kept

    return exchange


def _read(exchange: Exchange, agreed: PMode, parties: Parties) -> ReadRequest:
    content_type = dumped_content_type(exchange.request)
    assert content_type is not None
    return read_request(content_type, exchange.request.read_bytes(), agreed, parties.xu)


def _answer(exchange: Exchange) -> Envelope:
    content_type = dumped_content_type(exchange.answer)
    envelope = read_response(200, content_type, exchange.answer.read_bytes())
    assert isinstance(envelope, Envelope), envelope
    return envelope


@inbound
@pytest.mark.parametrize("count", [0, 1, 2])
def test_we_read_what_phase4_writes(
    count: int,
    phase4_exchange: Callable[..., Exchange],
    from_az: PMode,
    to_xu: PMode,
    parties: Parties,
    payloads: Payloads,
) -> None:
    properties = ("--property", "originalSender=AZ-SSS", "--property", "finalRecipient=XU-CA")
    exchange = phase4_exchange(*payloads.options(count), *properties)
    read = _read(exchange, from_az, parties)
    assert read.message.unit.value_of("originalSender") == "AZ-SSS"
    assert list(read.contents) == [f.read_bytes() for f in (payloads.xml, payloads.binary)][:count]
    receipt = check_receipt(
        _answer(exchange),
        ref_to_message_id=read.message.unit.message_id,
        sent=read.signed.references,
        certificates=to_xu.partner_signing,
        suite=to_xu.suite,
    )
    assert len(receipt.references) == count + 2


@inbound
@pytest.mark.parametrize("form", PHASE4_FORMS)
def test_we_read_every_token_form_of_phase4(
    form: str,
    phase4_exchange: Callable[..., Exchange],
    from_az: PMode,
    parties: Parties,
    payloads: Payloads,
) -> None:
    encryption = "bst" if form == "pkipath" else form
    tokens = ("--sign-token", form, "--encrypt-token", encryption)
    read = _read(phase4_exchange(*payloads.options(1), *tokens), from_az, parties)
    assert read.contents == (payloads.xml.read_bytes(),)


@inbound
@pytest.mark.parametrize("mime_type", ["application/xml", "text/plain", "image/png"])
def test_we_read_a_part_that_phase4_did_not_compress(
    mime_type: str,
    phase4_exchange: Callable[..., Exchange],
    from_az: PMode,
    parties: Parties,
    payloads: Payloads,
) -> None:
    """XML is digested in canonical form, text with CRLF, the rest as it is (docs/interop.md)."""
    payload = ("--payload", f"{payloads.xml}:{mime_type}", "--without-compression")
    read = _read(phase4_exchange(*payload), from_az, parties)
    assert read.contents == (payloads.xml.read_bytes(),)


@outbound
@pytest.mark.parametrize(
    ("options", "code"),
    [(("--tamper",), "EBMS:0102"), (("--service", "urn:other"), "EBMS:0010")],
    ids=["signed", "unsigned"],
)
def test_we_read_the_errors_of_phase4(
    options: tuple[str, ...], code: str, phase4_exchange: Callable[..., Exchange]
) -> None:
    unit = _answer(phase4_exchange(*options)).unit
    assert isinstance(unit, ErrorSignal)
    assert [error.code for error in unit.errors] == [code]


@outbound
@pytest.mark.parametrize("form", OUR_FORMS, ids=lambda form: form.value)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_phase4_reads_what_we_write(
    count: int, form: TokenForm, phase4_receiver: Receiver, parties: Parties
) -> None:
    encryption = TokenForm.BST_X509V3 if form is TokenForm.BST_PKIPATH else form
    agreed = pmode(("AZ", parties.az), ("XU", parties.xu), form, encryption)
    parts = [Part(b"<r>" + b"x" * 5000 + b"</r>", "application/xml"), Part(b"\0\xff" * 99, "a/b")]
    written = write_request(agreed, parties.az, parts[:count])
    answer = post(phase4_receiver.url, parties.az, parties.xu, written.content_type, written.body)
    said = phase4_receiver.next_line()
    assert said["event"] == "received", said
    assert said["message_id"] == written.unit.message_id
    assert [part["size_bytes"] for part in said["attachments"]] == [5007, 198][:count]
    _check_receipt(answer, written.unit.message_id, written.sealed.references, agreed)


@outbound
@pytest.mark.parametrize("mime_type", ["application/xml", "text/plain", "application/pdf"])
def test_phase4_reads_a_part_that_we_did_not_compress(
    mime_type: str, phase4_receiver: Receiver, to_xu: PMode, parties: Parties
) -> None:
    content = b"<r>one\ntwo</r>"
    written = write_request(to_xu, parties.az, [Part(content, mime_type, compress=False)])
    answer = post(phase4_receiver.url, parties.az, parties.xu, written.content_type, written.body)
    said = phase4_receiver.next_line()
    assert said["event"] == "received", said
    assert [part["size_bytes"] for part in said["attachments"]] == [len(content)]
    _check_receipt(answer, written.unit.message_id, written.sealed.references, to_xu)


@outbound
def test_phase4_refuses_what_was_changed_on_the_way(
    phase4_receiver: Receiver, to_xu: PMode, parties: Parties
) -> None:
    written = write_request(to_xu, parties.az, [Part(b"x" * 999, "a/b")])
    body = written.body.replace(b"<eb:Action>P", b"<eb:Action>Q")
    assert body != written.body
    answer = post(phase4_receiver.url, parties.az, parties.xu, written.content_type, body)
    assert phase4_receiver.next_line()["event"] == "refused"
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope)
    assert isinstance(envelope.unit, ErrorSignal)


@inbound
@pytest.mark.parametrize("form", OUR_FORMS, ids=lambda form: form.value)
def test_phase4_believes_our_receipt(
    form: TokenForm,
    phase4_sender: Sender,
    from_az: PMode,
    parties: Parties,
    payloads: Payloads,
) -> None:
    signer = FileSigner(key_pair(parties.xu, "sign"))

    def receipted(content_type: str, body: bytes) -> Answer:
        read = read_request(content_type, body, from_az, parties.xu)
        receipt = build_receipt(
            message_id="receipt@own.example",
            timestamp=datetime.now(UTC),
            ref_to_message_id=read.message.unit.message_id,
            references=read.signed.references,
            signer=signer,
            suite=from_az.suite,
            token_form=form,
        )
        return Answer(200, SOAP_CONTENT_TYPE, receipt)

    with answering(parties.xu, parties.az, receipted) as url:
        sent = phase4_sender.send(url, *payloads.options(2))
    assert sent["accepted"], sent
    assert sent["receipt_id"] == "receipt@own.example"


@inbound
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_phase4_reads_our_errors(
    signed: bool, phase4_sender: Sender, from_az: PMode, parties: Parties
) -> None:
    signer = FileSigner(key_pair(parties.xu, "sign")) if signed else None

    def refusing(content_type: str, body: bytes) -> Answer:
        unit = read_request(content_type, body, from_az, parties.xu).message.unit
        assert isinstance(unit, UserMessage)
        error = build_error(
            message_id="error@own.example",
            timestamp=datetime.now(UTC),
            ref_to_message_id=unit.message_id,
            error=OTHER,
            detail="the authority is not competent",
            signer=signer,
            suite=from_az.suite,
            token_form=from_az.signing_token,
        )
        return Answer(200, SOAP_CONTENT_TYPE, error)

    with answering(parties.xu, parties.az, refusing) as url:
        sent = phase4_sender.send(url)
    assert not sent["accepted"]
    assert [(error["code"], error["detail"]) for error in sent["errors"]] == [
        ("EBMS:0004", "the authority is not competent")
    ]


def _check_receipt(answer: Answer, message_id: str, sent: object, agreed: PMode) -> None:
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope), (envelope, answer.body[:500])
    assert isinstance(sent, tuple)
    check_receipt(
        envelope,
        ref_to_message_id=message_id,
        sent=sent,
        certificates=agreed.partner_signing,
        suite=agreed.suite,
    )
