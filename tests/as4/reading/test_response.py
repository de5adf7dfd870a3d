"""What peers answer, in every form seen in the field (T10, T14)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.as4.envelope import Envelope
from protocol.as4.errors import Severity
from protocol.as4.limits import MAX_SOAP_BYTES
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.values import ErrorSignal, Receipt

from .maker import EB, MESSAGE_ID, SOAP, Draft, party, receipt, reference

PARTNER = party("partner")
RECEIPT = Draft(PARTNER, unit=receipt(reference("#x", digest="AAAA"))).signed()

FAULT = (
    "<env:Fault><env:Code><env:Value>env:{code}</env:Value></env:Code><env:Reason>"
    '<env:Text xml:lang="en">Something\n failed</env:Text></env:Reason></env:Fault>'
)


def error(attributes: str, *, info: str | None = None, content: str = "", body: str = "") -> bytes:
    if info is None:
        info = (
            "<eb:MessageInfo><eb:Timestamp>2026-03-02T08:15:31Z</eb:Timestamp>"
            f"<eb:MessageId>e@az</eb:MessageId><eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>"
            "</eb:MessageInfo>"
        )
    return (
        f'<env:Envelope xmlns:env="{SOAP}" xmlns:eb="{EB}"><env:Header><eb:Messaging>'
        f"<eb:SignalMessage>{info}<eb:Error {attributes}>{content}</eb:Error></eb:SignalMessage>"
        f"</eb:Messaging></env:Header><env:Body>{body}</env:Body></env:Envelope>"
    ).encode()


def fault(code: str) -> bytes:
    return (
        f'<env:Envelope xmlns:env="{SOAP}"><env:Body>{FAULT.format(code=code)}</env:Body>'
        "</env:Envelope>"
    ).encode()


GOOD = 'errorCode="EBMS:0004" severity="failure"'


def signal_of(body: bytes, status: int = 200, content_type: str | None = None) -> ErrorSignal:
    answer = read_response(status, content_type, body)
    assert isinstance(answer, Envelope), answer
    assert isinstance(answer.unit, ErrorSignal)
    return answer.unit


def test_a_receipt_is_an_envelope() -> None:
    answer = read_response(200, "application/soap+xml; charset=UTF-8", RECEIPT)
    assert isinstance(answer, Envelope)
    assert isinstance(answer.unit, Receipt)


def test_a_receipt_alone_in_a_multipart() -> None:
    body = (
        b"\r\n--b\r\nContent-Type: application/soap+xml; charset=UTF-8\r\n"
        b"Content-ID: <root@az>\r\n\r\n" + RECEIPT + b"\r\n--b--\r\n"
    )
    kind = 'multipart/related; type="application/soap+xml"; boundary="b"'
    answer = read_response(200, kind, body)
    assert isinstance(answer, Envelope), answer
    assert answer.octets == RECEIPT
    broken = read_response(200, kind, body[:-10])
    assert isinstance(broken, TransportFailure)
    assert broken.retryable


@pytest.mark.parametrize("status", [200, 202, 400, 500, 503])
@pytest.mark.parametrize(
    "content_type", [None, "application/soap+xml", "text/xml", "text/html", "application/xml"]
)
def test_errors_come_with_any_status_and_type(status: int, content_type: str | None) -> None:
    signal = signal_of(error(GOOD), status, content_type)
    assert signal.errors[0].code == "EBMS:0004"
    assert signal.ref_to_message_id == MESSAGE_ID


ODD = {
    "fault beside it": error(GOOD, body=FAULT.format(code="Receiver")),
    "letter case": error('errorCode="EBMS:0004" severity="Failure" category="CONTENT"'),
    "empty reference": error(GOOD + ' refToMessageInError=""'),
    "unknown attribute": error(GOOD + ' extra="x"'),
    "empty language": error(GOOD, content='<eb:Description xml:lang="">x</eb:Description>'),
    "no language": error(GOOD, content="<eb:Description>x</eb:Description>"),
    "unknown children": error(GOOD, content="<eb:Other><x/></eb:Other>"),
    "comment": error(GOOD).replace(b"<env:Header>", b"<!-- licence --><env:Header>"),
    "comment and declaration": b'<?xml version="1.0"?><!-- x -->' + error(GOOD),
    "white space in front": b"\r\n\r\n" + error(GOOD),
    "no severity": error('errorCode="EBMS:0004"'),
    "no prefix": error('errorCode="0004" severity="failure"'),
    "no body": error(GOOD).replace(b"<env:Body></env:Body>", b""),
    "body with text": error(GOOD, body="x"),
    "message id without @": error(GOOD).replace(b"e@az", b"e"),
    "nanoseconds": error(GOOD).replace(b"31Z", b"31.971659362+02:00"),
    "two messaging": error(GOOD).replace(
        b"</env:Header>", f'<eb:Messaging xmlns:eb="{EB}"/></env:Header>'.encode()
    ),
    "must understand": error(GOOD).replace(
        b"<env:Header>", b'<env:Header><x xmlns="urn:x" env:mustUnderstand="1"/>'
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_errors_are_understood(name: str) -> None:
    signal = signal_of(ODD[name], 500)
    assert signal.errors[0].code == "EBMS:0004"
    assert signal.errors[0].severity is Severity.FAILURE
    assert signal.ref_to_message_id == MESSAGE_ID


def test_errors_without_message_info() -> None:
    signal = signal_of(error(GOOD + f' refToMessageInError="{MESSAGE_ID}"', info=""))
    assert signal.ref_to_message_id == MESSAGE_ID
    assert signal.message_id == ""
    assert signal.timestamp.year == 1970


def test_errors_that_refer_to_nothing() -> None:
    assert signal_of(error(GOOD, info="<eb:MessageInfo/>")).ref_to_message_id is None


def test_a_warning_is_one_in_any_letter_case() -> None:
    signal = signal_of(error('errorCode="EBMS:0006" severity="WARNING"'))
    assert signal.errors[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [
        (200, b"", True),
        (202, b"", True),
        (204, b" \r\n", True),
        (400, b"", False),
        (413, b"", False),
        (408, b"", True),
        (429, b"", True),
        (404, b"", True),
        (500, b"", True),
        (503, b"", True),
        (502, b"<html><body>Bad Gateway</body></html>", True),
        (400, b"<!DOCTYPE html><html><br></html>", True),
        (400, b"plain text", True),
        (200, b"\x00\xff" * 50, True),
        (200, b"<a/>", True),
        (200, b"x" * (MAX_SOAP_BYTES + 1), True),
        (500, fault("Receiver"), True),
        (400, fault("Sender"), False),
        (500, fault("MustUnderstand"), True),
        (200, RECEIPT.replace(b"<eb:MessageId>", b"<eb:Message>", 1), True),
        (200, RECEIPT.replace(b"<ds:DigestValue>", b"<ds:DigestValue><x/>"), True),
    ],
)
def test_answers_without_a_message(status: int, body: bytes, retryable: bool) -> None:
    answer = read_response(status, "text/html", body)
    assert isinstance(answer, TransportFailure)
    assert answer.retryable is retryable
    assert str(status) in answer.reason
    assert "\n" not in answer.reason
    assert len(answer.reason) < 1000


def test_a_receipt_that_is_not_valid_says_why() -> None:
    answer = read_response(200, None, RECEIPT.replace(b"eb:RefToMessageId", b"eb:Ref"))
    assert isinstance(answer, TransportFailure)
    assert "RefToMessageId" in answer.reason or "Ref" in answer.reason


@settings(max_examples=200, deadline=None)
@given(
    st.integers(100, 599),
    st.none() | st.text(max_size=40) | st.just('multipart/related; boundary="b"'),
    st.binary(max_size=200)
    | st.sampled_from([RECEIPT, *ODD.values()]).flatmap(
        lambda octets: st.integers(0, len(octets)).map(lambda cut: octets[:cut])
    ),
)
def test_any_answer_is_read(status: int, content_type: str | None, body: bytes) -> None:
    assert isinstance(read_response(status, content_type, body), Envelope | TransportFailure)


def test_a_fault_tells_its_detail_too() -> None:
    body = fault("Receiver").replace(
        b"</env:Fault>",
        b"<env:Detail><x:Why xmlns:x='urn:x'>no space</x:Why></env:Detail></env:Fault>",
    )
    answer = read_response(500, "application/soap+xml", body)
    assert isinstance(answer, TransportFailure)
    assert answer.reason.endswith("env:Receiver: Something failed; no space")
