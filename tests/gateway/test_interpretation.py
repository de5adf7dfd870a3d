"""What a partner's answer means for a message on its way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.outbound.interpretation import interpret
from gateway.outbound.posting import PeerAnswer
from gateway.store.values import Sealed
from protocol.as4.errors import DUPLICATE_DETECTED, FAILED_DECRYPTION, OTHER, ErrorCode
from protocol.as4.exchange import (
    PeerHasItAlready,
    PeerRefused,
    ReceiptHeld,
    ReceiptInvalid,
    TransportFailed,
)
from protocol.as4.receipts import build_receipt
from protocol.as4.signals import build_error
from tests.gateway.ground import Crafted, Partner

SOAP = "application/soap+xml; charset=UTF-8"
ID = "signal@test.example"


@pytest.fixture
def crafted(xu: Partner) -> Crafted:
    return xu.preservation()


def read(xu: Partner, crafted: Crafted, body: bytes, *, status: int = 200, repeated: bool = False):
    """What XU makes of `body`, which the test signs with XU's own key: so XU pins itself."""
    pmode = replace(xu.pmode, partner_signing=(xu.node.signer_for(xu.pmode.suite).certificate,))
    sealed = Sealed(crafted.sealed.soap, crafted.sealed.references, ())
    answer = PeerAnswer(status, SOAP, body)
    return interpret(answer, sealed, crafted.unit.message_id, pmode, repeated=repeated)


def error(crafted: Crafted, code: ErrorCode, detail: str = "") -> bytes:
    return build_error(
        message_id=ID,
        timestamp=datetime.now(UTC),
        ref_to_message_id=crafted.unit.message_id,
        error=code,
        detail=detail,
        signer=None,
        suite=None,
        token_form=None,
    )


def receipt(xu: Partner, crafted: Crafted, ref_to: str | None = None, signer=None) -> bytes:
    return build_receipt(
        message_id=ID,
        timestamp=datetime.now(UTC),
        ref_to_message_id=ref_to or crafted.unit.message_id,
        references=crafted.sealed.references,
        signer=signer or xu.node.signer_for(xu.pmode.suite),
        suite=xu.pmode.suite,
        token_form=xu.pmode.signing_token,
    )


def test_a_receipt_that_holds(xu: Partner, crafted: Crafted) -> None:
    found = read(xu, crafted, receipt(xu, crafted))
    assert isinstance(found.event, ReceiptHeld)
    assert found.receipt_id == ID
    assert found.receipt_signer


def test_a_receipt_for_another_message(xu: Partner, crafted: Crafted) -> None:
    found = read(xu, crafted, receipt(xu, crafted, ref_to="other@test.example"))
    assert isinstance(found.event, ReceiptInvalid)
    assert found.facts["code"] == "EBMS:0302"


def test_a_receipt_for_other_content(xu: Partner, crafted: Crafted) -> None:
    found = read(xu, crafted, receipt(xu, xu.preservation(), ref_to=crafted.unit.message_id))
    assert isinstance(found.event, ReceiptInvalid)


def test_an_unsigned_error_on_the_back_channel_counts(xu: Partner, crafted: Crafted) -> None:
    found = read(xu, crafted, error(crafted, FAILED_DECRYPTION))
    assert isinstance(found.event, PeerRefused)
    assert found.facts["code"] == "EBMS:0102"


@pytest.mark.parametrize(
    ("code", "detail", "repeated", "event"),
    [
        (DUPLICATE_DETECTED, "", False, PeerHasItAlready),
        (OTHER, "was already handled (this is a duplicate)", True, PeerHasItAlready),
        (OTHER, "was already handled (this is a duplicate)", False, PeerRefused),
        (OTHER, "the disk is full", True, PeerRefused),
    ],
)
def test_who_has_it_already(
    xu: Partner, crafted: Crafted, code: ErrorCode, detail: str, repeated: bool, event: type
) -> None:
    found = read(xu, crafted, error(crafted, code, detail), repeated=repeated)
    assert isinstance(found.event, event)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [(502, "text/html", b"<html>Bad gateway</html>"), (204, None, b""), (200, SOAP, b"junk")],
)
def test_what_cannot_be_read_is_tried_again(
    xu: Partner, crafted: Crafted, status: int, content_type: str | None, body: bytes
) -> None:
    sealed = Sealed(crafted.sealed.soap, crafted.sealed.references, ())
    answer = PeerAnswer(status, content_type, body)
    found = interpret(answer, sealed, crafted.unit.message_id, xu.pmode)
    assert isinstance(found.event, TransportFailed)
    assert found.event.retryable


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), ("0", 0.0), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("-1", None), ("", None)],
)
def test_retry_after_is_heeded_where_it_says_a_number(said: str, seconds: float | None) -> None:
    from gateway.outbound.posting import _seconds

    assert _seconds(said) == seconds


def test_what_the_partner_asks_for_reaches_the_exchange(xu: Partner) -> None:
    told = interpret(PeerAnswer(503, None, b"", 120.0), Sealed(b"", (), ()), "m@az", xu.pmode)
    assert isinstance(told.event, TransportFailed)
    assert told.event.retry_after_seconds == 120.0
