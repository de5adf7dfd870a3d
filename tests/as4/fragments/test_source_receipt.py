"""The receipt for a joined message: written by us, read from others, and what proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.receipts import build_source_receipt
from protocol.as4.source_receipt import check_source_receipt
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import PartInfo, Property, Receipt, UserMessage
from tests.as4.writing.independent import check_signature, reference_folder
from tests.as4.writing.test_sealing import RECEIVER, SENDER, unit

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PART = PartInfo("document@az", (Property("MimeType", "application/xml"),))


def source(**changes: object) -> UserMessage:
    base = unit(timestamp=AT, parts=(PART,))
    return replace(base, **changes)  # type: ignore[arg-type]  # real fields


def receipt(of: UserMessage) -> bytes:
    return build_source_receipt(
        message_id="receipt-1@xu",
        timestamp=AT,
        source=of,
        signer=RECEIVER,
        suite=EDELIVERY_115,
        token_form=TokenForm.BST_X509V3,
    )


def check(octets: bytes, of: UserMessage) -> Receipt:
    certificates = [RECEIVER.certificate]
    return check_source_receipt(open_envelope(octets), of, certificates, EDELIVERY_115)[0]


def test_it_repeats_the_message_and_others_verify_it() -> None:
    # The official schema wants a foreign element in eb:Receipt; AS4 1.0 section 3.2 overrules it.
    octets = receipt(source())
    check_signature(octets, RECEIVER.certificate, {})
    assert check(octets, source()).repeated == source()


def test_the_default_channel_may_be_written_out() -> None:
    assert check(receipt(source()), source(mpc=DEFAULT_MPC))


@pytest.mark.parametrize(
    "change",
    [
        {"conversation_id": "another"},
        {"action": "PreservationRequest"},
        {"properties": ()},
        {"parts": (replace(PART, content_id="another@az"),)},
        {"message_id": "another@az"},
    ],
)
def test_a_receipt_for_another_message_proves_nothing(change: dict[str, object]) -> None:
    with pytest.raises(Refused, match="does not hold"):
        check(receipt(source()), source(**change))


def test_a_stranger_proves_nothing() -> None:
    with pytest.raises(Refused, match="signature"):
        check_source_receipt(
            open_envelope(receipt(source())), source(), [SENDER.certificate], EDELIVERY_115
        )


def test_a_changed_receipt_proves_nothing() -> None:
    with pytest.raises(Refused, match="signature"):
        check(receipt(source()).replace(b"MlaRequest", b"XxxRequest"), source(action="XxxRequest"))


def test_the_source_receipt_of_domibus_is_read() -> None:
    path = next((reference_folder() / "samples").glob("ok-17-*"))
    found = open_envelope(path.read_bytes()).unit
    assert isinstance(found, Receipt)
    assert found.repeated is not None
    assert found.repeated.message_id == found.ref_to_message_id
    assert found.repeated.action == "TC1Leg1"
    assert [part.content_id for part in found.repeated.parts] == ["message"]
