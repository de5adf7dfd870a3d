"""Every exchange pattern between two running gateways, over real TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_twisted
from twisted.internet.threads import deferToThread

from config.node import load_node
from gateway.app import Gateway, utc_now
from gateway.demo.nodes import command
from protocol.as4.envelope import open_envelope
from protocol.as4.values import UserMessage
from tests.config.conftest import line
from tests.gateway.ground import example_document, started
from tests.gateway.patterns import (
    CHANNEL,
    both_call_back,
    change,
    from_az,
    kinds,
    reaches,
    records,
    submit,
    until,
    xu_pulls,
)

Start = Callable[[str], Awaitable[Gateway]]


@pytest_twisted.async_yield_fixture
async def start(folders: dict[str, Path]) -> AsyncIterator[Start]:
    """Starts the gateway of a State, and stops all at the end."""
    running: list[Gateway] = []

    async def start_it(state: str) -> Gateway:
        gateway = await started(folders[state])
        running.append(gateway)
        return gateway

    yield start_it
    for gateway in running:
        await gateway.stop()


async def received(gateway: Gateway, message_id: str) -> UserMessage:
    """The header of a message that `gateway` holds, as it was signed."""
    from sqlalchemy import select

    from gateway.store.tables import message

    def read(unit):
        wanted = (message.c.direction == "in", message.c.message_id == message_id)
        return unit.connection.execute(select(message.c.envelope).where(*wanted)).scalar()

    octets = await until(lambda: gateway.store._engine.run(read), f"{message_id} is received")
    unit = open_envelope(octets).unit
    assert isinstance(unit, UserMessage)
    return unit


async def reply(folder: Path, message_id: str, *words: str) -> dict:
    """XU's request to AZ as a reply to `message_id`."""
    document = example_document("PreservationRequest", "XU")
    return await submit(folder, "XU-POC247", document, "--ref-to", message_id, *words)


@pytest_twisted.ensureDeferred
async def test_one_way_pull(start: Start, folders: dict[str, Path]) -> None:
    xu_pulls(folders)
    az = await start("AZ")
    said = await from_az(folders["AZ"])
    assert said["state"] == "READY"
    xu = await start("XU")
    await reaches(az, said["messageId"], "ACKNOWLEDGED")
    unit = await received(xu, said["messageId"])
    assert unit.mpc == CHANNEL
    assert unit.ref_to_message_id is None
    assert await kinds(az) == ["SUBMITTED", "SENT", "PULLED", "RECEIPT_RECEIVED"]

    async def delivered() -> bool:
        return await kinds(xu) == ["RECEIVED", "RECEIPT_SENT", "CALLBACK_DELIVERED"]

    await until(delivered, "XU knows that its receipt arrived")
    (leased,) = await xu.store.lease(said["receivingAuthority"], utc_now(), 60.0, 10)
    assert leased.message_id == said["messageId"]


@pytest_twisted.ensureDeferred
async def test_several_messages_are_pulled_at_once_oldest_first(
    start: Start, folders: dict[str, Path]
) -> None:
    xu_pulls(folders)
    change(folders["XU"], "AZ", "interval_seconds = 1.0", "interval_seconds = 3600.0")
    az = await start("AZ")
    sent = [(await from_az(folders["AZ"]))["messageId"] for _ in range(3)]
    xu = await start("XU")  # asks now, and the next time in an hour but for what has come
    for message_id in sent:
        await reaches(az, message_id, "ACKNOWLEDGED")
    found = [facts["message_id"] for kind, facts in await records(xu) if kind == "RECEIVED"]
    assert found == sent


@pytest_twisted.ensureDeferred
async def test_a_pulled_message_that_is_refused(start: Start, folders: dict[str, Path]) -> None:
    """The error comes by callback, signed, and ends the matter for the submitter."""
    xu_pulls(folders)
    line(folders["XU"] / "partners" / "AZ.toml", "received", '["ContactCheck"]')
    az = await start("AZ")
    said = await from_az(folders["AZ"])
    xu = await start("XU")
    await reaches(az, said["messageId"], "FAILED")
    sent = await az.store.awaited.find_sent(said["messageId"])
    assert sent.exchange.error_code == "EBMS:0010"
    assert (await kinds(az))[-2:] == ["REFUSAL_RECEIVED", "FAILED"]
    refused = [facts for kind, facts in await records(xu) if kind == "REFUSED"]
    assert [facts["code"] for facts in refused] == ["EBMS:0010"]
    (notice,) = await az.store.lease(said["requestingAuthority"], utc_now(), 60.0, 10)
    assert notice.notice == "FAILED"


