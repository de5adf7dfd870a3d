"""Bugs that products had with reliability: numbers 50 to 57 of docs/interop-bugs.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_twisted

from gateway.app import Gateway, utc_now
from gateway.store import Store
from gateway.store.values import Arrival
from protocol.as4.exchange import (
    Claimed,
    Exchange,
    ExchangeState,
    PeerHasItAlready,
    ReceiptHeld,
    TransportFailed,
    step,
)
from protocol.as4.pmode import Reliability
from protocol.as4.signals import soap_fault
from tests.conformance.sent import ANNEXES, Exchanged, content_of
from tests.conformance.test_sender import submit
from tests.gateway.ground import Partner, example_document, started
from tests.gateway.test_refusals import code_of

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest_twisted.ensureDeferred
async def test_bug_50_a_repeated_message_gets_its_receipt(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    first, second = await xu.send(crafted), await xu.send(crafted)
    assert code_of(first) == "receipt"
    assert first.body == second.body
    sending = step(Exchange(), Claimed(), NOW)
    told = step(sending, PeerHasItAlready(), NOW)
    assert (told.state, told.error_code) == (ExchangeState.FAILED, "EBMS:0301")


@pytest_twisted.ensureDeferred
async def test_bug_51_what_failed_before_is_processed_again(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Store, arrival: Arrival) -> None:
        raise OSError(28, "No space left on device")

    crafted = xu.preservation()
    monkeypatch.setattr(Store, "accept", broken)
    assert (await xu.send(crafted)).http_status == 503
    monkeypatch.undo()
    assert code_of(await xu.send(crafted)) == "receipt"
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert leased.message_id == crafted.unit.message_id


def test_bug_52_receipt_and_missing_receipt_are_one_state() -> None:
    once = Reliability(max_retries=0)
    sending = step(Exchange(), Claimed(), NOW)
    failed = step(sending, TransportFailed("silence"), NOW, once)
    assert (failed.state, failed.error_code) == (ExchangeState.FAILED, "EBMS:0301")
    late = step(failed, ReceiptHeld(), NOW)
    assert (late.state, late.error_code, late.late) == (ExchangeState.ACKNOWLEDGED, None, True)
    held = step(sending, ReceiptHeld(), NOW)
    assert step(held, TransportFailed("silence"), NOW, once) == held


@pytest_twisted.ensureDeferred
async def test_bug_53_the_producer_is_told_what_the_partner_said(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    partner = folders["AZ"] / "partners" / "XU.toml"
    partner.write_text(re.sub(r'"PreservationRequest",?', "", partner.read_text()))
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        told = await submit(folders, tmp_path)
        assert (told["state"], told["error"]["code"]) == ("FAILED", "EBMS:0010")
        (notice,) = await xu.store.lease("XU-POC247", utc_now(), 60.0, 10)
        assert (notice.message_id, bool(notice.notice)) == (told["messageId"], True)
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_bug_57_every_part_arrives_as_itself(az: Gateway, xu: Partner) -> None:
    document = example_document("PreservationRequest", "XU")
    annexes = [("image/png", bytes([n]) * (n + 1)) for n in range(6)]
    crafted = xu.craft([("application/xml", document), *annexes])
    assert code_of(await xu.send(crafted)) == "receipt"
    view = await az.store.message_for("AZ-SSS", crafted.unit.message_id)
    contents = [content_of(az, part) for part in view.parts]
    assert contents == [document, *(content for _, content in annexes)]


@pytest_twisted.ensureDeferred
async def test_bug_54_a_retry_has_the_same_message_id_and_octets(
    az: Gateway, xu_gateway: Gateway, exchanged: Exchanged
) -> None:
    """The sealed octets are stored before the first attempt and are what every attempt sends."""
    again = await xu_gateway.store.find_sealed(exchanged.told["messageId"])
    assert again.soap == exchanged.sealed.soap
    assert len(exchanged.delivered) == 1 + len(ANNEXES)


@pytest_twisted.ensureDeferred
async def test_bug_55_an_authority_that_rejects_sends_no_ebms_error(
    az: Gateway, exchanged: Exchanged
) -> None:
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert await az.store.reject("AZ-SSS", leased.lease_id, "not ours", utc_now())
    assert await az.store.next_due(utc_now()) is None
    view = await az.store.message_for("AZ-SSS", leased.message_id)
    assert view.receipt_id


def test_bug_56_faults_have_the_codes_of_soap_12() -> None:
    for code in ("Sender", "Receiver"):
        assert f"<env:Value>env:{code}</env:Value>".encode() in soap_fault(code, "because")
