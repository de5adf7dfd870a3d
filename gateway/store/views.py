"""What an authority may see of its own messages; those of others are not there."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, bindparam, exists, or_, select

from gateway.store.rows import AnyRow, parts_txn
from gateway.store.tables import INBOUND, OUTBOUND, exchange, message, queue_entry
from gateway.store.transaction import Transaction
from gateway.store.values import MessageView

_ITS_OWN: Final = queue_entry.alias()

_OWN: Final = (
    select(
        message,
        queue_entry.c.state.label("queue_state"),
        *(exchange.c[name] for name in ("state", "attempts", "error_code", "error_sentence")),
    )
    .outerjoin_from(
        message,
        queue_entry,
        and_(queue_entry.c.message == message.c.id, queue_entry.c.notice == ""),
    )
    .outerjoin(exchange, exchange.c.message == message.c.id)
    .where(
        message.c.message_id == bindparam("message_id"),
        or_(
            and_(
                message.c.direction == INBOUND,
                message.c.receiving_authority == bindparam("authority"),
            ),
            and_(
                message.c.direction == OUTBOUND,
                message.c.requesting_authority == bindparam("authority"),
            ),
            exists().where(  # what was put into its queue is its to see
                _ITS_OWN.c.message == message.c.id, _ITS_OWN.c.authority == bindparam("authority")
            ),
        ),
    )
    .order_by(message.c.id)
    .limit(1)
)
_FROM: Final = _OWN.where(
    message.c.partner == bindparam("partner"), message.c.direction == bindparam("direction")
)


def message_for_txn(
    unit: Transaction,
    authority: str,
    message_id: str,
    partner: str | None,
    direction: str | None,
) -> MessageView | None:
    """The message as `authority` may see it; None if it is not theirs or not there.

    A MessageId is unique for one partner and one direction. Where neither is given, the message
    that came first is meant, so that nobody can put another in its place.
    """
    wanted = {"authority": authority, "message_id": message_id}
    statement = _OWN
    if partner is not None and direction is not None:
        statement = _FROM
        wanted |= {"partner": partner, "direction": direction}
    row = unit.connection.execute(statement, wanted).one_or_none()
    return None if row is None else _view(unit, row)


def _view(unit: Transaction, row: AnyRow) -> MessageView:
    outbound = row.direction == OUTBOUND
    return MessageView(
        direction=row.direction,
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        ref_to_message_id=row.ref_to_message_id,
        kind=row.kind,
        partner=row.partner,
        requesting_authority=row.requesting_authority,
        receiving_authority=row.receiving_authority,
        request_id=row.request_id,
        state=row.state if outbound else row.queue_state,
        at=row.at,
        parts=parts_txn(unit.connection, [row.id])[row.id],
        attempts=row.attempts if outbound else 0,
        error_code=row.error_code,
        error_sentence=row.error_sentence,
        receipt_id=row.receipt_id,
        receipt_at=row.receipt_at,
        routing=row.routing,
    )
