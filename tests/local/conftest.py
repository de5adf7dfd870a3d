"""A local API on real sockets."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from structlog import get_logger
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from config.card import add_partner
from config.in_force import RecordsInForce
from config.new_node import write_node
from config.node import Node, load_node
from gateway.directory.desk import directory_desk
from gateway.local.service import LocalApi
from gateway.metrics import Metrics
from gateway.pinging.asking import Asking
from gateway.pinging.pinger import Pinger, Pinging
from gateway.store import Store
from gateway.store.values import Arrival, Stored, StoredPart
from gateway.workers import ThreadWorkers
from protocol.as4.pmode import SizeLimits
from protocol.as4.values import SignedReference
from protocol.convention.directory import Directory
from protocol.convention.documents import read_document
from protocol.convention.lifecycle.docket import Docket, docket_of
from schemas.catalogue import example
from tests.local.fakes import FullDisk, WatchedStore

LONG_SECONDS = 20.0  # for what must happen; a fault shows by its not happening
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Reply:
    """One answer of the local API."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last word of the problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["type"]).rsplit(":", 1)[-1]


@dataclass
class Served:
    """A running local API and what stands behind it."""

    api: LocalApi
    store: WatchedStore
    spool: FullDisk
    tokens: Mapping[str, str]
    socket_path: Path
    node: Node
    woken: list[bool] = field(default_factory=list)
    audit_steps: list[Mapping[str, object]] = field(default_factory=list)
    replies: list[tuple[str, str, Reply]] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        *,
        authority: str | None = "AZ-SSS",
        body: bytes | None = None,
        **headers: str,
    ) -> Reply:
        """One request on a connection of its own. Blocks: not in the reactor's thread."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if authority is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(authority, authority)}"
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            lowered = {name.lower(): value for name, value in response.getheaders()}
            reply = Reply(response.status, lowered, response.read())
        finally:
            connection.close()
        self.replies.append((method, path, reply))
        return reply

    async def ask(self, method: str, path: str, **more: Any) -> Reply:
        """The same as `call`, from the reactor's thread."""
        return await deferToThread(self.call, method, path, **more)

    def bearer(self, authority: str = "AZ-SSS") -> bytes:
        """The header with the credential of `authority`, for a bare connection."""
        return f"Authorization: Bearer {self.tokens[authority]}\r\n".encode()

    def connect(self) -> socket.socket:
        """A bare connection, for what no decent client does."""
        return socket.create_connection(("127.0.0.1", self.api.port), timeout=20)

    async def arrive(
        self,
        message_id: str,
        *,
        authority: str = "AZ-SSS",
        partner: str = "XU",
        kind: str = "MlaRequest",
        parts: tuple[StoredPart, ...] = (),
        written: bytes | None = None,
        at: datetime = NOW,
    ) -> None:
        """A message from a partner is in the queue of `authority`; `written` is its document."""
        outcome = await self.store.accept(
            Arrival(
                partner=partner,
                message_id=message_id,
                conversation_id="conversation-1",
                ref_to_message_id=None,
                action=kind,
                kind=kind,
                authority=authority,
                requesting_authority=f"{partner}-CA",
                request_id="XU-1",
                priority=1,
                envelope=b"<envelope/>",
                references=(SignedReference("#body", "sha256", b"digest"),),
                receipt_id=f"receipt-of-{message_id}",
                receipt=b"<receipt/>",
                parts=parts,
                signer_certificate=b"certificate",
                tls_fingerprint="00" * 32,
                claimed_at=at,
                received_at=at,
                routing={"article": "40"},
                docket=None if written is None else self.docket(written),
            )
        )
        assert isinstance(outcome, Stored)

    def docket(self, written: bytes) -> Docket | None:
        """What the document `written` does in its case."""
        return docket_of(
            read_document(written), own_state="AZ", times=self.node.times, on=NOW.date()
        )

    async def state_of(self, message_id: str, authority: str = "AZ-SSS") -> str | None:
        """The state of a message of `authority`."""
        view = await self.store.message_for(authority, message_id)
        return None if view is None else view.state

    @property
    def spool_is_empty(self) -> bool:
        return not [path for path in self.spool.folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="session")
