"""The schema of the store is the one this program was made for, before anything else is done.

A migration runs in one transaction: a crash in its middle leaves the old schema.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, inspect, text

from gateway.store.faults import StoreRefused

REVISION: Final = "0008"  # the newest step under migrations/versions

_MIGRATIONS: Final = "gateway.store:migrations"
_ONE_AT_A_TIME: Final = (
    4_242_001  # advisory lock on PostgreSQL: nodes that start together migrate once
)


def migrate_txn(connection: Connection) -> None:
    """The schema is at REVISION. Raises StoreRefused when it is from a newer program."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
    found = revision_txn(connection)
    if found == REVISION:
        return
    _upgrade(connection)


def revision_txn(connection: Connection) -> str | None:
    """The step at which the schema is; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(connection: Connection) -> None:
    # Imported here because alembic costs a tenth of a second, and most starts do not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as e:
        raise StoreRefused(
            f"The store's schema is at step {revision_txn(connection)!r}, which this program "
            f"does not know (it knows up to {REVISION!r}). Use the program that wrote it, or newer."
        ) from e
