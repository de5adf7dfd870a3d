"""The embedded engine: one connection, in one thread, for the life of the process.

Everything that waits when a commit ends is committed together, at most GROUP_SIZE transactions,
each in a savepoint of its own: one that fails takes only itself along. Nobody waits for a timer.

SQLite versions from 3.7.0 to 3.51.2 can lose data when two connections share a WAL database, so the
lock is exclusive: there is no second connection, whoever asks.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from gateway.disk import sync_folder
from gateway.store.engine import Opened, Opening, Wake, Work, open_txn
from gateway.store.faults import CommitUncertain, StoreClosed
from gateway.store.sqlite_file import database_path, driver_of, engine_for, make_private
from gateway.store.transaction import Transaction, append_txn
from gateway.store.witness import Seal, Witness
from protocol.evidence.chain import Head

GROUP_SIZE: Final = 64  # more gains nothing and delays the first of them (limits of the design)

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    """Work that somebody waits for."""

    work: Work[Any]
    done: Deferred[Any]
    reads_only: bool = False
    unit: Transaction = field(init=False)  # what it did, once it has run
    outcome: Any = None


class _GroupLost(Exception):
    """SQLite gave up the whole transaction, with the savepoints that were done already."""


class SqliteEngine:
    """Runs transactions in the thread "store". Made by `open_sqlite`."""

    shared = False

    def __init__(self, url: URL, reactor: IReactorFromThreads, wake: Wake) -> None:
        self._url = url
        self._reactor = reactor
        self._wake = wake
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = False
        self._closed: Deferred[None] = Deferred()
        self._thread = Thread(target=self._live, name="store", daemon=True)
        self._opened: Opened | None = None
        self._head = Head()
        self._seal = Seal(b"")
        self._witness: Witness | None = None
        self._kept: set[str] = set()

    def start(self, opening: Opening) -> Deferred[Opened]:
        """Fires when the store is open; with StoreRefused when it may not be opened."""
        self._opening = opening
        self._started: Deferred[Opened] = Deferred()
        self._thread.start()
        return self._started

    def run(self, work: Work[T]) -> Deferred[T]:
        """See `Engine.run`."""
        return self._ask(_Job(work, Deferred()))

    def read(self, work: Work[T]) -> Deferred[T]:
        """See `Engine.read`."""
        return self._ask(_Job(work, Deferred(), reads_only=True))

    def _ask(self, job: _Job) -> Deferred[Any]:
        if self._closing:
            job.done.errback(StoreClosed("The store is closed."))
        else:
            self._jobs.put(job)
        return job.done

    def close(self) -> Deferred[None]:
        """See `Engine.close`. Fires for every caller."""
        waiter: Deferred[None] = Deferred()
        self._closed.addCallback(lambda _: waiter.callback(None))
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        return waiter

    # From here on, everything runs in the database thread.

    def _live(self) -> None:
        try:
            connection = self._connect()
        except BaseException:  # noqa: BLE001 - whatever it is, whoever opens the store must hear it
            self._closing = True
            self._reactor.callFromThread(self._started.errback, Failure())
            self._reactor.callFromThread(self._closed.callback, None)
            return
        self._reactor.callFromThread(self._started.callback, self._opened)
        try:
            while self._serve(connection):
                pass
        finally:
            self._closing = True
            self._close(connection)
            self._reactor.callFromThread(self._turn_away)

    def _connect(self) -> Connection:
        path = database_path(self._url)
        make_private(path)
        connection = engine_for(self._url).connect()
        try:
            driver_of(connection).execute("BEGIN IMMEDIATE")
            with connection.begin():
                self._opened = open_txn(connection, self._opening)
            sync_folder(path.parent)
        except BaseException:
            connection.close()
            raise
        self._head, self._seal = self._opened.head, self._opened.seal
        self._witness = self._opened.witness
        return connection

    def _close(self, connection: Connection) -> None:
        try:
            if self._witness is not None and self._head.sequence:
                self._witness.write(self._head)
        except OSError:
            return  # the witness stays a second behind, which it may be
        finally:
            connection.close()

    def _serve(self, connection: Connection) -> bool:
        """One group is done; False when it was the last one."""
        group, more = self._next_group()
        if group:
            self._commit(connection, group)
            self._reactor.callFromThread(self._tell, group)
            self._follow_head()
        return more

    def _commit(self, connection: Connection, group: list[_Job]) -> None:
        if len(group) == 1 and group[0].reads_only:
            _read(connection, group[0])
            return
        if len(group) > 1:
            try:
                self._commit_group(connection, group)
                return
            except _GroupLost:
                pass  # the innocent ones get through on their own
        for job in group:
            self._commit_alone(connection, job)

    def _next_group(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP_SIZE:
                return group, True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _commit_alone(self, connection: Connection, job: _Job) -> None:
        try:
            self._commit_group(connection, [job])
        except _GroupLost as e:
            job.outcome = Failure(e.__cause__ or e)

    def _commit_group(self, connection: Connection, group: list[_Job]) -> None:
        """Every job has its outcome, and what succeeded is durable. Raises _GroupLost."""
        driver = driver_of(connection)
        head = self._head
        try:
            driver.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run_one(connection, driver, job, alone=len(group) == 1)
            entries = [entry for job in group for entry in job.unit.entries]
            if entries:
                head = append_txn(connection, head, entries, self._seal)
        except BaseException as e:
            _roll_back(driver)
            raise _GroupLost from e
        try:
            driver.execute("COMMIT")
        except sqlite3.Error as e:
            _roll_back(driver)
            _fail_uncertain(group, e)
            return
        self._head = head
        for job in group:
            self._kept |= job.unit.keeping

    def _run_one(
        self, connection: Connection, driver: sqlite3.Connection, job: _Job, *, alone: bool
    ) -> None:
        """The job has run, or has left nothing. Raises when the whole group is lost."""
        job.unit = Transaction(connection, kept=self._kept, times=self._opening.times)
        if alone:
            job.outcome = job.work(job.unit)
            return
        driver.execute("SAVEPOINT one")
        try:
            job.outcome = job.work(job.unit)
        except Exception:
            if not driver.in_transaction:  # a full disk ends it without being asked
                raise
            job.outcome = Failure()
            job.unit = Transaction(connection)
            driver.execute("ROLLBACK TO one")
        driver.execute("RELEASE one")

    def _follow_head(self) -> None:
        if self._witness is None or not self._head.sequence:
            return
        try:
            self._witness.note(self._head)
        except OSError:
            # The disk is full or worse: the next commit says so to whoever needs it, and the
            # witness catches up when it can.
            return

    # In the reactor thread again.

    def _tell(self, group: list[_Job]) -> None:
        self._wake({authority for job in group for authority in job.unit.woken})
        for job in group:
            if not job.done.called:
                job.done.callback(job.outcome)

    def _turn_away(self) -> None:
        """Whoever came too late is told so, and the engine is closed."""
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is not None:
                job.done.errback(StoreClosed("The store is closed."))
        self._closed.callback(None)


def _read(connection: Connection, job: _Job) -> None:
    """The job has its outcome; between two commits there is nothing that is not committed."""
    job.unit = Transaction(connection)
    try:
        job.outcome = job.work(job.unit)
    except Exception:  # noqa: BLE001 - whoever asked hears it
        job.outcome = Failure()


def _fail_uncertain(group: list[_Job], cause: sqlite3.Error) -> None:
    fault = CommitUncertain(f"The commit failed: {cause}")
    fault.__cause__ = cause
    for job in group:
        job.outcome = Failure(fault)
        job.unit = Transaction(job.unit.connection)


def _roll_back(driver: sqlite3.Connection) -> None:
    if driver.in_transaction:
        driver.execute("ROLLBACK")


async def open_sqlite(
    url: URL, opening: Opening, reactor: IReactorFromThreads, wake: Wake
) -> tuple[SqliteEngine, Opened]:
    """The database in the file that `url` names, made if it is missing. Raises StoreRefused."""
    engine = SqliteEngine(url, reactor, wake)
    return engine, await engine.start(opening)
