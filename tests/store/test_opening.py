"""A store opens as what it was made to be, or it does not open and says why."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import pytest_twisted
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from twisted.internet.threads import deferToThread

from gateway.store import Store, schema
from gateway.store.faults import StoreClosed, StoreRefused
from gateway.store.sqlite_file import require_durable
from gateway.store.tables import metadata
from gateway.store.transaction import Transaction
from tests.postgresql import Cluster
from tests.store.conftest import Opener
from tests.store.store_values import AT, Wrap, arrival, kinds, records

inline_callbacks = pytest_twisted.ensureDeferred


async def read(store: Store, statement: str) -> list[tuple[object, ...]]:
    def read_txn(unit: Transaction) -> list[tuple[object, ...]]:
        return [tuple(row) for row in unit.connection.execute(text(statement))]

    return await deferToThread(store.run_blocking, read_txn)


@inline_callbacks
async def test_the_migrations_make_the_tables(store: Store) -> None:
    def differences_txn(unit: Transaction) -> list[object]:
        return compare_metadata(MigrationContext.configure(unit.connection), metadata)

    assert await deferToThread(store.run_blocking, differences_txn) == []


@inline_callbacks
async def test_opened_again_everything_is_there(open_store: Opener, url: str) -> None:
    store, came = await open_store(url), arrival()
    await store.accept(came)
    await store.close()
    with pytest.raises(StoreClosed):
        await store.check_writable()
    again = await open_store(url)
    assert await again.find_received("XU", came.message_id) is not None
    assert await kinds(again) == ["RECEIVED", "RECEIPT_SENT"]


@inline_callbacks
async def test_what_was_asked_before_closing_is_done(open_store: Opener, url: str) -> None:
    from twisted.internet.defer import Deferred

    store = await open_store(url)
    waiting = [Deferred.fromCoroutine(store.accept(arrival())) for _ in range(20)]
    await store.close()
    assert all(deferred.called for deferred in waiting)
    again = await open_store(url)
    assert await again.depths() == {("AZ-SSS", "QUEUED"): 20}


@inline_callbacks
async def test_another_storage_key_is_refused(open_store: Opener, url: str) -> None:
    await (await open_store(url)).close()
    with pytest.raises(StoreRefused, match="storage key"):
        await open_store(url, storage_key=Wrap(bytes(31) + b"\x01"))


@inline_callbacks
async def test_a_schema_of_a_newer_program_is_refused(open_store: Opener, url: str) -> None:
    store = await open_store(url)
    await read(store, "UPDATE alembic_version SET version_num = '9999' RETURNING version_num")
    await store.close()
    with pytest.raises(StoreRefused, match="'9999'"):
        await open_store(url)


@inline_callbacks
async def test_a_crash_during_migration_leaves_nothing(
    open_store: Opener, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = schema._upgrade

    def crash(connection: object) -> None:
        upgrade(connection)
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(schema, "_upgrade", crash)
    with pytest.raises(RuntimeError):
        await open_store(url)
    monkeypatch.undo()
    assert await kinds(await open_store(url)) == []


@inline_callbacks
async def test_evidence_cannot_be_changed_in_passing(store: Store) -> None:
    await store.record("REFUSED", {}, AT)
    for statement in ("DELETE FROM evidence", "UPDATE evidence SET kind = 'SENT'"):
        with pytest.raises(Exception, match="append-only"):
            await read(store, statement)
    assert await kinds(store) == ["REFUSED"]


@inline_callbacks
async def test_an_older_store_put_back_is_refused_until_an_epoch_is_declared(
    open_store: Opener, sqlite_url: str, tmp_path: Path
) -> None:
    database, backup = tmp_path / "store.db", tmp_path / "backup.db"
    store = await open_store(sqlite_url)
    await store.accept(arrival())
    await store.close()
    shutil.copy(database, backup)
    store = await open_store(sqlite_url)
    await store.accept(arrival())
    await store.close()
    shutil.copy(backup, database)
    with pytest.raises(StoreRefused, match="older store was put back"):
        await open_store(sqlite_url)
    doubtful = await open_store(sqlite_url, for_audit=True)
    assert "older store was put back" in doubtful.doubts[0]
    await doubtful.close()
    declared = await open_store(sqlite_url, declare_new_epoch=True)
    kind, facts = (await records(declared))[-1]
    assert kind == "EPOCH_DECLARED"
    assert facts["witness_saw"]["sequence"] > facts["found"]["sequence"]
    await declared.close()
    assert (await open_store(sqlite_url)).doubts == ()


@inline_callbacks
async def test_a_cut_off_tail_is_refused(
    open_store: Opener, sqlite_url: str, tmp_path: Path
) -> None:
    store = await open_store(sqlite_url)
    await store.accept(arrival())
    await store.close()
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute("DROP TRIGGER evidence_no_DELETE")
    database.execute("DELETE FROM evidence WHERE sequence = 3")
    links = database.execute("SELECT chain_hash FROM evidence WHERE sequence = 2").fetchone()
    database.execute("UPDATE evidence_head SET sequence = 2, chain_hash = ?", links)
    database.commit()
    database.close()
    with pytest.raises(StoreRefused, match="head of the evidence was changed"):
        await open_store(sqlite_url)


@inline_callbacks
async def test_a_damaged_witness_is_refused(
    open_store: Opener, sqlite_url: str, tmp_path: Path
) -> None:
    store = await open_store(sqlite_url)
    await store.record("REFUSED", {}, AT)
    await store.close()
    witness = tmp_path / "evidence.witness"
    whole = witness.read_text()
    for damaged in ("", "{}", whole.replace('"sequence": 2', '"sequence": 1')):
        witness.write_text(damaged)
        with pytest.raises(StoreRefused, match="declare a new epoch"):
            await open_store(sqlite_url)
    witness.unlink()
    again = await open_store(sqlite_url)  # a new node has none; that it begins is in evidence
    begun = await read(again, "SELECT count(*) FROM evidence WHERE kind = 'WITNESS_BEGUN'")
    assert begun == [(2,)]


@inline_callbacks
async def test_sqlite_is_durable_private_and_has_one_connection(
    open_store: Opener, sqlite_url: str, tmp_path: Path
) -> None:
    store = await open_store(sqlite_url)
    for pragma, answer in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        assert await read(store, f"PRAGMA {pragma}") == [(answer,)]
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreRefused, match="locked"):
        await open_store(sqlite_url, witness=tmp_path / "other")
    other = sqlite3.connect(tmp_path / "store.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM message")
    other.close()


def test_sqlite_without_full_synchronous_is_refused() -> None:
    driver = sqlite3.connect(":memory:")
    driver.execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(StoreRefused, match="synchronous=1"):
        require_durable(driver)
    driver.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "memory is not durable"),
        ("sqlite:///:memory:", "memory is not durable"),
        ("mysql://x/y", "sqlite:///"),
        ("nonsense", "store.url"),
        ("sqlite:////proc/nowhere/store.db", "store.url"),
        ("postgresql://nobody@/none?host=/nowhere", "cannot be reached"),
    ],
)
@inline_callbacks
async def test_an_address_that_cannot_be_used_is_refused(
    open_store: Opener, url: str, said: str
) -> None:
    with pytest.raises(StoreRefused, match=said):
        await open_store(url)


@pytest.mark.postgresql
@inline_callbacks
async def test_a_server_that_may_lose_commits_is_refused(
    open_store: Opener, postgresql: Cluster
) -> None:
    url = postgresql.database()
    postgresql.execute(url, "ALTER SYSTEM SET full_page_writes = off")
    postgresql.execute(url, "SELECT pg_reload_conf()")
    try:
        with pytest.raises(StoreRefused, match="full_page_writes=off"):
            await open_store(url)
    finally:
        postgresql.execute(url, "ALTER SYSTEM RESET full_page_writes")
        postgresql.execute(url, "SELECT pg_reload_conf()")
