"""Bad input: its answer, one log record, nothing else kept, and the next good message passes.

The answers are those of docs/decisions/0005-refusals.md and the gates of docs/architecture.md.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_twisted
from lxml import etree
from sqlalchemy import func, select
from structlog.testing import capture_logs
from twisted.web._newclient import ResponseNeverReceived

from config.own_keys import TlsMaterial
from gateway.app import Gateway
from gateway.inbound.gates import Gates
from gateway.outbound.posting import PeerAnswer
from gateway.store.tables import evidence, metadata
from gateway.store.transaction import Transaction
from keys.pki import IssuedKind, ThrowAwayAuthority
from keys.ring import FileSigner, KeyPair
from protocol.as4.response import read_response
from protocol.as4.suites import EDELIVERY_20, Suite
from protocol.as4.values import ErrorSignal, Party, PartyId, Property, Receipt
from tests.gateway.ground import Crafted, Partner, example_document

TABLES = ("message", "part", "queue_entry")
NOT_COUNTED = ("evidence", "evidence_head", "certificate")
Attempt = Callable[[Partner], Awaitable[PeerAnswer]]


@dataclass(frozen=True)
class Rest:
    """What a gateway keeps: rows, files, and evidence by kind."""

    rows: dict[str, int]
    files: int
    evidence: list[str]


async def kept(gateway: Gateway) -> Rest:
    """Asks the gateway's own connection: nobody else may open its database."""

    def count(unit: Transaction) -> tuple[dict[str, int], list[str]]:
        tables = [name for name in metadata.tables if name not in NOT_COUNTED]
        rows = {
            name: unit.connection.scalar(select(func.count()).select_from(metadata.tables[name]))
            for name in tables
        }
        kinds = select(evidence.c.kind).order_by(evidence.c.sequence)
        return rows, list(unit.connection.scalars(kinds))

    assert gateway.store is not None
    rows, kinds = await gateway.store._engine.run(count)
    assert set(TABLES) <= rows.keys()
    spool = gateway._spool.folder
    files = sum(1 for path in spool.rglob("*") if path.is_file())
    return Rest(rows, files, kinds)


def code_of(answer: PeerAnswer) -> str:
    """The ebMS code, or "receipt", or the HTTP status where there is no signal."""
    if not answer.body:
        return f"HTTP {answer.http_status}"
    if b"Fault" in answer.body and b"eb:Error" not in answer.body:
        return f"Fault {answer.http_status}"
    read = read_response(answer.http_status, answer.content_type, answer.body)
    unit = getattr(read, "unit", None)
    if isinstance(unit, Receipt):
        return "receipt"
    assert isinstance(unit, ErrorSignal), read
    return unit.errors[0].code


