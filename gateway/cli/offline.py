"""The audit of a node that does not run: takes its lock, opens its store, checks, lets go.

The store speaks through a reactor; it turns in a thread of its own while the audit reads.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from config.node import Node, load_node
from gateway.app import open_store, utc_now
from gateway.audit import verify_running
from gateway.cli.outcome import refused
from gateway.lock import NodeInUse, NodeLock
from gateway.spool import Spool
from gateway.store.faults import StoreRefused

STOP_SECONDS = 10.0

T = TypeVar("T")


def verify_offline(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The steps of the audit of the node in `folder`. Raises Stop if something uses the node."""
    from twisted.internet import reactor

    node = load_node(folder)
    lock = NodeLock(node.folder)
    try:
        lock.take()
    except NodeInUse as e:
        raise refused(str(e)) from e
    turning: Any = reactor
    thread = Thread(target=turning.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    try:
        yield from _verify(node, turning)
    finally:
        turning.callFromThread(turning.stop)
        thread.join(STOP_SECONDS)
        lock.release()


def _verify(node: Node, turning: Any) -> Iterator[Mapping[str, Any]]:
    try:
        store = _result(turning, open_store(node, turning, utc_now))
    except StoreRefused as e:
        yield {"event": "finding", "where": "store", "what": str(e)}
        yield {"event": "end", "findings": 1, "checked": "nothing: the store does not open"}
        return
    try:
        spool = Spool(node.settings.spool_folder(node.folder), node.storage_key)
        yield from verify_running(store, node, spool, utc_now)
    finally:
        _result(turning, store.close())


def _result(turning: Any, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to in the reactor's thread."""
    call: Any = blockingCallFromThread
    result: T = call(turning, Deferred.fromCoroutine, work)
    return result
