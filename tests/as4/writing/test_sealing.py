"""Sealed messages, receipts and signals: valid, canonical, and readable by others' code."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from protocol.as4.attachments import InboundPart, OutboundPart
from protocol.as4.errors import CATALOGUE, DECOMPRESSION_FAILURE, OTHER
from protocol.as4.mime import MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.pmode import PMode
from protocol.as4.receipts import build_receipt
from protocol.as4.sealing import SealedMessage, SealedPart, new_content_key, seal
from protocol.as4.secrets import PartSecret
from protocol.as4.signals import build_error, soap_fault
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import (
    AgreementRef,
    PartyId,
    Property,
    ServiceName,
    SignedReference,
    UserMessage,
)
from protocol.as4.values import (
    Party as EbParty,
)
from protocol.as4.writing import attribute, text, timestamp_text, user_message

from .independent import (
    NS,
    Party,
    c14n,
    check_schema,
    check_signature,
    der,
    names,
    one,
    open_parts,
)

ROOT = Party("root")
AUTHORITY = Party("authority", ROOT)
SENDER = Party("sender", AUTHORITY)
RECEIVER = Party("receiver", AUTHORITY)
NOW = datetime(2026, 3, 2, 8, 15, 30, 123999, tzinfo=UTC)
TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"


def pmode(**changes: object) -> PMode:
    base = PMode(
        id="test",
        partner_state="XU",
        own=PartyId("az", TYPE),
        partner=PartyId("xu", TYPE),
        service=ServiceName("urn:example:service", "urn:example:services"),
        address="https://xu.example/as4",
        partner_signing=(RECEIVER.certificate,),
        partner_encryption=(RECEIVER.certificate,),
        partner_tls=(),
        actions_received=frozenset(),
        actions_sent=frozenset({"MlaRequest"}),
        agreement=AgreementRef("urn:example:agreement"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the tests name real fields


def unit(**changes: object) -> UserMessage:
    sender, receiver = pmode().sending_parties
    base = UserMessage(
        message_id="3f1f0a52@az.hanoi-gateway",
        timestamp=NOW,
        sender=sender,
        receiver=receiver,
        service=pmode().service,
        action="MlaRequest",
        conversation_id="conversation-1",
        agreement=pmode().agreement,
        properties=(Property("originalSender", "AZ-SSS"), Property("finalRecipient", "XU-CA", "t")),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the tests name real fields


CONTENTS = {
    "p1@az.hanoi-gateway": (b"<MlaRequest/>", "application/xml", "UTF-8"),
    "p2@az.hanoi-gateway": (b"%PDF" * 1000, "application/pdf", None),
    "p3@az.hanoi-gateway": (b"", "text/plain", None),
}


class Sealing:
    """One message sealed, with everything that was made on the way."""

    def __init__(self, count: int = 3, compress: bool = True, **changes: object) -> None:
        self.pmode = pmode(**changes)
        self.key = new_content_key(EDELIVERY_115)
        self.wire: dict[str, bytes] = {}
        self.parts: list[SealedPart] = []
        for cid, (plain, mime_type, character_set) in list(CONTENTS.items())[:count]:
            part = OutboundPart(cid, mime_type, EDELIVERY_115, self.key, compress, character_set)
            self.wire[cid] = part.receive(plain) + part.finish()
            self.parts.append(part.sealed())
        self.message: SealedMessage = seal(
            unit(), self.parts, self.key if count else None, SENDER, self.pmode
        )
        self.root = etree.fromstring(self.message.soap)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("compress", [True, False])
def test_others_open_and_verify_it(count: int, compress: bool) -> None:
    sealing = Sealing(count, compress)
    soap = sealing.message.soap
    check_schema(soap)
    plain = open_parts(soap, RECEIVER.key, sealing.wire) if count else {}
    references = check_signature(soap, SENDER.certificate, plain)
    for cid, octets in plain.items():
        assert (gzip.decompress(octets) if compress else octets) == CONTENTS[cid][0]
    assert [r.octets for r in sealing.message.references] == [c14n(r) for r in references]
    for ours, theirs in zip(sealing.message.references, references, strict=True):
        assert ours.uri == theirs.get("URI")
        assert ours.digest == b64decode(one(theirs, "ds:DigestValue").text)


def test_what_is_signed_stands_there_in_canonical_form() -> None:
    sealing = Sealing()
    for path in ("//eb:Messaging", "//env:Body", "//ds:SignedInfo"):
        assert sealing.message.soap.count(c14n(one(sealing.root, path))) == 1


def test_layout_that_products_insist_on() -> None:
    sealing = Sealing(2, encryption_token=TokenForm.BST_X509V3)
    soap, root = sealing.message.soap, sealing.root
    assert soap.startswith(b'<?xml version="1.0" encoding="UTF-8"?><env:Envelope ')
    assert names(one(root, "env:Header")) == ["Messaging", "Security"]
    assert names(one(root, "//wsse:Security")) == [
        "BinarySecurityToken", "EncryptedKey", "EncryptedData", "EncryptedData",
        "BinarySecurityToken", "Signature",
    ]  # fmt: skip
    assert b"\n" not in soap
    assert b"\r" not in soap
    body = one(root, "env:Body")
    assert body.text is None
    assert len(body) == 0
    for name in ("Messaging", "Security"):
        element = one(root, f"env:Header/*[local-name()='{name}']")
        assert element.get(f"{{{NS['env']}}}mustUnderstand") == "true"
    assert set(one(root, "//xenc:EncryptedKey").attrib) == {"Id"}
    assert [e.get("MimeType") for e in root.iter(f"{{{NS['xenc']}}}EncryptedData")] == [
        "application/gzip"
    ] * 2
    assert len(one(root, "//ds:Signature/ds:KeyInfo")) == 1
    assert [p.get("href") for p in root.iter(f"{{{NS['eb']}}}PartInfo")] == [
        f"cid:{cid}" for cid in sealing.wire
    ]
    ids = root.xpath("//@Id | //@wsu:Id", namespaces=NS)
    assert len(ids) == len(set(ids))


def test_two_messages_share_no_id() -> None:
    first = Sealing(1).message
    second = seal(unit(message_id="other@az"), [], None, SENDER, pmode())
    ids = [
        set(etree.fromstring(m.soap).xpath("//@Id | //@wsu:Id", namespaces=NS))
        for m in (first, second)
    ]
    assert not ids[0] & ids[1]


def test_nothing_for_parts_in_a_message_without_any() -> None:
    soap = Sealing(0).message.soap
    for word in (b"PayloadInfo", b"EncryptedKey", b"EncryptedData", b"ReferenceList"):
        assert word not in soap


def test_signing_again_gives_the_same_signature() -> None:
    sealing = Sealing(2)
    again = seal(unit(), sealing.parts, sealing.key, SENDER, sealing.pmode)
    assert again.references == sealing.message.references
    path = "//ds:SignatureValue"
    assert one(etree.fromstring(again.soap), path).text == one(sealing.root, path).text


def _name_of(key_info: etree._Element) -> etree._Element:
    """What names the certificate inside a ds:KeyInfo."""
    return key_info[0][0] if etree.QName(key_info[0]).localname != "X509Data" else key_info[0]


@pytest.mark.parametrize("form", TokenForm)
def test_every_token_form_for_signing_and_encryption(form: TokenForm) -> None:
    sealing = Sealing(1, signing_token=form, encryption_token=form)
    check_schema(sealing.message.soap)
    plain = open_parts(sealing.message.soap, RECEIVER.key, sealing.wire)
    check_signature(sealing.message.soap, SENDER.certificate, plain)
    for path, party, chain in (
        ("//ds:Signature/ds:KeyInfo", SENDER, [AUTHORITY.certificate]),
        ("//xenc:EncryptedKey/ds:KeyInfo", RECEIVER, []),
    ):
        key_info = one(sealing.root, path)
        assert _named(sealing.root, key_info, form) == _expected(form, party.certificate, chain)


def _named(root: etree._Element, key_info: etree._Element, form: TokenForm) -> object:
    inner = _name_of(key_info)
    match form:
        case TokenForm.BST_X509V3 | TokenForm.BST_PKIPATH:
            token = one(root, f"//wsse:BinarySecurityToken[@wsu:Id='{inner.get('URI')[1:]}']")
            assert token.get("ValueType") == inner.get("ValueType")
            kind = token.get("ValueType").rpartition("#")[2]
            token_type = key_info[0].get(f"{{{NS['wsse11']}}}TokenType")
            assert token_type == (token.get("ValueType") if kind == "X509PKIPathv1" else None)
            return kind, b64decode(token.text, validate=True)
        case TokenForm.SUBJECT_KEY_IDENTIFIER | TokenForm.THUMBPRINT:
            kind = inner.get("ValueType").rpartition("#")[2]
            return kind, b64decode(inner.text, validate=True)
        case TokenForm.ISSUER_SERIAL:
            return (
                one(inner, "ds:X509IssuerSerial/ds:X509IssuerName").text,
                int(one(inner, "ds:X509IssuerSerial/ds:X509SerialNumber").text),
            )
        case TokenForm.X509_SKI:
            return b64decode(one(inner, "ds:X509SKI").text, validate=True)


def _expected(
    form: TokenForm, certificate: x509.Certificate, chain: list[x509.Certificate]
) -> object:
    ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    match form:
        case TokenForm.BST_X509V3:
            return "X509v3", der(certificate)
        case TokenForm.BST_PKIPATH:
            octets = b"".join(der(c) for c in (*chain, certificate))
            return "X509PKIPathv1", b"\x30\x82" + len(octets).to_bytes(2, "big") + octets
        case TokenForm.SUBJECT_KEY_IDENTIFIER:
            return "X509SubjectKeyIdentifier", ski
        case TokenForm.THUMBPRINT:
            return "ThumbprintSHA1", hashlib.sha1(der(certificate)).digest()  # noqa: S324 - the form
        case TokenForm.ISSUER_SERIAL:
            return certificate.issuer.rfc4514_string(), certificate.serial_number
        case TokenForm.X509_SKI:
            return ski


def test_what_cannot_be_written_is_said() -> None:
    nameless = Party("nameless", AUTHORITY, ski=False)
    with pytest.raises(ValueError, match="SubjectKeyIdentifier"):
        seal(unit(), [], None, nameless, pmode(signing_token=TokenForm.SUBJECT_KEY_IDENTIFIER))
    with pytest.raises(ValueError, match="needs the key"):
        seal(unit(), Sealing(1).parts, None, SENDER, pmode())
    with pytest.raises(ValueError, match="XML"):
        seal(unit(action="\x00"), [], None, SENDER, pmode())
    with pytest.raises(ValueError, match="time zone"):
        timestamp_text(NOW.replace(tzinfo=None))


def test_timestamps_have_three_digits_and_z() -> None:
    assert timestamp_text(NOW) == "2026-03-02T08:15:30.123Z"
    assert timestamp_text(NOW.replace(microsecond=0)) == "2026-03-02T08:15:30.000Z"
    baku = timezone(timedelta(hours=4))
    assert timestamp_text(NOW.astimezone(baku)) == "2026-03-02T08:15:30.123Z"


XML_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cs",),
        exclude_characters=[chr(c) for c in range(32) if c not in (9, 10, 13)]
        + ["\ufffe", "\uffff"],
    )
)


@given(XML_TEXT)
def test_escapes_are_those_of_canonical_form(value: str) -> None:
    octets = f'<a b="{attribute(value)}">{text(value)}</a>'.encode()
    element = etree.fromstring(octets)
    assert element.get("b") == value
    assert (element.text or "") == value
    assert c14n(element) == octets


@settings(max_examples=60, deadline=None)
@given(XML_TEXT, XML_TEXT, st.one_of(st.none(), XML_TEXT))
def test_any_header_is_canonical(name: str, value: str, kind: str | None) -> None:
    message = unit(
        properties=(Property(name, value, kind),),
        agreement=AgreementRef(value, kind, name),
        ref_to_message_id=kind,
        mpc=name,
        sender=EbParty(PartyId(value, kind), name),
    )
    sealed = seal(message, [], None, SENDER, pmode())
    check_signature(sealed.soap, SENDER.certificate, {})
    messaging = one(etree.fromstring(sealed.soap), "//eb:Messaging")
    assert sealed.soap.count(c14n(messaging)) == 1


def test_mpc_is_written_only_where_it_is_not_the_default() -> None:
    assert "mpc" not in user_message(unit(mpc=NS["eb"] + "defaultMPC"))
    assert ' mpc="urn:x"' in user_message(unit(mpc="urn:x"))


def receipt(references: tuple[SignedReference, ...], **changes: object) -> bytes:
    arguments: dict[str, object] = {
        "message_id": "r-1@xu.hanoi-gateway",
        "timestamp": NOW,
        "ref_to_message_id": "3f1f0a52@az.hanoi-gateway",
        "references": references,
        "signer": RECEIVER,
        "suite": EDELIVERY_115,
        "token_form": TokenForm.BST_X509V3,
    }
    return build_receipt(**{**arguments, **changes})  # type: ignore[arg-type]  # names as above


@pytest.mark.parametrize("count", [0, 1, 3])
def test_receipt_satisfies_every_product(count: int) -> None:
    sent = Sealing(count)
    soap = receipt(sent.message.references)
    check_schema(soap)
    check_signature(soap, RECEIVER.certificate, {})
    root = etree.fromstring(soap)
    signal = one(root, "//eb:SignalMessage")
    assert one(signal, "eb:MessageInfo/eb:RefToMessageId").text == unit().message_id
    assert names(one(signal, "eb:Receipt")) == ["NonRepudiationInformation"]
    copies = [one(part, "ds:Reference") for part in one(signal, "eb:Receipt")[0]]
    originals = sent.root.xpath("//ds:SignedInfo/ds:Reference", namespaces=NS)
    assert [c14n(copy) for copy in copies] == [c14n(original) for original in originals]
    assert all(len(part) == 1 for part in one(signal, "eb:Receipt")[0])
    assert soap.count(c14n(one(root, "//eb:Messaging"))) == 1
    assert not root.xpath("//ds:SignedInfo/ds:Reference[starts-with(@URI,'cid:')]", namespaces=NS)


def test_receipt_repeats_references_in_other_peoples_prefixes() -> None:
    """Default namespace, a PrefixList, and a prefix that our own header binds, too."""
    foreign = (
        b'<Reference xmlns="http://www.w3.org/2000/09/xmldsig#" URI="#x"><Transforms>'
        b'<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">'
        b'<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#"'
        b' PrefixList="env"></ec:InclusiveNamespaces></Transform></Transforms>'
        b'<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
        b"<DigestValue>AA==</DigestValue></Reference>"
    )
    rebound = foreign.replace(b"xmlns=", b"xmlns:eb=").replace(b"<R", b"<eb:R", 1)
    for name in (b"Transforms", b"Transform ", b"Transform>", b"DigestMethod", b"DigestValue"):
        rebound = rebound.replace(b"<" + name, b"<eb:" + name)
        rebound = rebound.replace(b"</" + name, b"</eb:" + name)
    rebound = rebound.replace(b"</Reference", b"</eb:Reference")
    own_id = f' xmlns:wsu="{NS["wsu"]}"'.encode()
    used = foreign.replace(b' URI="#x"', own_id + b' URI="#x" wsu:Id="i"')
    for octets in (foreign, rebound, used):
        assert c14n(etree.fromstring(octets)) == octets
        soap = receipt((SignedReference("#x", "a", b"", octets),))
        check_signature(soap, RECEIVER.certificate, {})
        copy = one(etree.fromstring(soap), "//ebbp:MessagePartNRInformation/ds:Reference")
        assert c14n(copy) == octets


def test_receipt_without_references_is_none() -> None:
    for references in ((), (SignedReference("#x", "a", b""),)):
        with pytest.raises(ValueError, match="reference"):
            receipt(references)


def error(**changes: object) -> bytes:
    arguments: dict[str, object] = {
        "message_id": "e-1@xu.hanoi-gateway",
        "timestamp": NOW,
        "ref_to_message_id": "3f1f0a52@az.hanoi-gateway",
        "error": DECOMPRESSION_FAILURE,
        "detail": "part p1: not a gzip stream",
        "signer": RECEIVER,
        "suite": EDELIVERY_115,
        "token_form": TokenForm.BST_X509V3,
    }
    return build_error(**{**arguments, **changes})  # type: ignore[arg-type]  # names as above


@pytest.mark.parametrize("code", CATALOGUE)
@pytest.mark.parametrize("reference", [None, "m@x"])
def test_errors(code: str, reference: str | None) -> None:
    soap = error(error=CATALOGUE[code], ref_to_message_id=reference)
    check_schema(soap)
    check_signature(soap, RECEIVER.certificate, {})
    element = one(etree.fromstring(soap), "//eb:SignalMessage/eb:Error")
    assert element.get("errorCode") == code
    assert element.get("refToMessageInError") == reference
    assert element.get("severity") in ("failure", "warning")
    assert names(element) == ["Description", "ErrorDetail"]
    info = one(etree.fromstring(soap), "//eb:MessageInfo")
    assert ("RefToMessageId" in names(info)) == (reference is not None)


def test_error_unsigned_and_without_detail() -> None:
    soap = error(signer=None, detail="")
    check_schema(soap)
    root = etree.fromstring(soap)
    assert names(one(root, "env:Header")) == ["Messaging"]
    assert names(one(root, "//eb:Error")) == ["Description"]


def test_error_detail_is_made_legible() -> None:
    soap = error(error=OTHER, detail="\x00a\n\tb <c>" + "x" * 9000)
    check_schema(soap)
    detail = one(etree.fromstring(soap), "//eb:ErrorDetail").text
    assert detail.startswith("?a b <c>x")
    assert len(detail) == 2000


def test_soap_fault() -> None:
    for code in ("Sender", "Receiver"):
        soap = soap_fault(code, "It could not be <understood>.")
        check_schema(soap)
        fault = one(etree.fromstring(soap), "/env:Envelope/env:Body/env:Fault")
        assert one(fault, "env:Code/env:Value").text == f"env:{code}"


def test_frame_without_parts_is_the_envelope() -> None:
    frame = MultipartFrame(b"<soap/>", [], "az.hanoi-gateway")
    assert frame.content_type == "application/soap+xml; charset=UTF-8"
    assert (frame.pieces(), frame.content_length) == ([b"<soap/>"], 7)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5000))
def test_from_sealing_to_delivery(size: int) -> None:
    """The whole way: frame, MIME reader, decryption; whatever the slices."""
    sealing = Sealing()
    frame = MultipartFrame(
        sealing.message.soap, [(c, len(w)) for c, w in sealing.wire.items()], "az.hanoi-gateway"
    )
    wires = list(sealing.wire.values())
    pieces = [wires[p.index] if isinstance(p, PartSlot) else p for p in frame.pieces()]
    body = b"".join(pieces)
    assert len(body) == frame.content_length
    reader = MimeReader(frame.content_type)
    slices = [body[i : i + size] for i in range(0, len(body), size)]
    events = [event for octets in slices for event in reader.receive(octets)] + reader.finish()
    digests = {r.content_id: r for r in sealing.message.references}
    infos = {part.info.content_id: part.info for part in sealing.parts}
    delivered: dict[str, bytes] = {}
    soap, part, cid = b"", None, ""
    for event in events:
        match event:
            case PartStarted(content_id, mime_type, _, is_root):
                part, cid = None, content_id or ""
                if not is_root:
                    assert mime_type == "application/octet-stream"
                    secret = PartSecret(sealing.key, "application/gzip")
                    part = InboundPart(infos[cid], digests[cid], secret, mime_type, pmode().limits)
                    delivered[cid] = b""
            case PartContent(octets) if part is None:
                soap += octets
            case PartContent(octets) if part is not None:
                delivered[cid] += b"".join(part.receive(octets))
            case PartEnded() if part is not None:
                list(part.finish())
    assert soap == sealing.message.soap
    assert delivered == {cid: plain for cid, (plain, _, _) in CONTENTS.items()}
