"""The engine for more than one process: PostgreSQL, a few threads, one transaction for each job.

A transaction that the server rolls back because of others (serialization failure, deadlock) is run
again; nothing of it was kept. A connection that breaks is reported and not tried again: whether the
commit was done is not known then.
"""

from __future__ import annotations

import random
from threading import Lock, Thread
from time import sleep
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, RootTransaction, create_engine, text
from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError, OperationalError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.store.engine import Opened, Opening, Wake, Work, open_txn
from gateway.store.faults import CommitUncertain, StoreClosed, StoreFault, StoreRefused
from gateway.store.transaction import Transaction, append_txn, head_txn
from protocol.evidence.chain import Head

THREADS: Final = 4  # one appends evidence while the others read and write; more only wait for it
TRIES: Final = 20  # a transaction that loses this often meets a fault, not bad luck
LONGEST_PAUSE_SECONDS: Final = 0.05  # between two tries

_SERIALIZATION_FAILURE: Final = "40001"
_DEADLOCK: Final = "40P01"

T = TypeVar("T")


class PostgresqlEngine:
    """Runs transactions in threads called "store". Made by `open_postgresql`."""

    shared = True

    def __init__(self, database: Database, reactor: IReactorFromThreads, wake: Wake) -> None:
        self._database = database
        self._reactor = reactor
        self._wake = wake
        self._pool = ThreadPool(THREADS, THREADS, "store")
        self._opened: Opened | None = None
        self._closing = False
        self._closed: Deferred[None] = Deferred()
        self._witness_lock = Lock()
        self._head = Head()
        self._kept: set[str] = set()

    def start(self, opening: Opening) -> Deferred[Opened]:
        """Fires when the store is open; with StoreRefused when it may not be opened."""
        self._pool.start()
        return deferToThreadPool(self._reactor, self._pool, self._open, opening)

    def run(self, work: Work[T]) -> Deferred[T]:
        """See `Engine.run`."""
        if self._opened is None:
            refused: Deferred[T] = Deferred()
            refused.errback(StoreClosed("The store is closed."))
            return refused
        done: Deferred[tuple[T, set[str]]] = deferToThreadPool(
            self._reactor, self._pool, self._run, work, self._opened
        )
        return done.addCallback(self._tell)

    def read(self, work: Work[T]) -> Deferred[T]:
        """See `Engine.read`."""
        return self.run(work)

    def close(self) -> Deferred[None]:
        """See `Engine.close`. Fires for every caller."""
        waiter: Deferred[None] = Deferred()
        self._closed.addCallback(lambda _: waiter.callback(None))
        if not self._closing:
            self._closing = True
            opened, self._opened = self._opened, None
            # stopping waits for the threads, so it is done in one that is not one of them
            Thread(target=self._stop, args=(opened, self._closed), name="store-stop").start()
        return waiter

    def _tell(self, result: tuple[T, set[str]]) -> T:
        value, woken = result
        self._wake(woken)
        return value

    # From here on, in the threads.

    def _stop(self, opened: Opened | None, done: Deferred[None]) -> None:
        self._pool.stop()
        self._database.dispose()
        try:
            if opened is not None and opened.witness is not None and self._head.sequence:
                opened.witness.write(self._head)
        finally:
            self._reactor.callFromThread(done.callback, None)

    def _open(self, opening: Opening) -> Opened:
        with self._database.begin() as connection:
            require_durable(connection)
            self._opened = open_txn(connection, opening)
        return self._opened

    def _run(self, work: Work[T], opened: Opened) -> tuple[T, set[str]]:
        for remaining in reversed(range(TRIES)):
            try:
                return self._run_once(work, opened)
            except DBAPIError as e:
                if not _may_be_repeated(e) or not remaining:
                    raise
            sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - only to part the rivals
        raise StoreFault("unreachable: the last try returns or raises")

    def _run_once(self, work: Work[T], opened: Opened) -> tuple[T, set[str]]:
        with self._database.connect() as connection:
            transaction = connection.begin()
            unit = Transaction(connection, kept=self._kept, times=opened.times)
            head = None
            try:
                value = work(unit)
                if unit.entries:
                    head = head_txn(connection, lock=True)
                    head = append_txn(connection, head, unit.entries, opened.seal)
            except BaseException:
                transaction.rollback()
                raise
            _commit(transaction)
        self._kept |= unit.keeping
        if head is not None:
            self._follow(opened, head)
        return value, unit.woken

    def _follow(self, opened: Opened, head: Head) -> None:
        if opened.witness is None:
            return
        with self._witness_lock:
            if head.sequence > self._head.sequence:
                self._head = head
            try:
                opened.witness.note(self._head)
            except OSError:
                return  # it catches up when the disk takes something again


def _commit(transaction: RootTransaction) -> None:
    """The transaction is durable. Raises CommitUncertain if nobody can say."""
    try:
        transaction.commit()
    except DBAPIError as e:
        if _may_be_repeated(e):
            raise
        raise CommitUncertain(f"The commit failed: {e.orig}") from e


def _may_be_repeated(failure: DBAPIError) -> bool:
    """Whether the server rolled back because of other transactions, and says that it did."""
    return getattr(failure.orig, "sqlstate", None) in (_SERIALIZATION_FAILURE, _DEADLOCK)


async def open_postgresql(
    url: URL, opening: Opening, reactor: IReactorFromThreads, wake: Wake
) -> tuple[PostgresqlEngine, Opened]:
    """The database that `url` names. Raises StoreRefused."""
    engine = PostgresqlEngine(_database(url), reactor, wake)
    try:
        return engine, await engine.start(opening)
    except BaseException as e:
        await engine.close()
        if isinstance(e, OperationalError):
            raise StoreRefused(f"store.url: the database cannot be reached: {e.orig}") from e
        raise


def _database(url: URL) -> Database:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=THREADS,
            max_overflow=0,
            pool_pre_ping=True,  # a server that was restarted costs nobody a message
            isolation_level="READ COMMITTED",  # what must not be raced is locked by name
            connect_args={"options": "-c synchronous_commit=on", "connect_timeout": 10},
        )
    except ImportError as e:
        raise StoreRefused(
            "store.url names PostgreSQL: install hanoi-gateway[postgresql] (psycopg)"
        ) from e


def require_durable(connection: Connection) -> None:
    """Raises StoreRefused unless the server puts every commit on the disk before it returns."""
    for setting, wanted in (
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
    ):
        found = connection.execute(text(f"SHOW {setting}")).scalar_one()
        if found != wanted:
            raise StoreRefused(f"PostgreSQL says {setting}={found}, and {wanted!r} is needed")
