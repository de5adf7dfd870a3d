"""One unit of work in the store: what it writes, what it puts in evidence, whom it wakes.

Evidence is collected while the work runs and appended when it has run: on SQLite once for a whole
group of transactions, on PostgreSQL with the head row locked for as short as may be. Work that
fails takes its evidence with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update

from gateway.store.faults import StoreFault
from gateway.store.prepared import Prepared
from gateway.store.tables import evidence, evidence_head
from gateway.store.witness import Seal
from protocol.convention.lifecycle.policy import Times
from protocol.evidence.chain import Head, follow
from protocol.evidence.records import EvidenceRecord, Json, Kind, encode

_EVIDENCE_COLUMNS: Final = ("sequence", "kind", "message", "record", "leaf_hash", "chain_hash")
_APPEND: Final = Prepared(insert(evidence), _EVIDENCE_COLUMNS)
_MOVE_HEAD: Final = Prepared(
    update(evidence_head).where(evidence_head.c.id == 1), ("sequence", "chain_hash", "seal")
)
_READ_HEAD: Final = select(evidence_head.c.sequence, evidence_head.c.chain_hash).where(
    evidence_head.c.id == 1
)
_LOCK_HEAD: Final = _READ_HEAD.with_for_update()


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that waits to be appended; `message` is the row it is about."""

    kind: Kind
    record: bytes
    message: int | None


@dataclass(slots=True)
class Transaction:
    """What a function that ends in `_txn` works with: a connection, evidence, wake-up calls."""

    connection: Connection
    entries: list[Entry] = field(default_factory=list)
    woken: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)  # certificates that are known to be in the store
    keeping: set[str] = field(default_factory=set)  # those that this transaction puts there
    times: Times | None = None  # how long everything may take in a case

    def record(
        self, kind: Kind, at: datetime, facts: Mapping[str, Json], message: int | None = None
    ) -> None:
        """A record of `facts` is in evidence if this transaction is. Raises ValueError."""
        self.entries.append(Entry(kind, encode(EvidenceRecord(kind, at, facts)), message))

    def wake(self, authority: str) -> None:
        """Whoever waits for the queue of `authority` looks again once this is committed."""
        self.woken.add(authority)


def head_txn(connection: Connection, *, lock: bool = False) -> Head:
    """Where the chain ends; with `lock`, nobody else appends before this transaction ends."""
    row = connection.execute(_LOCK_HEAD if lock else _READ_HEAD).one_or_none()
    if row is None:
        raise StoreFault("evidence_head has no row: the store was damaged; restore it")
    return Head(row.sequence, row.chain_hash)


def append_txn(connection: Connection, head: Head, entries: Sequence[Entry], seal: Seal) -> Head:
    """`entries` are appended to the chain that ends in `head`; returns where it ends now."""
    rows = []
    for entry in entries:
        row = follow(head, entry.record)
        head = Head(row.sequence, row.chain_hash)
        rows.append(
            {
                "sequence": row.sequence,
                "kind": entry.kind.value,
                "message": entry.message,
                "record": row.record,
                "leaf_hash": row.leaf_hash,
                "chain_hash": row.chain_hash,
            }
        )
    _APPEND.run_many(connection, rows)
    _MOVE_HEAD.run(
        connection,
        {"sequence": head.sequence, "chain_hash": head.chain_hash, "seal": seal.of(head)},
    )
    return head
