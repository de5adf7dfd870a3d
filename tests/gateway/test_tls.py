"""The door: who may shake hands, with what, and that one State cannot speak for another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    SSL4ServerEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from config.card import add_partner
from config.new_node import write_node
from config.node import Node, load_node
from gateway.app import Gateway
from gateway.tls import ClientTls, ServerTls
from tests.gateway.ground import Partner, free_ports, started
from tests.gateway.test_refusals import code_of, kept
from tests.signed import sign


class Talker(Protocol):
    """Shakes hands, sends one octet, and tells how it ended."""

    def __init__(self) -> None:
        self.group: str | None = None
        self.version: str | None = None
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self.transport.write(b"x")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        connection = self.transport._tlsConnection
        self.group = connection.get_group_name()
        self.version = connection.get_protocol_version_name()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        if not self.ended.called:
            self.ended.callback(None)


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.transport.write(data)


@pytest.fixture(scope="module")
def nodes(ground: Path) -> tuple[Node, Node]:
    return load_node(ground / "AZ"), load_node(ground / "XU")


async def shake(server: ServerTls, client: ClientTls, host: str = "127.0.0.1") -> Talker:
    port = await SSL4ServerEndpoint(reactor, 0, server, interface="127.0.0.1").listen(
        Factory.forProtocol(Echo)
    )
    try:
        endpoint = wrapClientTLS(
            client.creatorForNetloc(host.encode(), 0),
            HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port),
        )
        talker = Talker()
        with suppress(SSL.Error, ConnectionLost, ConnectionDone):
            await connectProtocol(endpoint, talker)
            await talker.ended
        return talker
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_the_hybrid_group_is_agreed_on(nodes: tuple[Node, Node]) -> None:
    az, xu = nodes
    talker = await shake(
        ServerTls(az.tls, az.pmodes[0].partner_tls, "1.3"),
        ClientTls(xu.tls, xu.pmodes[0].partner_tls, "1.3", "127.0.0.1"),
    )
    assert (talker.group, talker.version) == ("X25519MLKEM768", "TLSv1.3")


@pytest_twisted.ensureDeferred
async def test_the_hybrid_group_is_offered_first(nodes: tuple[Node, Node]) -> None:
    """The first entry of supported_groups in the ClientHello (RFC 8446 section 4.2.7)."""
    _, xu = nodes
    client = ClientTls(xu.tls, xu.pmodes[0].partner_tls, "1.3", "127.0.0.1")
    connection = client.creatorForNetloc(b"127.0.0.1", 0).clientConnectionForTLS(None)
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    hello = connection.bio_read(65536)
    assert offered_groups(hello)[0] == 0x11EC  # X25519MLKEM768


def offered_groups(record: bytes) -> list[int]:
    at = 5 + 4 + 2 + 32  # record header, handshake header, version, random
    at += 1 + record[at]  # session id
    at += 2 + int.from_bytes(record[at : at + 2], "big")  # cipher suites
    at += 1 + record[at]  # compression
    end = at + 2 + int.from_bytes(record[at : at + 2], "big")
    at += 2
    while at < end:
        kind = int.from_bytes(record[at : at + 2], "big")
        size = int.from_bytes(record[at + 2 : at + 4], "big")
        body = record[at + 4 : at + 4 + size]
        if kind == 10:
            return [int.from_bytes(body[n : n + 2], "big") for n in range(2, len(body), 2)]
        at += 4 + size
    raise AssertionError("no supported_groups")


@pytest_twisted.ensureDeferred
async def test_tls_12_is_refused_unless_configured(nodes: tuple[Node, Node]) -> None:
    az, xu = nodes
    old = ClientTls(xu.tls, xu.pmodes[0].partner_tls, "1.2", "127.0.0.1")
    old._context.set_max_proto_version(SSL.TLS1_2_VERSION)
    pinned = az.pmodes[0].partner_tls
    refused = await shake(ServerTls(az.tls, pinned, "1.3"), old)
    assert refused.version is None
    allowed = await shake(ServerTls(az.tls, pinned, "1.2"), old)
    assert allowed.version == "TLSv1.2"


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_not_pinned_is_not_talked_to(nodes: tuple[Node, Node]) -> None:
    az, xu = nodes
    stranger = ClientTls(xu.tls, xu.tls.certificates, "1.3", "127.0.0.1")
    talker = await shake(ServerTls(az.tls, az.pmodes[0].partner_tls, "1.3"), stranger)
    assert talker.version is None


@pytest_twisted.ensureDeferred
async def test_a_pinned_server_under_another_name_is_not_talked_to(
    nodes: tuple[Node, Node],
) -> None:
    az, xu = nodes
    client = ClientTls(xu.tls, xu.pmodes[0].partner_tls, "1.3", "elsewhere.example")
    talker = await shake(ServerTls(az.tls, az.pmodes[0].partner_tls, "1.3"), client)
    assert talker.version is None


@pytest.fixture
def third(folders: dict[str, Path], tmp_path: Path) -> Partner:
    """A third State, XV, that AZ knows as well as it knows XU."""
    state = (folders["AZ"] / "states" / "XU.toml").read_text().replace("XU", "XV")
    as4_port, local_port = free_ports(2)
    (folders["AZ"] / "states" / "XV.toml").write_text(state)
    sign(folders["AZ"])
    states = Path(__file__).resolve().parents[2] / "config" / "states"
    extra = tmp_path / "states"
    extra.mkdir()
    for path in states.glob("*.toml"):
        (extra / path.name).write_text(path.read_text())
    write_node(folders["XU"].parent / "xv", "XU", as4_port=as4_port, local_port=local_port)
    folder = folders["XU"].parent / "xv"
    for path in (folder / "gateway.toml", folder / "card.toml"):
        path.write_text(renamed(path.read_text()))
    (folder / "states" / "XV.toml").write_text(state)
    sign(folder)
    for path in (folder / "credentials.toml",):
        path.write_text(path.read_text().replace("XU-", "XV-"))
    add_partner(folders["AZ"], folder / "card.toml")
    add_partner(folder, folders["AZ"] / "card.toml")
    return Partner(load_node(folder))


def renamed(text: str) -> str:
    """XV's file in place of XU's; base64 may hold the same two letters and must stay."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line.replace("XU", "XV").replace("xu-", "xv-") if " = " in line else line for line in lines
    )


