"""Messages of ours that go in fragments: divided once, and freed of what was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, insert, select, update

from gateway.store import facts
from gateway.store.content import destroy_content_txn
from gateway.store.dispatching import move_txn
from gateway.store.engine import Engine
from gateway.store.rows import blob_of, fingerprint, keep_certificates_txn, references_json
from gateway.store.sent import exchange_of, forget_wire_txn, outbound_txn, submit_txn
from gateway.store.split_rows import group_of_fragment_txn, group_of_source_txn
from gateway.store.tables import OUTBOUND, exchange, fragment, fragment_group, message, part
from gateway.store.transaction import Transaction
from gateway.store.values import MESSAGE_FRAGMENT, NOBODY, StoredBlob, StoredPart, Submission
from protocol.as4.exchange import Exchange, ExchangeState, Split, step
from protocol.as4.fragment import GroupTerms
from protocol.as4.fragment_group import GroupHeader, GroupState
from protocol.as4.names import OCTET_STREAM
from protocol.as4.values import SignedReference
from protocol.evidence.records import Json, Kind

_FINAL: Final = (ExchangeState.ACKNOWLEDGED.value, ExchangeState.FAILED.value)
_SPENT: Final = (
    select(message.c.message_id, message.c.partner, part)
    .join_from(fragment, message, fragment.c.message == message.c.id)
    .join(exchange, exchange.c.message == message.c.id)
    .join(part, part.c.message == message.c.id)
    .where(message.c.direction == OUTBOUND, exchange.c.state.in_(_FINAL), part.c.wrapped_key != b"")
)
_SEAL: Final = update(message).where(message.c.id == bindparam("number"))


@dataclass(frozen=True, slots=True)
class DividedPiece:
    """One fragment that is to be sent: its ids, and its content at rest."""

    message_id: str
    content_id: str
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class Divided:
    """A message cut into pieces; `facts` is the signed evidence of it, `envelope` unsigned."""

    group_id: str
    header: GroupHeader
    terms: GroupTerms
    pieces: tuple[DividedPiece, ...]
    envelope: bytes = field(repr=False)
    whole: SignedReference
    facts: Mapping[str, Json]
    signer_certificate: bytes = field(repr=False)  # DER
    at: datetime
    until: datetime  # when its receipt is overdue


def keep_divided_txn(unit: Transaction, source: Submission, divided: Divided) -> Exchange:
    """Every fragment is a message that is due, and the message itself waits for its receipt."""
    row = outbound_txn(unit, source.message_id, lock=True)
    if group_of_source_txn(unit, row.id) is not None:
        return exchange_of(row)
    keep_certificates_txn(unit, (divided.signer_certificate,))
    columns = {
        "number": row.id,
        "envelope": divided.envelope,
        "references": references_json((divided.whole,)),
        "signer": fingerprint(divided.signer_certificate),
    }
    unit.connection.execute(_SEAL, columns)
    after = step(exchange_of(row), Split(divided.until), divided.at)
    move_txn(unit, row, after)
    standing = facts.standing(row.partner, row.message_id, after)
    unit.record(Kind.SPLIT, divided.at, {**divided.facts, **standing}, row.id)
    group = _keep_group_txn(unit, row.id, source, divided)
    for number, piece in enumerate(divided.pieces, 1):
        _keep_piece_txn(unit, group, number, piece, source, divided.at)
    return after


def release_txn(
    unit: Transaction, at: datetime, message_id: str | None = None
) -> tuple[list[StoredBlob], list[StoredBlob]]:
    """What is left of fragments that need no further attempt is gone: of the group of `message_id`,
    or of all. Returns the blobs whose files can be removed: payloads, then sealed parts.
    """
    statement = _SPENT
    if message_id is not None:
        row = outbound_txn(unit, message_id)
        group = group_of_fragment_txn(unit, row.id)
        statement = _SPENT.where(fragment.c.fragment_group == group.id)
    plain: list[StoredBlob] = []
    sealed: list[StoredBlob] = []
    for spent in unit.connection.execute(statement).all():
        reason = "a fragment that needs no further attempt"
        destroy_content_txn(unit, OUTBOUND, spent.partner, spent.message_id, reason, at)
        plain.append(blob_of(spent))
        sealed += forget_wire_txn(unit, spent.message_id)
    return plain, sealed


def _keep_group_txn(unit: Transaction, number: int, source: Submission, divided: Divided) -> int:
    size_bytes = sum(piece.blob.size_bytes for piece in divided.pieces)
    columns = {
        "direction": OUTBOUND,
        "partner": source.partner,
        "group_id": divided.group_id,
        "state": GroupState.OPEN.value,
        "header": asdict(divided.header),
        "terms": asdict(divided.terms),
        "held_bytes": size_bytes,
        "promised_bytes": size_bytes,
        "begun_at": divided.at,
        "expires_at": divided.until,
        "message": number,
    }
    inserted = insert(fragment_group).returning(fragment_group.c.id)
    found: int = unit.connection.execute(inserted, columns).scalar_one()
    return found


def _keep_piece_txn(
    unit: Transaction,
    group: int,
    number: int,
    piece: DividedPiece,
    source: Submission,
    at: datetime,
) -> None:
    submit_txn(unit, _submission(piece, source, at))
    row = outbound_txn(unit, piece.message_id)
    columns = {"message": row.id, "fragment_group": group, "number": number}
    unit.connection.execute(insert(fragment), columns)


def _submission(piece: DividedPiece, source: Submission, at: datetime) -> Submission:
    return Submission(
        authority=NOBODY,
        partner=source.partner,
        message_id=piece.message_id,
        conversation_id=source.conversation_id,
        ref_to_message_id=None,
        action=source.action,
        kind=MESSAGE_FRAGMENT,
        receiving_authority=NOBODY,
        request_id=None,
        parts=(StoredPart(0, piece.content_id, OCTET_STREAM, piece.blob),),
        idempotency_key=None,
        content_digest=sha256(piece.blob.sha256).digest(),
        submitted_at=at,
    )


@dataclass(frozen=True, slots=True)
class Splits:
    """Messages of ours that go in fragments. Every method is one transaction."""

    engine: Engine

    async def keep(self, source: Submission, divided: Divided) -> Exchange:
        """The fragments are due; where the message itself stands."""
        return await self.engine.run(lambda unit: keep_divided_txn(unit, source, divided))

    async def release(
        self, at: datetime, message_id: str | None = None
    ) -> tuple[list[StoredBlob], list[StoredBlob]]:
        """What fragments that ended left behind: payloads and sealed parts, to remove the files."""
        return await self.engine.run(lambda unit: release_txn(unit, at, message_id))