def az(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The node of AZ, with Utopia as its partner, on free ports and with small limits."""
    folder = tmp_path_factory.mktemp("nodes")
    az, xu = write_node(folder / "az", "AZ"), write_node(folder / "xu", "XU")
    add_partner(az.folder, xu.card)
    node = load_node(az.folder)
    local = replace(node.settings.local, port=0, unix_socket="local.sock")
    limits = SizeLimits(max_part_bytes=40 << 20, max_message_bytes=60 << 20, max_parts=5)
    return replace(
        node,
        settings=replace(node.settings, local=local),
        pmodes=tuple(replace(pmode, limits=limits) for pmode in node.pmodes),
    )


@pytest.fixture(scope="session")
def tokens(az: Node) -> Mapping[str, str]:
    """The credentials of AZ by their holder."""
    return {
        path.stem: path.read_text().strip() for path in (az.folder / "credentials").glob("*.token")
    }


@contextmanager
def serving(folder: Path, node: Node, tokens: Mapping[str, str]) -> Iterator[Served]:
    """The local API of `node` over a store and a spool in `folder`."""
    states = node.folder / "states"
    records = RecordsInForce(node.records.signed)  # a test may change it
    node = replace(node, folder=folder, records=records, directory=Directory(records))
    shutil.copytree(states, folder / "states", dirs_exist_ok=True)
    store = pytest_twisted.blockon(
        ensureDeferred(
            WatchedStore.open(
                f"sqlite:///{folder}/gateway.sqlite",
                reactor=reactor,
                storage_key=node.storage_key,
                witness=folder / "witness",
                now=lambda: NOW,
                times=node.times,
            )
        )
    )
    spool = FullDisk(folder / "spool", node.storage_key, inline_bytes=1024)
    workers = ThreadWorkers(reactor, "pings")
    workers.start()
    served: Served
    desk = directory_desk(node, store, spool, workers, get_logger("test"), lambda: NOW)
    pytest_twisted.blockon(ensureDeferred(desk.directories.settle()))
    api = LocalApi(
        node=node,
        store=store,
        cases=store.cases,
        use_limits=store.use_limits,
        spool=spool,
        wake_sender=lambda: served.woken.append(True),
        metrics=Metrics(),
        audit=lambda: iter(served.audit_steps),
        pings=pinger_of(node, store, workers),
        directory=desk,
        now=lambda: NOW,
        reactor=reactor,
    )
    served = Served(api, store, spool, tokens, folder / "local.sock", node)
    pytest_twisted.blockon(ensureDeferred(api.start()))
    yield served
    pytest_twisted.blockon(ensureDeferred(api.stop()))
    workers.stop()
    pytest_twisted.blockon(ensureDeferred(store.close()))


def pinger_of(node: Node, store: Store, workers: ThreadWorkers) -> Pinger:
    """What asks the partners of `node`; nobody listens where they would be."""
    pmodes = {pmode.partner_state: pmode for pmode in node.pmodes}
    asking = Asking(reactor, node, workers, lambda: "ping@az", lambda: NOW)
    return Pinger(Pinging(asking, store, pmodes, Metrics(), get_logger()), reactor)


@pytest.fixture
def served(tmp_path: Path, az: Node, tokens: Mapping[str, str]) -> Iterator[Served]:
    """The local API of AZ."""
    with serving(tmp_path, az, tokens) as running:
        yield running


@pytest.fixture
def served_alone(tmp_path: Path, az: Node, tokens: Mapping[str, str]) -> Iterator[Served]:
    """The local API of AZ without any partner."""
    with serving(tmp_path, replace(az, pmodes=()), tokens) as running:
        yield running


def form(*parts: tuple[str, bytes, Mapping[str, str]]) -> tuple[bytes, str]:
    """A multipart/form-data body and its Content-Type."""
    body = bytearray()
    for name, content, more in parts:
        file_name = f'; filename="{more["filename"]}"' if "filename" in more else ""
        body += (
            f'--frontier\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n'.encode()
        )
        if "type" in more:
            body += f"Content-Type: {more['type']}\r\n".encode()
        body += b"\r\n" + content + b"\r\n"
    return bytes(body) + b"--frontier--\r\n", "multipart/form-data; boundary=frontier"


XML = {"type": "application/xml"}


async def later(seconds: float) -> None:
    """Let the reactor run for a while."""
    await deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], object]) -> None:
    """Let the reactor run until `condition` holds, however slow the machine is."""
    deadline = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await later(0.01)


def start(coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
    """Let `coroutine` run while the test goes on."""
    return ensureDeferred(coroutine)


def document(
    kind: str = "mla-request",
    requesting: str = "AZ-SSS",
    requested: str = "XU-CA",
    request_id: str | None = None,
) -> bytes:
    """A valid example, between these authorities."""
    text = example(f"{kind}-az-xu.xml").decode()
    for element, authority in (("Requesting", requesting), ("Requested", requested)):
        text = re.sub(f'(<c:{element}Authority id=")[^"]*', rf"\g<1>{authority}", text)
    if request_id is not None:
        text = re.sub(r"(<c:RequestId>)[^<]*", rf"\g<1>{request_id}", text, count=1)
    return text.encode()