@pytest_twisted.async_yield_fixture
async def az_with_both(folders: dict[str, Path], third: Partner) -> AsyncIterator[Gateway]:
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_one_state_cannot_carry_the_message_of_another(
    az_with_both: Gateway, xu: Partner, third: Partner
) -> None:
    """K05: TLS of XV, signature and eb:From of XU."""
    before = await kept(az_with_both)
    answer = await xu.post(*xu.preservation().body(), tls=third.node.tls)
    assert code_of(answer) == "EBMS:0101"
    after = await kept(az_with_both)
    assert (after.rows, after.files) == ({**before.rows, "alert": 1}, before.files)
    assert after.evidence == [*before.evidence, "REFUSED", "ALERTED"]
    assert code_of(await xu.send(xu.preservation())) == "receipt"


@pytest_twisted.ensureDeferred
async def test_one_state_cannot_sign_for_another(
    az_with_both: Gateway, xu: Partner, third: Partner
) -> None:
    """TLS and eb:From of XU, signature of XV: trusted, but not XU's."""
    answer = await xu.send(xu.preservation(signer=third.node.signer_for(third.pmode.suite)))
    assert code_of(answer) == "EBMS:0101"


@pytest_twisted.ensureDeferred
async def test_one_state_cannot_name_itself_another(
    az_with_both: Gateway, xu: Partner, third: Partner
) -> None:
    """TLS and signature of XV, eb:From of XU."""

    def as_xu(unit):
        return replace(unit, sender=xu.pmode.sending_parties[0], agreement=xu.pmode.agreement)

    crafted = third.preservation_as(xu, change=as_xu)
    answer = await third.send(crafted)
    assert code_of(answer) == "EBMS:0101"
