"""Two nodes and what a test needs to play a partner: real keys, real TLS, real folders."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from twisted.internet import reactor
from twisted.web.client import Agent
from twisted.web.http_headers import Headers

from config.card import add_partner
from config.new_node import write_node
from config.node import Node, TlsMaterial, load_node
from gateway.app import Gateway
from gateway.outbound.posting import PeerAnswer, _Body, read_answer
from gateway.tls import ClientTls
from protocol.as4.attachments import OutboundPart
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.sealing import SealedMessage, SealedPart, new_content_key, seal
from protocol.as4.values import Property, UserMessage
from schemas.catalogue import example, example_names

STATES = ("AZ", "XU")
ANSWER_SECONDS = 60.0


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make_ground(folder: Path, suite: str | None = None) -> Path:
    """AZ and XU in `folder`, each with the other's card; RSA keys take a second or two.

    They agree on `suite`, by default on the one that any two new nodes agree on.
    """
    for state in STATES:
        as4_port, local_port = free_ports(2)
        write_node(folder / state, state, as4_port=as4_port, local_port=local_port)
    for state, other in zip(STATES, reversed(STATES), strict=True):
        add_partner(folder / state, folder / other / "card.toml", suite=suite)
    return folder


def copy_ground(ground: Path, folder: Path) -> dict[str, Path]:
    """A copy of the nodes for one test, by State; they keep their ports and retry at once."""
    folders = {state: folder / state.lower() for state in STATES}
    for state, target in folders.items():
        shutil.copytree(ground / state, target, symlinks=True)
        for path in (target / "partners").glob("*.toml"):
            path.write_text(impatient(path.read_text()))
    return folders


def impatient(partner: str) -> str:
    """The P-Mode `partner` with retries after a fifth of a second."""
    text = re.sub(r"(?m)^first_interval_seconds = .*$", "first_interval_seconds = 0.2", partner)
    text = re.sub(r"(?m)^max_interval_seconds = .*$", "max_interval_seconds = 0.5", text)
    return re.sub(r"(?m)^max_retries = .*$", "max_retries = 60", text)


def edit_stop(folder: Path, seconds: float) -> None:
    """The node in `folder` waits so long for what is in flight when it is stopped."""
    settings = folder / "gateway.toml"
    text, found = re.subn(
        r"(?m)^stop_seconds = .*$", f"stop_seconds = {seconds}", settings.read_text()
    )
    assert found == 1
    settings.write_text(text)


def example_document(kind: str, requesting_state: str) -> bytes:
    """Our example of `kind` that `requesting_state` sends, as a request of its own."""
    from protocol.convention.documents import read_document

    for name in example_names():
        octets = example(name)
        read = read_document(octets)
        if read.kind == kind and read.requesting_authority.startswith(requesting_state):
            return renamed(octets)
    raise LookupError(f"no example of {kind} from {requesting_state}")


def renamed(document: bytes) -> bytes:
    """The same document with another RequestId: it belongs to another case."""
    named = rb"(<c:RequestId>)[^<]*"
    return re.sub(named, rb"\g<1>" + str(uuid4()).encode(), document, count=1)


@dataclass
class Crafted:
    """One message as octets, still to be damaged."""

    unit: UserMessage
    sealed: SealedMessage
    parts: list[tuple[str, bytes]]

    def body(self, soap: bytes | None = None) -> tuple[str, bytes]:
        """Content type and body; with `soap` in place of the sealed envelope if given."""
        envelope = self.sealed.soap if soap is None else soap
        frame = MultipartFrame(envelope, [(cid, len(o)) for cid, o in self.parts], "test.example")
        pieces = [
            self.parts[piece.index][1] if isinstance(piece, PartSlot) else piece
            for piece in frame.pieces()
        ]
        return frame.content_type, b"".join(pieces)


class Partner:
    """Plays the gateway of one State towards another, with every lever in the test's hand."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pmode: PMode = node.pmodes[0]

    def craft(
        self,
        documents: Sequence[tuple[str, bytes]],
        *,
        action: str = "PreservationRequest",
        signer: Signer | None = None,
        pmode: PMode | None = None,
        change: Callable[[UserMessage], UserMessage] = lambda unit: unit,
        transform: Callable[[bytes], bytes] = lambda wire: wire,
        compress: bool = True,
    ) -> Crafted:
        """A sealed message with `documents` (type and content) as its parts."""
        agreed = pmode or self.pmode
        key = new_content_key(agreed.suite) if documents else None
        sealed_parts, wire = [], []
        for mime_type, octets in documents:
            part = OutboundPart(
                f"{uuid4().hex}@test.example", mime_type, agreed.suite, key or b"", compress
            )
            ciphertext = part.receive(octets) + part.finish()
            sealed_parts.append(part.sealed())
            wire.append((part.sealed().info.content_id, transform(ciphertext)))
        return self._sealed(
            sealed_parts, wire, key, action=action, signer=signer, pmode=agreed, change=change
        )

    def _sealed(
        self,
        sealed_parts: list[SealedPart],
        wire: list[tuple[str, bytes]],
        key: bytes | None,
        *,
        action: str = "PreservationRequest",
        signer: Signer | None = None,
        pmode: PMode | None = None,
        change: Callable[[UserMessage], UserMessage] = lambda unit: unit,
    ) -> Crafted:
        agreed = pmode or self.pmode
        sender, receiver = agreed.sending_parties
        unit = change(
            UserMessage(
                message_id=f"{uuid4()}@test.example",
                timestamp=datetime.now(UTC),
                sender=sender,
                receiver=receiver,
                service=agreed.service,
                action=action,
                conversation_id=str(uuid4()),
                agreement=agreed.agreement,
                properties=(),
            )
        )
        unit = replace(unit, parts=tuple(part.info for part in sealed_parts))
        return Crafted(
            unit,
            seal(unit, sealed_parts, key, signer or self.node.signer_for(agreed.suite), agreed),
            wire,
        )

    def craft_precompressed(self, *contents: bytes) -> Crafted:
        """A message whose parts claim to be gzip and hold `contents` as they are."""
        key = new_content_key(self.pmode.suite)
        sealed_parts, wire = [], []
        for octets in contents:
            part = OutboundPart(
                f"{uuid4().hex}@test.example", "application/xml", self.pmode.suite, key, False
            )
            ciphertext = part.receive(octets) + part.finish()
            made = part.sealed()
            info = replace(
                made.info,
                properties=(*made.info.properties, Property("CompressionType", "application/gzip")),
            )
            sealed_parts.append(replace(made, info=info, encrypted_mime_type="application/gzip"))
            wire.append((info.content_id, ciphertext))
        return self._sealed(sealed_parts, wire, key)

    def preservation(self, **levers: Any) -> Crafted:
        """A good preservation request, but for `levers`."""
        document = example_document("PreservationRequest", self.node.settings.state)
        return self.craft([("application/xml", document)], **levers)

    def preservation_as(self, other: Partner, **levers: Any) -> Crafted:
        """Signed by us with what `other` agreed: its header, its document."""
        document = example_document("PreservationRequest", other.node.settings.state)
        return self.craft([("application/xml", document)], pmode=other.pmode, **levers)

    async def post(
        self,
        content_type: str,
        body: bytes,
        *,
        tls: TlsMaterial | None = None,
        path: str | None = None,
        method: bytes = b"POST",
        headers: dict[str, str] | None = None,
    ) -> PeerAnswer:
        """What the other gateway answers to these octets."""
        policy = ClientTls(tls or self.node.tls, self.pmode.partner_tls, "1.3", "127.0.0.1")
        agent = Agent(reactor, policy, 5.0)
        url = self.pmode.address if path is None else self.pmode.address.replace("/as4", path)
        fields = {"Content-Type": [content_type]} if content_type else {}
        fields.update({name: [value] for name, value in (headers or {}).items()})
        response = await agent.request(
            method, url.encode(), Headers(fields), _Body(len(body), lambda: iter([body]))
        )
        return await read_answer(reactor, response, ANSWER_SECONDS)

    async def send(self, crafted: Crafted) -> PeerAnswer:
        """What the other gateway answers to `crafted`."""
        return await self.post(*crafted.body())


STARTED: list[Gateway] = []  # a gateway that still runs keeps the whole run from ending


async def started(folder: Path) -> Gateway:
    """The gateway of the node in `folder`, serving."""
    gateway = Gateway(load_node(folder), reactor, structlog.get_logger("test"))
    STARTED.append(gateway)
    await gateway.start()
    return gateway
