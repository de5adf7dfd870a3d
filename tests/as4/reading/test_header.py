"""eb:Messaging read into values, and refused where it is not valid (P15 to P18, E17)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from protocol.as4.envelope import Envelope, check_packaging, open_envelope
from protocol.as4.errors import Refused
from protocol.as4.fields import parsed_time
from protocol.as4.values import (
    AgreementRef,
    ErrorSignal,
    PartInfo,
    Party,
    PartyId,
    Property,
    PullRequest,
    Receipt,
    ServiceName,
    UserMessage,
)

from .expect import refusal
from .maker import (
    MESSAGE_ID,
    PART_ID,
    Draft,
    part_info,
    party,
    property_xml,
    receipt,
    reference,
    signal,
    user_message,
)

SIGNER = party("signer")
MIME = property_xml("MimeType", "application/xml")


def unit_of(unit: str) -> object:
    return opened(unit).unit


def opened(unit: str) -> Envelope:
    return open_envelope(Draft(SIGNER, unit=unit, references=[reference("#msg")]).signed())


def test_every_field_of_a_user_message() -> None:
    unit = user_message(
        message_info="<eb:Timestamp>2026-03-02T10:15:30.123456789+02:00</eb:Timestamp>"
        f"<eb:MessageId> {MESSAGE_ID}\n</eb:MessageId>"
        "<eb:RefToMessageId>a@b</eb:RefToMessageId>"
    ).replace("<eb:UserMessage>", '<eb:UserMessage mpc="urn:mpc">')
    unit = unit.replace("<eb:AgreementRef>", '<eb:AgreementRef type="urn:a" pmode="p">')
    assert unit_of(unit) == UserMessage(
        message_id=MESSAGE_ID,
        timestamp=datetime(2026, 3, 2, 8, 15, 30, 123456, UTC),
        sender=Party(PartyId("xu", "urn:t"), "urn:initiator"),
        receiver=Party(PartyId("az", "urn:t"), "urn:responder"),
        service=ServiceName("urn:service", "urn:s"),
        action="MlaRequest",
        conversation_id="c-1",
        agreement=AgreementRef("urn:agreement:1", "urn:a", "p"),
        ref_to_message_id="a@b",
        properties=(Property("originalSender", "XU-CA"),),
        parts=(
            PartInfo(
                PART_ID,
                (
                    Property("MimeType", "application/xml"),
                    Property("CompressionType", "application/gzip"),
                ),
            ),
        ),
        mpc="urn:mpc",
    )


def test_an_absent_type_is_not_an_empty_one() -> None:
    unit = user_message(sender="<eb:PartyId>xu</eb:PartyId><eb:Role>r</eb:Role>")
    read = unit_of(unit)
    assert isinstance(read, UserMessage)
    assert read.sender.party_id == PartyId("xu", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T08:15:30Z", datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)),
        ("2026-03-02T08:15:30", datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)),
        ("2026-03-02T08:15:30.5-01:30", datetime(2026, 3, 2, 9, 45, 30, 500000, UTC)),
        ("2026-03-02T08:15:30.9999999Z", datetime(2026, 3, 2, 8, 15, 30, 999999, UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    assert parsed_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-02",
        "2026-13-02T08:15:30Z",
        "2026-03-02T25:15:30Z",
        "-2026-03-02T08:15:30Z",
        "12026-03-02T08:15:30Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-03-02T08:15:30+99:99",
        "２０２６-03-02T08:15:30Z",
    ],
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parsed_time(text)
    with refusal("E:0009", "F:Sender:400"):
        unit_of(
            user_message(
                message_info=f"<eb:Timestamp>{text}</eb:Timestamp>"
                f"<eb:MessageId>{MESSAGE_ID}</eb:MessageId>"
            )
        )


WHOLE = user_message()
INVALID = {
    "no MessageId": WHOLE.replace(f"<eb:MessageId>{MESSAGE_ID}</eb:MessageId>", ""),
    "empty MessageId": WHOLE.replace(MESSAGE_ID, ""),
    "MessageId without @": WHOLE.replace(MESSAGE_ID, "abc"),
    "MessageId in brackets": WHOLE.replace(MESSAGE_ID, f"&lt;{MESSAGE_ID}&gt;"),
    "MessageId with space": WHOLE.replace(MESSAGE_ID, "a b@c"),
    "long MessageId": WHOLE.replace(MESSAGE_ID, "a" * 254 + "@b"),
    "MessageId not ASCII": WHOLE.replace(MESSAGE_ID, "é@b"),
    "extra element": WHOLE.replace("<eb:PartyInfo>", "<eb:Extra/><eb:PartyInfo>"),
    "foreign element": WHOLE.replace("<eb:PartyInfo>", '<x xmlns="urn:x"/><eb:PartyInfo>'),
    "empty PartyInfo": WHOLE[: WHOLE.index("<eb:From>")] + WHOLE[WHOLE.index("</eb:PartyInfo>") :],
    "no PartyId": WHOLE.replace('<eb:PartyId type="urn:t">xu</eb:PartyId>', ""),
    "two PartyId": WHOLE.replace("<eb:From>", "<eb:From><eb:PartyId>y</eb:PartyId>"),
    "empty PartyId": WHOLE.replace(">xu<", "><"),
    "no Role": WHOLE.replace("<eb:Role>urn:initiator</eb:Role>", ""),
    "empty type": WHOLE.replace('type="urn:t">xu', 'type="">xu'),
    "no Service": WHOLE.replace('<eb:Service type="urn:s">urn:service</eb:Service>', ""),
    "no Action": WHOLE.replace("<eb:Action>MlaRequest</eb:Action>", ""),
    "no ConversationId": WHOLE.replace("<eb:ConversationId>c-1</eb:ConversationId>", ""),
    "empty PayloadInfo": user_message(parts=" "),
    "P17 xsi:type": WHOLE.replace(
        "<eb:PartyInfo>",
        '<eb:PartyInfo xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x">',
    ),
    "P17 xsi:nil": WHOLE.replace(
        "<eb:Action>",
        '<eb:Action xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="false">',
    ),
    "P08 schemaLocation": WHOLE.replace(
        "<eb:Action>",
        '<eb:Action xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
        'i:schemaLocation="urn:x http://127.0.0.1:9/x.xsd">',
    ),
    "P18 many properties": user_message(
        properties="".join(property_xml(f"p{n}", "x") for n in range(2000))
    ),
    "P18 long property": user_message(properties=property_xml("p", "x" * 100_000)),
    "33 parts": user_message(parts="".join(part_info(f"{n}@xu") for n in range(33))),
    "element in a text": WHOLE.replace("MlaRequest", "Mla<eb:x/>Request"),
    "signal with nothing": signal(""),
    "signal with two kinds": signal('<eb:PullRequest/><eb:Error errorCode="x" severity="x"/>'),
    "receipt with nothing": signal("<eb:Receipt/>"),
    "receipt without RefToMessageId": receipt(reference("#x", digest="AAAA"), ref=None),
    "receipt without digest": receipt("<ds:Reference URI='#x'/>"),
    "no unit": "",
    "unknown unit": "<eb:Other/>",
}


@pytest.mark.parametrize("name", INVALID)
def test_p15_headers_that_are_not_valid(name: str) -> None:
    with refusal("E:0009"):
        unit_of(INVALID[name])


PARTS = {
    "external": ("http://example.org/x", MIME, "E:0011"),
    "file": ("file:///etc/hostname", MIME, "E:0011"),
    "path": ("/etc/hostname", MIME, "E:0011"),
    "nothing": ("cid:", MIME, "E:0011"),
    "no MimeType": ("cid:a@b", property_xml("CompressionType", "application/gzip"), "E:0003"),
    "rar": ("cid:a@b", MIME + property_xml("CompressionType", "application/rar"), "E:0003"),
    "Gzip": ("cid:a@b", MIME + property_xml("CompressionType", "Application/GZIP"), "E:0003"),
    "character set": ("cid:a@b", MIME + property_xml("CharacterSet", "UTF 8"), "E:0003"),
    "empty character set": ("cid:a@b", MIME + property_xml("CharacterSet", " "), "E:0003"),
}


@pytest.mark.parametrize("name", PARTS)
def test_part_infos_that_contradict_themselves(name: str) -> None:
    href, properties, code = PARTS[name]
    part = part_info(properties=properties).replace(f"cid:{PART_ID}", href)
    with refusal(code):
        unit_of(user_message(parts=part))


def test_a_part_without_href_or_properties() -> None:
    for in_body in ("<eb:PartInfo/>", '<eb:PartInfo href="#body"/>'):
        with refusal("E:0008"):
            check_packaging(opened(user_message(parts=in_body)))
    with refusal("E:0003"):
        unit_of(user_message(parts='<eb:PartInfo href="cid:a@b"/>'))


@pytest.mark.parametrize("href", ["cid:a@b", "cid:a%40b", "a@b", " cid:a@b "])
def test_forms_of_href_that_peers_write(href: str) -> None:
    read = unit_of(user_message(parts=part_info().replace(f"cid:{PART_ID}", href)))
    assert isinstance(read, UserMessage)
    assert read.parts[0].content_id == "a@b"


def test_the_refusal_names_the_place_and_what_was_expected() -> None:
    with pytest.raises(Refused) as caught:
        unit_of(INVALID["no Service"])
    assert "eb:Service" in caught.value.reason
    assert "eb:Action" in caught.value.detail


def test_a_pull_request() -> None:
    unit = unit_of(signal('<eb:PullRequest mpc="urn:mpc"/>', ref=None))
    assert isinstance(unit, PullRequest)
    assert unit.mpc == "urn:mpc"
    unit = unit_of(signal("<eb:PullRequest/>", ref=None))
    assert isinstance(unit, PullRequest)
    assert unit.mpc is None


def test_a_receipt_with_a_child_of_the_vendor() -> None:
    unit = receipt(reference("#x", digest="AAAA")).replace(
        "</eb:Receipt>", "<phase4>x</phase4><v:x xmlns:v='urn:v'/></eb:Receipt>"
    )
    read = unit_of(unit)
    assert isinstance(read, Receipt)
    assert [r.digest for r in read.references] == [b"\0\0\0"]


def test_errors() -> None:
    unit = unit_of(
        signal(
            '<eb:Error errorCode="EBMS:0004" severity="failure" category="Content" origin="ebMS" '
            f'refToMessageInError="{MESSAGE_ID}" shortDescription="Other">'
            '<eb:Description xml:lang="en"> Some\n thing </eb:Description>'
            "<eb:ErrorDetail>more</eb:ErrorDetail></eb:Error>"
            '<eb:Error errorCode="0006" severity="Warning"/>'
        )
    )
    assert isinstance(unit, ErrorSignal)
    first, second = unit.errors
    assert (first.code, first.description, first.detail) == ("EBMS:0004", "Some thing", "more")
    assert first.ref_to_message == MESSAGE_ID
    assert (second.code, second.severity.value) == ("EBMS:0006", "warning")
    assert second.short_description == "EmptyMessagePartitionChannel"
