"""What both engines promise, and how a store is opened on either of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, insert, select
from twisted.internet.defer import Deferred

from gateway.store.faults import StoreFault, StoreRefused
from gateway.store.ports import KeyWrap
from gateway.store.schema import migrate_txn
from gateway.store.tables import evidence, evidence_head, secret
from gateway.store.transaction import Transaction, head_txn
from gateway.store.witness import SEAL_KEY_BYTES, Seal, Witness, WitnessDamaged
from protocol.convention.lifecycle.policy import Times
from protocol.evidence.chain import Head

T = TypeVar("T")
Work = Callable[[Transaction], T]
Wake = Callable[[set[str]], None]  # called in the reactor thread after a commit

_SEAL_KEY: Final = "evidence head"


class Engine(Protocol):
    """Runs transactions, one durable commit for each or for several together."""

    shared: bool  # whether other nodes may write into the same database

    def run(self, work: Work[T]) -> Deferred[T]:
        """Fires with what `work` returns after it is durable, or with why nothing of it is there.

        `work` may be run again, so it changes nothing but the database.
        """

    def read(self, work: Work[T]) -> Deferred[T]:
        """Fires with what `work` returns; it changes nothing and needs no transaction of its own.

        What it sees was committed.
        """

    def close(self) -> Deferred[None]:
        """Fires when everything that was asked for is done and the database is closed."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a store needs to be opened, besides its address.

    `for_audit` opens what would be refused, notes why, and leaves the witness as it is.
    """

    storage_key: KeyWrap
    witness: Path
    declare_new_epoch: bool = False
    for_audit: bool = False
    times: Times | None = None  # how long everything may take in a case; None: no cases are kept


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found in the store when it was opened."""

    seal: Seal
    witness: Witness | None  # None: the head is not to be followed
    head: Head
    witness_missing: bool
    regressed_from: Head | None  # set only where a new epoch was declared
    doubts: tuple[str, ...] = ()  # why it would have been refused; only when opened for an audit
    times: Times | None = None


def open_txn(connection: Connection, opening: Opening) -> Opened:
    """The schema is current, and the store is the one that its witness saw last.

    Raises StoreRefused: wrong storage key, unsealed head, or a store older than its witness.
    """
    migrate_txn(connection)
    if opening.for_audit:
        return _opened_for_audit_txn(connection, opening)
    seal = stored_seal_txn(connection, opening.storage_key)
    head = _sealed_head_txn(connection, seal)
    witness = Witness(opening.witness, seal, monotonic)
    seen = _seen(witness, forgiving=opening.declare_new_epoch)
    regressed = seen is not None and not _contains_txn(connection, head, seen)
    if regressed and not opening.declare_new_epoch:
        raise StoreRefused(f"{_older(head, seen, witness)} Restore it, or declare a new epoch.")
    regressed_from = seen if regressed else None
    return Opened(seal, witness, head, seen is None, regressed_from, times=opening.times)


def _opened_for_audit_txn(connection: Connection, opening: Opening) -> Opened:
    doubts = []
    seal, head = Seal(b""), Head()
    try:
        seal = stored_seal_txn(connection, opening.storage_key)
        head = head_txn(connection)
        witness = Witness(opening.witness, seal, monotonic)
        seen = _seen(witness, forgiving=False)
        if seen is None and head.sequence:
            doubts.append(f"{opening.witness}: is missing: nothing says how far the chain went")
        elif seen is not None and not _contains_txn(connection, head, seen):
            doubts.append(_older(head, seen, witness))
    except StoreFault as e:
        doubts.append(str(e))
    except (TypeError, ValueError) as e:
        doubts.append(f"the rows that say where the evidence ends cannot be read: {e}")
    return Opened(seal, None, head, False, None, tuple(doubts))


def _seen(witness: Witness, *, forgiving: bool) -> Head | None:
    try:
        return witness.read()
    except WitnessDamaged as e:
        if forgiving:
            return None
        raise StoreRefused(f"{e}; restore it, or declare a new epoch") from e


def _older(head: Head, seen: Head | None, witness: Witness) -> str:
    saw = seen.sequence if seen is not None else 0
    return (
        f"The store ends at evidence row {head.sequence}, but {witness.path} saw row {saw} of "
        "another or longer chain: an older store was put back, or evidence was cut off."
    )


def stored_seal_txn(connection: Connection, storage_key: KeyWrap) -> Seal:
    """What seals the heads of this store. Raises StoreRefused if the storage key is another."""
    return Seal(_seal_key_txn(connection, storage_key))


def _seal_key_txn(connection: Connection, storage_key: KeyWrap) -> bytes:
    wrapped = connection.execute(
        select(secret.c.wrapped).where(secret.c.name == _SEAL_KEY)
    ).scalar_one_or_none()
    if wrapped is not None:
        try:
            return storage_key.unwrap(wrapped)
        except Exception as e:
            raise StoreRefused(f"The storage key does not open this store: {e}") from e
    if connection.execute(select(evidence.c.sequence).limit(1)).first() is not None:
        raise StoreRefused("The store has evidence but no key for its head: it was damaged.")
    key = token_bytes(SEAL_KEY_BYTES)
    connection.execute(insert(secret), {"name": _SEAL_KEY, "wrapped": storage_key.wrap(key)})
    start = Head()
    connection.execute(
        insert(evidence_head),
        {
            "id": 1,
            "sequence": start.sequence,
            "chain_hash": start.chain_hash,
            "seal": Seal(key).of(start),
        },
    )
    return key


def _sealed_head_txn(connection: Connection, seal: Seal) -> Head:
    head = head_txn(connection, lock=True)
    stored = connection.execute(select(evidence_head.c.seal)).scalar_one()
    if not seal.holds(head, stored):
        raise StoreRefused(
            "The head of the evidence was changed by somebody else; restore the store."
        )
    return head


def _contains_txn(connection: Connection, head: Head, seen: Head) -> bool:
    if seen.sequence > head.sequence:
        return False
    if seen.sequence == 0:
        return True
    found = connection.execute(
        select(evidence.c.chain_hash).where(evidence.c.sequence == seen.sequence)
    ).scalar_one_or_none()
    return bool(found == seen.chain_hash)
