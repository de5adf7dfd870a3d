"""Leases over HTTP: long polls, decisions, and that an authority sees its own only."""

from __future__ import annotations

import time

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.local.conftest import Served, later, start, until


@pytest_twisted.ensureDeferred
async def test_an_empty_queue_answers_at_once(served: Served) -> None:
    reply = await served.ask("POST", "/v1/inbox/lease")
    assert (reply.status, reply.json) == (200, {"leases": []})


@pytest_twisted.ensureDeferred
async def test_a_lease_brings_the_message_and_ack_ends_it(served: Served) -> None:
    await served.arrive("m1@xu")
    reply = await served.ask("POST", "/v1/inbox/lease?limit=5")
    (lease,) = reply.json["leases"]
    assert lease["message"]["messageId"] == "m1@xu"
    assert lease["message"]["document"] is None
    assert lease["deliveries"] == 1
    assert lease["expiresAt"] == "2026-11-24T12:05:00.000Z"
    for _ in range(2):  # said twice, it is as true as said once
        assert (await served.ask("POST", f"/v1/leases/{lease['leaseId']}/ack")).status == 204
    assert await served.state_of("m1@xu") == "ACKNOWLEDGED"
    release = await served.ask("POST", f"/v1/leases/{lease['leaseId']}/release")
    assert (release.status, release.problem) == (404, "not-found")
    assert (await served.ask("POST", "/v1/inbox/lease")).json == {"leases": []}


@pytest_twisted.ensureDeferred
async def test_a_released_message_comes_again(served: Served) -> None:
    await served.arrive("m1@xu")
    lease = (await served.ask("POST", "/v1/inbox/lease")).json["leases"][0]
    assert (await served.ask("POST", f"/v1/leases/{lease['leaseId']}/release")).status == 204
    again = (await served.ask("POST", "/v1/inbox/lease")).json["leases"][0]
    assert again["deliveries"] == 2
    assert again["leaseId"] != lease["leaseId"]


@pytest_twisted.ensureDeferred
async def test_rejecting_needs_a_reason(served: Served) -> None:
    await served.arrive("m1@xu")
    lease = (await served.ask("POST", "/v1/inbox/lease")).json["leases"][0]
    path = f"/v1/leases/{lease['leaseId']}/reject"
    bad = (b"", b"{}", b"[]", b"nonsense", b'{"reason": " "}', b'{"reason": 3}')
    deep = (b"[" * 60_000, b'{"reason":' * 6_000)
    steering = (b'{"reason": "a\\ud800"}', b'{"reason": "\\u001b[2J"}', b'{"reason": "\\u0000"}')
    for body in (*bad, *deep, *steering):
        reply = await served.ask("POST", path, body=body, Content_Type="application/json")
        assert (reply.status, reply.problem) == (400, "malformed-request")
    long = b'{"reason": "' + b"x" * 2001 + b'"}'
    assert (
        await served.ask("POST", path, body=long, Content_Type="application/json")
    ).status == 400
    huge = b" " * 70_000
    assert (
        await served.ask("POST", path, body=huge, Content_Type="application/json")
    ).status == 413
    wrong = await served.ask("POST", path, body=b"x", Content_Type="text/plain")
    assert (wrong.status, wrong.problem) == (415, "unsupported-media-type")
    good = '{"reason": "not for us,\\nAğdam\u00a0\U0001f600"}'.encode()
    assert (
        await served.ask("POST", path, body=good, Content_Type="application/json")
    ).status == 204
    assert await served.state_of("m1@xu") == "REJECTED"


@pytest_twisted.ensureDeferred
async def test_others_leases_and_messages_are_not_there(served: Served) -> None:
    await served.arrive("m1@xu")
    lease = (await served.ask("POST", "/v1/inbox/lease")).json["leases"][0]["leaseId"]
    assert (await served.ask("POST", "/v1/inbox/lease", authority="AZ-MOJ")).json == {"leases": []}
    paths = [("POST", f"/v1/leases/{lease}/{verb}") for verb in ("ack", "release")]
    paths += [("GET", "/v1/messages/m1@xu" + end) for end in ("", "/document", "/attachments/1")]
    for method, path in paths:
        theirs = await served.ask(method, path, authority="AZ-MOJ")
        unknown = await served.ask(
            method, path.replace("m1", "m0").replace(lease, "0" * 32), authority="AZ-MOJ"
        )
        assert theirs.status == unknown.status == 404
        assert theirs.body == unknown.body
        assert set(theirs.headers) == set(unknown.headers)


