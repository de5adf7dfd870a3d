"""phase4 to phase4: the peer we test against speaks the profile, and insists on it, by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.interop.conftest import Payloads
from tests.interop.matrix import PEER_ALONE, PROFILE_1_15, PUSH
from tests.interop.phase4_peer import Receiver, Sender

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, PEER_ALONE),
]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_message_is_received_and_its_receipt_holds(
    count: int, phase4_sender: Sender, phase4_receiver: Receiver, payloads: Payloads
) -> None:
    properties = ("--property", "originalSender=AZ-SSS", "--property", "finalRecipient=XU-CA")
    sent = phase4_sender.send(phase4_receiver.url, *payloads.options(count), *properties)
    assert sent["accepted"], sent
    assert sent["digests_equal"]
    received = phase4_receiver.next_line()
    assert received["message_id"] == sent["message_id"]
    assert received["properties"] == {"originalSender": "AZ-SSS", "finalRecipient": "XU-CA"}
    files = [payloads.xml, payloads.binary][:count]
    assert [part["sha256"] for part in received["attachments"]] == [_sha256(f) for f in files]


@pytest.mark.parametrize("form", ["ski", "issuer-serial", "thumbprint"])
def test_every_token_form_is_read(
    form: str, phase4_sender: Sender, phase4_receiver: Receiver, payloads: Payloads
) -> None:
    tokens = ("--sign-token", form, "--encrypt-token", form)
    sent = phase4_sender.send(phase4_receiver.url, *payloads.options(1), *tokens)
    assert sent["accepted"], sent
    assert phase4_receiver.next_line()["event"] == "received"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--without-signature",), "EBMS:0103"),
        (("--without-encryption",), "EBMS:0103"),
        (("--tamper",), "EBMS:0102"),
        (("--agreement", "urn:uncc:agreement:other:1"), "EBMS:0010"),
    ],
)
def test_the_receiver_insists(
    options: tuple[str, ...],
    code: str,
    phase4_sender: Sender,
    phase4_receiver: Receiver,
    payloads: Payloads,
) -> None:
    sent = phase4_sender.send(phase4_receiver.url, *payloads.options(1), *options)
    assert not sent["accepted"], sent
    assert [error["code"] for error in sent["errors"]] == [code]
    assert phase4_receiver.next_line()["event"] == "refused"


def test_a_repeated_message_is_an_error_and_no_second_receipt(
    phase4_sender: Sender, phase4_receiver: Receiver
) -> None:
    """Unlike us, phase4 does not repeat its receipt (docs/interop.md)."""
    twice = ("--message-id", "11111111-2222-4333-8444-555555555555@az.example")
    assert phase4_sender.send(phase4_receiver.url, *twice)["accepted"]
    assert phase4_receiver.next_line()["event"] == "received"
    again = phase4_sender.send(phase4_receiver.url, *twice)
    assert not again["accepted"]
    assert [error["code"] for error in again["errors"]] == ["EBMS:0004"]
    assert phase4_receiver.next_line()["event"] == "refused"


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
