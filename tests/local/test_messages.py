"""Handing in, looking up and fetching over real sockets; what fails leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import threading
import time
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.store.faults import CommitUncertain, StoreClosed
from gateway.store.values import StoredPart
from protocol.as4.exchange import Exchange, ExchangeState
from protocol.convention.documents import read_document
from schemas.catalogue import example
from tests.local.conftest import NOW, XML, Served, document, form, later, start, until

MIB = 1 << 20
SECOND, THIRD = (f"7e0c1f4a-2b61-4c0e-9d3a-0000000a000{n}" for n in (2, 3))
EXTRADITION = document("extradition-request", "AZ-MOJ", "XU-MOJ")


async def hand_in(served: Served, *parts: Any, authority: str = "AZ-SSS", **headers: str) -> Any:
    body, content_type = form(*parts)
    return await served.ask(
        "POST", "/v1/messages", authority=authority, body=body, Content_Type=content_type, **headers
    )


@pytest_twisted.ensureDeferred
async def test_a_good_submission_is_durable_when_it_is_answered(served: Served) -> None:
    attachment = os.urandom(200_000)
    reply = await hand_in(
        served,
        ("attachment", attachment, {"filename": "../x/disk image.bin", "type": "a/b"}),
        ("document", document(), XML),
        ("attachment", b"", {}),
    )
    assert reply.status == 202
    assert reply.json["state"] == "READY"
    assert reply.json["receivingAuthority"] == "XU-CA"
    assert reply.json["partner"] == "XU"
    assert reply.json["repeated"] is False
    assert reply.json["messageId"].endswith("@az.hanoi-gateway")
    assert served.woken == [True]
    path = f"/v1/messages/{reply.json['messageId']}"
    view = (await served.ask("GET", path)).json
    assert [part["n"] for part in view["attachments"]] == [1, 2]
    assert [part["sizeBytes"] for part in view["attachments"]] == [200_000, 0]
    assert view["attachments"][0]["fileName"] == "disk image.bin"
    fetched = await served.ask("GET", f"{path}/attachments/1")
    assert fetched.body == attachment
    assert fetched.headers["content-type"] == "application/octet-stream"
    assert fetched.headers["content-disposition"] == (
        "attachment; filename=\"disk_image.bin\"; filename*=UTF-8''disk%20image.bin"
    )
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert fetched.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await served.ask("GET", f"{path}/document")).body == document()
    assert (await served.ask("GET", f"{path}/attachments/2")).body == b""
    for n in ("0", "3", "-1", "x", "1x", "٣", "9999"):
        path_n = f"{path}/attachments/{n}".encode().decode("latin-1")
        assert (await served.ask("GET", path_n.replace("Ù£", "%D9%A3"))).status == 404


@pytest_twisted.ensureDeferred
async def test_json_becomes_the_document(served: Served) -> None:
    octets = example("preservation-request-az-xu.json")
    reply = await hand_in(served, ("document", octets, {"type": "application/json"}))
    assert (reply.status, reply.json["kind"]) == (202, "PreservationRequest")
    assert reply.json["receivingAuthority"] == "XU-POC247"
    assert reply.json["routing"]["article"] == "41(2)"
    assert reply.json["routing"]["trust"] == "fictional"
    fetched = await served.ask("GET", f"/v1/messages/{reply.json['messageId']}/document")
    assert fetched.headers["content-type"] == "application/xml"
    assert read_document(fetched.body).kind == "PreservationRequest"


@pytest_twisted.ensureDeferred
async def test_an_answer_is_written_by_the_requested_authority(served: Served) -> None:
    await served.arrive("m1@xu", written=example("preservation-request-xu-az.xml"))
    answer = example("acknowledgement-az-to-xu.xml")
    author, addressee = read_document(answer).author, read_document(answer).addressee
    reply = await hand_in(served, ("document", answer, XML), authority=author)
    assert (reply.status, reply.json["receivingAuthority"]) == (202, addressee)
    other = ({"AZ-SSS", "AZ-MOJ"} - {author}).pop()
    assert (await hand_in(served, ("document", answer, XML), authority=other)).status == 403


@pytest_twisted.ensureDeferred
async def test_without_an_agreement_nothing_is_sent(served_alone: Served) -> None:
    reply = await hand_in(served_alone, ("document", document(), XML))
    assert (reply.status, reply.problem) == (422, "no-partner")
    assert served_alone.spool_is_empty


@pytest_twisted.ensureDeferred
async def test_a_contact_check_has_no_document(served: Served) -> None:
    check = (("action", b"ContactCheck", {}), ("to", b"XU-POC247", {}))
    reply = await hand_in(served, *check)
    assert (reply.status, reply.json["kind"]) == (202, "ContactCheck")
    view = (await served.ask("GET", f"/v1/messages/{reply.json['messageId']}")).json
    assert (view["document"], view["attachments"]) == (None, [])
    for parts in (
        check[:1],
        check[1:],
        (("action", b"Other", {}), check[1]),
        (*check, ("attachment", b"x", {})),
        (*check, ("document", document(), XML)),
        (),
    ):
        assert (await hand_in(served, *parts)).status == 400
    assert served.spool_is_empty


@pytest_twisted.ensureDeferred
async def test_a_repeated_key_gives_the_first_answer(served: Served) -> None:
    parts = (("document", document(), XML), ("attachment", b"x" * 5000, {}))
    first = await hand_in(served, *parts, Idempotency_Key="k1")
    files = len([path for path in served.spool.folder.rglob("*") if path.is_file()])
    again = await hand_in(served, *parts, Idempotency_Key="k1")
    assert again.status == 202
    assert again.json == {**first.json, "repeated": True}
    other = await hand_in(served, parts[0], ("attachment", b"y" * 5000, {}), Idempotency_Key="k1")
    assert (other.status, other.problem) == (409, "idempotency-conflict")
    assert len([path for path in served.spool.folder.rglob("*") if path.is_file()]) == files
    assert len(served.woken) == 1
    for key in ("", "a b", "x" * 256):
        assert (await hand_in(served, *parts, Idempotency_Key=key)).status == 400


@pytest_twisted.ensureDeferred
async def test_a_conversation_goes_on(served: Served) -> None:
    await served.arrive("m1@xu")
    reference = ("refToMessageId", b"m1@xu", {})
    doc = ("document", document(), XML)
    reply = await hand_in(served, doc, reference)
    assert reply.json["conversationId"] == "conversation-1"
    own = ("conversationId", b"mine", {})
    other = ("document", document(request_id=SECOND), XML)
    assert (await hand_in(served, other, own)).json["conversationId"] == "mine"
    torn = await hand_in(served, doc, reference, own)  # the partner would refuse it, EBMS:0003
    assert (torn.status, torn.problem) == (422, "unknown-reference")
    same = ("conversationId", b"conversation-1", {})
    third = ("document", document(request_id=THIRD), XML)
    assert (await hand_in(served, third, reference, same)).status == 202
    await served.arrive("m2@xv", partner="XV")
    for name in (b"m0@xu", b"m2@xv"):  # not there; there, but with another partner
        unknown = await hand_in(served, doc, ("refToMessageId", name, {}))
        assert (unknown.status, unknown.problem) == (422, "unknown-reference")
    assert (await hand_in(served, doc, ("refToMessageId", b"a b", {}))).status == 400


@pytest.mark.parametrize("charset", ["\x01", "a&b", '"a b"', "8bit", "u" * 41])
@pytest_twisted.ensureDeferred
async def test_a_charset_that_no_partner_would_take(served: Served, charset: str) -> None:
    """It would become a property of the message, and could not be sent or would come back."""
    text = {"filename": "a.txt", "type": f"text/plain; charset={charset}"}
    reply = await hand_in(served, ("document", document(), XML), ("attachment", b"x" * 2000, text))
    assert (reply.status, reply.problem) == (400, "malformed-request")
    assert served.spool_is_empty
    good = {"filename": "a.txt", "type": "text/plain; charset=windows-1254"}
    reply = await hand_in(served, ("document", document(), XML), ("attachment", b"x", good))
    assert reply.status == 202


@pytest.mark.parametrize(
    ("octets", "more", "authority", "status", "problem"),
    [
        (b"<nonsense/>", XML, "AZ-SSS", 422, "document-refused"),
        (b"no xml", XML, "AZ-SSS", 422, "document-refused"),
        (b"x", {"type": "text/plain"}, "AZ-SSS", 415, "unsupported-media-type"),
        (b"x", {}, "AZ-SSS", 415, "unsupported-media-type"),
        (document(requesting="AZ-MOJ"), XML, "AZ-SSS", 403, "another-authority"),
        (document(requested="XU-MOJ"), XML, "AZ-SSS", 422, "not-competent"),
        (document(requested="QQ-CA"), XML, "AZ-SSS", 422, "not-competent"),
        (b'{"MlaRequest": {}}', {"type": "application/json"}, "AZ-SSS", 422, "document-refused"),
        (b"no json", {"type": "application/json"}, "AZ-SSS", 422, "document-refused"),
        (document(), XML, "auditor", 403, "forbidden"),
        (document(), XML, "no such token", 401, "unauthorized"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_refused_submissions_leave_nothing(
    served: Served,
    octets: bytes,
    more: dict[str, str],
    authority: str,
    status: int,
    problem: str,
) -> None:
    reply = await hand_in(
        served,
        ("attachment", b"x" * 100_000, {}),
        ("document", octets, more),
        authority=authority,
    )
    assert (reply.status, reply.problem) == (status, problem)
    assert served.spool_is_empty
    assert await served.store.next_due(NOW) is None
    assert (await hand_in(served, ("document", document(), XML))).status == 202


@pytest_twisted.ensureDeferred
async def test_the_limits_of_the_partner_hold(served: Served) -> None:
    doc = ("document", document(), XML)
    many = [("attachment", b"x", {})] * 5
    large = ("attachment", b"x" * (40 * MIB + 1), {})
    for parts in ((doc, *many), (doc, large)):
        reply = await hand_in(served, *parts)
        assert (reply.status, reply.problem) == (413, "too-large")
        assert reply.json["limit"] > 0
    assert served.spool_is_empty


@pytest.mark.parametrize(
    ("failure", "status", "kept"),
    [
        (StoreClosed("closed"), 503, False),
        (CommitUncertain("disk"), 503, True),
        (RuntimeError("a bug"), 500, False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_store_that_fails(
    served: Served, failure: Exception, status: int, kept: bool
) -> None:
    served.store.failure = failure
    reply = await hand_in(served, ("document", document(), XML), ("attachment", b"x" * 5000, {}))
    assert reply.status == status
    assert b"bug" not in reply.body
    assert served.spool_is_empty is not kept
    assert (await served.ask("GET", "/healthz", authority=None)).status == 503


@pytest_twisted.ensureDeferred
async def test_a_full_disk(served: Served) -> None:
    served.spool.full = True
    reply = await hand_in(served, ("attachment", b"x" * 5000, {}), ("document", document(), XML))
    assert (reply.status, reply.problem) == (503, "unavailable")
    assert "retry-after" in reply.headers
    assert served.spool_is_empty


def begin_upload(served: Served, token: str, length: int) -> socket.socket:
    connection = served.connect()
    connection.sendall(
        f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n\r\n".encode()
    )
    return connection


HEAD = b'--frontier\r\nContent-Disposition: form-data; name="attachment"\r\n\r\n'


@pytest_twisted.ensureDeferred
async def test_a_sender_that_goes_away_leaves_nothing(served: Served) -> None:
    connection = begin_upload(served, served.tokens["AZ-SSS"], 50 * MIB)
    await deferToThread(connection.sendall, HEAD + b"x" * (3 * MIB))
    await until(lambda: not served.spool_is_empty)
    connection.close()
    await until(lambda: served.spool_is_empty)
    assert (await hand_in(served, ("document", document(), XML))).status == 202


def answer_while_sending(connection: socket.socket, octets: bytes) -> tuple[bytes, int]:
    """Send until there is an answer or an end; the answer, and how much was sent."""
    sent = 0
    connection.settimeout(10)
    try:
        while sent < len(octets):
            sent += connection.send(octets[sent : sent + 65536])
    except OSError:
        pass
    return connection.recv(65536), sent


@pytest_twisted.ensureDeferred
async def test_a_refused_upload_is_answered_before_it_ends(served: Served) -> None:
    connection = begin_upload(served, "wrong", 10_000 * MIB)
    answer, sent = await deferToThread(answer_while_sending, connection, b"x" * (2 * MIB))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in answer
    assert sent == 2 * MIB
    connection.close()
    assert served.spool_is_empty


@pytest_twisted.ensureDeferred
async def test_a_limit_is_enforced_while_octets_arrive(served: Served) -> None:
    connection = begin_upload(served, served.tokens["AZ-SSS"], 59 * MIB)
    octets = HEAD + b"x" * (45 * MIB)
    answer, _ = await deferToThread(answer_while_sending, connection, octets)
    assert answer.startswith(b"HTTP/1.1 413 ")
    connection.close()
    await until(lambda: served.spool_is_empty)


@pytest_twisted.ensureDeferred
async def test_an_announced_length_above_the_limit_is_refused_at_once(served: Served) -> None:
    connection = begin_upload(served, served.tokens["AZ-SSS"], 10_000 * MIB)
    answer, _ = await deferToThread(answer_while_sending, connection, b"x" * MIB)
    assert answer.startswith(b"HTTP/1.1 413 ")
    connection.close()


@pytest_twisted.ensureDeferred
async def test_a_slow_disk_holds_the_sender_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    writer = served.spool.writer

    def slow_writer() -> Any:
        disk.wait(20)
        return writer()

    monkeypatch.setattr(served.spool, "writer", slow_writer)
    tail = b"\r\n--frontier--\r\n"
    octets = HEAD + b"x" * (30 * MIB) + tail
    connection = begin_upload(served, served.tokens["AZ-SSS"], len(octets))
    connection.setblocking(False)
    sent, idle_since = 0, time.monotonic()
    while time.monotonic() - idle_since < 0.5:
        await later(0.01)
        try:
            sent += connection.send(octets[sent : sent + MIB])
            idle_since = time.monotonic()
        except BlockingIOError:
            pass
    assert sent < 15 * MIB  # what the kernel's buffers hold, and two batches
    disk.set()
    connection.setblocking(True)
    await deferToThread(connection.sendall, octets[sent:])
    answer = await deferToThread(connection.recv, 65536)
    assert answer.startswith(b"HTTP/1.1 400 ")  # whole, but without a document
    connection.close()
    assert served.spool_is_empty


@pytest_twisted.ensureDeferred
async def test_one_authority_may_not_fill_the_disk_at_once(served: Served) -> None:
    connections = [begin_upload(served, served.tokens["AZ-SSS"], MIB) for _ in range(8)]
    for connection in connections:
        connection.sendall(HEAD)
    await until(lambda: served.api._intakes.reading == 8)
    reply = await hand_in(served, ("document", document(), XML))
    assert (reply.status, reply.problem) == (429, "too-many-requests")
    moj = await hand_in(served, ("document", EXTRADITION, XML), authority="AZ-MOJ")
    assert moj.status == 202
    for connection in connections:
        connection.close()
    await until(lambda: served.api._intakes.reading == 0)
    assert (await hand_in(served, ("document", document(), XML))).status == 202


@pytest_twisted.ensureDeferred
async def test_an_upload_that_has_begun_may_end_while_the_gateway_stops(served: Served) -> None:
    body, _ = form(("document", document(), XML), ("attachment", b"x" * MIB, {}))
    connection = begin_upload(served, served.tokens["AZ-SSS"], len(body))
    connection.sendall(body[:5000])
    idle = served.connect()
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await deferToThread(idle.recv, 65536)).startswith(b"HTTP/1.1 200 ")
    await until(lambda: served.api._intakes.reading == 1)
    stopping = start(served.api.stop())
    await until(lambda: served.api._intakes._stopping)
    assert not stopping.called
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await deferToThread(idle.recv, 65536)).startswith(b"HTTP/1.1 503 ")
    connection.sendall(body[5000:])
    answer = await deferToThread(connection.recv, 65536)
    assert answer.startswith(b"HTTP/1.1 202 ")
    await stopping
    connection.close()
    idle.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/inbox/lease", 200),
        ("POST", "/v1/nowhere", 404),
        ("GET", "/v1/messages", 405),
        ("GET", "/v1/audit/verify", 403),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_form_for_another_address_leaves_nothing(
    served: Served, method: str, path: str, status: int
) -> None:
    body, content_type = form(("attachment", b"x" * 100_000, {}))
    reply = await served.ask(method, path, body=body, Content_Type=content_type)
    assert reply.status == status
    assert served.spool_is_empty


def stored(served: Served, octets: bytes) -> tuple[StoredPart, ...]:
    writer = served.spool.writer()
    writer.write(octets)
    return (StoredPart(1, "c@x", "text/html", writer.finish(), "<script>.html"),)


@pytest_twisted.ensureDeferred
async def test_a_slow_reader_holds_the_gateway_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = os.urandom(30 * MIB)
    await served.arrive("m1@xu", parts=stored(served, octets))
    read = 0
    reader = served.spool.reader

    def counting(blob: Any) -> Any:
        source = reader(blob)
        plain = source.read

        def count(size_bytes: int) -> bytes:
            nonlocal read
            chunk = plain(size_bytes)
            read += len(chunk)
            return chunk

        source.read = count  # type: ignore[method-assign]
        return source

    monkeypatch.setattr(served.spool, "reader", counting)
    connection = served.connect()
    connection.sendall(
        b"GET /v1/messages/m1@xu/attachments/1 HTTP/1.1\r\nHost: x\r\n"
        + served.bearer()
        + b"Connection: close\r\n\r\n"
    )
    before = -1
    while read == 0 or read != before:  # until it stands still
        before = read
        await later(0.3)
    assert 0 < read < 15 * MIB
    response = http.client.HTTPResponse(connection)
    await deferToThread(response.begin)
    assert await deferToThread(response.read) == octets
    assert response.getheader("Content-Type") == "application/octet-stream"
    assert "<" not in str(response.getheader("Content-Disposition"))
    connection.close()


@pytest_twisted.ensureDeferred
async def test_a_reader_that_goes_away(served: Served) -> None:
    await served.arrive("m1@xu", parts=stored(served, bytes(30 * MIB)))
    connection = served.connect()
    connection.sendall(
        b"GET /v1/messages/m1@xu/attachments/1 HTTP/1.1\r\nHost: x\r\n" + served.bearer() + b"\r\n"
    )
    await until(lambda: served.api._resource.running == 1)
    connection.close()
    await until(lambda: served.api._resource.running == 0)
    await served.api.stop()


@pytest_twisted.ensureDeferred
async def test_damaged_content_is_never_a_whole_answer(served: Served) -> None:
    parts = stored(served, os.urandom(MIB))
    await served.arrive("m1@xu", parts=parts)
    path = next(path for path in served.spool.folder.rglob("*") if path.is_file())
    octets = bytearray(path.read_bytes())
    octets[-500_000] ^= 1
    path.write_bytes(octets)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        await served.ask("GET", "/v1/messages/m1@xu/attachments/1")
    path.unlink()
    assert (await served.ask("GET", "/v1/messages/m1@xu/attachments/1")).status == 500


@pytest_twisted.ensureDeferred
async def test_the_unix_socket_is_for_its_owner_and_group(served: Served) -> None:
    mode = served.socket_path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(served.socket_path))
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await deferToThread(connection.recv, 65536)).startswith(b"HTTP/1.1 200 ")
    connection.close()


@pytest_twisted.ensureDeferred
async def test_a_failed_message_comes_back_as_a_notice(served: Served) -> None:
    handed_in = (await hand_in(served, ("document", document(), XML))).json
    (dispatch,) = await served.store.claim_due(NOW, 1, {"XU": 1})
    failed = Exchange(
        ExchangeState.FAILED,
        dispatch.exchange.attempts,
        error_code="EBMS:0301",
        error_sentence="no receipt came",
    )
    await served.store.settle(dispatch.submission, failed, kind="FAILED", facts={}, at=NOW)
    (lease,) = (await served.ask("POST", "/v1/inbox/lease")).json["leases"]
    assert lease["notice"] == "FAILED"
    assert lease["message"]["messageId"] == handed_in["messageId"]
    assert lease["message"]["direction"] == "out"
    assert lease["message"]["error"] == {"code": "EBMS:0301", "sentence": "no receipt came"}


@pytest_twisted.ensureDeferred
async def test_two_partners_may_use_one_message_id(served: Served) -> None:
    await served.arrive("m@x", partner="XU")
    await served.arrive("m@x", partner="XV")
    leases = (await served.ask("POST", "/v1/inbox/lease?limit=9")).json["leases"]
    assert [lease["message"]["partner"] for lease in leases] == ["XU", "XV"]
    for partner in ("XU", "XV"):
        view = await served.ask("GET", f"/v1/messages/m@x?partner={partner}&direction=in")
        assert view.json["partner"] == partner
    assert (await served.ask("GET", "/v1/messages/m@x?partner=XV")).status == 400
    assert (await served.ask("GET", "/v1/messages/m@x?partner=XV&direction=out")).status == 404