@pytest_twisted.ensureDeferred
async def test_a_long_poll_ends_when_a_message_comes(served: Served) -> None:
    waiting = start(served.ask("POST", "/v1/inbox/lease?wait=30"))
    await until(lambda: len(served.store.waiting) == 1)
    assert not waiting.called
    await served.arrive("other@xu", authority="AZ-MOJ")
    await later(0.1)
    assert not waiting.called
    await served.arrive("m1@xu")
    reply = await waiting
    assert reply.json["leases"][0]["message"]["messageId"] == "m1@xu"
    assert served.store.waiting == []


@pytest_twisted.ensureDeferred
async def test_a_long_poll_ends_empty_when_its_time_is_over(served: Served) -> None:
    started = time.monotonic()
    reply = await served.ask("POST", "/v1/inbox/lease?wait=0.3")
    assert reply.json == {"leases": []}
    assert time.monotonic() - started >= 0.3
    assert served.store.waiting == []


@pytest_twisted.ensureDeferred
async def test_a_poller_that_went_away_takes_nothing(served: Served) -> None:
    connection = served.connect()
    connection.sendall(
        b"POST /v1/inbox/lease?wait=30 HTTP/1.1\r\nHost: x\r\n"
        + served.bearer()
        + b"Content-Length: 0\r\n\r\n"
    )
    await until(lambda: len(served.store.waiting) == 1)
    connection.close()
    await until(lambda: served.store.waiting == [])
    await served.arrive("m1@xu")
    reply = await served.ask("POST", "/v1/inbox/lease")
    assert reply.json["leases"][0]["deliveries"] == 1


@pytest_twisted.ensureDeferred
async def test_stopping_ends_long_polls_with_an_empty_answer(served: Served) -> None:
    waiting = start(served.ask("POST", "/v1/inbox/lease?wait=30"))
    await until(lambda: len(served.store.waiting) == 1)
    await served.api.stop()
    reply = await waiting  # a client has 20 seconds of patience, the poll would have 30
    assert (reply.status, reply.json) == (200, {"leases": []})


@pytest.mark.parametrize(
    "query", ["wait=61", "wait=-1", "wait=x", "wait=nan", "limit=0", "limit=101", "limit=1.5"]
)
@pytest_twisted.ensureDeferred
async def test_numbers_out_of_range(served: Served, query: str) -> None:
    reply = await served.ask("POST", f"/v1/inbox/lease?{query}")
    assert (reply.status, reply.problem) == (400, "malformed-request")


@pytest.mark.parametrize("query", ["wiat=5", "wait=1&wait=2"])
@pytest_twisted.ensureDeferred
async def test_unknown_and_repeated_parameters(served: Served, query: str) -> None:
    reply = await served.ask("POST", f"/v1/inbox/lease?{query}")
    assert (reply.status, reply.problem) == (400, "malformed-request")


@pytest_twisted.ensureDeferred
async def test_one_authority_cannot_wait_without_end(served: Served) -> None:
    waiting = [start(served.ask("POST", "/v1/inbox/lease?wait=20")) for _ in range(8)]
    sockets = []
    for _ in range(8):
        sockets.append(served.connect())
        sockets[-1].sendall(
            b"POST /v1/inbox/lease?wait=30 HTTP/1.1\r\nHost: x\r\n"
            + served.bearer()
            + b"Content-Length: 0\r\n\r\n"
        )
    while len(served.store.waiting) < 16:
        await later(0.05)
    sockets.append(served.connect())
    reply = await served.ask("POST", "/v1/inbox/lease?wait=1", authority="AZ-MOJ")
    assert reply.status == 200
    connection = sockets[-1]
    connection.sendall(
        b"POST /v1/inbox/lease?wait=30 HTTP/1.1\r\nHost: x\r\n"
        + served.bearer()
        + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert (await deferToThread(connection.recv, 65536)).startswith(b"HTTP/1.1 429 ")
    for one in sockets:
        one.close()
    await served.api.stop()
    for poll in waiting:
        assert (await poll).json == {"leases": []}
