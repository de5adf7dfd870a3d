"""The parts of the directory of a running gateway, made once and wired to one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from config.in_force import RecordsInForce
from config.node import Node
from gateway.directory.applying import Applying
from gateway.directory.keeping import Directories, Keeping
from gateway.directory.publishing import Publishing
from gateway.directory.watching import DirectoryWatch, Watching
from gateway.spool import Spool
from gateway.store import Store
from gateway.workers import Workers


@dataclass(frozen=True, slots=True)
class DirectoryDesk:
    """What is in force, what changes it, and what tells it."""

    records: RecordsInForce
    applying: Applying
    directories: Directories
    publishing: Publishing
    watch: DirectoryWatch


def directory_desk(
    node: Node,
    store: Store,
    spool: Spool,
    workers: Workers,
    log: FilteringBoundLogger,
    now: Callable[[], datetime],
) -> DirectoryDesk:
    """The desk of `node`; nothing has been looked at yet."""
    applying = Applying(node, spool, now)
    directories = Directories(Keeping(node, store, applying, workers, log, now))
    return DirectoryDesk(
        node.records,
        applying,
        directories,
        Publishing(node, store.records, workers, now),
        DirectoryWatch(Watching(directories, node.updates_at_once, store.on_queue, log)),
    )
