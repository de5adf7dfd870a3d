"""Messages of ours that go in fragments, as rows: which fragment, of which, and what is left."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, func, select, update

from gateway.store.group_rows import terms_of
from gateway.store.rows import AnyRow
from gateway.store.tables import OUTBOUND, exchange, fragment, fragment_group, message, part
from gateway.store.transaction import Transaction
from gateway.store.values import MESSAGE_FRAGMENT, OutgoingFragment
from protocol.as4.exchange import ExchangeState
from protocol.as4.fragment import MessageFragment

_GROUP_OF_FRAGMENT: Final = (
    select(fragment_group, fragment.c.number)
    .join_from(fragment, fragment_group, fragment.c.fragment_group == fragment_group.c.id)
    .where(fragment.c.message == bindparam("number"))
)
_GROUP_OF_SOURCE: Final = select(fragment_group).where(
    fragment_group.c.direction == OUTBOUND, fragment_group.c.message == bindparam("number")
)
_OUTSTANDING: Final = (
    select(func.count())
    .select_from(fragment)
    .join(exchange, exchange.c.message == fragment.c.message)
    .where(
        fragment.c.fragment_group == bindparam("row"),
        exchange.c.state != ExchangeState.ACKNOWLEDGED.value,
    )
)
_SIBLINGS: Final = (
    select(fragment.c.message)
    .where(fragment.c.fragment_group == bindparam("row"))
    .order_by(fragment.c.number)
)
_SOURCE: Final = select(message).where(message.c.id == bindparam("number"))
_CONTENT_ID: Final = select(part.c.content_id).where(part.c.message == bindparam("number"))
_END: Final = update(fragment_group).where(fragment_group.c.id == bindparam("row"))


def group_of_fragment_txn(unit: Transaction, number: int) -> AnyRow:
    """The group of the fragment in row `number`, with the fragment's number."""
    return unit.connection.execute(_GROUP_OF_FRAGMENT, {"number": number}).one()


def group_of_source_txn(unit: Transaction, number: int) -> AnyRow | None:
    """The group that the message in row `number` was divided into; None if it was not."""
    return unit.connection.execute(_GROUP_OF_SOURCE, {"number": number}).one_or_none()


def outstanding_txn(unit: Transaction, group: AnyRow) -> int:
    """How many fragments of the group have no receipt."""
    found: int = unit.connection.execute(_OUTSTANDING, {"row": group.id}).scalar_one()
    return found


def siblings_txn(unit: Transaction, group: AnyRow) -> list[int]:
    """The rows of all fragments of the group, in order."""
    return list(unit.connection.execute(_SIBLINGS, {"row": group.id}).scalars())


def end_group_txn(
    unit: Transaction,
    group: AnyRow,
    state: str,
    code: str | None = None,
    sentence: str | None = None,
) -> None:
    """The group has ended."""
    columns = {"row": group.id, "state": state, "error_code": code, "error_sentence": sentence}
    unit.connection.execute(_END, columns)


def outgoing_txn(unit: Transaction, row: AnyRow) -> OutgoingFragment | None:
    """What the message in `row` says of itself if it is a fragment."""
    if row.kind != MESSAGE_FRAGMENT:
        return None
    group = group_of_fragment_txn(unit, row.id)
    source = unit.connection.execute(_SOURCE, {"number": group.message}).one()
    content_id = unit.connection.execute(_CONTENT_ID, {"number": row.id}).scalar_one()
    return OutgoingFragment(
        MessageFragment(group.group_id, group.number, content_id, terms_of(group.terms)),
        source.requesting_authority,
        source.receiving_authority,
        source.request_id,
    )