@pytest_twisted.ensureDeferred
async def test_receipts_by_callback_both_ways(start: Start, folders: dict[str, Path]) -> None:
    both_call_back(folders)
    az, xu = await start("AZ"), await start("XU")
    there = await from_az(folders["AZ"])
    await reaches(az, there["messageId"], "ACKNOWLEDGED")
    back = await reply(folders["XU"], there["messageId"], "--wait", "20")
    assert back["state"] == "ACKNOWLEDGED"
    found = await kinds(az)
    assert {"RECEIPT_RECEIVED", "RECEIPT_SENT"} <= set(found)

    async def delivered() -> bool:
        return "CALLBACK_DELIVERED" in await kinds(az) and "CALLBACK_DELIVERED" in await kinds(xu)

    await until(delivered, "both receipts were posted")


@pytest_twisted.ensureDeferred
async def test_two_way_push_and_push(start: Start, folders: dict[str, Path]) -> None:
    az, xu = await start("AZ"), await start("XU")
    await two_way(folders, az, xu)


@pytest_twisted.ensureDeferred
async def test_two_way_pull_and_push(start: Start, folders: dict[str, Path]) -> None:
    """AZ's request is pulled, XU's reply is pushed."""
    xu_pulls(folders)
    az, xu = await start("AZ"), await start("XU")
    await two_way(folders, az, xu)


@pytest_twisted.ensureDeferred
async def test_two_way_push_and_pull(start: Start, folders: dict[str, Path]) -> None:
    """XU's request is pushed, AZ's reply is pulled: it refers to the request, not the pulling."""
    xu_pulls(folders)
    az, xu = await start("AZ"), await start("XU")
    document = example_document("PreservationRequest", "XU")
    first = await submit(folders["XU"], "XU-POC247", document, "--wait", "20")
    assert first["state"] == "ACKNOWLEDGED"
    second = await from_az(folders["AZ"], "--ref-to", first["messageId"])
    assert second["conversationId"] == first["conversationId"]
    await reaches(az, second["messageId"], "ACKNOWLEDGED")
    unit = await received(xu, second["messageId"])
    assert unit.ref_to_message_id == first["messageId"]
    assert unit.conversation_id == first["conversationId"]
    assert unit.mpc == CHANNEL


async def two_way(folders: dict[str, Path], az: Gateway, xu: Gateway) -> None:
    """AZ asks, XU replies in the same conversation."""
    first = await from_az(folders["AZ"])
    await reaches(az, first["messageId"], "ACKNOWLEDGED")
    second = await reply(folders["XU"], first["messageId"], "--wait", "20")
    assert second["state"] == "ACKNOWLEDGED"
    assert second["conversationId"] == first["conversationId"]
    unit = await received(az, second["messageId"])
    assert unit.ref_to_message_id == first["messageId"]
    assert unit.conversation_id == first["conversationId"]
    shown = await deferToThread(
        command,
        *("status", str(folders["AZ"]), second["messageId"], "--as", second["receivingAuthority"]),
        "--json",
    )
    assert shown["refToMessageId"] == first["messageId"]


@pytest_twisted.ensureDeferred
async def test_both_audits_hold_after_pulling(start: Start, folders: dict[str, Path]) -> None:
    xu_pulls(folders)
    az, xu = await start("AZ"), await start("XU")
    said = await from_az(folders["AZ"])
    await reaches(az, said["messageId"], "ACKNOWLEDGED")

    async def delivered() -> bool:
        return "CALLBACK_DELIVERED" in await kinds(xu)

    await until(delivered, "the receipt was posted")
    for state in ("AZ", "XU"):
        await deferToThread(command, "audit", "verify", str(folders[state]))


def test_the_pmodes_mirror_each_other(folders: dict[str, Path]) -> None:
    xu_pulls(folders)
    (az,), (xu,) = (load_node(folders[state]).pmodes for state in ("AZ", "XU"))
    assert az.channel_sent == xu.channel_received == CHANNEL
    assert az.channel_received is xu.channel_sent is None
