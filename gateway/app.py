"""The only wiring: builds the parts of one gateway and hands them to one another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IListeningPort

from config.node import Node
from gateway.audit import verify_store
from gateway.inbound.answers import Answers
from gateway.inbound.gates import Gates
from gateway.inbound.listener import As4Site
from gateway.inbound.reception import Desk
from gateway.local.service import LocalApi
from gateway.lock import NodeLock
from gateway.metrics import Metrics
from gateway.outbound.packing import Packer
from gateway.outbound.posting import Post
from gateway.outbound.sender import Dispatching, Sender
from gateway.spool import Spool, WireSpool
from gateway.store import Store
from gateway.tls import ServerTls
from gateway.workers import ThreadWorkers

BACKLOG = 128  # partners waiting to be accepted


def utc_now() -> datetime:
    """The time, aware, in UTC: the one clock of a running gateway."""
    return datetime.now(UTC)


def message_ids(state: str) -> Callable[[], str]:
    """A source of fresh MessageIds of this State (RFC 2822 form, without angle brackets)."""
    domain = f"{state.lower()}.hanoi-gateway"
    return lambda: f"{uuid4()}@{domain}"


class Gateway:
    """One gateway. `start` returns when it serves; `stop` when everything in flight has ended."""

    def __init__(
        self,
        node: Node,
        reactor: Any,
        log: FilteringBoundLogger,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._node = node
        self._reactor = reactor
        self._log = log
        self._now = now
        self._metrics = Metrics()
        self._workers = ThreadWorkers(reactor)
        self._lock = NodeLock(node.folder)
        self._spool = Spool(node.settings.spool_folder(node.folder), node.storage_key)
        self._wire_spool = WireSpool(node.settings.wire_folder(node.folder))
        self._new_message_id = message_ids(node.settings.state)
        self._port: IListeningPort | None = None

    async def start(self) -> None:
        """Open the store, settle what a crash left, and begin to listen and to send."""
        self._lock.take()
        self._workers.start()
        self._store = await Store.open(self._node.store_url, reactor=self._reactor)
        await self._clear_up()
        self._sender = self._make_sender()
        self._site = self._make_site()
        self._local = LocalApi(
            node=self._node,
            store=self._store,
            spool=self._spool,
            wake_sender=self._sender.wake,
            metrics=self._metrics,
            audit=self._audit,
            log=self._log,
            now=self._now,
            reactor=self._reactor,
        )
        await self._local.start()
        self._port = await self._listen()
        self._sender.startService()
        self._log.info("gateway.started", state=self._node.settings.state, as4_port=self.as4_port)

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight, close the store."""
        self._log.info("gateway.stopping")
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        await self._site.idle()
        await self._sender.stopService()
        await self._local.stop()
        await self._post.close()
        await self._store.close()
        self._workers.stop()
        self._lock.release()
        self._log.info("gateway.stopped")
