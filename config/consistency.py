"""What each file of a node says well enough by itself, and the node as a whole cannot mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.authorities import authorities_of
from config.credentials import AUDITOR, Credentials
from config.credentials import FILE as CREDENTIALS_FILE
from config.faults import Fault
from config.reading import place
from config.settings import Settings
from protocol.convention.directory import Directory

ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, not bound to


def settings_faults(settings: Settings, path: Path) -> Iterator[Fault]:
    """Contradictions within gateway.toml, the file `path`."""
    if settings.workers > 1 and settings.uses_sqlite:
        yield Fault(
            place(path, "workers"),
            f"is {settings.workers}, but the store is SQLite, which only one process may use; "
            "set workers = 1, or store.url to a PostgreSQL",
        )
    if settings.uses_sqlite and settings.store.password_file is not None:
        yield Fault(place(path, "store", "password_file"), "SQLite has no password; remove it")
    if _same_door(settings):
        yield Fault(
            place(path, "local", "port"),
            f"is {settings.local.port}, which is as4.port, too; give each its own",
        )
    if settings.spool.folder == settings.spool.wire_folder:
        yield Fault(place(path, "spool", "wire_folder"), "is spool.folder, too; name another one")


def directory_faults(
    directory: Directory, credentials: Credentials | None, settings: Settings, folder: Path
) -> Iterator[Fault]:
    """Whom the node in `folder` serves and the directory does not know."""
    own = authorities_of(directory, settings.state)
    if not own:
        yield Fault(
            str(folder / "states"),
            f"has no authority of {settings.state}, the State of this gateway; "
            f"add states/{settings.state}.toml",
        )
    for position, credential in enumerate(credentials.accepted if credentials else ()):
        if credential.holder not in (*own, AUDITOR):
            yield Fault(
                place(folder / CREDENTIALS_FILE, "credential", position, "holder"),
                f"{credential.holder!a} is no authority of {settings.state} in the directory "
                f"({', '.join(own)}) and not {AUDITOR!r}",
            )


def _same_door(settings: Settings) -> bool:
    as4, local = settings.as4, settings.local
    shared_host = as4.host == local.host or as4.host in ANY_HOST
    return as4.port == local.port != 0 and shared_host
