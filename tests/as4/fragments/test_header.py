"""mf:MessageFragment on the wire: written, signed, read again, and refused where it is not one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from protocol.as4.attachments import OutboundPart
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import EbmsAnswer, Refused
from protocol.as4.fragment import (
    GroupTerms,
    MessageFragment,
    PackageCompression,
    SourceHeader,
    with_fragment_part,
)
from protocol.as4.fragment_header import fragment_block, open_fragment
from protocol.as4.names import MF, SOAP12, WSU
from protocol.as4.sealing import new_content_key, seal
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.values import PartInfo, Property, UserMessage
from tests.as4.writing.independent import c14n, check_signature, open_parts, reference_folder
from tests.as4.writing.test_sealing import RECEIVER, SENDER, pmode, unit

PIECE = b"\x00piece of a package" * 100
CID = "piece-1@az.hanoi-gateway"
FRAGMENT = MessageFragment(
    group_id="group-1@az",
    number=1,
    content_id=CID,
    terms=GroupTerms(
        message_bytes=9_000_000_000,
        fragment_count=3,
        header=SourceHeader("part-1'()+_,./:=?", "root@az", "application/soap+xml"),
        action="",
        compression=PackageCompression("gzip", 12345),
    ),
)
BARE = MessageFragment("group-1@az", 2, CID, GroupTerms())


def block(fragment: MessageFragment = FRAGMENT) -> etree._Element:
    return etree.fromstring(fragment_block(fragment, "_fragment"))


def sealed(fragment: MessageFragment | None = FRAGMENT) -> tuple[bytes, bytes]:
    key = new_content_key(EDELIVERY_115)
    part = OutboundPart(CID, "application/octet-stream", EDELIVERY_115, key, False)
    wire = part.receive(PIECE) + part.finish()
    soap = seal(unit(), [part.sealed()], key, SENDER, pmode(), fragment).soap
    return soap, wire


def verified(soap: bytes) -> SignedEnvelope:
    return verify_signature(open_envelope(soap), [SENDER.certificate], EDELIVERY_115)


def code_of(refusal: Refused) -> str:
    assert isinstance(refusal.answer, EbmsAnswer)
    return refusal.answer.error.code


@pytest.mark.parametrize("fragment", [FRAGMENT, BARE])
def test_what_is_written_is_canonical_and_is_read(fragment: MessageFragment) -> None:
    written = fragment_block(fragment, "_fragment")
    assert c14n(etree.fromstring(written)) == written
    assert open_fragment(etree.fromstring(written)) == fragment


def test_the_official_schema_takes_it_but_for_the_type_of_edelivery() -> None:
    schema = etree.XMLSchema(etree.parse(reference_folder() / "xsd" / "mf.xsd"))
    assert schema.validate(block(BARE))
    assert not schema.validate(block())
    header = SourceHeader("b", "root@az", "text/xml")
    old = replace(FRAGMENT, terms=replace(FRAGMENT.terms, header=header))
    assert schema.validate(block(old)), schema.error_log
    assert open_fragment(block(old)) == old


def test_others_open_and_verify_a_fragment() -> None:
    soap, wire = sealed()
    plain = open_parts(soap, RECEIVER.key, {CID: wire})
    assert plain == {CID: PIECE}
    check_signature(soap, SENDER.certificate, plain)


def test_the_signed_view_holds_the_fragment_and_its_part() -> None:
    signed = verified(sealed()[0])
    assert signed.fragment == FRAGMENT
    assert isinstance(signed.unit, UserMessage)
    assert signed.unit.parts == ()
    assert len(signed.references) == 4
    part = with_fragment_part(signed.unit, FRAGMENT).parts[0]
    assert (part.content_id, part.mime_type) == (CID, "application/octet-stream")


def test_an_ordinary_message_has_none() -> None:
    assert verified(sealed(None)[0]).fragment is None


def test_a_fragment_header_that_is_not_signed_is_no_compliance() -> None:
    soap, _ = sealed(None)
    extra = fragment_block(FRAGMENT, "_added") + b"<wsse:Security "
    with pytest.raises(Refused, match="not signed") as caught:
        verified(soap.replace(b"<wsse:Security ", extra, 1))
    assert code_of(caught.value) == "EBMS:0103"


def test_a_fragment_header_without_id_is_no_compliance() -> None:
    soap, _ = sealed(None)
    extra = fragment_block(FRAGMENT, "_a").replace(b' wsu:Id="_a"', b"") + b"<wsse:Security "
    with pytest.raises(Refused) as caught:
        verified(soap.replace(b"<wsse:Security ", extra, 1))
    assert code_of(caught.value) == "EBMS:0103"


def test_a_signed_header_that_was_taken_away_is_noticed() -> None:
    soap, _ = sealed()
    begin = soap.index(b"<mf:MessageFragment")
    end = soap.index(b"</mf:MessageFragment>") + len(b"</mf:MessageFragment>")
    with pytest.raises(Refused) as caught:
        verified(soap[:begin] + soap[end:])
    assert code_of(caught.value) == "EBMS:0101"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<mf:FragmentNum>1<", b"<mf:FragmentNum>2<"),
        (b"group-1@az", b"group-2@az"),
        (b"<mf:FragmentCount>3<", b"<mf:FragmentCount>4<"),
    ],
)
def test_a_changed_header_fails_authentication(old: bytes, new: bytes) -> None:
    soap, _ = sealed()
    assert old in soap
    with pytest.raises(Refused, match="digest") as caught:
        verified(soap.replace(old, new))
    assert code_of(caught.value) == "EBMS:0101"


def test_another_part_named_in_the_header_is_not_covered() -> None:
    soap, _ = sealed()
    changed = soap.replace(b'href="cid:piece-1', b'href="cid:piece-9')
    with pytest.raises(Refused) as caught:
        verified(changed)
    assert code_of(caught.value) == "EBMS:0103"


def test_two_fragment_headers_or_one_elsewhere_are_refused() -> None:
    soap, _ = sealed()
    begin = soap.index(b"<mf:MessageFragment")
    end = soap.index(b"</mf:MessageFragment>") + len(b"</mf:MessageFragment>")
    second = soap[begin:end].replace(b'wsu:Id="_', b'wsu:Id="_2')
    for where in (b"<wsse:Security ", b"</env:Body>"):
        with pytest.raises(Refused) as caught:
            open_envelope(soap.replace(where, second + where, 1))
        assert code_of(caught.value) == "EBMS:0103"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<mf:GroupId>group-1@az</mf:GroupId>", ""),
        ("<mf:GroupId>group-1@az<", "<mf:GroupId> <"),
        ("<mf:FragmentNum>1<", "<mf:FragmentNum>0<"),
        ("<mf:FragmentNum>1<", "<mf:FragmentNum>-1<"),
        ("<mf:FragmentNum>1<", "<mf:FragmentNum>one<"),
        ("<mf:FragmentCount>3<", "<mf:FragmentCount>99999999999<"),
        ("<mf:MessageSize>9000000000<", "<mf:MessageSize>9007199254740992<"),
        ("Multipart/Related", "multipart/mixed"),
        (f'href="cid:{CID}" ', ""),
        (f'href="cid:{CID}" ', 'href="cid:" '),
        ("<mf:CompressedMessageSize>12345</mf:CompressedMessageSize>", ""),
        ("</mf:MessageFragment>", "<mf:Extra/></mf:MessageFragment>"),
        ("</mf:MessageFragment>", '<x xmlns="urn:x"/></mf:MessageFragment>'),
    ],
)
def test_what_is_no_fragment_header(old: str, new: str) -> None:
    written = fragment_block(FRAGMENT, "_fragment").decode()
    assert old in written
    with pytest.raises(Refused) as caught:
        open_fragment(etree.fromstring(written.replace(old, new, 1)))
    assert code_of(caught.value) == "EBMS:0047"
    assert caught.value.detail


def test_a_foreign_way_of_writing_it_is_read() -> None:
    foreign = f"""<x:MessageFragment xmlns:x="{MF}" xmlns:s="{SOAP12}" xmlns:u="{WSU}"
        s:mustUnderstand="1" u:Id="_3" href="cid:piece%40xu">
        <x:GroupId> g-1 </x:GroupId><x:FragmentNum>2</x:FragmentNum>
        <x:MessageHeader><x:Content-Type>multipart/related</x:Content-Type>
        <x:Boundary>b</x:Boundary><x:Type>text/xml</x:Type>
        <x:Start>&lt;split.root&gt;</x:Start></x:MessageHeader></x:MessageFragment>"""
    read = open_fragment(etree.fromstring(foreign))
    assert (read.group_id, read.number, read.content_id) == ("g-1", 2, "piece@xu")
    assert read.terms.header == SourceHeader("b", "split.root", "text/xml")


@pytest.mark.parametrize(
    "parts",
    [
        (PartInfo("other@az", (Property("MimeType", "a/b"),)),),
        (PartInfo(CID), PartInfo("other@az")),
        (PartInfo(CID, (Property("CompressionType", "application/gzip"),)),),
    ],
)
def test_a_fragment_has_its_own_part_only(parts: tuple[PartInfo, ...]) -> None:
    with pytest.raises(Refused) as caught:
        with_fragment_part(unit(parts=parts), FRAGMENT)
    assert code_of(caught.value) == "EBMS:0047"


def test_a_part_that_both_headers_name_is_one_part() -> None:
    part = PartInfo(CID, (Property("MimeType", "application/octet-stream"),))
    assert with_fragment_part(unit(parts=(part,)), FRAGMENT).parts == (part,)


def test_the_reference_files_are_where_they_are_looked_for() -> None:
    assert isinstance(reference_folder(), Path)
