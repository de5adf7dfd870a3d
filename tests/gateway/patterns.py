"""Nodes that agreed on another pattern than one push each way, and what tests ask of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from gateway.app import Gateway
from gateway.demo.nodes import command
from gateway.outbound.posting import PeerAnswer
from gateway.store.tables import evidence
from gateway.store.transaction import Transaction
from protocol.as4.envelope import open_envelope
from protocol.as4.pmode import PMode
from protocol.as4.receipts import build_receipt
from protocol.as4.signals import build_error, build_pull_request
from protocol.as4.signature import SignedEnvelope, verify_signature
from tests.gateway.ground import Partner, example_document

SOAP = "application/soap+xml; charset=UTF-8"
CHANNEL = "urn:uncc:mpc:az-xu"
PATIENCE_SECONDS = 20.0


def agree(folder: Path, partner: str, table: str) -> None:
    """The P-Mode of the node in `folder` with `partner` has `table` too."""
    path = folder / "partners" / f"{partner}.toml"
    path.write_text(path.read_text() + "\n" + table)


def change(folder: Path, partner: str, old: str, new: str) -> None:
    path = folder / "partners" / f"{partner}.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def xu_pulls(folders: dict[str, Path]) -> None:
    """XU pulls what AZ sends; on XU's side once a second."""
    agree(folders["AZ"], "XU", f'[pull]\nby = "partner"\nmpc = "{CHANNEL}"\n')
    agree(folders["XU"], "AZ", f'[pull]\nby = "us"\nmpc = "{CHANNEL}"\ninterval_seconds = 1.0\n')


def both_call_back(folders: dict[str, Path]) -> None:
    """Receipts for pushed messages come in requests of their own, both ways."""
    for state, other in (("AZ", "XU"), ("XU", "AZ")):
        change(folders[state], other, 'reply = "response"', 'reply = "callback"')


async def submit(folder: Path, authority: str, document: bytes, *words: str) -> dict[str, Any]:
    """What the command line says of a submission of `authority` to the running node."""
    path = folder.parent / f"{uuid4().hex}.xml"
    path.write_bytes(document)
    said: dict[str, Any] = await deferToThread(
        command,
        *("submit", str(folder), "--as", authority, "--document", str(path), *words, "--json"),
    )
    return said


async def from_az(folder: Path, *words: str) -> dict[str, Any]:
    """A preservation request of AZ to XU."""
    from protocol.convention.documents import read_document

    document = example_document("PreservationRequest", "AZ")
    return await submit(folder, read_document(document).author, document, *words)


async def until(holds: Callable[[], Any], what: str) -> Any:
    """What `holds` says once it says something; it may be a coroutine function."""
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        found = holds()
        found = await found if hasattr(found, "__await__") else found
        if found:
            return found
        await deferLater(reactor, 0.05, lambda: None)
    raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s until {what}")


async def pause(seconds: float) -> None:
    await deferLater(reactor, seconds, lambda: None)


async def state_of(gateway: Gateway, message_id: str) -> str:
    """Where a sent message stands."""
    assert gateway.store is not None
    sent = await gateway.store.awaited.find_sent(message_id)
    assert sent is not None
    return sent.exchange.state.value


async def reaches(gateway: Gateway, message_id: str, state: str) -> None:
    async def there() -> bool:
        return await state_of(gateway, message_id) == state

    await until(there, f"{message_id} is {state}")


async def records(gateway: Gateway) -> list[tuple[str, dict[str, Any]]]:
    """Every evidence record: its kind and its facts."""

    def read(unit: Transaction) -> list[tuple[str, dict[str, Any]]]:
        rows = unit.connection.execute(
            select(evidence.c.kind, evidence.c.record).order_by(evidence.c.sequence)
        )
        return [(kind, json.loads(octets)["facts"]) for kind, octets in rows]

    assert gateway.store is not None
    return await gateway.store._engine.run(read)


async def kinds(gateway: Gateway) -> list[str]:
    """What is in evidence about messages; what it is to their cases is left out."""
    found = await records(gateway)
    unasked = ("WITNESS_BEGUN", "CASE_STEP", "CLOCK_ANCHORED", "DIRECTORY_CHANGED")
    return [kind for kind, _ in found if kind not in unasked]


def pull_request(xu: Partner, *, mpc: str = CHANNEL, **changes: Any) -> bytes:
    """A PullRequest of XU."""
    settings: dict[str, Any] = {
        "message_id": f"{uuid4()}@test.example",
        "timestamp": datetime.now(UTC),
        "signer": xu.node.signer_for(xu.pmode.suite),
        "suite": xu.pmode.suite,
        "token_form": xu.pmode.signing_token,
        **changes,
    }
    return build_pull_request(mpc=mpc, **settings)


async def pull(xu: Partner, **changes: Any) -> PeerAnswer:
    return await xu.post(SOAP, pull_request(xu, **changes))


def read_pulled(answer: PeerAnswer, pmode: PMode) -> SignedEnvelope:
    """The signed view of the message in `answer`, read without a gateway."""
    assert answer.http_status == 200
    assert answer.content_type is not None
    soap = answer.body
    if answer.content_type.startswith("multipart/"):
        start = answer.body.index(b"<?xml")
        soap = answer.body[start : answer.body.index(b"</env:Envelope>") + len(b"</env:Envelope>")]
    return verify_signature(open_envelope(soap), pmode.partner_signing, pmode.suite)


def receipt_for(xu: Partner, signed: SignedEnvelope, **changes: Any) -> bytes:
    """XU's receipt for a message of AZ."""
    settings: dict[str, Any] = {
        "message_id": f"{uuid4()}@test.example",
        "timestamp": datetime.now(UTC),
        "ref_to_message_id": signed.unit.message_id,
        "references": signed.references,
        "signer": xu.node.signer_for(xu.pmode.suite),
        "suite": xu.pmode.suite,
        "token_form": xu.pmode.signing_token,
        **changes,
    }
    return build_receipt(**settings)


def error_for(xu: Partner, message_id: str, error: Any, signer: Any) -> bytes:
    """XU's error about a message of AZ; unsigned without a signer."""
    return build_error(
        message_id=f"{uuid4()}@test.example",
        timestamp=datetime.now(UTC),
        ref_to_message_id=message_id,
        error=error,
        detail="because",
        signer=signer,
        suite=xu.pmode.suite,
        token_form=xu.pmode.signing_token,
    )
