"""A large message crosses in fragments between two running gateways over real TLS."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from gateway.app import Gateway, utc_now
from gateway.store.values import StoredPart, Submission
from tests.gateway.ground import example_document, started
from tests.gateway.pieces import with_split
from tests.gateway.test_fragments import findings, groups, until

EVIDENCE = os.urandom(500_000)


def agree(folders: dict[str, Path], **levers: Any) -> None:
    for folder in folders.values():
        for path in (folder / "partners").glob("*.toml"):
            path.write_text(with_split(path.read_text(), **levers))


@pytest_twisted.async_yield_fixture(params=[False, True], ids=["plain", "gzip"])
async def both(
    folders: dict[str, Path], request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, Gateway]]:
    agree(folders, compress=request.param)
    gateways = {state: await started(folder) for state, folder in folders.items()}
    yield gateways
    for gateway in gateways.values():
        await gateway.stop()


def part(gateway: Gateway, position: int, mime_type: str, octets: bytes) -> StoredPart:
    writer = gateway._spool.writer()
    writer.write(octets)
    return StoredPart(position, f"part-{position}@xu.example", mime_type, writer.finish())


async def submit(gateway: Gateway, document: bytes | None = None) -> str:
    """A preservation request with large evidence, handed in by XU-POC247."""
    message_id = "large@xu.example"
    document = document or example_document("PreservationRequest", "XU")
    assert gateway.store is not None
    parts = (
        part(gateway, 0, "application/xml", document),
        part(gateway, 1, "application/octet-stream", EVIDENCE),
    )
    await gateway.store.submit(
        Submission(
            authority="XU-POC247",
            partner="AZ",
            message_id=message_id,
            conversation_id="conversation-1",
            ref_to_message_id=None,
            action="PreservationRequest",
            kind="PreservationRequest",
            receiving_authority="AZ-SSS",
            request_id=None,
            parts=parts,
            idempotency_key=None,
            content_digest=sha256(EVIDENCE).digest(),
            submitted_at=utc_now(),
        )
    )
    return message_id


async def stands(gateway: Gateway, message_id: str, state: str) -> Any:
    assert gateway.store is not None
    view = await gateway.store.message_for("XU-POC247", message_id)
    return view if view is not None and view.state == state else None


@pytest_twisted.ensureDeferred
async def test_a_large_message_crosses_and_is_receipted(both: dict[str, Gateway]) -> None:
    message_id = await submit(both["XU"])
    await until(lambda: stands(both["XU"], message_id, "ACKNOWLEDGED"))
    assert both["AZ"].store is not None
    view = await both["AZ"].store.message_for("AZ-SSS", message_id)
    assert view is not None
    assert view.parts[1].blob.sha256 == sha256(EVIDENCE).digest()
    for gateway in both.values():
        ((_, state, code),) = await groups(gateway)
        assert (state, code) == ("JOINED", None)
        assert await findings(gateway) == []
    assert both["XU"].store is not None
    await until(lambda: _files_are(both["XU"], 1))
    assert await both["XU"].store.lease("XU-POC247", utc_now(), 60.0, 10) == []


async def _files_are(gateway: Gateway, count: int) -> bool:
    wire = sum(path.is_file() for path in gateway._wire_spool.folder.rglob("*"))
    plain = sum(path.is_file() for path in gateway._spool.folder.rglob("*"))
    return (plain, wire) == (count, 0)


@pytest_twisted.ensureDeferred
async def test_a_refused_whole_is_told_to_the_submitter_once(
    folders: dict[str, Path],
) -> None:
    agree(folders)
    gateways = {state: await started(folder) for state, folder in folders.items()}
    message_id = await submit(gateways["XU"], b"<nothing/>")
    view = await until(lambda: stands(gateways["XU"], message_id, "FAILED"))
    assert view.error_code == "EBMS:0004"
    assert view.error_sentence.startswith("Fragment ")
    assert gateways["XU"].store is not None
    notices = await gateways["XU"].store.lease("XU-POC247", utc_now(), 60.0, 10)
    assert [one.notice for one in notices] == ["FAILED"]
    for gateway in gateways.values():
        assert await findings(gateway) == []
        await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_both_sides_stop_in_the_middle_and_go_on(folders: dict[str, Path]) -> None:
    agree(folders)
    xu = await started(folders["XU"])
    message_id = await submit(xu)
    await until(lambda: stands(xu, message_id, "AWAITING_RECEIPT"))
    await xu.stop()
    az = await started(folders["AZ"])
    xu = await started(folders["XU"])
    await until(lambda: stands(xu, message_id, "ACKNOWLEDGED"))
    assert await findings(xu) == []
    assert await findings(az) == []
    await xu.stop()
    await az.stop()
