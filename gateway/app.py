"""The only wiring: builds the parts of one gateway and hands them to one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IListeningPort

from config.node import Node
from gateway.audit import verify_running
from gateway.directory.desk import DirectoryDesk, directory_desk
from gateway.inbound.answers import Answers
from gateway.inbound.desk import Desk
from gateway.inbound.gates import Gates
from gateway.inbound.joiner import Joiner
from gateway.inbound.joining import Joining
from gateway.inbound.lately import KEPT, ReceivedLately
from gateway.inbound.listener import As4Site
from gateway.inbound.signal_gates import SignalGates
from gateway.local.service import LocalApi
from gateway.lock import NodeLock
from gateway.metrics import Metrics
from gateway.outbound.callbacks import Callbacks, CallingBack
from gateway.outbound.counter import PullCounter
from gateway.outbound.packing import Packer
from gateway.outbound.posting import Post
from gateway.outbound.sender import Dispatching, Sender
from gateway.outbound.splitting import Splitter
from gateway.outbound.wire import Wire
from gateway.pinging.asking import Asking
from gateway.pinging.pinger import Pinger, Pinging
from gateway.pulling.fetching import Fetching
from gateway.pulling.puller import Puller, Pulling
from gateway.reminding.reminder import Reminder
from gateway.spool import Spool, WireSpool
from gateway.store import Store
from gateway.tls import ServerTls, der
from gateway.workers import ThreadWorkers

BACKLOG = 128  # partners waiting to be accepted
WITNESS = "data/witness"  # remembers how far the evidence had come, outside the database


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
        # Sealing a large message takes minutes; receiving must not wait for it.
        self._workers = ThreadWorkers(reactor, "as4-inbound")
        self._outbound_workers = ThreadWorkers(reactor, "as4-outbound")
        self._spool = Spool(node.settings.spool_folder(node.folder), node.storage_key)
        self._wire_spool = WireSpool(node.settings.wire_folder(node.folder))
        self._packer = Packer(node.signer_for, self._spool, self._wire_spool, now)
        self._pmodes = {pmode.partner_state: pmode for pmode in node.pmodes}
        self._new_message_id = message_ids(node.settings.state)
        self._closing = AsyncExitStack()
        self.store: Store | None = None  # while it runs
        self.sender: Sender | None = None  # likewise
        self.directory: DirectoryDesk | None = None  # likewise
        self.pinger: Pinger | None = None  # likewise

    async def start(self) -> None:
        """Open the store, settle what a crash left, and begin to listen and to send.

        Raises NodeInUse, StoreRefused, ConfigRefused or CannotListenError; what was begun has then
        been ended.
        """
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise
        self._log.info("gateway.started", state=self._node.settings.state)

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight, close the store."""
        self._log.info("gateway.stopping")
        await self._closing.aclose()
        self._log.info("gateway.stopped")

    async def _start(self) -> None:
        lock = NodeLock(self._node.folder)
        lock.take()
        self._closing.callback(lock.release)
        for workers in (self._workers, self._outbound_workers):
            workers.start()
            self._closing.callback(workers.stop)
        store = self.store = await open_store(self._node, self._reactor, self._now)
        self._closing.push_async_callback(store.close)
        await self._clear_up(store)
        directory = self.directory = directory_desk(
            self._node, store, self._spool, self._workers, self._log, self._now
        )
        await directory.directories.settle()
        post = Post(self._reactor, self._node, self._wire_spool)
        self._closing.push_async_callback(post.close)
        wire = Wire(store, self._wire_spool, self._workers, self._log)
        sender = self.sender = self._make_sender(store, post, wire)
        callbacks = self._make_callbacks(store, post, wire, sender)
        pinger = self.pinger = self._make_pinger(store)
        local = self._make_local(store, sender, pinger, directory)
        await local.start()
        self._closing.push_async_callback(local.stop)
        lately = ReceivedLately(await store.received_lately(KEPT))
        joiner = self._joiner = self._make_joiner(store, callbacks, lately)
        desk = self._make_desk(store, wire, callbacks, joiner, lately)
        reminder = Reminder(store, self._metrics, self._log, self._now, self._reactor)
        services = (
            *(sender, callbacks, joiner, pinger, reminder, directory.watch),
            *self._make_pullers(desk),
        )
        for service in services:
            service.startService()
            self._closing.push_async_callback(_stop_service, service)
        await self._listen(desk)

    async def _clear_up(self, store: Store) -> None:
        """What a crash left behind: files that no row names, attempts without an outcome."""
        names, wire_names = await store.spool_names(), await store.wire_names()
        orphans = await self._workers.run(self._spool.sweep, names)
        orphans += await self._workers.run(self._wire_spool.sweep, wire_names)
        interrupted = await store.recover_interrupted(self._now())
        await store.owed.release_claimed(self._now())
        await self._make_splitter(store).release()
        certificates = [*self._node.own_identity.signing_certificates]
        for pmode in self._node.pmodes:
            certificates += pmode.partner_signing
        await store.keep_certificates([der(certificate) for certificate in certificates])
        self._log.info("gateway.cleared_up", orphans=len(orphans), interrupted=len(interrupted))

    def _make_sender(self, store: Store, post: Post, wire: Wire) -> Sender:
        return Sender(
            Dispatching(
                store=store,
                packer=self._packer,
                post=post,
                wire=wire,
                splitter=self._make_splitter(store),
                pmodes=self._pmodes,
                workers=self._outbound_workers,
                metrics=self._metrics,
                log=self._log,
                now=self._now,
                stop_seconds=self._node.settings.stop_seconds,
            ),
            self._reactor,
        )

    def _make_splitter(self, store: Store) -> Splitter:
        return Splitter(
            state=self._node.settings.state,
            store=store,
            spool=self._spool,
            wire_spool=self._wire_spool,
            workers=self._workers,
            signer_for=self._node.signer_for,
            new_message_id=self._new_message_id,
            now=self._now,
            log=self._log,
        )

    def _make_callbacks(self, store: Store, post: Post, wire: Wire, sender: Sender) -> Callbacks:
        return Callbacks(
            CallingBack(
                store=store,
                post=post,
                wire=wire,
                pmodes=self._pmodes,
                workers=self._workers,
                log=self._log,
                now=self._now,
                wake_sender=sender.wake,
            ),
            self._reactor,
        )

    def _make_pullers(self, desk: Desk) -> Iterator[Puller]:
        """One for each partner that we pull from."""
        for pmode in self._node.pmodes:
            if pmode.channel_received is None:
                continue
            pulling = Pulling(
                desk=desk,
                pmode=pmode,
                fetching=Fetching(self._reactor, self._node, pmode),
                signer=self._node.signer_for(pmode.suite),
                new_message_id=self._new_message_id,
                now=self._now,
                log=self._log,
            )
            yield Puller(pulling, self._reactor)

    def _make_pinger(self, store: Store) -> Pinger:
        asking = Asking(
            self._reactor, self._node, self._outbound_workers, self._new_message_id, self._now
        )
        pinging = Pinging(asking, store, self._pmodes, self._metrics, self._log)
        return Pinger(pinging, self._reactor)

    def _make_local(
        self, store: Store, sender: Sender, pinger: Pinger, directory: DirectoryDesk
    ) -> LocalApi:
        return LocalApi(
            node=self._node,
            store=store,
            cases=store.cases,
            use_limits=store.use_limits,
            spool=self._spool,
            wake_sender=sender.wake,
            metrics=self._metrics,
            audit=lambda: verify_running(store, self._node, self._spool, self._now),
            pings=pinger,
            directory=directory,
            now=self._now,
            reactor=self._reactor,
        )

    def _make_joiner(self, store: Store, callbacks: Callbacks, lately: ReceivedLately) -> Joiner:
        return Joiner(
            Joining(
                gates=Gates(self._node, self._now, self._new_message_id),
                store=store,
                spool=self._spool,
                signer_for=self._node.signer_for,
                pmodes=self._pmodes,
                workers=self._workers,
                log=self._log,
                now=self._now,
                new_message_id=self._new_message_id,
                wake_callbacks=callbacks.wake,
                lately=lately,
            ),
            self._reactor,
        )

    async def _listen(self, desk: Desk) -> None:
        pinned = [certificate for pmode in self._node.pmodes for certificate in pmode.partner_tls]
        as4 = self._node.settings.as4
        site = As4Site(desk, self._reactor)
        endpoint = SSL4ServerEndpoint(
            self._reactor,
            as4.port,
            ServerTls(self._node.tls, pinned, as4.minimum_tls, as4.tls12_ciphers),
            BACKLOG,
            as4.host,
        )
        port: IListeningPort = await endpoint.listen(site)
        self._closing.push_async_callback(site.finish, self._node.settings.stop_seconds)
        self._closing.push_async_callback(_stop_listening, port)

    def _make_desk(
        self,
        store: Store,
        wire: Wire,
        callbacks: Callbacks,
        joiner: Joiner,
        lately: ReceivedLately,
    ) -> Desk:
        gates = Gates(self._node, self._now, self._new_message_id)
        return Desk(
            gates=gates,
            signal_gates=SignalGates(gates, self._node.pmodes, self._now),
            pmodes=self._pmodes,
            answers=Answers(
                self._node.signer_for,
                self._node.suite_for_strangers,
                self._new_message_id,
                self._now,
            ),
            store=store,
            spool=self._spool,
            wire=wire,
            counter=self._make_counter(store),
            wake_callbacks=callbacks.wake,
            workers=self._workers,
            metrics=self._metrics,
            log=self._log,
            now=self._now,
            seconds=self._reactor.seconds,
            wake_joiner=joiner.wake,
            lately=lately,
        )

    def _make_counter(self, store: Store) -> PullCounter:
        return PullCounter(
            state=self._node.settings.state,
            store=store,
            packer=self._packer,
            wire_spool=self._wire_spool,
            workers=self._workers,
            log=self._log,
            now=self._now,
        )


async def open_store(
    node: Node, reactor: Any, now: Callable[[], datetime], *, for_audit: bool = False
) -> Store:
    """The store of `node`, with its schema current and its witness agreeing.

    `for_audit` opens also a store that may not be worked with; its `doubts` say why it may not.
    """
    return await Store.open(
        node.store_url,
        reactor=reactor,
        storage_key=node.storage_key,
        witness=node.folder / WITNESS,
        now=now,
        max_deliveries=node.settings.local.max_deliveries,
        for_audit=for_audit,
        times=node.times,
    )


async def _stop_service(service: Service) -> None:
    await service.stopService()


async def _stop_listening(port: IListeningPort) -> None:
    await maybeDeferred(port.stopListening)