def changed(crafted: Crafted, change: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    soap = change(crafted.sealed.soap)
    assert soap != crafted.sealed.soap, "the change changed nothing"
    return crafted.body(soap)


def without_security(soap: bytes) -> bytes:
    root = etree.fromstring(soap)
    for element in root.iter("{*}Security"):
        element.getparent().remove(element)
    return etree.tostring(root)


def flip_signature(soap: bytes) -> bytes:
    found = re.search(rb"<ds:SignatureValue>(.)", soap)
    assert found is not None
    other = b"B" if found.group(1) == b"A" else b"A"
    return soap[: found.start(1)] + other + soap[found.end(1) :]


def stranger(node_tls: TlsMaterial) -> TlsMaterial:
    issued = ThrowAwayAuthority("Stranger", datetime.now(UTC)).issue_tls("stranger")
    return replace(
        node_tls,
        private_key_pem=issued.private_key_pem(),
        certificates=(issued.certificate,),
    )


def stranger_signer(suite: Suite = EDELIVERY_20) -> FileSigner:
    """Somebody with a good key for `suite`, whom nobody knows."""
    kind = IssuedKind(suite.signing_kinds[0].value)
    issued = ThrowAwayAuthority("Stranger", datetime.now(UTC)).issue_signing("stranger", kind)
    return FileSigner(KeyPair(issued.private_key, issued.certificate))


async def unsigned(xu: Partner) -> PeerAnswer:
    return await xu.post(*changed(xu.preservation(), without_security))


async def damaged_signature(xu: Partner) -> PeerAnswer:
    return await xu.post(*changed(xu.preservation(), flip_signature))


async def changed_header(xu: Partner) -> PeerAnswer:
    def change(soap: bytes) -> bytes:
        return soap.replace(b"<eb:ConversationId>", b"<eb:ConversationId>x")

    return await xu.post(*changed(xu.preservation(), change))


async def foreign_signer(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.preservation(signer=stranger_signer()))


async def damaged_ciphertext(xu: Partner) -> PeerAnswer:
    def flip(wire: bytes) -> bytes:
        return wire[:40] + bytes([wire[40] ^ 1]) + wire[41:]

    return await xu.send(xu.preservation(transform=flip))


async def truncated_tag(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.preservation(transform=lambda wire: wire[:-1]))


async def damaged_gzip(xu: Partner) -> PeerAnswer:
    octets = bytearray(gzip.compress(example_document("PreservationRequest", "XU")))
    octets[-6] ^= 1  # the checksum
    return await xu.send(xu.craft_precompressed(bytes(octets)))


async def not_gzip(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.craft_precompressed(b"this is no gzip stream"))


async def bomb(xu: Partner) -> PeerAnswer:
    document = example_document("PreservationRequest", "XU")
    zeros = gzip.compress(bytes(64 * 1024 * 1024))
    return await xu.send(xu.craft_precompressed(gzip.compress(document), zeros))


async def unknown_pmode(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.preservation(change=lambda unit: replace(unit, agreement=None)))


async def unknown_action(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.preservation(action="OpenTheGates"))


async def for_another_state(xu: Partner) -> PeerAnswer:
    def change(unit):
        other = Party(PartyId("zz-gateway", unit.receiver.party_id.type), unit.receiver.role)
        return replace(unit, receiver=other)

    return await xu.send(xu.preservation(change=change))


async def invalid_document(xu: Partner) -> PeerAnswer:
    document = example_document("PreservationRequest", "XU")
    broken = re.sub(rb"<(\w+:)?RequestId>.*?</(\w+:)?RequestId>", b"", document, count=1)
    assert broken != document
    return await xu.send(xu.craft([("application/xml", broken)]))


async def other_kind_of_document(xu: Partner) -> PeerAnswer:
    document = example_document("MlaRequest", "XU")
    return await xu.send(xu.craft([("application/xml", document)]))


async def no_document(xu: Partner) -> PeerAnswer:
    return await xu.send(xu.craft([]))


async def authority_that_does_not_exist(xu: Partner) -> PeerAnswer:
    document = example_document("PreservationRequest", "XU").replace(b"AZ-SSS", b"AZ-NIL")
    return await xu.send(xu.craft([("application/xml", document)]))


async def authority_that_is_not_competent(xu: Partner) -> PeerAnswer:
    document = example_document("PreservationRequest", "XU").replace(b"AZ-SSS", b"AZ-MOJ")
    return await xu.send(xu.craft([("application/xml", document)]))


async def other_final_recipient(xu: Partner) -> PeerAnswer:
    def change(unit):
        return replace(unit, properties=(Property("finalRecipient", "AZ-MOJ"),))

    return await xu.send(xu.preservation(change=change))


async def oversized_envelope(xu: Partner) -> PeerAnswer:
    padding = b"<!--" + b"x" * (2 * 1024 * 1024) + b"-->"
    return await xu.post(
        *changed(
            xu.preservation(),
            lambda soap: soap.replace(b"</env:Header>", padding + b"</env:Header>"),
        )
    )


async def doctype(xu: Partner) -> PeerAnswer:
    def change(soap: bytes) -> bytes:
        return re.sub(rb"(<env:Envelope)", rb'<!DOCTYPE e [<!ENTITY x "y">]>\1', soap, count=1)

    return await xu.post(*changed(xu.preservation(), change))


async def comment(xu: Partner) -> PeerAnswer:
    def change(soap: bytes) -> bytes:
        return soap.replace(b"<eb:Action>", b"<eb:Action><!-- -->")

    return await xu.post(*changed(xu.preservation(), change))


async def too_old(xu: Partner) -> PeerAnswer:
    def change(unit):
        return replace(unit, timestamp=datetime.now(UTC) - timedelta(days=400))

    return await xu.send(xu.preservation(change=change))


async def no_closing_delimiter(xu: Partner) -> PeerAnswer:
    content_type, body = xu.preservation().body()
    return await xu.post(content_type, body[: body.rindex(b"--")].rstrip(b"-\r\n")[:-60])


async def not_soap(xu: Partner) -> PeerAnswer:
    return await xu.post("text/html", b"<html>hello</html>")


async def not_xml(xu: Partner) -> PeerAnswer:
    return await xu.post("application/soap+xml; charset=UTF-8", b"hello")


async def stray_part(xu: Partner) -> PeerAnswer:
    crafted = xu.preservation()
    crafted.parts.append(("stray@test.example", os.urandom(64)))
    return await xu.send(crafted)


async def missing_part(xu: Partner) -> PeerAnswer:
    crafted = xu.craft(
        [("application/xml", example_document("PreservationRequest", "XU")), ("image/png", b"x")]
    )
    crafted.parts.pop()
    return await xu.send(crafted)


REFUSED: list[tuple[Attempt, set[str]]] = [
    (unsigned, {"EBMS:0103"}),
    (damaged_signature, {"EBMS:0101"}),
    (changed_header, {"EBMS:0101"}),
    (foreign_signer, {"EBMS:0101"}),
    (damaged_ciphertext, {"EBMS:0102"}),
    (truncated_tag, {"EBMS:0102"}),
    (damaged_gzip, {"EBMS:0303"}),
    (not_gzip, {"EBMS:0303"}),
    (bomb, {"EBMS:0303"}),
    (unknown_pmode, {"EBMS:0010"}),
    (unknown_action, {"EBMS:0010"}),
    (for_another_state, {"EBMS:0010"}),
    (invalid_document, {"EBMS:0004"}),
    (other_kind_of_document, {"EBMS:0003"}),
    (no_document, {"EBMS:0003"}),
    (authority_that_does_not_exist, {"EBMS:0004"}),
    (authority_that_is_not_competent, {"EBMS:0004"}),
    (other_final_recipient, {"EBMS:0003"}),
    (oversized_envelope, {"HTTP 413"}),
    (doctype, {"Fault 400"}),
    (comment, {"Fault 400", "EBMS:0103"}),
    (too_old, {"EBMS:0003"}),
    (no_closing_delimiter, {"EBMS:0007"}),
    (not_soap, {"HTTP 415"}),
    (not_xml, {"Fault 400"}),
    (stray_part, {"EBMS:0103"}),
    (missing_part, {"EBMS:0007", "EBMS:0011"}),
]


@pytest.mark.parametrize(("attempt", "codes"), REFUSED, ids=[a.__name__ for a, _ in REFUSED])
@pytest_twisted.ensureDeferred
async def test_bad_input_is_refused_and_harms_nothing(
    az: Gateway, xu: Partner, attempt: Attempt, codes: set[str]
) -> None:
    before = await kept(az)
    with capture_logs() as logs:
        answer = await attempt(xu)
    after = await kept(az)
    assert code_of(answer) in codes, answer.body
    assert after.rows == before.rows
    assert after.files == before.files
    assert after.evidence == [*before.evidence, "REFUSED"]
    said = [line for line in logs if line["event"].startswith("receive.")]
    assert [line["event"] for line in said] == ["receive.refused"]
    assert said[0]["reason"]
    assert code_of(await xu.send(xu.preservation())) == "receipt"


@pytest_twisted.ensureDeferred
async def test_what_is_kept_of_a_refusal_does_not_grow_with_what_came(
    az: Gateway, xu: Partner
) -> None:
    long = b"x" * 400_000

    def repeat_an_id(soap: bytes) -> bytes:
        twice = b'<a xmlns="" Id="' + long + b'"/><a xmlns="" Id="' + long + b'"/>'
        return soap.replace(b"</env:Header>", twice + b"</env:Header>", 1)

    assert code_of(await xu.post(*changed(xu.preservation(), repeat_an_id))) == "EBMS:0103"
    assert az.store is not None
    records = select(evidence.c.record).order_by(evidence.c.sequence.desc()).limit(1)
    record = await az.store._engine.run(lambda unit: unit.connection.scalar(records))
    assert b"stands twice" not in record
    assert b"400" in record
    assert len(record) < 4096


@pytest_twisted.ensureDeferred
async def test_a_refusal_names_the_right_address(az: Gateway, xu: Partner) -> None:
    answer = await authority_that_does_not_exist(xu)
    assert b"the right address is AZ-SSS" in answer.body


@pytest_twisted.ensureDeferred
async def test_a_refusal_names_what_is_wrong_with_a_document(az: Gateway, xu: Partner) -> None:
    answer = await invalid_document(xu)
    assert b"RequestId" in answer.body


@pytest_twisted.ensureDeferred
async def test_a_client_certificate_that_nobody_knows_does_not_shake_hands(
    az: Gateway, xu: Partner
) -> None:
    before = await kept(az)
    with pytest.raises(ResponseNeverReceived):
        await xu.post(*xu.preservation().body(), tls=stranger(xu.node.tls))
    assert (await kept(az)) == before
    assert code_of(await xu.send(xu.preservation())) == "receipt"


@pytest_twisted.ensureDeferred
async def test_the_same_id_with_other_content_is_a_conflict(az: Gateway, xu: Partner) -> None:
    first = xu.preservation()
    assert code_of(await xu.send(first)) == "receipt"
    before = await kept(az)
    second = xu.preservation(change=lambda unit: replace(unit, message_id=first.unit.message_id))
    assert code_of(await xu.send(second)) == "EBMS:0003"
    after = await kept(az)
    assert (after.rows, after.files) == ({**before.rows, "alert": 1}, before.files)
    assert after.evidence == [*before.evidence, "REFUSED", "ALERTED"]
    (alert,) = await az.store.open_alerts()
    assert first.unit.message_id in alert.sentence
    assert code_of(await xu.send(xu.preservation())) == "receipt"


@pytest_twisted.ensureDeferred
async def test_a_repeat_gets_the_stored_receipt_byte_for_byte(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    first = await xu.send(crafted)
    before = await kept(az)
    assert (await xu.send(crafted)).body == first.body
    assert (await kept(az)) == before


@pytest_twisted.ensureDeferred
async def test_a_repeat_is_known_before_anything_is_decrypted(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was received stays received, whatever the parts are now; and no private key is asked."""
    crafted = xu.preservation()
    first = await xu.send(crafted)
    before = await kept(az)

    def opened(*_: object) -> None:
        raise AssertionError("a content key was opened")

    monkeypatch.setattr(Gates, "open_parts", opened)
    content_id, ciphertext = crafted.parts[0]
    spoiled = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    again = await xu.send(replace(crafted, parts=[(content_id, spoiled), *crafted.parts[1:]]))
    assert (code_of(again), again.body) == ("receipt", first.body)
    assert (await kept(az)) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [(b"GET", "/as4", 405), (b"POST", "/other", 404), (b"PUT", "/as4", 405)],
)
@pytest_twisted.ensureDeferred
async def test_one_path_one_method(
    az: Gateway, xu: Partner, method: bytes, path: str, status: int
) -> None:
    before = await kept(az)
    answer = await xu.post(*xu.preservation().body(), path=path, method=method)
    assert (answer.http_status, answer.body) == (status, b"")
    assert (await kept(az)).rows == before.rows


@pytest_twisted.ensureDeferred
async def test_a_compressed_body_is_not_taken(az: Gateway, xu: Partner) -> None:
    content_type, body = xu.preservation().body()
    answer = await xu.post(content_type, gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert answer.http_status == 415
