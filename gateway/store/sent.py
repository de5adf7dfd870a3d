"""Messages on their way out: handed in once, sealed once, and what is known of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from gateway.store import facts
from gateway.store.case_keeping import Mover
from gateway.store.cases import file_txn
from gateway.store.faults import OutOfStep
from gateway.store.received import same_signed
from gateway.store.rows import (
    AnyRow,
    Columns,
    blob_columns,
    fingerprint,
    insert_once,
    keep_certificates_txn,
    part_columns,
    references_json,
    references_of,
    wire_parts_txn,
)
from gateway.store.tables import OUTBOUND, exchange, message, part, submission, wire_part
from gateway.store.transaction import Transaction
from gateway.store.values import (
    IdempotencyConflict,
    Sealed,
    StoredBlob,
    StoredPart,
    Submission,
    Submitted,
)
from protocol.as4.exchange import Exchange, ExchangeState
from protocol.convention.lifecycle.docket import Docket
from protocol.evidence.records import Kind

_KEY_COLUMNS: Final = ("authority", "idempotency_key")
_TAKE_KEY: Final[dict[str, Any]] = {
    dialect: insert_once(submission, "submission_pk", _KEY_COLUMNS, dialect).returning(
        submission.c.message_id
    )
    for dialect in ("sqlite", "postgresql")
}
_OUTBOUND: Final = (
    select(
        message,
        *(exchange.c[name] for name in ("state", "attempts", "next_attempt_at")),
        *(exchange.c[name] for name in ("error_code", "error_sentence", "late", "node")),
        *(exchange.c[name] for name in ("idempotency_key", "content_digest")),
    )
    .join_from(message, exchange)
    .where(message.c.direction == OUTBOUND)
)
BY_NUMBER: Final = _OUTBOUND.where(message.c.id == bindparam("number"))
_BY_MESSAGE_ID: Final = _OUTBOUND.where(message.c.message_id == bindparam("message_id"))
_SEAL: Final = update(message).where(
    message.c.id == bindparam("number"), message.c.envelope.is_(None)
)


def submit_txn(unit: Transaction, handed_in: Submission) -> Submitted | IdempotencyConflict:
    """The message is there, ready to be sent, with the evidence of its submission.

    A key that the authority used before gives the first message again, if the content is the same.
    Raises StepRefused where the case does not allow the document now.
    """
    if handed_in.idempotency_key is not None:
        known = _known_txn(unit, handed_in, handed_in.idempotency_key)
        if known is not None:
            return known
    number = unit.connection.execute(
        insert(message).returning(message.c.id), _message_columns(handed_in)
    ).scalar_one()
    if handed_in.parts:
        columns = [part_columns(number, stored) for stored in handed_in.parts]
        unit.connection.execute(insert(part), columns)
    unit.connection.execute(insert(exchange), _exchange_columns(number, handed_in))
    unit.record(Kind.SUBMITTED, handed_in.submitted_at, facts.submitted(handed_in), number)
    if handed_in.docket is not None:
        mover = _mover(handed_in, handed_in.docket, number)
        file_txn(unit, handed_in.docket, mover, handed_in.ref_to_message_id, ours=True)
    return Submitted(handed_in.message_id, handed_in.conversation_id, ExchangeState.READY.value)


def _mover(handed_in: Submission, docket: Docket, number: int) -> Mover:
    at, authority = handed_in.submitted_at, handed_in.authority
    return Mover(number, handed_in.message_id, handed_in.partner, at, authority, docket.own_side)


def keep_sealed_txn(unit: Transaction, message_id: str, sealed: Sealed, at: datetime) -> None:
    """The signed bytes of the message are kept; every attempt sends these. Raises OutOfStep."""
    row = outbound_txn(unit, message_id)
    if row.envelope is not None:
        if row.envelope == sealed.soap and same_signed(
            references_of(row.references), sealed.references
        ):
            return
        raise OutOfStep(f"{message_id} was sealed before, with other bytes")
    keep_certificates_txn(unit, (sealed.signer_certificate,))
    unit.connection.execute(
        _SEAL,
        {
            "number": row.id,
            "envelope": sealed.soap,
            "references": references_json(sealed.references, whole=True),
            "signer": fingerprint(sealed.signer_certificate),
        },
    )
    if sealed.parts:
        unit.connection.execute(insert(wire_part), _wire_columns(row.id, sealed))
    unit.record(Kind.SENT, at, facts.sent(row.partner, message_id, sealed), row.id)


def forget_wire_txn(unit: Transaction, message_id: str) -> tuple[StoredBlob, ...]:
    """The sealed parts are no longer named; returns them, so that their files can be removed."""
    row = outbound_txn(unit, message_id)
    blobs = tuple(wire.blob for wire in wire_parts_txn(unit.connection, row.id))
    unit.connection.execute(delete(wire_part).where(wire_part.c.message == row.id))
    return blobs


def sealed_txn(unit: Transaction, message_id: str) -> Sealed | None:
    """The signed bytes of the message, if it was sealed. Raises OutOfStep if it is not there."""
    return sealed_of(unit, outbound_txn(unit, message_id))


def outbound_txn(unit: Transaction, message_id: str, *, lock: bool = False) -> AnyRow:
    """The row of a message on its way out, with where it stands. Raises OutOfStep."""
    statement = _BY_MESSAGE_ID.with_for_update(of=exchange) if lock else _BY_MESSAGE_ID
    row = unit.connection.execute(statement, {"message_id": message_id}).one_or_none()
    if row is None:
        raise OutOfStep(f"{message_id} is no message of ours")
    return row


def sealed_of(unit: Transaction, row: AnyRow) -> Sealed | None:
    """The signed bytes in an outbound row."""
    if row.envelope is None:
        return None
    parts = wire_parts_txn(unit.connection, row.id)
    return Sealed(row.envelope, references_of(row.references), parts)


def submission_of(row: AnyRow, parts: tuple[StoredPart, ...]) -> Submission:
    """The submission that an outbound row keeps."""
    return Submission(
        authority=row.requesting_authority,
        partner=row.partner,
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        ref_to_message_id=row.ref_to_message_id,
        action=row.action,
        kind=row.kind,
        receiving_authority=row.receiving_authority,
        request_id=row.request_id,
        parts=parts,
        idempotency_key=row.idempotency_key,
        content_digest=row.content_digest,
        submitted_at=row.at,
    )


def exchange_of(row: AnyRow) -> Exchange:
    """Where the message of an outbound row stands."""
    return Exchange(
        ExchangeState(row.state),
        row.attempts,
        row.next_attempt_at,
        row.error_code,
        row.error_sentence,
        row.late,
    )


def _known_txn(
    unit: Transaction, handed_in: Submission, key: str
) -> Submitted | IdempotencyConflict | None:
    """What the key gave before; None if it is new, and then it is taken."""
    taken = unit.connection.execute(
        _TAKE_KEY[unit.connection.dialect.name],
        {
            "authority": handed_in.authority,
            "idempotency_key": key,
            "content_digest": handed_in.content_digest,
            "message_id": handed_in.message_id,
        },
    ).scalar_one_or_none()
    if taken is not None:
        return None
    first = unit.connection.execute(
        select(submission).where(
            submission.c.authority == handed_in.authority, submission.c.idempotency_key == key
        )
    ).one()
    if first.content_digest != handed_in.content_digest:
        return IdempotencyConflict()
    row = outbound_txn(unit, first.message_id)
    return Submitted(row.message_id, row.conversation_id, row.state, repeated=True)


def _message_columns(handed_in: Submission) -> Columns:
    return {
        "direction": OUTBOUND,
        "partner": handed_in.partner,
        "message_id": handed_in.message_id,
        "conversation_id": handed_in.conversation_id,
        "ref_to_message_id": handed_in.ref_to_message_id,
        "action": handed_in.action,
        "kind": handed_in.kind,
        "requesting_authority": handed_in.authority,
        "receiving_authority": handed_in.receiving_authority,
        "request_id": handed_in.request_id,
        "at": handed_in.submitted_at,
        "routing": {},
    }


def _exchange_columns(number: int, handed_in: Submission) -> Columns:
    return {
        "message": number,
        "partner": handed_in.partner,
        "state": ExchangeState.READY.value,
        "attempts": 0,
        "due_at": handed_in.submitted_at,
        "late": False,
        "idempotency_key": handed_in.idempotency_key,
        "content_digest": handed_in.content_digest,
    }


def _wire_columns(number: int, sealed: Sealed) -> list[Columns]:
    return [
        {
            "message": number,
            "position": position,
            "content_id": wire.content_id,
            **blob_columns(wire.blob),
        }
        for position, wire in enumerate(sealed.parts)
    ]
