"""A failure of our own on the way out: the message is tried again, not stuck."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread

from gateway.app import Gateway
from gateway.demo.nodes import command
from gateway.outbound import sender as sender_module
from gateway.outbound import settling
from gateway.outbound.packing import Packer
from gateway.outbound.posting import Post, Unanswered
from gateway.outbound.sender import LONGEST_SLEEP_SECONDS, Sender
from gateway.store import Store
from gateway.store.faults import CommitUncertain
from gateway.store.values import MessageView
from tests.gateway.ground import edit_stop, example_document, started
from tests.gateway.odd_partner import listening


@pytest_twisted.ensureDeferred
async def test_a_message_that_could_not_be_sealed_is_tried_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, failures = Packer.seal, []

    def fails_once(self, submission, pmode, outgoing=None):
        if not failures:
            failures.append(submission.message_id)
            raise OSError(28, "No space left on device")
        return seal(self, submission, pmode, outgoing)

    monkeypatch.setattr(Packer, "seal", fails_once)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        document = tmp_path / "request.xml"
        document.write_bytes(example_document("PreservationRequest", "XU"))
        view = await deferToThread(
            command,
            *("submit", str(folders["XU"]), "--as", "XU-POC247", "--document", str(document)),
            *("--wait", "20", "--json"),
        )
        assert failures == [view["messageId"]]
        assert (view["state"], view["attempts"]) == ("ACKNOWLEDGED", 2)
    finally:
        await xu.stop()
        await az.stop()


async def submitted(folder: Path, tmp_path: Path, wait: int = 20) -> dict[str, Any]:
    """What the local API says of a request that XU's point of contact handed in."""
    document = tmp_path / "request.xml"
    document.write_bytes(example_document("PreservationRequest", "XU"))
    return await deferToThread(
        command,
        *("submit", str(folder), "--as", "XU-POC247", "--document", str(document)),
        *("--wait", str(wait), "--json"),
    )


async def settled(xu: Gateway, message_id: str, *states: str) -> MessageView:
    """The message, once it stands in one of `states`."""
    while True:
        view = await xu.store.message_for("XU-POC247", message_id)
        if view.state in states:
            return view
        await deferLater(reactor, 0.02, lambda: None)


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_claimed_is_not_asked_for_again_and_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message waits for a partner that was taken out of the configuration."""
    xu = await started(folders["XU"])
    try:
        await xu.sender.stopService()
        view = await submitted(folders["XU"], tmp_path, 0)
        claims, claim_due = [], Store.claim_due

        async def counted(self, *terms):
            claims.append(terms)
            return await claim_due(self, *terms)

        monkeypatch.setattr(Store, "claim_due", counted)
        clock = Clock()
        sender = Sender(replace(xu.sender._desk, pmodes={}), clock)
        sender.startService()
        for _ in range(100):
            while sender._looking is not None:
                await deferLater(reactor, 0, lambda: None)
            clock.advance(0.05)
        assert len(claims) <= 1 + 5.0 // LONGEST_SLEEP_SECONDS
        await sender.stopService()
        assert (await settled(xu, view["messageId"], "READY")).attempts == 0
    finally:
        await xu.stop()


@pytest_twisted.ensureDeferred
async def test_an_outcome_that_the_store_cannot_take_now_is_kept_until_it_can(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for two tries: the receipt in hand is kept, and nothing is sent again."""
    monkeypatch.setattr(settling, "FIRST_PAUSE_SECONDS", 0.01)
    settle, failures = Store.settle, []

    async def fails_twice(self, *what, **more):
        if len(failures) < 2:
            failures.append(what)
            raise CommitUncertain("No space left on device")
        return await settle(self, *what, **more)

    monkeypatch.setattr(Store, "settle", fails_twice)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        view = await submitted(folders["XU"], tmp_path)
        assert len(failures) == 2
        assert (view["state"], view["attempts"]) == ("ACKNOWLEDGED", 1)
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_an_outcome_that_the_store_never_takes_gives_way_to_a_plain_one(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "FIRST_PAUSE_SECONDS", 0.01)
    settle, offered = Store.settle, []

    async def takes_no_receipt_at_first(self, *what, **more):
        offered.append(more["kind"])
        if more["receipt"] is not None and len(offered) <= settling.TRIES:
            raise ValueError("cannot be written")
        return await settle(self, *what, **more)

    monkeypatch.setattr(Store, "settle", takes_no_receipt_at_first)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        view = await submitted(folders["XU"], tmp_path)
        assert offered == [*["RECEIPT_RECEIVED"] * settling.TRIES, "ATTEMPT_FAILED", offered[0]]
        assert (view["state"], view["attempts"]) == ("ACKNOWLEDGED", 2)
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_a_claim_of_which_we_never_heard_is_made_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of the claim happened, and its answer was lost: no restart is needed."""
    monkeypatch.setattr(sender_module, "TROUBLE_SECONDS", 0.01)
    claim_due, lost = Store.claim_due, []

    async def loses_the_first(self, *terms):
        claimed = await claim_due(self, *terms)
        if claimed and not lost:
            lost.extend(claimed)
            raise CommitUncertain("the connection was lost during COMMIT")
        return claimed

    monkeypatch.setattr(Store, "claim_due", loses_the_first)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        view = await submitted(folders["XU"], tmp_path)
        assert [dispatch.submission.message_id for dispatch in lost] == [view["messageId"]]
        assert (view["state"], view["attempts"]) == ("ACKNOWLEDGED", 2)
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_what_is_claimed_during_a_stop_is_not_sent_and_due_at_the_next_start(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, sent = Store.claim_due, []
    claimed, go_on = Deferred(), Deferred()

    async def waits(self, *terms):
        found = await claim_due(self, *terms)
        if found and not claimed.called:
            claimed.callback(found)
            await go_on
        return found

    async def deliver(self, sealed, pmode):
        sent.append(sealed)
        raise Unanswered("this test must not come here")

    monkeypatch.setattr(Store, "claim_due", waits)
    with monkeypatch.context() as patched:
        patched.setattr(Post, "deliver", deliver)
        xu = await started(folders["XU"])
        view = await submitted(folders["XU"], tmp_path, 0)
        await claimed
        stopped = Deferred.fromCoroutine(xu.stop())
        while xu.sender.running:
            await deferLater(reactor, 0, lambda: None)
        assert not stopped.called
        go_on.callback(None)
        await stopped
        assert sent == []
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        view = await settled(xu, view["messageId"], "ACKNOWLEDGED")
        assert view.attempts == 2
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_an_answer_that_does_not_come_holds_a_stop_up_for_a_limited_time(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """The partner takes the message and says nothing; after the next start it is sent again."""
    edit_stop(folders["XU"], 0.2)
    silent = await listening(folders["AZ"], b"")
    xu = await started(folders["XU"])
    view = await submitted(folders["XU"], tmp_path, 0)
    await silent.asked
    await xu.stop()
    await silent.close()
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        assert (await settled(xu, view["messageId"], "ACKNOWLEDGED")).attempts == 2
    finally:
        await xu.stop()
        await az.stop()
