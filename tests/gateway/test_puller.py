"""XU as the side that pulls: what goes wrong on the way, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_twisted
from structlog.testing import capture_logs

from gateway.app import Gateway, utc_now
from gateway.outbound.posting import PeerAnswer, Post, Unanswered
from gateway.store.pulls import Pulls
from gateway.store.values import Sealed
from protocol.as4.pmode import PMode
from tests.gateway.ground import started
from tests.gateway.patterns import (
    CHANNEL,
    change,
    from_az,
    kinds,
    pause,
    reaches,
    records,
    state_of,
    until,
    xu_pulls,
)

LARGE_BYTES = 20_000_000


@pytest_twisted.async_yield_fixture
async def az(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    """AZ, whose partner XU pulls."""
    xu_pulls(folders)
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_a_large_message_is_pulled_whole(
    az: Gateway, folders: dict[str, Path], tmp_path: Path
) -> None:
    annex = tmp_path / "annex.bin"
    annex.write_bytes(os.urandom(LARGE_BYTES))
    said = await from_az(folders["AZ"], "--attach", str(annex))
    xu = await started(folders["XU"])
    try:
        await reaches(az, said["messageId"], "ACKNOWLEDGED")
        view = await xu.store.message_for(said["receivingAuthority"], said["messageId"])
        assert view.parts[1].blob.sha256 == sha256(annex.read_bytes()).digest()
        assert await az.store.wire_names() == set()
    finally:
        await xu.stop()


@pytest_twisted.ensureDeferred
async def test_a_receipt_that_is_lost_is_posted_again(
    az: Gateway, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost before it arrives, and lost on the way back: the second time it comes doubled."""
    deliver, posts = Post.deliver, []

    async def fails_twice(self: Post, sealed: Sealed, pmode: PMode) -> PeerAnswer:
        posts.append(sealed.soap)
        if len(posts) == 1:
            raise Unanswered("the line is down")
        answer = await deliver(self, sealed, pmode)
        if len(posts) == 2:
            raise Unanswered("the line went down")
        return answer

    monkeypatch.setattr(Post, "deliver", fails_twice)
    said = await from_az(folders["AZ"])
    xu = await started(folders["XU"])
    try:

        async def delivered() -> bool:
            return "CALLBACK_DELIVERED" in await kinds(xu)

        await until(delivered, "the receipt has arrived")
        assert len(posts) == 3
        assert len(set(posts)) == 1  # the same octets
        assert await state_of(az, said["messageId"]) == "ACKNOWLEDGED"
        assert (await kinds(az)).count("RECEIPT_RECEIVED") == 1
    finally:
        await xu.stop()


@pytest_twisted.ensureDeferred
async def test_a_message_that_comes_again_is_kept_once_and_receipted_again(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt does not arrive in time: the message is pulled again, and is a duplicate."""
    xu_pulls(folders)
    change(folders["AZ"], "XU", "receipt_timeout_seconds = 60.0", "receipt_timeout_seconds = 0.6")
    deliver, lost = Post.deliver, []

    async def slow(self: Post, sealed: Sealed, pmode: PMode) -> PeerAnswer:
        if not lost:
            lost.append(sealed)
            await pause(2.0)
            raise Unanswered("the line is down")
        return await deliver(self, sealed, pmode)

    monkeypatch.setattr(Post, "deliver", slow)
    az = await started(folders["AZ"])
    said = await from_az(folders["AZ"])
    xu = await started(folders["XU"])
    try:
        await reaches(az, said["messageId"], "ACKNOWLEDGED")
        assert (await kinds(az)).count("PULLED") >= 2
        found = [kind for kind in await kinds(xu) if kind != "CALLBACK_DELIVERED"]
        assert found == ["RECEIVED", "RECEIPT_SENT"]
        leased = await xu.store.lease(said["receivingAuthority"], utc_now(), 60.0, 10)
        assert len(leased) == 1
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_a_partner_that_is_away_is_asked_again(folders: dict[str, Path]) -> None:
    xu_pulls(folders)
    with capture_logs() as log:
        xu = await started(folders["XU"])
        await until(lambda: [one for one in log if one["event"] == "pull.unanswered"], "it asked")
    az = await started(folders["AZ"])
    try:
        said = await from_az(folders["AZ"])
        await reaches(az, said["messageId"], "ACKNOWLEDGED")
        assert "REFUSED" not in await kinds(xu)  # a partner that is away costs no evidence
    finally:
        await az.stop()
        await xu.stop()


@pytest_twisted.ensureDeferred
async def test_what_the_partner_says_no_to_is_in_the_log(
    az: Gateway, folders: dict[str, Path]
) -> None:
    """Both sides must agree on the channel; until then nothing is answered by a signal."""
    change(folders["XU"], "AZ", f'mpc = "{CHANNEL}"\ninterval', 'mpc = "urn:other"\ninterval')
    with capture_logs() as log:
        xu = await started(folders["XU"])
        try:
            said = await until(
                lambda: [one for one in log if one["event"] == "pull.refused"],
                "the partner says no",
            )
        finally:
            await xu.stop()
    assert said[0]["codes"] == ["EBMS:0001"]
    assert [facts["code"] for kind, facts in await records(az) if kind == "REFUSED"] == [
        "EBMS:0001"
    ]


@pytest_twisted.ensureDeferred
async def test_a_stop_in_the_middle_of_a_pull_keeps_what_arrives(
    az: Gateway, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The puller stops while AZ is about to answer: the message is stored, its receipt is owed."""
    asked, find = [], Pulls.next

    async def slow(self: Pulls, partner: str, request_id: str, now):
        asked.append(request_id)
        await pause(0.5)
        return await find(self, partner, request_id, now)

    monkeypatch.setattr(Pulls, "next", slow)
    said = await from_az(folders["AZ"])
    xu = await started(folders["XU"])
    await until(lambda: asked, "XU asks")
    await xu.stop()
    again = await started(folders["XU"])
    try:
        await reaches(az, said["messageId"], "ACKNOWLEDGED")
        assert (await kinds(again)).count("RECEIVED") == 1
        assert (await kinds(az)).count("PULLED") == 1
    finally:
        await again.stop()
