"""What goes wrong below the store harms nobody who is not concerned, and is never hidden."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import text
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from gateway.store import Store
from gateway.store import sqlite as sqlite_engine
from gateway.store.faults import CommitUncertain, StoreClosed
from gateway.store.transaction import Transaction
from gateway.store.values import DuplicateOf, Stored
from protocol.evidence.records import Kind
from tests.postgresql import Cluster
from tests.store.conftest import Opener
from tests.store.store_values import AT, arrival, kinds, later, stored_part, submission

inline_callbacks = pytest_twisted.ensureDeferred


def ask(store: Store, work: Callable[[Transaction], Any]) -> Deferred[Any]:
    return store._engine.run(work)


async def settled(waiting: list[Deferred[Any]]) -> list[Any]:
    """What each came to: its value, or the name of its exception."""
    results = await DeferredList(waiting, consumeErrors=True)
    return [value if good else value.type.__name__ for good, value in results]


@inline_callbacks
async def test_a_full_disk_fails_those_that_do_not_fit_and_no_others(
    open_store: Opener, sqlite_url: str
) -> None:
    store = await open_store(sqlite_url)

    def limit_txn(unit: Transaction) -> None:
        [pages] = unit.connection.execute(text("PRAGMA page_count")).one()
        unit.connection.execute(text(f"PRAGMA max_page_count={pages + 60}"))

    await ask(store, limit_txn)
    big = arrival(envelope=bytes(1_000_000))
    asked = [arrival(), arrival(), big, arrival()]
    outcomes = await settled([Deferred.fromCoroutine(store.accept(came)) for came in asked])
    assert outcomes == [Stored("AZ-SSS"), Stored("AZ-SSS"), "OperationalError", Stored("AZ-SSS")]
    assert await store.find_received("XU", big.message_id) is None
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"] * 3

    def lift_txn(unit: Transaction) -> None:
        unit.connection.execute(text("PRAGMA max_page_count=1000000"))

    await ask(store, lift_txn)
    assert await store.accept(big) == Stored("AZ-SSS")


class Commits:
    """A driver whose COMMIT fails; everything else is the real one."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def execute(self, statement: str) -> sqlite3.Cursor:
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return self._driver.execute(statement)

    @property
    def in_transaction(self) -> bool:
        return self._driver.in_transaction


