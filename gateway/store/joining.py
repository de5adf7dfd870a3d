"""Groups of fragments as a whole: what is held of one, joined into a message, or given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update

from gateway.store.alerts import note_txn
from gateway.store.content import destroy_content_txn
from gateway.store.group_rows import group_of
from gateway.store.owed import owe_receipt_txn, owe_txn
from gateway.store.received import accept_txn
from gateway.store.rows import blob_of, keep_certificates_txn
from gateway.store.tables import INBOUND, certificate, fragment, fragment_group, message, part
from gateway.store.transaction import Transaction
from gateway.store.values import AcceptOutcome, Arrival, OwedSignal, Stored, StoredBlob
from protocol.as4.fragment_group import FragmentGroup, GroupState
from protocol.evidence.records import Json, Kind

#: Groups that still take the partner's room.
OPEN_STATES: Final = (GroupState.OPEN.value, GroupState.COMPLETE.value)

_MOVE: Final = update(fragment_group).where(fragment_group.c.id == bindparam("row"))
_PIECES: Final = (
    select(fragment.c.number, message.c.message_id, part)
    .join_from(fragment, message, fragment.c.message == message.c.id)
    .join(part, part.c.message == message.c.id)
    .where(fragment.c.fragment_group == bindparam("row"))
    .order_by(fragment.c.number)
)
_FIRST: Final = (
    select(message, certificate.c.der)
    .join_from(fragment, message, fragment.c.message == message.c.id)
    .join(certificate, certificate.c.fingerprint == message.c.signer)
    .where(fragment.c.fragment_group == bindparam("row"))
    .order_by(fragment.c.number)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class HeldPiece:
    """One fragment that is held: its number, its MessageId and its content at rest."""

    number: int
    message_id: str
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group with what is held of it. `row` names it in this store; the first fragment says who
    signed (DER), over which TLS certificate, and in which envelope.
    """

    row: int
    partner: str
    group: FragmentGroup
    pieces: tuple[HeldPiece, ...]
    signer_certificate: bytes = field(repr=False)
    tls_fingerprint: str
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a group ended, for the evidence: what is recorded, and when."""

    kind: Kind
    facts: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a group failed, and what its partner is owed: an error, or the receipt that the message
    `receipted` got when it was joined before.
    """

    code: str
    sentence: str
    at: datetime
    owed: OwedSignal | None = None
    receipted: str | None = None


def held_group_txn(unit: Transaction, row_number: int) -> HeldGroup | None:
    """The group with everything that is held of it; None if nothing is held any more."""
    connection = unit.connection
    row = connection.execute(select(fragment_group).where(fragment_group.c.id == row_number)).one()
    first = connection.execute(_FIRST, {"row": row_number}).one_or_none()
    if first is None:
        return None
    pieces = tuple(
        HeldPiece(piece.number, piece.message_id, blob_of(piece))
        for piece in connection.execute(_PIECES, {"row": row_number})
    )
    return HeldGroup(
        row=row_number,
        partner=row.partner,
        group=group_of(row, (piece.number for piece in pieces)),
        pieces=pieces,
        signer_certificate=first.der,
        tls_fingerprint=first.tls_fingerprint,
        envelope=first.envelope,
    )


def join_txn(
    unit: Transaction, held: HeldGroup, arrival: Arrival, ending: Ending
) -> tuple[AcceptOutcome, tuple[StoredBlob, ...]]:
    """The joined message is stored and queued as any other; its fragments' content is gone.

    Returns what came of it, and the blobs whose files are of no use any more.
    """
    keep_certificates_txn(unit, (arrival.signer_certificate,))
    outcome = accept_txn(unit, arrival)
    if not isinstance(outcome, Stored):
        return outcome, ()
    number = unit.connection.execute(
        select(message.c.id).where(
            message.c.direction == INBOUND,
            message.c.partner == arrival.partner,
            message.c.message_id == arrival.message_id,
        )
    ).scalar_one()
    columns = {"row": held.row, "state": GroupState.JOINED.value, "message": number}
    unit.connection.execute(_MOVE, columns)
    unit.record(ending.kind, ending.at, ending.facts, number)
    return outcome, _destroy_txn(unit, held, f"joined into {arrival.message_id}", ending.at)


def fail_txn(unit: Transaction, held: HeldGroup, failure: Failure) -> tuple[StoredBlob, ...]:
    """The group has failed, in evidence; its fragments' content is gone and their blobs are told.

    A group that ended otherwise in the meantime is left as it is.
    """
    still_open = fragment_group.c.state.in_(OPEN_STATES)
    moved = unit.connection.execute(
        _MOVE.where(still_open),
        {
            "row": held.row,
            "state": GroupState.FAILED.value,
            "error_code": failure.code,
            "error_sentence": failure.sentence,
        },
    )
    if moved.rowcount == 0:
        return ()
    told: dict[str, Json] = {
        "partner": held.partner,
        "group_id": held.group.group_id,
        "code": failure.code,
        "reason": failure.sentence,
        "fragments": [[piece.number, piece.message_id] for piece in held.pieces],
    }
    unit.record(Kind.GROUP_FAILED, failure.at, told)
    note_txn(unit, told, failure.at)
    if failure.owed is not None:
        owe_txn(unit, failure.owed)
    if failure.receipted is not None:
        owe_receipt_txn(unit, held.partner, failure.receipted, failure.at)
    return _destroy_txn(unit, held, f"group failed with {failure.code}", failure.at)


def _destroy_txn(
    unit: Transaction, held: HeldGroup, reason: str, at: datetime
) -> tuple[StoredBlob, ...]:
    gone: list[StoredBlob] = []
    for piece in held.pieces:
        gone += destroy_content_txn(unit, INBOUND, held.partner, piece.message_id, reason, at)
    return tuple(gone)
