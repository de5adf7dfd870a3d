"""Reads the store page by page: each page is one short transaction of the one connection.

Everything about one message is read in one transaction, so that a gateway that works meanwhile
cannot make its rows seem to disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Column, Select, select

from gateway.store.engine import stored_seal_txn
from gateway.store.ports import KeyWrap
from gateway.store.rows import AnyRow
from gateway.store.tables import (
    certificate,
    evidence,
    evidence_head,
    exchange,
    fragment,
    fragment_group,
    message,
    part,
    queue_entry,
    submission,
    wire_part,
)
from gateway.store.transaction import Transaction
from gateway.store.witness import Seal
from protocol.evidence.chain import Head
from protocol.evidence.records import Json, Kind, RecordUnreadable, decode

PAGE_ROWS: Final = 500  # records of some KiB each: a page stays below a few MiB

UNREADABLE: Final = "cannot be read"  # instead of a digest of what stands in a row
_UNREADABLE: Final = (ArithmeticError, TypeError, ValueError)  # what columns raise for it

T = TypeVar("T")
Span = tuple[int, int]  # the first number and the last

_PIECES: Final = (
    select(fragment.c.number, message.c.message_id, part.c.sha256)
    .join_from(fragment_group, fragment, fragment.c.fragment_group == fragment_group.c.id)
    .join(message, message.c.id == fragment.c.message)
    .join(part, part.c.message == message.c.id)
    .order_by(fragment.c.number)
)


class Reading(Protocol):
    """The store, as far as an audit needs it."""

    def run_blocking(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns from its own transaction."""


@dataclass(frozen=True, slots=True)
class Held:
    """Every row about one message, as they were at one moment."""

    message: AnyRow
    evidence: list[AnyRow]
    parts: list[AnyRow]
    queue_entries: list[AnyRow]
    exchange: AnyRow | None
    wire_parts: list[AnyRow]
    submission: AnyRow | None
    pieces: list[AnyRow]  # of a message that went in fragments: number, message_id, sha256


def evidence_pages(store: Reading) -> Iterator[list[AnyRow]]:
    """Every evidence row, in order of sequence."""
    last = -1
    while True:
        rows = (
            select(evidence)
            .where(evidence.c.sequence > last)
            .order_by(evidence.c.sequence)
            .limit(PAGE_ROWS)
        )
        page = _rows(store, rows)
        yield page
        if len(page) < PAGE_ROWS:
            return
        last = page[-1].sequence


def message_numbers(store: Reading) -> Iterator[int]:
    """The number of every message row, in order."""
    last = -1
    while True:
        rows = select(message.c.id).where(message.c.id > last).order_by(message.c.id)
        page = _rows(store, rows.limit(PAGE_ROWS))
        yield from (row.id for row in page)
        if len(page) < PAGE_ROWS:
            return
        last = page[-1].id


def missing_messages(store: Reading, numbers: Iterable[int]) -> set[int]:
    """Those of `numbers` that have no message row."""
    wanted = set(numbers)
    rows = select(message.c.id).where(message.c.id.in_(sorted(wanted)))
    return wanted - {row.id for row in _rows(store, rows)}


def held(store: Reading, number: int) -> Held | None:
    """Everything about one message; None if it is not there any more."""
    return store.run_blocking(lambda unit: _held_txn(unit, number))


def certificates(store: Reading) -> dict[str, bytes]:
    """Every certificate that evidence can name: DER by fingerprint; none where it is no octets."""
    rows = _rows(store, select(certificate.c.fingerprint, certificate.c.der))
    return {row.fingerprint: row.der if isinstance(row.der, bytes) else b"" for row in rows}


def sealed_head(store: Reading) -> tuple[Head, bytes] | None:
    """Where the chain is said to end, and the seal over that; None if no row says so."""
    for row in _rows(store, select(evidence_head)):
        written = row.sequence, row.chain_hash, row.seal
        match written:
            case int(), bytes(), bytes():
                return Head(row.sequence, row.chain_hash), row.seal
    return None


def seal_of(store: Reading, storage_key: KeyWrap) -> Seal:
    """What seals heads in this store."""
    return store.run_blocking(lambda unit: stored_seal_txn(unit.connection, storage_key))


def _held_txn(unit: Transaction, number: int) -> Held | None:
    def rows(statement: Any) -> list[AnyRow]:
        return list(unit.connection.execute(statement))

    def first(statement: Any) -> AnyRow | None:
        found: AnyRow | None = unit.connection.execute(statement).first()
        return found

    row = first(select(message).where(message.c.id == number))
    if row is None:
        return None
    about = select(evidence).where(evidence.c.message == number).order_by(evidence.c.sequence)
    return Held(
        row,
        rows(about),
        rows(select(part).where(part.c.message == number).order_by(part.c.position)),
        rows(select(queue_entry).where(queue_entry.c.message == number)),
        first(select(exchange).where(exchange.c.message == number)),
        rows(select(wire_part).where(wire_part.c.message == number).order_by(wire_part.c.position)),
        first(select(submission).where(submission.c.message_id == row.message_id)),
        rows(_PIECES.where(fragment_group.c.message == number)),
    )


def _rows(store: Reading, rows: Any) -> list[AnyRow]:
    return store.run_blocking(lambda unit: list(unit.connection.execute(rows)))


def facts_of(
    rows: Sequence[AnyRow], kinds: Collection[Kind]
) -> Iterator[tuple[AnyRow, Mapping[str, Json]]]:
    """The rows of evidence of `kinds` with what they say; what cannot be read, or whose column
    names another kind, is a finding of the chain already."""
    for row in rows:
        if row.kind in kinds:
            try:
                record = decode(row.record)
            except RecordUnreadable:
                continue
            if record.kind == row.kind:
                yield row, record.facts


def in_spans(
    store: Reading, number: Column[int], work: Callable[[Transaction, Span], T]
) -> Iterator[T]:
    """What `work` returns for each span of PAGE_ROWS numbers, in a transaction of its own."""
    numbers = select(number).order_by(number).limit(PAGE_ROWS)
    while True:

        def page(unit: Transaction, numbers: Select[int] = numbers) -> tuple[int, T] | None:
            found = unit.connection.execute(numbers).scalars().all()
            return (found[-1], work(unit, (found[0], found[-1]))) if found else None

        done = store.run_blocking(page)
        if done is None:
            return
        yield done[1]
        numbers = select(number).where(number > done[0]).order_by(number).limit(PAGE_ROWS)


def each_txn(unit: Transaction, rows: Select[Any], number: Column[int]) -> dict[int, AnyRow | None]:
    """What `rows` selects by the column `number`; None for a row that holds what cannot be read."""
    try:
        return {row.id: row for row in unit.connection.execute(rows)}
    except _UNREADABLE:
        numbers = unit.connection.execute(rows.with_only_columns(number)).scalars().all()
        return {one: _one_txn(unit, rows.where(number == one)) for one in numbers}


def _one_txn(unit: Transaction, rows: Select[Any]) -> AnyRow | None:
    try:
        return unit.connection.execute(rows).one()
    except _UNREADABLE:
        return None
