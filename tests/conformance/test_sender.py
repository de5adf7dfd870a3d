"""Assertions about a sender, which only the inside can see: what our gateway writes and does."""

from __future__ import annotations

import http.client
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from twisted.internet.threads import deferToThread

from gateway.app import Gateway, utc_now
from gateway.conformance.drafts import ping
from gateway.demo.nodes import command
from gateway.inbound.answers import TRY_LATER, HttpAnswer
from gateway.inbound.reception import Reception
from gateway.outbound.interpretation import interpret
from gateway.outbound.posting import PeerAnswer
from gateway.store.values import Sealed
from protocol.as4.exchange import ReceiptInvalid
from protocol.as4.receipts import build_receipt
from protocol.as4.suites import EDELIVERY_115
from protocol.convention.documents import read_document
from schemas.catalogue import example
from tests.as4.writing.independent import NS, WSU_ID, c14n
from tests.conformance.sent import ANNEXES, Exchanged, sealed_of
from tests.gateway.ground import Partner, example_document, started
from tests.gateway.test_refusals import stranger_signer

EB = NS["eb"]
PROPERTY = "eb:PartProperties/eb:Property[@name='{}']/text()"


@pytest_twisted.ensureDeferred
async def test_cp_ta03_one_from_and_one_to(exchanged: Exchanged) -> None:
    for side in ("From", "To"):
        assert len(exchanged.all(f"//eb:PartyInfo/eb:{side}/eb:PartyId")) == 1


@pytest_twisted.ensureDeferred
async def test_cp_ta05_a_payload_is_a_mime_part_and_the_body_empty(exchanged: Exchanged) -> None:
    body = exchanged.one("/env:Envelope/env:Body")
    assert (len(body), body.text) == (0, None)
    parts = exchanged.all("//eb:PartInfo/@href")
    assert exchanged.all("//xenc:EncryptedData//xenc:CipherReference/@URI") == parts
    assert all(href.startswith("cid:") for href in parts)


@pytest_twisted.ensureDeferred
async def test_cp_ta06_the_document_is_the_first_part(exchanged: Exchanged) -> None:
    first, *_ = exchanged.all("//eb:PartInfo")
    assert first.xpath(PROPERTY.format("MimeType"), namespaces=NS) == ["application/xml"]
    assert exchanged.delivered[0] == exchanged.document


@pytest_twisted.ensureDeferred
async def test_cp_ta09_without_a_receipt_the_message_is_sent_again(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path], tmp_path: Path, lost: list[bytes]
) -> None:
    told = await submit(folders, tmp_path)
    assert told["state"] == "ACKNOWLEDGED"
    assert told["attempts"] == 2
    assert len(lost) == 1


@pytest_twisted.ensureDeferred
async def test_cp_ta10_it_is_delivered_once_and_sending_ends(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path], tmp_path: Path, lost: list[bytes]
) -> None:
    told = await submit(folders, tmp_path)
    assert az.store is not None
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert leased.message_id == told["messageId"]
    assert await xu_gateway.store.next_due(utc_now()) is None


@pytest_twisted.ensureDeferred
async def test_cp_ta12_what_is_signed_and_how(exchanged: Exchanged) -> None:
    signed_info = exchanged.one("//ds:Signature/ds:SignedInfo")
    digests = exchanged.all("//ds:SignedInfo/ds:Reference/ds:DigestMethod/@Algorithm")
    assert set(digests) == {"http://www.w3.org/2001/04/xmlenc#sha256"}
    method = exchanged.one("//ds:SignedInfo/ds:SignatureMethod/@Algorithm")
    assert method == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    value = octets_of(exchanged.one("//ds:SignatureValue/text()"))
    key = exchanged.signer.public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(value, c14n(signed_info), PKCS1v15(), SHA256())
    messaging = exchanged.one("//eb:Messaging").get(WSU_ID)
    body = exchanged.one("/env:Envelope/env:Body").get(WSU_ID)
    assert exchanged.all("//ds:SignedInfo/ds:Reference/@URI") == [
        f"#{messaging}", f"#{body}", *exchanged.all("//eb:PartInfo/@href")
    ]  # fmt: skip


