"""Reads the store page by page: each page is one short transaction of the one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, select

from gateway.store.engine import stored_seal_txn
from gateway.store.rows import AnyRow
from gateway.store.tables import certificate, evidence, evidence_head, message, part, queue_entry
from gateway.store.transaction import Transaction
from gateway.store.witness import Seal
from protocol.evidence.chain import Head

PAGE_ROWS: Final = 500  # records of some KiB each: a page stays below a few MiB
MESSAGE_ROWS: Final = 50  # with envelope, receipt and inline payloads

T = TypeVar("T")


class Reading(Protocol):
    """The store, as far as an audit needs it."""

    def run_blocking(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns from its own transaction."""


def evidence_rows(store: Reading) -> Iterator[AnyRow]:
    """Every evidence row, in order of sequence."""
    return _paged(store, select(evidence), evidence.c.sequence, PAGE_ROWS)


def message_rows(store: Reading) -> Iterator[AnyRow]:
    """Every message row, in order of its number."""
    return _paged(store, select(message), message.c.id, MESSAGE_ROWS)


def evidence_of(store: Reading, number: int) -> list[AnyRow]:
    """The evidence rows about one message."""
    rows = select(evidence).where(evidence.c.message == number).order_by(evidence.c.sequence)
    return store.run_blocking(lambda unit: list(unit.connection.execute(rows)))


def parts_of(store: Reading, number: int) -> list[AnyRow]:
    """The payload rows of one message."""
    rows = select(part).where(part.c.message == number).order_by(part.c.position)
    return store.run_blocking(lambda unit: list(unit.connection.execute(rows)))


def queue_entries_of(store: Reading, number: int) -> list[AnyRow]:
    """The queue entries of one message."""
    rows = select(queue_entry).where(queue_entry.c.message == number)
    return store.run_blocking(lambda unit: list(unit.connection.execute(rows)))


def certificates(store: Reading) -> dict[str, bytes]:
    """Every certificate that evidence can name: DER by fingerprint."""
    rows = select(certificate.c.fingerprint, certificate.c.der)
    found = store.run_blocking(lambda unit: list(unit.connection.execute(rows)))
    return {row.fingerprint: row.der for row in found}


def sealed_head(store: Reading) -> tuple[Head, bytes]:
    """Where the chain is said to end, and the seal over that."""
    row = store.run_blocking(lambda unit: unit.connection.execute(select(evidence_head)).one())
    return Head(row.sequence, row.chain_hash), row.seal


def seal_of(store: Reading, storage_key: Any) -> Seal:
    """What seals heads in this store."""
    return store.run_blocking(lambda unit: stored_seal_txn(unit.connection, storage_key))


def _paged(
    store: Reading, rows: Select[Any], key: ColumnElement[int], page_rows: int
) -> Iterator[AnyRow]:
    last = -1
    while True:
        page = rows.where(key > last).order_by(key).limit(page_rows)
        found = _rows(store, page)
        yield from found
        if len(found) < page_rows:
            return
        last = getattr(found[-1], key.name)


def _rows(store: Reading, rows: Select[Any]) -> list[AnyRow]:
    return store.run_blocking(lambda unit: list(unit.connection.execute(rows)))