@inline_callbacks
async def test_a_failing_commit_is_called_uncertain_and_wakes_nobody(
    open_store: Opener, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(sqlite_url)
    driver = sqlite_engine.driver_of
    monkeypatch.setattr(sqlite_engine, "driver_of", lambda connection: Commits(driver(connection)))
    news = store.on_queue("AZ-SSS")
    came = arrival()
    with pytest.raises(CommitUncertain, match="disk I/O error"):
        await store.accept(came)
    assert not news.called
    monkeypatch.undo()
    assert await store.accept(came) == Stored("AZ-SSS")
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"]


@inline_callbacks
async def test_certificates_of_a_failed_transaction_are_kept_with_the_next(store: Store) -> None:
    new = b"DER that nobody has seen"
    bad = arrival(signer_certificate=new, parts=(stored_part(0), stored_part(0)))
    good = arrival(signer_certificate=new)
    outcomes = await settled([Deferred.fromCoroutine(store.accept(came)) for came in (bad, good)])
    assert outcomes == ["IntegrityError", Stored("AZ-SSS")]


@inline_callbacks
async def test_work_that_fails_takes_its_evidence_along(store: Store) -> None:
    def half_txn(unit: Transaction) -> None:
        unit.record(Kind.STARTED, AT, {})
        raise RuntimeError("in the middle")

    waiting = [ask(store, half_txn), ask(store, lambda unit: unit.record(Kind.STARTED, AT, {}))]
    assert await settled(waiting) == ["RuntimeError", None]
    assert await kinds(store) == ["STARTED"]


@inline_callbacks
async def test_whoever_gives_up_waiting_disturbs_nobody(store: Store) -> None:
    came = arrival()
    waiting = Deferred.fromCoroutine(store.accept(came))
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    await store.accept(came)  # whichever of the two came first, one of them is stored
    assert await store.accept(arrival()) == Stored("AZ-SSS")
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"] * 2


@inline_callbacks
async def test_content_is_destroyed_and_its_evidence_stays(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    [blob] = await store.destroy_content("in", "XU", came.message_id, "retention is over", AT)
    assert blob == came.parts[0].blob
    view = await store.message_for("AZ-SSS", came.message_id)
    assert view is not None
    kept = view.parts[0].blob
    assert (kept.wrapped_key, kept.inline, kept.name) == (b"", None, None)
    assert (kept.sha256, kept.size_bytes) == (blob.sha256, blob.size_bytes)
    assert (await kinds(store))[-1] == "CONTENT_DESTROYED"
    known = await store.find_received("XU", came.message_id)
    assert known is not None
    assert known.receipt == came.receipt


@pytest.mark.postgresql
@inline_callbacks
async def test_two_gateways_share_one_postgresql(
    open_store: Opener, postgresql: Cluster, tmp_path: Path
) -> None:
    url = postgresql.database()
    one = await open_store(url)
    two = await open_store(url, node="two", witness=tmp_path / "two.witness")
    came = arrival()
    copies = [Deferred.fromCoroutine(store.accept(came)) for store in (one, two) * 25]
    outcomes = await gatherResults(copies, consumeErrors=True)
    assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 1
    assert outcomes.count(DuplicateOf(came.receipt)) == 49
    others = [Deferred.fromCoroutine(store.accept(arrival())) for store in (one, two) * 20]
    assert await gatherResults(others) == [Stored("AZ-SSS")] * 40
    takers = [Deferred.fromCoroutine(store.lease("AZ-SSS", AT, 30, 5)) for store in (one, two) * 6]
    leased = [lease.message_id for some in await gatherResults(takers) for lease in some]
    assert len(leased) == len(set(leased))
    for _ in range(12):
        await one.submit(submission())
    claims = [
        Deferred.fromCoroutine(store.claim_due(later(1), 4, {"XU": 7})) for store in (one, two) * 3
    ]
    assert sum(len(some) for some in await gatherResults(claims)) == 7


@pytest.mark.postgresql
@inline_callbacks
async def test_a_deadlock_is_tried_again(open_store: Opener, postgresql: Cluster) -> None:
    store = await open_store(postgresql.database())
    first, second = arrival(), arrival()
    await store.accept(first)
    await store.accept(second)
    lock = text("SELECT id FROM message WHERE message_id = :m FOR UPDATE")
    tries = []

    def crossing(mine: str, other: str) -> Callable[[Transaction], None]:
        def crossing_txn(unit: Transaction) -> None:
            tries.append(mine)
            unit.connection.execute(lock, {"m": mine})
            unit.connection.execute(text("SELECT pg_sleep(0.3)"))
            unit.connection.execute(lock, {"m": other})
            unit.record(Kind.STARTED, AT, {"mine": mine})

        return crossing_txn

    pair = (first.message_id, second.message_id)
    await gatherResults([ask(store, crossing(*pair)), ask(store, crossing(*reversed(pair)))])
    assert len(tries) > 2
    assert (await kinds(store)).count("STARTED") == 2


@pytest.mark.postgresql
@inline_callbacks
async def test_connections_that_break_fail_and_are_replaced(
    open_store: Opener, postgresql: Cluster
) -> None:
    url = postgresql.database()
    store = await open_store(url)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ''"

    def broken_txn(unit: Transaction) -> None:
        unit.record(Kind.STARTED, AT, {})
        mine = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgresql.execute(url, f"SELECT pg_terminate_backend({mine})")
        unit.connection.execute(text("SELECT 1"))

    assert await settled([ask(store, broken_txn)]) == ["OperationalError"]
    postgresql.execute(url, kill)
    assert await store.accept(arrival()) == Stored("AZ-SSS")
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"]


@inline_callbacks
async def test_a_closed_store_says_so(open_store: Opener, url: str) -> None:
    store = await open_store(url)
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.accept(arrival())