@pytest_twisted.ensureDeferred
async def test_cp_ta13_how_it_is_encrypted_and_for_whom(exchanged: Exchanged, az: Gateway) -> None:
    methods = exchanged.all("//xenc:EncryptedData/xenc:EncryptionMethod/@Algorithm")
    assert methods == ["http://www.w3.org/2009/xmlenc11#aes128-gcm"] * 3
    wrapped = octets_of(exchanged.one("//xenc:EncryptedKey//xenc:CipherValue/text()"))
    (decrypter, *_) = az._node.decrypters_for(EDELIVERY_115)
    assert len(decrypter.unwrap_rsa_oaep_sha256(wrapped)) == 16


@pytest_twisted.ensureDeferred
async def test_cp_ta15_the_producer_is_told_that_no_receipt_came(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """AZ does not run at all."""
    partner = folders["XU"] / "partners" / "AZ.toml"
    text = re.sub(r"(?m)^max_retries = .*$", "max_retries = 1", partner.read_text())
    partner.write_text(text)
    gateway = await started(folders["XU"])
    try:
        told = await submit(folders, tmp_path)
        assert (told["state"], told["error"]["code"]) == ("FAILED", "EBMS:0301")
        (notice,) = await gateway.store.lease("XU-POC247", utc_now(), 60.0, 10)
        assert notice.message_id == told["messageId"]
        assert notice.notice
    finally:
        await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_cp_ta16_a_ping_is_of_the_test_service(xu: Partner) -> None:
    soap = etree.fromstring(ping(xu.pmode, xu.node.signer_for(xu.pmode.suite)).body)
    for name, value in (("Service", "service"), ("Action", "test")):
        (found,) = soap.xpath(f"//eb:CollaborationInfo/eb:{name}/text()", namespaces=NS)
        assert found == f"{EB}{value}"


@pytest_twisted.ensureDeferred
async def test_cp_ta18_a_conversation_id_is_made(exchanged: Exchanged) -> None:
    made = exchanged.one("//eb:CollaborationInfo/eb:ConversationId/text()")
    assert made == exchanged.told["conversationId"]


@pytest_twisted.ensureDeferred
async def test_cp_ta23_xml_travels_compressed(exchanged: Exchanged) -> None:
    assert exchanged.all("//xenc:EncryptedData/@MimeType") == ["application/gzip"] * 3


@pytest_twisted.ensureDeferred
async def test_cp_ta24_a_compressed_part_says_so(exchanged: Exchanged) -> None:
    for part in exchanged.all("//eb:PartInfo"):
        values = part.xpath(PROPERTY.format("CompressionType"), namespaces=NS)
        assert values == ["application/gzip"]


@pytest_twisted.ensureDeferred
async def test_cp_ta25_mime_type_is_the_producers(exchanged: Exchanged) -> None:
    types = [
        part.xpath(PROPERTY.format("MimeType"), namespaces=NS)[0]
        for part in exchanged.all("//eb:PartInfo")
    ]
    assert types == ["application/xml", "application/pdf", "text/plain"]


@pytest_twisted.ensureDeferred
async def test_cp_ta27_utf_16_is_passed_on(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path]
) -> None:
    await check_character_set(xu_gateway, folders["XU"], "UTF-16")


@pytest_twisted.ensureDeferred
async def test_cp_ta28_utf_8_is_passed_on(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path]
) -> None:
    await check_character_set(xu_gateway, folders["XU"], "UTF-8")


@pytest_twisted.ensureDeferred
async def test_cp_ta45_parts_stand_in_the_producers_order(exchanged: Exchanged) -> None:
    assert exchanged.delivered == (exchanged.document, *ANNEXES.values())


@pytest_twisted.ensureDeferred
async def test_4ct_ta01_the_outer_corners_are_properties(exchanged: Exchanged) -> None:
    assert message_property(exchanged, "originalSender") == "XU-POC247"
    assert message_property(exchanged, "finalRecipient") == "AZ-SSS"


@pytest_twisted.ensureDeferred
async def test_4ct_ta03_from_and_to_are_the_access_points(exchanged: Exchanged) -> None:
    assert exchanged.one("//eb:From/eb:PartyId/text()") == "xu-gateway"
    assert exchanged.one("//eb:To/eb:PartyId/text()") == "az-gateway"


@pytest_twisted.ensureDeferred
async def test_ds_ta03_a_receipt_by_another_certificate_is_a_failure(xu: Partner) -> None:
    draft = ping(xu.pmode, xu.node.signer_for(xu.pmode.suite))
    receipt = build_receipt(
        message_id="receipt@test.example",
        timestamp=utc_now(),
        ref_to_message_id=draft.unit.message_id,
        references=draft.references,
        signer=stranger_signer(EDELIVERY_115),
        suite=xu.pmode.suite,
        token_form=xu.pmode.signing_token,
    )
    answer = PeerAnswer(200, "application/soap+xml", receipt)
    sealed = Sealed(draft.body, draft.references, ())
    told = interpret(answer, sealed, draft.unit.message_id, xu.pmode)
    assert isinstance(told.event, ReceiptInvalid)
    assert told.facts["code"] == "EBMS:0302"


