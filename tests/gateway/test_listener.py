"""Senders who do not go away, our own slowness, and a stop while something is on its way in."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread

from gateway.app import Gateway
from gateway.inbound import listener
from gateway.inbound.intake import PartIntake
from gateway.inbound.lately import ReceivedLately
from gateway.inbound.listener import CLOSE_SECONDS, GRACE_SECONDS, REFUSED_SECONDS, As4Site
from gateway.outbound.wire import Wire
from gateway.tls import ServerTls
from tests.gateway.ground import Partner, edit_stop, example_document, started
from tests.gateway.raw_sender import RawSender
from tests.gateway.test_refusals import code_of, kept

LONG_SECONDS = 20.0  # for what must happen; a fault shows by its not happening
LARGE_BYTES = 4_000_000  # more than is read ahead


@dataclass
class Door:
    """A listening side of AZ's gateway whose time a test moves."""

    site: As4Site
    clock: Clock
    port: int


@pytest_twisted.async_yield_fixture
async def door(az: Gateway) -> AsyncIterator[Door]:
    clock = Clock()
    wire = Wire(az.store, az._wire_spool, az._workers, az._log)
    nobody = SimpleNamespace(wake=lambda: None)  # nothing is called back or joined here
    site = As4Site(az._make_desk(az.store, wire, nobody, nobody, ReceivedLately()), clock)
    pinned = az._node.pmodes[0].partner_tls
    endpoint = SSL4ServerEndpoint(reactor, 0, ServerTls(az._node.tls, pinned, "1.3"), 5)
    port = await endpoint.listen(site)
    yield Door(site, clock, port.getHost().port)
    await maybeDeferred(port.stopListening)


async def until(condition: Callable[[], object]) -> None:
    deadline = reactor.seconds() + LONG_SECONDS
    while not condition():
        assert reactor.seconds() < deadline, "it did not happen"
        await deferLater(reactor, 0.01, lambda: None)


def large(xu: Partner) -> tuple[str, bytes]:
    """A good message that does not fit into what waits unread."""
    document = example_document("PreservationRequest", "XU")
    parts = [("application/xml", document), ("image/png", os.urandom(LARGE_BYTES))]
    return xu.craft(parts).body()


@pytest.mark.parametrize("sent", [0, 200_000])
@pytest_twisted.ensureDeferred
async def test_a_refused_sender_who_ignores_us_is_cut_off(
    door: Door, xu: Partner, sent: int
) -> None:
    """It announces a body that we refuse by its head, and stays: with or without sending on."""

    def misbehave() -> tuple[bool, bool]:
        with RawSender(xu, door.port) as sender:
            sender.begin(10**9, "Content-Encoding: gzip")
            sender.send(bytes(sent))
            early = sender.torn_down(0.2)
            refused.set()
            go_on.wait(LONG_SECONDS)
            return early, sender.torn_down(LONG_SECONDS)

    refused, go_on = threading.Event(), threading.Event()
    ended = deferToThread(misbehave)
    await until(refused.is_set)
    await until(lambda: door.clock.getDelayedCalls())
    door.clock.advance(REFUSED_SECONDS)
    await deferLater(reactor, 0.05, lambda: None)
    door.clock.advance(CLOSE_SECONDS)
    go_on.set()
    assert await ended == (False, True)


@pytest_twisted.ensureDeferred
async def test_a_sender_who_drips_is_answered_at_once_and_cut_off(door: Door, xu: Partner) -> None:
    content_type, body = large(xu)

    def drip() -> bytes:
        with RawSender(xu, door.port) as sender:
            sender.begin(len(body), content_type=content_type)
            sender.send(body[:100])
            begun.set()
            go_on.wait(LONG_SECONDS)
            sender.send(body[100:101])
            return sender.answer()

    begun, go_on = threading.Event(), threading.Event()
    ended = deferToThread(drip)
    await until(lambda: begun.is_set() and door.site._under_way)
    await until(lambda: next(iter(door.site._under_way))._stream.received_bytes == 100)
    door.clock.advance(GRACE_SECONDS + 1)
    go_on.set()
    await until(lambda: not door.site._under_way)
    door.clock.advance(0)
    assert (await ended).startswith(b"HTTP/1.1 408 ")


@pytest_twisted.ensureDeferred
async def test_our_own_work_does_not_count_against_the_sender(
    door: Door, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour passes while a part is decrypted and written; the rest of the body waits for us."""
    take, busy, go_on = PartIntake.take, threading.Event(), threading.Event()

    def slow(self, octets):
        if threading.current_thread() is not threading.main_thread():
            busy.set()
            go_on.wait(LONG_SECONDS)
        return take(self, octets)

    monkeypatch.setattr(PartIntake, "take", slow)
    content_type, body = large(xu)

    def send() -> bytes:
        with RawSender(xu, door.port) as sender:
            sender.begin(len(body), content_type=content_type)
            sender.send(body)
            return sender.answer()

    answered = deferToThread(send)
    await until(busy.is_set)
    (request,) = door.site._under_way
    await until(lambda: request._valve._shut_since is not None)
    for _ in range(3600):
        door.clock.advance(1)
    go_on.set()
    answer = await answered
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"eb:Receipt" in answer
    assert not door.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_a_large_message_that_is_sealed_does_not_keep_others_from_being_received(
    az: Gateway, xu: Partner
) -> None:
    go_on = threading.Event()
    sealing = [
        Deferred.fromCoroutine(az.sender._desk.workers.run(go_on.wait, LONG_SECONDS))
        for _ in range(4)
    ]
    assert code_of(await xu.send(xu.preservation())) == "receipt"
    go_on.set()
    for one in sealing:
        assert await one


@pytest_twisted.ensureDeferred
async def test_a_stop_waits_for_a_message_and_not_for_ever(
    folders: dict[str, Path], xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a message is here and nothing follows; its sender is told to come again, and may."""
    monkeypatch.setattr(listener, "CLOSE_SECONDS", 0.1)
    edit_stop(folders["AZ"], 0.3)
    az = await started(folders["AZ"])
    before = await kept(az)
    content_type, body = large(xu)

    def stall() -> bytes:
        with RawSender(xu, az._node.settings.as4.port) as sender:
            sender.begin(len(body), content_type=content_type)
            sender.send(body[: len(body) // 2])
            begun.set()
            return sender.answer()

    begun = threading.Event()
    answered = deferToThread(stall)
    await until(begun.is_set)
    await until(lambda: (az._spool.folder).exists() and any(az._spool.folder.rglob("*")))
    await az.stop()
    answer = await answered
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in answer
    az = await started(folders["AZ"])
    try:
        after = await kept(az)
        assert (after.rows, after.files) == (before.rows, before.files)
        assert code_of(await xu.post(content_type, body)) == "receipt"
    finally:
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_what_begins_during_a_stop_is_told_to_come_again(door: Door, xu: Partner) -> None:
    """A kept connection is still there when nobody listens any more."""
    content_type, body = xu.preservation().body()

    def send() -> list[bytes]:
        with RawSender(xu, door.port) as sender:
            for wait_first in (False, True):
                if wait_first:
                    stopping.wait(LONG_SECONDS)
                sender.begin(len(body), content_type=content_type)
                sender.send(body)
                answers.append(sender.answer())
        return answers

    answers, stopping = [], threading.Event()
    sent = deferToThread(send)
    await until(lambda: answers)
    await door.site.finish(0)
    stopping.set()
    first, second = await sent
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 503 ")
