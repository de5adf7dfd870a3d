"""Bugs that products had with packaging, MIME and HTTP: numbers 1 to 18 of docs/interop-bugs.md."""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import replace

import pytest
import pytest_twisted
from lxml import etree

from gateway.app import Gateway
from gateway.outbound.posting import PeerAnswer
from protocol.as4.errors import Refused
from protocol.as4.mime import MimeReader
from protocol.as4.multipart import MultipartFrame
from protocol.as4.names import content_id_of
from protocol.as4.part_digest import digest_for
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.values import ErrorSignal
from tests.as4.writing.independent import NS
from tests.conformance.sent import Exchanged, content_of
from tests.gateway.ground import Crafted, Partner, example_document
from tests.gateway.test_refusals import code_of

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ROOT = "<root@test.example>"


async def delivered(az: Gateway, crafted: Crafted) -> list[bytes]:
    """What AZ's authority gets of `crafted`, part for part."""
    view = await az.store.message_for("AZ-SSS", crafted.unit.message_id)
    return [content_of(az, part) for part in view.parts]


def by_hand(crafted: Crafted, order: list[int], transfer: str = "binary") -> tuple[str, bytes]:
    """The multipart of `crafted`, its parts in `order`, encoded for `transfer`."""
    encode = base64.encodebytes if transfer == "base64" else bytes
    pieces = [(ROOT, "application/soap+xml; charset=UTF-8", "binary", crafted.sealed.soap)]
    for index in order:
        content_id, octets = crafted.parts[index]
        pieces.append((f"<{content_id}>", "application/octet-stream", transfer, encode(octets)))
    body = b"".join(
        f"--b\r\nContent-ID: {content_id}\r\nContent-Type: {mime_type}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + octets
        + b"\r\n"
        for content_id, mime_type, encoding, octets in pieces
    )
    head = f'multipart/related; type="application/soap+xml"; boundary="b"; start="{ROOT}"'
    return head, body + b"--b--\r\n"


def request_with(xu: Partner, *annexes: tuple[str, bytes], compress: bool = True) -> Crafted:
    document = example_document("PreservationRequest", "XU")
    return xu.craft([("application/xml", document), *annexes], compress=compress)


def frame() -> MultipartFrame:
    return MultipartFrame(b"<soap/>", [("part@own.example", 3)], "own.example")


def test_bug_01_no_charset_on_the_multipart_type() -> None:
    assert "charset" not in frame().content_type
    head = next(piece for piece in frame().pieces() if isinstance(piece, bytes))
    assert b"Content-Type: application/soap+xml; charset=UTF-8\r\n" in head


@pytest_twisted.ensureDeferred
async def test_bug_02_content_ids_have_brackets_and_safe_characters(
    exchanged: Exchanged,
) -> None:
    for href in exchanged.all("//eb:PartInfo/@href"):
        assert re.fullmatch(r"cid:[A-Za-z0-9._-]+@[A-Za-z0-9._-]+", href)
    octets = b"".join(piece for piece in frame().pieces() if isinstance(piece, bytes))
    assert b"Content-ID: <part@own.example>\r\n" in octets
    assert content_id_of("cid:part%40own.example") == "part@own.example"


@pytest_twisted.ensureDeferred
async def test_bug_03_parts_are_found_by_content_id_in_any_order(az: Gateway, xu: Partner) -> None:
    crafted = request_with(xu, ("image/png", b"one"), ("image/png", b"two"))
    assert code_of(await xu.post(*by_hand(crafted, [2, 0, 1]))) == "receipt"
    assert (await delivered(az, crafted))[1:] == [b"one", b"two"]


@pytest_twisted.ensureDeferred
async def test_bug_04_only_the_content_is_encrypted(
    az: Gateway, xu: Partner, exchanged: Exchanged
) -> None:
    types = exchanged.all("//xenc:EncryptedData/@Type")
    assert all(one.endswith("#Attachment-Content-Only") for one in types)
    assert exchanged.delivered[0].startswith(b"<?xml")
    crafted = request_with(xu)
    soap = crafted.sealed.soap.replace(b"#Attachment-Content-Only", b"#Attachment-Complete")
    assert code_of(await xu.post(*crafted.body(soap))) == "EBMS:0103"


@pytest_twisted.ensureDeferred
async def test_bug_05_a_compressed_part_is_encrypted_as_gzip(exchanged: Exchanged) -> None:
    assert set(exchanged.all("//xenc:EncryptedData/@MimeType")) == {"application/gzip"}


@pytest_twisted.ensureDeferred
async def test_bug_06_compression_is_said_for_each_part(az: Gateway, xu: Partner) -> None:
    crafted = request_with(xu, ("image/jpeg", b"\xff\xd8"), compress=False)
    assert code_of(await xu.send(crafted)) == "receipt"
    view = await az.store.message_for("AZ-SSS", crafted.unit.message_id)
    assert view.parts[1].mime_type == "image/jpeg"
    assert (await delivered(az, crafted))[1] == b"\xff\xd8"


@pytest.mark.parametrize("compress", [True, False])
@pytest_twisted.ensureDeferred
async def test_bug_07_a_gzip_file_arrives_as_a_gzip_file(
    az: Gateway, xu: Partner, compress: bool
) -> None:
    file = gzip.compress(b"log", mtime=0)
    crafted = request_with(xu, ("application/gzip", file), compress=compress)
    assert code_of(await xu.send(crafted)) == "receipt"
    assert (await delivered(az, crafted))[1] == file


