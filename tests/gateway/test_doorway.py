"""Who connects and does not speak HTTP, or not in time: cut off, and partners still get in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from gateway import http_channel
from gateway.app import Gateway
from gateway.inbound import doorway
from gateway.inbound.doorway import (
    MAX_SILENT,
    MAX_SILENT_PER_HOST,
    MAX_SPEAKING,
    As4Channel,
    Doorway,
)
from gateway.inbound.listener import GRACE_SECONDS, As4Site
from tests.gateway.ground import Partner
from tests.gateway.raw_sender import RawSender
from tests.gateway.test_listener import LONG_SECONDS, Door, door, until
from tests.gateway.test_refusals import code_of

__all__ = ["door"]  # a fixture

HEAD = b"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\n"
BAD_REQUEST = b"HTTP/1.1 400 "


class Someone:
    """A connection of which only its end is of interest."""

    def __init__(self) -> None:
        self.gone = False

    def cut_off(self) -> None:
        self.gone = True


def test_the_oldest_of_a_crowd_gives_way() -> None:
    hall, crowd, other = Doorway(), [Someone() for _ in range(MAX_SILENT_PER_HOST + 1)], Someone()
    hall.enter(other, "partner")
    for one in crowd:
        hall.enter(one, "stranger")
    assert [one.gone for one in (other, *crowd[:2], crowd[-1])] == [False, True, False, False]
    assert hall.waiting == MAX_SILENT_PER_HOST + 1
    hall.leave(crowd[1])
    hall.leave(crowd[1])
    hall.enter(Someone(), "stranger")
    assert not crowd[2].gone


def test_strangers_of_many_addresses_leave_room_for_the_newest() -> None:
    hall, all_of_them = Doorway(), [Someone() for _ in range(2 * MAX_SILENT)]
    for number, one in enumerate(all_of_them):
        hall.enter(one, f"stranger {number}")
    assert [one.gone for one in all_of_them] == [True] * MAX_SILENT + [False] * MAX_SILENT


def test_who_speaks_has_so_many_connections_and_no_more() -> None:
    hall, many, other = Doorway(), [Someone() for _ in range(MAX_SPEAKING)], Someone()
    for one in (*many, other):
        hall.enter(one, "somewhere")
    assert all(hall.speak(one, "XU") for one in many)
    assert not hall.speak(Someone(), "XU")
    assert hall.speak(other, "XV"), "it is another's room"
    assert hall.waiting == 0
    hall.leave(many[0])
    hall.leave(many[0])
    assert hall.speak(Someone(), "XU")
    assert not hall.speak(Someone(), "XU")


@pytest_twisted.ensureDeferred
async def test_one_partner_cannot_take_all_connections(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much is told to come again, and leaves a line; what was open goes on."""
    monkeypatch.setattr(doorway, "MAX_SPEAKING", 2)
    port = az._node.settings.as4.port

    def crowd() -> list[bytes]:
        with RawSender(xu, port) as one, RawSender(xu, port) as two, RawSender(xu, port) as more:
            for sender in (one, two):
                sender.send(HEAD)  # and stay
            more.send(HEAD + b"Content-Length: 1\r\n\r\nx")
            turned_away = more.answer()
            one.send(b"Content-Length: 1\r\n\r\nx")
            return [turned_away, one.answer()]

    with capture_logs() as logs:
        turned_away, served = await deferToThread(crowd)
    assert turned_away.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in turned_away
    assert b"Fault" in served
    said = [line["reason"] for line in logs if line.get("code") == "HTTP 503"]
    assert said == ["2 connections with this certificate are open"]
    assert code_of(await xu.send(xu.preservation())) == "receipt", "they are gone by now"


@pytest_twisted.ensureDeferred
async def test_a_partner_gets_in_past_many_who_say_nothing(az: Gateway, xu: Partner) -> None:
    port = az._node.settings.as4.port
    silent = [
        await deferToThread(socket.create_connection, ("127.0.0.1", port), LONG_SECONDS)
        for _ in range(MAX_SILENT_PER_HOST + 5)
    ]
    assert code_of(await xu.send(xu.preservation())) == "receipt"
    assert await deferToThread(ended, silent[0])
    for one in silent:
        one.close()


