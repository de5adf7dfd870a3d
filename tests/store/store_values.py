"""Messages for tests of the store; each whole, and each a little different."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from sqlalchemy import select
from twisted.internet.threads import deferToThread

from gateway.store import Store
from gateway.store.tables import evidence
from gateway.store.transaction import Transaction
from gateway.store.values import Arrival, Sealed, StoredBlob, StoredPart, Submission, WirePart
from protocol.as4.values import SignedReference

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_numbers = count(1)


class Wrap:
    """A storage key that a test can hold in its hand."""

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._key = key

    def wrap(self, data_key: bytes) -> bytes:
        return aes_key_wrap(self._key, data_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return aes_key_unwrap(self._key, wrapped)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def blob(content: bytes = b"content", name: str | None = None) -> StoredBlob:
    inline = None if name else b"sealed " + content
    return StoredBlob(name, inline, Wrap().wrap(bytes(32)), len(content), sha256(content).digest())


def stored_part(position: int = 0, content: bytes = b"content") -> StoredPart:
    return StoredPart(position, f"part{position}@xu", "application/xml", blob(content))


def reference(uri: str = "#body", content: bytes = b"body") -> SignedReference:
    return SignedReference(uri, SHA256, sha256(content).digest(), b"<ds:Reference/>")


def arrival(message_id: str | None = None, **changes: Any) -> Arrival:
    number = next(_numbers)
    whole = Arrival(
        partner="XU",
        message_id=message_id or f"m{number}@xu",
        conversation_id="c1@xu",
        ref_to_message_id=None,
        action="MlaRequest",
        kind="MlaRequest",
        authority="AZ-SSS",
        requesting_authority="XU-CA",
        request_id="XU-2026-1",
        priority=0,
        envelope=b"<env:Envelope/>" * 20,
        references=(reference(), reference("cid:part0@xu", b"part")),
        receipt_id=f"r{number}@az",
        receipt=f"<receipt {number}/>".encode(),
        parts=(stored_part(),),
        signer_certificate=b"DER of the signer",
        tls_fingerprint="ab" * 32,
        claimed_at=AT - timedelta(seconds=2),
        received_at=AT,
        routing={"rule": "AZ-MLA", "article": "40", "source": "declaration"},
        receipt_signer=b"DER of our own",
    )
    return replace(whole, **changes)


def submission(message_id: str | None = None, **changes: Any) -> Submission:
    whole = Submission(
        authority="AZ-SSS",
        partner="XU",
        message_id=message_id or f"m{next(_numbers)}@az",
        conversation_id="c1@az",
        ref_to_message_id=None,
        action="MlaRequest",
        kind="MlaRequest",
        receiving_authority="XU-CA",
        request_id="AZ-2026-1",
        parts=(stored_part(),),
        idempotency_key=None,
        content_digest=sha256(b"content").digest(),
        submitted_at=AT,
    )
    return replace(whole, **changes)


def sealed(content: bytes = b"<env:Envelope/>") -> Sealed:
    wire = WirePart("part0@az", StoredBlob(None, b"wire", b"", 4, sha256(b"wire").digest()))
    return Sealed(content, (reference(), reference("cid:part0@az")), (wire,), b"DER of our own")


async def records(store: Store) -> list[tuple[str, Mapping[str, Any]]]:
    """Every evidence record after the opening ones: its kind and its facts."""

    def read_txn(unit: Transaction) -> list[tuple[str, Mapping[str, Any]]]:
        rows = unit.connection.execute(
            select(evidence.c.kind, evidence.c.record).order_by(evidence.c.sequence)
        )
        return [(kind, json.loads(octets)["facts"]) for kind, octets in rows]

    found = await deferToThread(store.run_blocking, read_txn)
    return [entry for entry in found if entry[0] != "WITNESS_BEGUN"]


async def kinds(store: Store) -> list[str]:
    return [kind for kind, _ in await records(store)]
