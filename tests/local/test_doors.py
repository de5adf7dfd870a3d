"""Who may come in by which door, and what every answer has in common."""

from __future__ import annotations

import json
import threading

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.local.answers import FIXED_HEADERS
from gateway.local.routes import ROUTES, Credential
from tests.local.conftest import Served, start, until


def path_of(template: str) -> str:
    return template.replace("{messageId}", "m@x").replace("{leaseId}", "l").replace("{n}", "1")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
@pytest_twisted.ensureDeferred
async def test_every_door_has_its_credential(served: Served, route) -> None:
    path = path_of(route.template)
    for token in (None, "", "wrong", "Basic eA=="):
        reply = await served.ask(route.method, path, authority=token)
        if route.credential is Credential.NONE:
            assert reply.status == 200
        else:
            assert (reply.status, reply.problem) == (401, "unauthorized")
            assert reply.headers["www-authenticate"].startswith("Bearer ")
    other = "auditor" if route.credential is Credential.AUTHORITY else "AZ-SSS"
    if route.credential is not Credential.NONE:
        reply = await served.ask(route.method, path, authority=other)
        assert (reply.status, reply.problem) == (403, "forbidden")


@pytest_twisted.ensureDeferred
async def test_unknown_addresses_and_methods(served: Served) -> None:
    for path in ("/", "/v1", "/v1/messages/", "/v1/messages/a/b", "/v2/messages", "/%00", "/%FF"):
        reply = await served.ask("GET", path)
        assert (reply.status, reply.problem) == (404, "not-found"), path
    for path in ("/v1/messages/%00", "/v1/messages/a%1b%5b2J/document"):
        reply = await served.ask("GET", path)
        assert (reply.status, reply.problem) == (404, "not-found"), path
    which = await served.ask("GET", "/v1/messages/a@b?partner=%00&direction=in")
    assert (which.status, which.problem) == (400, "malformed-request")
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE", "BREW"):
        reply = await served.ask(method, "/v1/messages")
        assert reply.status == 405
        assert reply.headers["allow"] == "POST"
    assert (await served.ask("GET", "/v1/messages")).problem == "method-not-allowed"


@pytest_twisted.ensureDeferred
async def test_every_answer_has_the_fixed_headers(served: Served) -> None:
    for method, path in (("GET", "/healthz"), ("GET", "/x"), ("PUT", "/healthz")):
        reply = await served.ask(method, path)
        for name, value in FIXED_HEADERS.items():
            assert reply.headers[name.lower()] == value
        assert "server" not in reply.headers


@pytest_twisted.ensureDeferred
async def test_headers_that_are_too_large(served: Served) -> None:
    large = await served.ask("GET", "/healthz", X_Large="x" * 9000)
    assert (large.status, large.problem) == (431, "headers-too-large")
    many = {f"X_{n}": "y" for n in range(70)}
    assert (await served.ask("GET", "/healthz", **many)).status == 431


@pytest_twisted.ensureDeferred
async def test_two_credentials_are_none(served: Served) -> None:
    connection = served.connect()
    connection.sendall(
        b"POST /v1/inbox/lease HTTP/1.1\r\nHost: x\r\n" + served.bearer() + served.bearer("AZ-MOJ")
    )
    connection.sendall(b"Content-Length: 0\r\n\r\n")
    assert (await deferToThread(connection.recv, 65536)).startswith(b"HTTP/1.1 401 ")
    connection.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Authorization: Bearer \xff\xfe", b"401"),
        (b"Content-Type: multipart/form-data; boundary=\xe9", b"401"),
        (b"Idempotency-Key: \xff", b"400"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_octets_that_are_no_text_in_a_header_get_an_answer(
    served: Served, header: bytes, status: bytes
) -> None:
    connection = served.connect()
    credential = served.bearer() if status == b"400" else b""
    connection.sendall(
        b"POST /v1/inbox/lease HTTP/1.1\r\nHost: x\r\n" + credential + header + b"\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    answer = await deferToThread(connection.recv, 65536)
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")
    connection.close()


@pytest_twisted.ensureDeferred
async def test_health_tells_nothing_but_health(served: Served) -> None:
    reply = await served.ask("GET", "/healthz", authority=None)
    assert reply.json == {"status": "ok"}
    served.store.failure = RuntimeError("disk full at /secret/place")
    reply = await served.ask("GET", "/healthz", authority=None)
    assert (reply.status, reply.json) == (503, {"status": "unavailable"})


@pytest_twisted.ensureDeferred
async def test_metrics_are_for_the_auditor(served: Served) -> None:
    await served.ask("POST", "/v1/inbox/lease")
    reply = await served.ask("GET", "/metrics", authority="auditor")
    assert reply.headers["content-type"].startswith("text/plain")
    text = reply.body.decode()
    assert 'gateway_local_requests_total{operation="leaseMessages",status="200"} 1.0' in text
    for token in served.tokens.values():
        assert token not in text


@pytest_twisted.ensureDeferred
async def test_the_audit_streams_its_steps(served: Served) -> None:
    served.audit_steps += [{"event": "checking", "records": 3}, {"event": "end", "findings": 0}]
    reply = await served.ask("GET", "/v1/audit/verify", authority="auditor")
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in reply.body.splitlines()] == served.audit_steps


@pytest_twisted.ensureDeferred
async def test_one_audit_at_a_time(served: Served) -> None:
    more = threading.Event()
    served.audit_steps = iter(lambda: more.wait(20) and None, None)  # type: ignore[assignment]
    first = start(served.ask("GET", "/v1/audit/verify", authority="auditor"))
    await until(lambda: served.api._resource.running == 1)
    second = await served.ask("GET", "/v1/audit/verify", authority="auditor")
    assert (second.status, second.problem) == (429, "too-many-requests")
    more.set()
    assert (await first).body == b""
    served.audit_steps = [{"event": "end"}]
    assert (await served.ask("GET", "/v1/audit/verify", authority="auditor")).status == 200


@pytest_twisted.ensureDeferred
async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    connection = served.connect()
    one = b"POST /v1/inbox/lease?wait=0.3 HTTP/1.1\r\nHost: x\r\n" + served.bearer()
    one += b"Content-Length: 0\r\n\r\n"
    two = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    connection.sendall(one + two)
    octets = b""
    while chunk := await deferToThread(connection.recv, 65536):
        octets += chunk
    assert octets.index(b'{"leases": []}') < octets.index(b'{"status": "ok"}')
    connection.close()


@pytest_twisted.ensureDeferred
async def test_no_token_reaches_the_log(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    await served.ask("POST", "/v1/inbox/lease")
    await served.ask("GET", "/v1/messages/x", authority="a-wrong-token")
    logged = "".join(capsys.readouterr())
    assert "local.request" in logged
    assert "a-wrong-token" not in logged
    for token in served.tokens.values():
        assert token not in logged
