"""AZ as the side that is pulled from; XU is played by the test, with every lever in its hand."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from config.card import add_partner
from config.new_node import write_node
from config.node import load_node
from gateway.app import Gateway, utc_now
from gateway.outbound.posting import PeerAnswer, _Body
from gateway.tls import ClientTls
from protocol.as4.errors import FAILED_DECRYPTION
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.response import read_response
from protocol.as4.values import ErrorSignal, UserMessage
from tests.gateway.ground import Partner, free_ports, started
from tests.gateway.patterns import (
    CHANNEL,
    SOAP,
    agree,
    change,
    error_for,
    from_az,
    kinds,
    pause,
    pull,
    pull_request,
    reaches,
    read_pulled,
    receipt_for,
    records,
    state_of,
    until,
    xu_pulls,
)
from tests.gateway.test_refusals import code_of

SHORT = {
    "receipt_timeout_seconds = 60.0": "receipt_timeout_seconds = 0.6",
    "max_retries = 60": "max_retries = 1",
}


@pytest_twisted.async_yield_fixture
async def az(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    """AZ, whose partner XU pulls."""
    xu_pulls(folders)
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


@pytest_twisted.async_yield_fixture
async def hasty(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    """The same, where a receipt is overdue soon, and twice is all."""
    xu_pulls(folders)
    for old, new in SHORT.items():
        change(folders["AZ"], "XU", old, new)
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


def signal_in(answer: PeerAnswer) -> ErrorSignal:
    read = read_response(answer.http_status, answer.content_type, answer.body)
    unit = getattr(read, "unit", None)
    assert isinstance(unit, ErrorSignal), read
    return unit


@pytest_twisted.ensureDeferred
async def test_an_empty_channel_is_a_warning_about_the_request(az: Gateway, xu: Partner) -> None:
    request_id = f"{uuid4()}@test.example"
    signal = signal_in(await pull(xu, message_id=request_id))
    (error,) = signal.errors
    assert (error.code, error.severity.value) == ("EBMS:0006", "warning")
    assert signal.ref_to_message_id == request_id
    assert await kinds(az) == []  # asking costs no evidence


@pytest_twisted.ensureDeferred
async def test_a_message_is_pulled_and_its_receipt_called_back(
    az: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    said = await from_az(folders["AZ"])
    signed = read_pulled(await pull(xu), xu.pmode)
    assert isinstance(signed.unit, UserMessage)
    assert signed.unit.message_id == said["messageId"]
    assert signed.unit.mpc == CHANNEL
    assert signed.unit.ref_to_message_id is None
    assert await state_of(az, said["messageId"]) == "AWAITING_RECEIPT"
    assert code_of(await pull(xu)) == "EBMS:0006"  # it waits for its receipt, not for a pull
    receipt = receipt_for(xu, signed)
    answer = await xu.post(SOAP, receipt)
    assert (answer.http_status, answer.body) == (202, b"")
    assert await state_of(az, said["messageId"]) == "ACKNOWLEDGED"
    found = await kinds(az)
    assert (await xu.post(SOAP, receipt)).http_status == 202
    assert await kinds(az) == found  # the same again is nothing new
    assert await az.store.wire_names() == set()


@pytest_twisted.ensureDeferred
async def test_an_unreceipted_message_comes_again_and_then_fails(
    hasty: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    said = await from_az(folders["AZ"])
    message_id = said["messageId"]
    first = await pull(xu)
    signed = read_pulled(first, xu.pmode)
    await reaches(hasty, message_id, "WAITING_FOR_RETRY")
    second = await pull(xu)
    assert read_pulled(second, xu.pmode).references == signed.references
    start = first.body.index(b"<?xml")
    end = first.body.index(b"</env:Envelope>")
    assert first.body[start:end] == second.body[start:end]  # the same signed bytes
    await reaches(hasty, message_id, "FAILED")
    assert code_of(await pull(xu)) == "EBMS:0006"
    sent = await hasty.store.awaited.find_sent(message_id)
    assert (sent.exchange.error_code, sent.exchange.attempts) == ("EBMS:0301", 2)
    (notice,) = await hasty.store.lease(said["requestingAuthority"], utc_now(), 60.0, 10)
    assert notice.notice == "FAILED"
    # A receipt that comes after all still counts, and is told.
    assert (await xu.post(SOAP, receipt_for(xu, signed))).http_status == 202
    late = await hasty.store.awaited.find_sent(message_id)
    assert (late.exchange.state.value, late.exchange.late) == ("ACKNOWLEDGED", True)


@pytest_twisted.ensureDeferred
async def test_what_stands_in_the_way_of_a_stranger(az: Gateway, xu: Partner, tmp_path: Path):
    """Another's channel, an unknown one, another's key, no signature, an old request, a replay."""
    yy = other_partner(tmp_path)
    assert code_of(await pull(xu, mpc="urn:uncc:mpc:nobody")) == "EBMS:0001"
    assert code_of(await pull(xu, mpc=DEFAULT_MPC)) == "EBMS:0001"
    assert code_of(await pull(xu, signer=yy.signer_for(xu.pmode.suite))) == "EBMS:0101"
    unsigned = pull_request(xu).replace(b"<ds:Signature", b"<ds:Signatura")
    assert code_of(await xu.post(SOAP, unsigned)).startswith(("EBMS:01", "Fault"))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    assert code_of(await pull(xu, timestamp=long_ago)) == "EBMS:0003"
    request = pull_request(xu)
    assert code_of(await xu.post(SOAP, request)) == "EBMS:0006"
    assert code_of(await xu.post(SOAP, request)) == "EBMS:0003"
    reasons = [facts["reason"] for kind, facts in await records(az) if kind == "REFUSED"]
    assert any("came before" in reason for reason in reasons)


@pytest_twisted.ensureDeferred
async def test_nobody_pulls_what_waits_for_another(
    folders: dict[str, Path], tmp_path: Path, xu: Partner
) -> None:
    xu_pulls(folders)
    yy = other_partner(tmp_path)
    card = yy.folder / "card.toml"
    card.write_text(
        card.read_text().replace('state = "XU"', 'state = "YY"').replace("xu-gateway", "yy-gateway")
    )
    add_partner(folders["AZ"], card)
    agree(folders["AZ"], "YY", '[pull]\nby = "partner"\nmpc = "urn:uncc:mpc:az-yy"\n')
    az = await started(folders["AZ"])
    try:
        said = await from_az(folders["AZ"])
        assert code_of(await pull(xu, mpc="urn:uncc:mpc:az-yy")) == "EBMS:0101"
        # YY's key over XU's connection: the signature holds, the three are not one State.
        mixed = await pull(xu, mpc="urn:uncc:mpc:az-yy", signer=yy.signer_for(xu.pmode.suite))
        assert code_of(mixed) == "EBMS:0101"
        as_yy = pull_request(xu, signer=yy.signer_for(xu.pmode.suite))
        assert code_of(await xu.post(SOAP, as_yy, tls=yy.tls)) == "EBMS:0101"
        empty = pull_request(xu, mpc="urn:uncc:mpc:az-yy", signer=yy.signer_for(xu.pmode.suite))
        assert code_of(await xu.post(SOAP, empty, tls=yy.tls)) == "EBMS:0006"
        assert await state_of(az, said["messageId"]) == "READY"
        # Nor does YY's word about XU's message count.
        signed = read_pulled(await pull(xu), xu.pmode)
        foreign = receipt_for(xu, signed, signer=yy.signer_for(xu.pmode.suite))
        for tls in (None, yy.tls):
            answer = await xu.post(SOAP, foreign, tls=tls)
            assert (answer.http_status, answer.body) == (400, b"")
        assert await state_of(az, said["messageId"]) == "AWAITING_RECEIPT"
        assert (await kinds(az)).count("REFUSED") == 5
    finally:
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_a_receipt_for_other_content_makes_the_message_come_again(
    hasty: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    said = await from_az(folders["AZ"])
    signed = read_pulled(await pull(xu), xu.pmode)
    other = receipt_for(xu, signed, references=signed.references[:-1])
    assert (await xu.post(SOAP, other)).http_status == 202
    assert await state_of(hasty, said["messageId"]) == "WAITING_FOR_RETRY"
    kind, facts = (await records(hasty))[-1]
    assert (kind, facts["code"]) == ("REFUSAL_RECEIVED", "EBMS:0302")


@pytest_twisted.ensureDeferred
async def test_a_signal_about_nothing_of_ours(az: Gateway, xu: Partner, folders) -> None:
    said = await from_az(folders["AZ"])
    signed = read_pulled(await pull(xu), xu.pmode)
    unknown = receipt_for(xu, signed, ref_to_message_id="unknown@az")
    answer = await xu.post(SOAP, unknown)
    assert (answer.http_status, answer.body) == (400, b"")
    assert await state_of(az, said["messageId"]) == "AWAITING_RECEIPT"


@pytest_twisted.ensureDeferred
async def test_only_a_signed_error_ends_the_matter(az: Gateway, xu: Partner, folders) -> None:
    said = await from_az(folders["AZ"])
    read_pulled(await pull(xu), xu.pmode)
    before = await kinds(az)
    unsigned = error_for(xu, said["messageId"], FAILED_DECRYPTION, None)
    answer = await xu.post(SOAP, unsigned)
    assert (answer.http_status, answer.body) == (202, b"")
    assert await state_of(az, said["messageId"]) == "AWAITING_RECEIPT"
    assert await kinds(az) == before
    answer = await xu.post(
        SOAP,
        error_for(xu, said["messageId"], FAILED_DECRYPTION, xu.node.signer_for(xu.pmode.suite)),
    )
    assert (answer.http_status, answer.body) == (202, b"")
    assert await state_of(az, said["messageId"]) == "FAILED"
    sent = await az.store.awaited.find_sent(said["messageId"])
    assert sent.exchange.error_code == "EBMS:0102"


@pytest_twisted.ensureDeferred
async def test_many_who_ask_at_once_get_each_message_once(
    az: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    sent = [(await from_az(folders["AZ"]))["messageId"] for _ in range(3)]
    answers = await gatherResults([Deferred.fromCoroutine(pull(xu)) for _ in range(8)])
    pulled = [
        read_pulled(answer, xu.pmode).unit.message_id
        for answer in answers
        if b"eb:UserMessage" in answer.body
    ]
    assert sorted(pulled) == sorted(sent)


@pytest_twisted.ensureDeferred
async def test_a_pull_that_breaks_off_may_be_made_again(
    az: Gateway, xu: Partner, folders: dict[str, Path], tmp_path: Path
) -> None:
    annex = tmp_path / "annex.bin"
    annex.write_bytes(os.urandom(30_000_000))
    said = await from_az(folders["AZ"], "--attach", str(annex))
    await pull_and_hang_up(xu)
    await reaches(az, said["messageId"], "WAITING_FOR_RETRY")

    async def whole() -> PeerAnswer | None:
        answer = await pull_all(xu)
        return answer if b"eb:UserMessage" in answer.body[:4000] else None

    answer = await until(whole, "the message may be pulled again")
    assert len(answer.body) > 30_000_000
    signed = read_pulled(answer, xu.pmode)
    assert (await xu.post(SOAP, receipt_for(xu, signed))).http_status == 202
    assert await state_of(az, said["messageId"]) == "ACKNOWLEDGED"


@pytest_twisted.ensureDeferred
async def test_a_stop_in_the_middle_of_a_pull_loses_nothing(
    folders: dict[str, Path], xu: Partner
) -> None:
    xu_pulls(folders)
    for old, new in SHORT.items():
        change(folders["AZ"], "XU", old, new)
    az = await started(folders["AZ"])
    said = await from_az(folders["AZ"])
    read_pulled(await pull(xu), xu.pmode)
    await az.stop()
    again = await started(folders["AZ"])
    try:
        await reaches(again, said["messageId"], "WAITING_FOR_RETRY")
        signed = read_pulled(await pull(xu), xu.pmode)
        assert (await xu.post(SOAP, receipt_for(xu, signed))).http_status == 202
        assert await state_of(again, said["messageId"]) == "ACKNOWLEDGED"
    finally:
        await again.stop()


@pytest_twisted.ensureDeferred
async def test_a_reference_that_we_do_not_know_is_refused(az: Gateway, xu: Partner) -> None:
    """Two-Way: in this conversation, with this partner."""
    from dataclasses import replace

    first = xu.preservation()
    assert code_of(await xu.send(first)) == "receipt"
    known = {
        "ref_to_message_id": first.unit.message_id,
        "conversation_id": first.unit.conversation_id,
    }
    for wrong in ({"ref_to_message_id": "unknown@xu"}, {"conversation_id": "another"}):
        crafted = xu.preservation(change=lambda unit, w=wrong: replace(unit, **{**known, **w}))
        assert code_of(await xu.send(crafted)) == "EBMS:0003"
    crafted = xu.preservation(change=lambda unit: replace(unit, **known))
    assert code_of(await xu.send(crafted)) == "receipt"


def other_partner(tmp_path: Path):
    """The keys of a State that AZ may know or not."""
    folder = tmp_path / "yy"
    if not folder.exists():
        as4_port, local_port = free_ports(2)
        write_node(folder, "XU", as4_port=as4_port, local_port=local_port)
    return load_node(folder)


async def ask(xu: Partner) -> IResponse:
    """The beginning of the answer to a PullRequest."""
    policy = ClientTls(xu.node.tls, xu.pmode.partner_tls, "1.3", "127.0.0.1")
    request = pull_request(xu)
    return await Agent(reactor, policy, 5.0).request(
        b"POST",
        xu.pmode.address.encode(),
        Headers({"Content-Type": [SOAP]}),
        _Body(len(request), lambda: iter([request])),
    )


async def pull_all(xu: Partner) -> PeerAnswer:
    """The answer, however large."""
    response = await ask(xu)
    (content_type,) = response.headers.getRawHeaders("content-type")
    return PeerAnswer(response.code, content_type, await readBody(response))


async def pull_and_hang_up(xu: Partner) -> None:
    """Ask for a message, and close the connection when its answer begins."""
    response = await ask(xu)
    assert (response.code, response.length > 30_000_000) == (200, True)
    response._transport._producer.abortConnection()
    await pause(0.1)


@pytest.mark.parametrize("wrong", ["receipt", "error"])
@pytest_twisted.ensureDeferred
async def test_nothing_that_is_pushed_is_answered_by_a_signal(
    az: Gateway, xu: Partner, wrong: str
) -> None:
    """Even one that cannot be read by our schema, once we know what it is."""
    message = xu.preservation()
    signed = read_pulled_of(message)
    octets = (
        receipt_for(xu, signed)
        if wrong == "receipt"
        else error_for(xu, "x@az", FAILED_DECRYPTION, xu.node.signer_for(xu.pmode.suite))
    )
    answer = await xu.post(SOAP, octets)
    assert answer.body == b""
    assert answer.http_status in (202, 400)


def read_pulled_of(crafted):
    from types import SimpleNamespace

    return SimpleNamespace(unit=crafted.unit, references=crafted.sealed.references)
