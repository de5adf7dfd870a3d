"""One-Way/Pull and Two-Way: assertions of ours, since the official description has none for them.

PULL: eDelivery AS4 1.15, pull enhancement. TW: Two-Way message exchange patterns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest_twisted

from gateway.app import Gateway
from protocol.as4.errors import Severity
from protocol.as4.response import read_response
from tests.gateway.ground import Partner, example_document, started
from tests.gateway.patterns import (
    CHANNEL,
    SOAP,
    change,
    from_az,
    kinds,
    pull,
    reaches,
    read_pulled,
    receipt_for,
    state_of,
    submit,
    until,
    xu_pulls,
)
from tests.gateway.test_patterns import received, two_way
from tests.gateway.test_pulled import SHORT, other_partner
from tests.gateway.test_refusals import code_of


@pytest_twisted.async_yield_fixture
async def pulled(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    """AZ, from which XU pulls; XU is played by the test."""
    xu_pulls(folders)
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


@pytest_twisted.async_yield_fixture
async def both(folders: dict[str, Path]) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Both gateways, XU pulling from AZ."""
    xu_pulls(folders)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    yield az, xu
    await xu.stop()
    await az.stop()


@pytest_twisted.ensureDeferred
async def test_pull_01_the_oldest_message_of_the_channel(
    pulled: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    sent = [(await from_az(folders["AZ"]))["messageId"] for _ in range(2)]
    units = [read_pulled(await pull(xu), xu.pmode).unit for _ in sent]
    assert [unit.message_id for unit in units] == sent


@pytest_twisted.ensureDeferred
async def test_pull_02_an_empty_channel_is_a_warning(pulled: Gateway, xu: Partner) -> None:
    request_id = f"{uuid4()}@test.example"
    answer = await pull(xu, message_id=request_id)
    signal = read_response(answer.http_status, answer.content_type, answer.body).unit
    (error,) = signal.errors
    assert (error.code, error.severity) == ("EBMS:0006", Severity.WARNING)
    assert signal.ref_to_message_id == request_id


@pytest_twisted.ensureDeferred
async def test_pull_03_somebody_elses_signature(
    pulled: Gateway, xu: Partner, tmp_path: Path
) -> None:
    stranger = other_partner(tmp_path).signer_for(xu.pmode.suite)
    assert code_of(await pull(xu, signer=stranger)) == "EBMS:0101"


@pytest_twisted.ensureDeferred
async def test_pull_04_an_unknown_channel(pulled: Gateway, xu: Partner) -> None:
    assert code_of(await pull(xu, mpc="urn:uncc:mpc:nobody")) == "EBMS:0001"


@pytest_twisted.ensureDeferred
async def test_pull_05_it_names_its_channel_and_no_request(
    pulled: Gateway, xu: Partner, folders: dict[str, Path]
) -> None:
    await from_az(folders["AZ"])
    unit = read_pulled(await pull(xu), xu.pmode).unit
    assert (unit.mpc, unit.ref_to_message_id) == (CHANNEL, None)


@pytest_twisted.ensureDeferred
async def test_pull_06_the_receipt_is_posted_back(
    both: tuple[Gateway, Gateway], folders: dict[str, Path]
) -> None:
    az, xu = both
    said = await from_az(folders["AZ"])
    await reaches(az, said["messageId"], "ACKNOWLEDGED")

    async def delivered() -> bool:
        return (await kinds(xu))[-1:] == ["CALLBACK_DELIVERED"]

    await until(delivered, "XU knows that its receipt arrived")


@pytest_twisted.ensureDeferred
async def test_pull_07_without_a_receipt_it_comes_again_unchanged(
    folders: dict[str, Path], xu: Partner
) -> None:
    xu_pulls(folders)
    for old, new in SHORT.items():
        change(folders["AZ"], "XU", old, new)
    az = await started(folders["AZ"])
    try:
        said = await from_az(folders["AZ"])
        first = read_pulled(await pull(xu), xu.pmode)
        await reaches(az, said["messageId"], "WAITING_FOR_RETRY")
        second = read_pulled(await pull(xu), xu.pmode)
        assert second.unit.message_id == first.unit.message_id
        assert second.references == first.references
        assert (await xu.post(SOAP, receipt_for(xu, second))).http_status == 202
        assert await state_of(az, said["messageId"]) == "ACKNOWLEDGED"
    finally:
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_tw_01_push_and_push(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path]
) -> None:
    await two_way(folders, az, xu_gateway)


@pytest_twisted.ensureDeferred
async def test_tw_02_push_and_pull(both: tuple[Gateway, Gateway], folders: dict[str, Path]) -> None:
    az, xu = both
    document = example_document("PreservationRequest", "XU")
    request = await submit(folders["XU"], "XU-POC247", document, "--wait", "20")
    reply = await from_az(folders["AZ"], "--ref-to", request["messageId"])
    await reaches(az, reply["messageId"], "ACKNOWLEDGED")
    unit = await received(xu, reply["messageId"])
    assert (unit.ref_to_message_id, unit.mpc) == (request["messageId"], CHANNEL)
    assert unit.conversation_id == request["conversationId"]


@pytest_twisted.ensureDeferred
async def test_tw_03_pull_and_push(both: tuple[Gateway, Gateway], folders: dict[str, Path]) -> None:
    await two_way(folders, *both)