@pytest_twisted.ensureDeferred
async def test_who_says_nothing_is_cut_off(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a handshake and without one."""
    monkeypatch.setattr(doorway, "FIRST_SECONDS", 0.2)
    port = az._node.settings.as4.port
    mute = await deferToThread(socket.create_connection, ("127.0.0.1", port), LONG_SECONDS)
    assert await deferToThread(ended, mute)
    mute.close()
    assert await deferToThread(ends, xu, port, b"")


def ended(one: socket.socket) -> bool:
    """Whether the other side has ended the connection."""
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def ends(xu: Partner, port: int, octets: bytes) -> bool:
    """Whether the other side ends the connection on which `octets` came."""
    with RawSender(xu, port) as sender:
        sender.send(octets)
        return sender.torn_down(LONG_SECONDS)


@pytest_twisted.ensureDeferred
async def test_a_head_that_never_ends_is_cut_off(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_channel, "HEAD_SECONDS", 0.2)
    assert await deferToThread(ends, xu, az._node.settings.as4.port, HEAD)


@pytest_twisted.ensureDeferred
async def test_a_head_with_too_many_lines_is_refused(az: Gateway, xu: Partner) -> None:
    def ask(lines: int) -> bytes:
        with RawSender(xu, az._node.settings.as4.port) as sender:
            more = b"".join(b"X-%d: y\r\n" % number for number in range(lines))
            sender.send(HEAD + more + b"Content-Length: 1\r\n\r\nx")
            return sender.answer()

    assert b"Fault" in await deferToThread(ask, 90)  # it was read as a message, and is none
    assert await deferToThread(ask, 101) == b"HTTP/1.1 400 Bad Request\r\n\r\n"


FLOODS: dict[str, bytes] = {
    "a line without end": b"POST /" + b"a" * 40_000 + b" HTTP/1.1\r\n",
    "no HTTP": b"\x00garbage\r\n",
    "two lengths": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("beginning", FLOODS.values(), ids=FLOODS)
@pytest_twisted.ensureDeferred
async def test_nothing_is_kept_of_what_follows_a_goodbye(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    """Lines that nobody reads any more took all memory, and all time."""
    monkeypatch.setattr(http_channel, "CLOSE_SECONDS", 1.0)
    channels: list[As4Channel] = []
    made = As4Channel.connectionMade

    def noted(channel: As4Channel) -> None:
        channels.append(channel)
        made(channel)

    monkeypatch.setattr(As4Channel, "connectionMade", noted)

    def flood() -> bytes:
        with RawSender(xu, az._node.settings.as4.port) as sender:
            sender.send(beginning)
            answer = sender.answer()
            try:
                for _ in range(100):
                    sender.send(b"a\r\n" * 5000)
            except OSError:
                pass  # cut off before the end
            return answer

    assert (await deferToThread(flood)).startswith(BAD_REQUEST)
    (channel,) = channels
    assert len(channel._buffer) < 100_000
    assert code_of(await xu.send(xu.preservation())) == "receipt"


@pytest_twisted.ensureDeferred
async def test_the_end_of_a_chunked_body_cannot_drip_for_ever(door: Door, xu: Partner) -> None:
    def drip() -> bytes:
        with RawSender(xu, door.port) as sender:
            sender.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n<\r\n0\r\n")
            for _ in range(3):
                sender.send(b"X-Trailer: ")
            begun.set()
            return sender.answer()

    begun = threading.Event()
    ended = deferToThread(drip)
    await until(lambda: begun.is_set() and _received(door.site) == 1)
    door.clock.advance(GRACE_SECONDS + 1)
    await until(lambda: not door.site._under_way)
    door.clock.advance(0)
    assert (await ended).startswith(b"HTTP/1.1 408 ")


def _received(site: As4Site) -> int:
    return sum(request._stream.received_bytes for request in site._under_way)


async def _wrong_type(xu: Partner) -> Any:
    return await xu.post("", b"x")


async def _wrong_path(xu: Partner) -> Any:
    return await xu.post("text/plain", b"x", path="/other")


@pytest.mark.parametrize(("ask", "code"), [(_wrong_type, "HTTP 415"), (_wrong_path, "HTTP 404")])
@pytest_twisted.ensureDeferred
async def test_what_was_no_message_leaves_a_line_in_the_log(
    az: Gateway, xu: Partner, ask: Callable[[Partner], Any], code: str
) -> None:
    with capture_logs() as logs:
        assert code_of(await ask(xu)) == code
        await deferLater(reactor, 0, lambda: None)
    said = [(line["gate"], line["code"]) for line in logs if line["event"] == "receive.refused"]
    assert ("G1", code) in said
