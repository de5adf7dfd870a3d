"""A local API on real sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
import structlog
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

from gateway.local.service import LocalApi
from gateway.metrics import Metrics
from keys.storage_key import StorageKey
from tests.local.fakes import FullDisk, MemoryStore

TOKENS = {"AZ-SSS": "token-sss", "AZ-MOJ": "token-moj", "auditor": "token-auditor"}
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
    store: MemoryStore
    spool: FullDisk
    socket_path: Path
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
            sent["Authorization"] = f"Bearer {TOKENS.get(authority, authority)}"
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

    def connect(self) -> socket.socket:
        """A bare connection, for what no decent client does."""
        return socket.create_connection(("127.0.0.1", self.api.port), timeout=20)

    @property
    def spool_is_empty(self) -> bool:
        return not [path for path in self.spool.folder.rglob("*") if path.is_file()]


class KnownTokens:
    def authority_of(self, token: str) -> str | None:
        return next((name for name, known in TOKENS.items() if known == token), None)


@pytest.fixture
def served(tmp_path: Path, pmodes: tuple[Any, ...], directory: Any) -> Iterator[Served]:
    """The local API of AZ, on a free port and a Unix socket."""
    store = MemoryStore()
    spool = FullDisk(tmp_path / "spool", StorageKey.generate(), inline_bytes=1024)
    settings = SimpleNamespace(
        state="AZ",
        local=SimpleNamespace(port=0, host="127.0.0.1", unix_socket="s", lease_seconds=300.0),
    )
    node = SimpleNamespace(
        settings=settings,
        folder=tmp_path,
        credentials=KnownTokens(),
        pmodes=pmodes,
        directory=directory,
    )
    served: Served

    api = LocalApi(
        node=node,  # type: ignore[arg-type] - as much of a node as the local side looks at
        store=store,
        spool=spool,
        wake_sender=lambda: served.woken.append(True),
        metrics=Metrics(),
        audit=lambda: iter(served.audit_steps),
        log=structlog.get_logger("test"),
        now=lambda: NOW,
        reactor=reactor,
    )
    served = Served(api, store, spool, tmp_path / "s")
    pytest_twisted.blockon(ensureDeferred(api.start()))
    yield served
    pytest_twisted.blockon(ensureDeferred(api.stop()))


@pytest.fixture
def pmodes() -> tuple[Any, ...]:
    """An agreement with Utopia, as far as the local side looks at it."""
    from protocol.as4.pmode import SizeLimits

    kinds = ("PreservationRequest", "MlaRequest", "ExtraditionRequest", "ContactCheck")
    limits = SizeLimits(max_part_bytes=40 << 20, max_message_bytes=60 << 20, max_parts=5)
    return (SimpleNamespace(partner_state="XU", actions_sent=frozenset(kinds), limits=limits),)


@pytest.fixture
def directory() -> Any:
    return None


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


def document(requesting: str = "AZ-SSS", requested: str = "XU-CA") -> bytes:
    return f'<MlaRequest from="{requesting}" to="{requested}"/>'.encode()