@pytest_twisted.ensureDeferred
async def test_cp_ta02_a_reply_refers_to_its_request(
    reply: etree._Element, exchanged: Exchanged
) -> None:
    (referred,) = reply.xpath("//eb:MessageInfo/eb:RefToMessageId/text()", namespaces=NS)
    assert referred == exchanged.told["messageId"]


@pytest_twisted.ensureDeferred
async def test_cp_ta19_a_reply_keeps_the_conversation(
    reply: etree._Element, exchanged: Exchanged
) -> None:
    (conversation,) = reply.xpath("//eb:ConversationId/text()", namespaces=NS)
    assert conversation == exchanged.told["conversationId"]


@pytest_twisted.async_fixture
async def reply(
    exchanged: Exchanged, az: Gateway, folders: dict[str, Path], tmp_path: Path
) -> etree._Element:
    """What AZ's authority answers to the request, as it is written on the wire."""
    document = tmp_path / "acknowledgement.xml"
    document.write_bytes(example("acknowledgement-az-to-xu.xml"))
    author = read_document(document.read_bytes()).author
    told = await deferToThread(
        command, "submit", str(folders["AZ"]), "--as", author, "--document", str(document),
        "--ref-to", exchanged.told["messageId"],
        "--conversation", exchanged.told["conversationId"],
        "--wait", "20", "--json",
    )  # fmt: skip
    assert told["state"] == "ACKNOWLEDGED", told
    return etree.fromstring((await sealed_of(az, told["messageId"])).soap)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The first receipt that AZ would send is lost; it is in the list then."""
    answer, receipts = Reception.answer, []

    async def loses_the_first(self: Reception) -> HttpAnswer:
        given = await answer(self)
        if not receipts:
            receipts.append(given.body)
            return TRY_LATER
        return given

    monkeypatch.setattr(Reception, "answer", loses_the_first)
    return receipts


async def submit(folders: dict[str, Path], folder: Path) -> dict[str, object]:
    """Where a preservation request of XU stands in the end."""
    document = folder / "request.xml"
    document.write_bytes(example_document("PreservationRequest", "XU"))
    words = ("submit", str(folders["XU"]), "--as", "XU-POC247", "--document", str(document))
    try:
        return await deferToThread(command, *words, "--wait", "20", "--json")
    except Exception as failed:
        found = re.search(r"\{.*\}", str(failed), re.DOTALL)
        if found is None:
            raise
        return json.loads(found.group())


async def check_character_set(gateway: Gateway, folder: Path, character_set: str) -> None:
    token = (folder / "credentials" / "XU-POC247.token").read_text().strip()
    port = gateway._node.settings.local.port
    annex = '<?xml version="1.0"?><note/>'.encode(character_set)
    told = await deferToThread(hand_in, port, token, annex, character_set)
    sealed = None
    while sealed is None:
        sealed = await gateway.store.find_sealed(told["messageId"])
    part = etree.fromstring(sealed.soap).xpath("//eb:PartInfo[2]", namespaces=NS)[0]
    values = part.xpath(PROPERTY.format("CharacterSet"), namespaces=NS)
    assert values == [character_set]


def hand_in(port: int, token: str, annex: bytes, character_set: str) -> dict[str, str]:
    """The answer of the local API to a request with one attachment of that character set."""
    fields = (
        ("document", "application/xml", example_document("PreservationRequest", "XU")),
        ("attachment", f"application/xml; charset={character_set}", annex),
    )
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        f"Content-Type: {mime_type}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, mime_type, content in fields
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "multipart/form-data; boundary=x",
        "Idempotency-Key": f"key-{character_set}",
    }
    connection.request("POST", "/v1/messages", body + b"--x--\r\n", headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 202, answer
    return answer


def message_property(exchanged: Exchanged, name: str) -> str:
    """The value of a message property."""
    return exchanged.one(f"//eb:MessageProperties/eb:Property[@name='{name}']/text()")


def octets_of(text: str) -> bytes:
    """The octets of a base64 text."""
    return b64decode(text, validate=True)