def test_bug_08_a_gzip_part_is_digested_as_it_is() -> None:
    octets = b"\x1f\x8b\r\n\n<x/>"
    digest = digest_for("application/gzip", SHA256)
    digest.receive(octets)
    plain = digest_for("application/octet-stream", SHA256)
    plain.receive(octets)
    assert digest.finish() == plain.finish()


@pytest_twisted.ensureDeferred
async def test_bug_09_base64_is_read_and_binary_written(az: Gateway, xu: Partner) -> None:
    crafted = request_with(xu, ("image/png", bytes(range(256))))
    assert code_of(await xu.post(*by_hand(crafted, [0, 1], "base64"))) == "receipt"
    assert (await delivered(az, crafted))[1] == bytes(range(256))
    octets = b"".join(piece for piece in frame().pieces() if isinstance(piece, bytes))
    assert octets.count(b"Content-Transfer-Encoding: binary") == 2


@pytest_twisted.ensureDeferred
async def test_bug_10_a_payload_in_the_body_is_never_written_and_not_taken(
    az: Gateway, xu: Partner, exchanged: Exchanged
) -> None:
    assert all(href.startswith("cid:") for href in exchanged.all("//eb:PartInfo/@href"))
    crafted = request_with(xu)
    content_id = crafted.parts[0][0].encode()
    soap = crafted.sealed.soap.replace(b'href="cid:' + content_id, b'href="#payload')
    assert code_of(await xu.post(*crafted.body(soap))).startswith("EBMS:")
    assert await az.store.message_for("AZ-SSS", crafted.unit.message_id) is None


@pytest_twisted.ensureDeferred
async def test_bug_11_the_first_part_info_is_the_document(az: Gateway, xu: Partner) -> None:
    """An annex that is a document itself comes first in the body and second in the header."""
    other = example_document("MlaRequest", "XU")
    crafted = request_with(xu, ("application/xml", other))
    assert code_of(await xu.post(*by_hand(crafted, [1, 0]))) == "receipt"
    view = await az.store.message_for("AZ-SSS", crafted.unit.message_id)
    assert view.kind == "PreservationRequest"


def test_bug_12_the_multipart_names_the_type_of_its_root() -> None:
    assert 'type="application/soap+xml"' in frame().content_type


def test_bug_13_part_headers_are_limited_and_content_is_passed_on_as_it_comes() -> None:
    reader = MimeReader('multipart/related; type="application/soap+xml"; boundary="b"')
    begun = reader.receive(b"--b\r\nContent-Type: application/soap+xml\r\n\r\n<soap/>\r\n--b\r\n")
    assert begun
    part = b"Content-ID: <a@b>\r\nContent-Type: application/octet-stream\r\n\r\n"
    reader.receive(part)
    for _ in range(64):
        given = sum(len(event.octets) for event in reader.receive(bytes(65536)))
        assert given >= 65536 - 256  # no more is held back than a boundary may need
    endless = MimeReader('multipart/related; type="application/soap+xml"; boundary="b"')
    endless.receive(b"--b\r\nX: ")
    with pytest.raises(Refused):
        endless.receive(b"x" * 64 * 1024)


@pytest_twisted.ensureDeferred
async def test_bug_14_a_bomb_is_refused(az: Gateway, xu: Partner) -> None:
    document = gzip.compress(example_document("PreservationRequest", "XU"))
    crafted = xu.craft_precompressed(document, gzip.compress(bytes(64 * 1024 * 1024)))
    assert code_of(await xu.send(crafted)) == "EBMS:0303"


def test_bug_15_the_page_of_a_load_balancer_is_a_failure_of_transport() -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head><body/></html>"
    told = read_response(502, "text/html", page)
    assert isinstance(told, TransportFailure)
    assert told.retryable
    assert "502 Bad Gateway" in told.reason


@pytest_twisted.ensureDeferred
async def test_bug_16_a_violation_is_answered_with_an_error_signal(
    az: Gateway, xu: Partner
) -> None:
    crafted = xu.preservation(change=lambda unit: replace(unit, action="Unheard"))
    answer = await xu.send(crafted)
    told = read_response(answer.http_status, answer.content_type, answer.body)
    assert isinstance(told.unit, ErrorSignal)
    assert told.unit.ref_to_message_id == crafted.unit.message_id
    plain = read_response(400, "text/plain", b"No P-Mode found")
    assert isinstance(plain, TransportFailure)
    assert "No P-Mode found" in plain.reason


@pytest.mark.parametrize("body", [b"", b"<", b"<soap", b"\x00\xff", b"not XML at all"])
@pytest_twisted.ensureDeferred
async def test_bug_17_what_is_no_soap_is_answered_and_harms_nothing(
    az: Gateway, xu: Partner, body: bytes
) -> None:
    answer: PeerAnswer = await xu.post("application/soap+xml; charset=UTF-8", body)
    assert answer.http_status == 400
    assert code_of(await xu.send(xu.preservation())) == "receipt"


def test_bug_18_a_fault_alone_is_a_failure_with_its_reason() -> None:
    fault = (
        f'<env:Envelope xmlns:env="{NS["env"]}"><env:Body><env:Fault><env:Code><env:Value>'
        "env:Receiver</env:Value></env:Code><env:Reason><env:Text xml:lang='en'>Out of order"
        "</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>"
    )
    etree.fromstring(fault)
    told = read_response(500, "application/soap+xml", fault.encode())
    assert isinstance(told, TransportFailure)
    assert told.retryable
    assert "Receiver" in told.reason
    assert "Out of order" in told.reason
