"""The file of the embedded engine, and the connection to it: private, durable, and the only one."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from gateway.store.faults import StoreClosed, StoreRefused

FULL: Final = 2  # PRAGMA synchronous: every commit is on the disk before it returns

#: Each with what it must answer; the first lines must come before the first read.
_PRAGMAS: Final = (
    ("locking_mode=EXCLUSIVE", "exclusive"),
    ("journal_mode=WAL", "wal"),
    ("synchronous=FULL", None),
    ("foreign_keys=ON", None),
    ("secure_delete=ON", None),  # a destroyed key is overwritten, not only forgotten
    ("trusted_schema=OFF", None),
    ("cell_size_check=ON", None),
    ("wal_autocheckpoint=4000", None),  # pages: fewer, larger checkpoints
    ("cache_size=-16384", None),  # KiB: what the ids of many messages touch stays in memory
)


def database_path(url: URL) -> Path:
    """The file that `url` names. Raises StoreRefused for a database in memory."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreRefused(
            "store.url: name a file (sqlite:///path/to/store.db); memory is not durable"
        )
    return Path(url.database)


def make_private(path: Path) -> None:
    """The file is there, and nobody else may read it. Raises StoreRefused."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
    except OSError as e:
        raise StoreRefused(f"store.url: {path}: {e.strerror}") from e


def engine_for(url: URL) -> Engine:
    """What connects to the file, each connection with our settings."""
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool)
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(driver: sqlite3.Connection, _record: object) -> None:
    """The connection has our settings, and answers that it has them. Raises StoreRefused."""
    driver.isolation_level = None  # BEGIN and COMMIT are ours, so that savepoints work
    try:
        for pragma, answer in _PRAGMAS:
            found = driver.execute(f"PRAGMA {pragma}").fetchone()
            if answer is not None and (found is None or found[0] != answer):
                raise StoreRefused(f"SQLite refuses PRAGMA {pragma}: it answers {found}")
        require_durable(driver)
    except sqlite3.Error as e:
        raise StoreRefused(f"The database cannot be opened: {e}") from e


def require_durable(driver: sqlite3.Connection) -> None:
    """Raises StoreRefused unless every commit reaches the disk and references are checked."""
    [synchronous] = driver.execute("PRAGMA synchronous").fetchone()
    if synchronous < FULL:
        raise StoreRefused(f"SQLite says synchronous={synchronous}, and {FULL} (FULL) is needed")
    [foreign_keys] = driver.execute("PRAGMA foreign_keys").fetchone()
    if not foreign_keys:
        raise StoreRefused("This SQLite was built without foreign keys")


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, which begins and commits. Raises StoreClosed."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise StoreClosed("The connection to the database is gone.")
    return driver
