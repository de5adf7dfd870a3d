"""A failure of our own on the way out: the message is tried again, not stuck."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from gateway.demo.nodes import command
from gateway.outbound.packing import Packer
from gateway.store import Store
from tests.gateway.ground import example_document, started


@pytest_twisted.ensureDeferred
async def test_a_message_that_could_not_be_sealed_is_tried_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, failures = Packer.seal, []

    def fails_once(self, submission, pmode):
        if not failures:
            failures.append(submission.message_id)
            raise OSError(28, "No space left on device")
        return seal(self, submission, pmode)

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


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_claimed_is_not_asked_for_again_and_again(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message for a partner that was taken out of the configuration stays due for ever."""
    looks = []

    async def due_for_ever(self, now):
        looks.append(now)
        return now - timedelta(hours=1)

    monkeypatch.setattr(Store, "next_due", due_for_ever)
    az = await started(folders["AZ"])
    try:
        await deferLater(reactor, 1.0, lambda: None)
        assert len(looks) == 1
    finally:
        await az.stop()
