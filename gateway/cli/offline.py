"""The audit of a node whose gateway does not run: under its lock, so that none can start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from config.faults import ConfigRefused
from config.node import Node, load_node
from gateway.app import open_store, utc_now
from gateway.audit import Step, verify_store
from gateway.cli.outcome import refused
from gateway.lock import NodeInUse, NodeLock
from gateway.spool import Spool
from gateway.store import Store
from gateway.store.faults import StoreFault

T = TypeVar("T")


def verify_offline(folder: Path) -> Iterator[Step]:
    """Every step of the audit of the node in `folder`. Raises Stop when it cannot begin."""
    with ExitStack() as closing:
        try:
            node = load_node(folder)
            closing.enter_context(NodeLock(node.folder))
            store = _opened(node, closing)
        except StoreFault as e:
            yield {"event": "finding", "where": "store", "what": str(e)}
            yield {"event": "end", "findings": 1, "records": 0}
            return
        except (ConfigRefused, NodeInUse, OSError) as e:
            raise refused(str(e)) from e
        spool = Spool(node.settings.spool_folder(node.folder), node.storage_key)
        yield from verify_store(store, node.storage_key, spool, utc_now, store.doubts)


def _opened(node: Node, closing: ExitStack) -> Store:
    """The store, whose reactor runs in a thread of its own until `closing` closes."""
    from twisted.internet import reactor

    running: Any = reactor
    thread = threading.Thread(target=partial(running.run, installSignalHandlers=False))
    thread.start()
    closing.callback(thread.join)
    closing.callback(running.callFromThread, running.stop)
    store = _awaited(running, lambda: open_store(node, running, utc_now, for_audit=True))
    closing.callback(_awaited, running, store.close)
    return store


def _awaited(running: Any, begin: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> T:
    """What the coroutine of `begin` returns, awaited in the reactor's thread."""
    call: Any = blockingCallFromThread  # its annotation leaves open what a Deferred becomes
    result: T = call(running, lambda: Deferred.fromCoroutine(begin()))
    return result
