"""The local side as one part of the gateway: wires its endpoints, listens, and stops in order."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.web.server import Site

from config.node import Node
from gateway.directory.desk import DirectoryDesk
from gateway.http_channel import BoundedSite
from gateway.local.api import LocalResource, endpoints
from gateway.local.cases import Cases
from gateway.local.directory import DirectoryAddresses
from gateway.local.drafts import Drafts
from gateway.local.form import FormLimits
from gateway.local.forwarding import Forwards
from gateway.local.inbox import Inbox
from gateway.local.intake import Intakes
from gateway.local.limits import IDLE_SECONDS, MAX_FRAMING_BYTES
from gateway.local.messages import Messages
from gateway.local.operations import Operations
from gateway.local.partners import Partners
from gateway.local.ports import (
    Audit,
    CaseFiles,
    InThread,
    Now,
    Pings,
    Spool,
    Store,
    UseLimits,
)
from gateway.local.requests import LocalRequest
from gateway.local.submission import Submissions
from gateway.metrics import Metrics
from protocol.as4.pmode import PMode, SizeLimits

THREADS: Final = 4  # files are read and written here; more would only wait for the same disk
SOCKET_MODE: Final = 0o660  # the group of the gateway's account may talk to it, nobody else
MAX_SOCKET_PATH_BYTES: Final = 107  # what the kernel takes (unix(7))
BACKLOG: Final = 64
GRACE_SECONDS: Final = 30.0  # for what is in flight at the end; service managers kill after more
_LOOK_AGAIN_SECONDS: Final = 0.02


class LocalApi:
    """The local API on loopback and on a Unix socket; `start` to `stop`."""

    def __init__(
        self,
        *,
        node: Node,
        store: Store,
        cases: CaseFiles,
        use_limits: UseLimits,
        spool: Spool,
        wake_sender: Callable[[], None],
        metrics: Metrics,
        audit: Audit,
        pings: Pings,
        directory: DirectoryDesk,
        now: Now,
        reactor: Any,
    ) -> None:
        self._log: FilteringBoundLogger = structlog.get_logger("gateway.local")
        self._settings = node.settings.local
        self._folder = node.folder
        self._reactor = reactor
        self._pool = ThreadPool(1, THREADS, "local-files")
        in_thread: InThread = partial(deferToThreadPool, reactor, self._pool)
        self._intakes = Intakes(node.credentials, spool, form_limits(node.pmodes), in_thread)
        submissions = Submissions(
            domain=f"{node.settings.state.lower()}.hanoi-gateway",
            drafts=Drafts(node.settings.state, node.times, node.pmodes, use_limits, in_thread, now),
            store=store,
            spool=spool,
            in_thread=in_thread,
            now=now,
            wake_sender=wake_sender,
        )
        forwards = Forwards(
            state=node.settings.state,
            times=node.times,
            holders=node.credentials.holders,
            cases=cases,
            store=store,
            spool=spool,
            submissions=submissions,
            in_thread=in_thread,
            now=now,
        )
        self._resource = LocalResource(
            endpoints(
                Messages(store, spool, submissions, in_thread, now),
                Inbox(store, reactor, now, self._settings.lease_seconds),
                Cases(cases, forwards, now),
                Operations(store, metrics, audit, in_thread, now),
                Partners(pings),
                DirectoryAddresses(directory, submissions, in_thread),
            ),
            metrics,
            self._log,
            reactor,
            in_thread,
        )
        self._ports: list[IListeningPort] = []

    async def start(self) -> None:
        """Both doors are open."""
        self._pool.start()
        site = local_site(self._resource, self._intakes, self._reactor)
        self._ports.append(
            self._reactor.listenTCP(
                self._settings.port, site, BACKLOG, interface=self._settings.host
            )
        )
        if self._settings.unix_socket:
            self._listen_unix(site, self._folder / self._settings.unix_socket)

    async def stop(self) -> None:
        """Nothing new is taken and everything in flight has been answered, or had its time."""
        ports, self._ports = self._ports, []
        if not ports:
            return
        for port in ports:
            await maybeDeferred(port.stopListening)
        self._intakes.refuse_new()
        deadline = self._reactor.seconds() + GRACE_SECONDS
        while self._busy() and self._reactor.seconds() < deadline:
            self._resource.end_waiting()
            await deferLater(self._reactor, _LOOK_AGAIN_SECONDS, lambda: None)
        self._pool.stop()

    def _busy(self) -> bool:
        return self._resource.running > 0 or self._intakes.reading > 0

    @property
    def port(self) -> int:
        """The TCP port that is open (of use when the configuration says 0)."""
        return int(getattr(self._ports[0].getHost(), "port", 0))

    def _listen_unix(self, site: Site, path: Path) -> None:
        """The socket has its mode before anybody can find it: the umask covers the gap."""
        if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            self._log.warning("local.socket_left_out", path=str(path), because="too long a path")
            return
        umask = os.umask(0o177)
        try:
            self._ports.append(
                self._reactor.listenUNIX(str(path), site, BACKLOG, mode=0o600, wantPID=True)
            )
        finally:
            os.umask(umask)
        path.chmod(SOCKET_MODE)


def local_site(resource: LocalResource, intakes: Intakes, reactor: Any) -> Site:
    """The HTTP side of the local API, for any listening port."""
    return BoundedSite(
        resource,
        requestFactory=partial(LocalRequest, open_intake=intakes.open, reactor=reactor),
        timeout=IDLE_SECONDS,
        parsePOSTFormSubmission=False,
    )


def form_limits(pmodes: tuple[PMode, ...]) -> FormLimits:
    """What any partner takes; the partner's own limits are checked when it is known."""
    limits = [pmode.limits for pmode in pmodes] or [SizeLimits()]
    return FormLimits(
        max_attachment_bytes=max(limit.max_part_bytes for limit in limits),
        max_total_bytes=max(limit.max_message_bytes for limit in limits) + MAX_FRAMING_BYTES,
    )
