"""Messages that we write are read by what reads messages of others, octet for octet."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from protocol.as4.attachments import InboundPart, OutboundPart
from protocol.as4.encryption import open_parts
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.lookup import find_pmode
from protocol.as4.pmode import INITIATOR, RESPONDER, PMode
from protocol.as4.sealing import SealedMessage, new_content_key, seal
from protocol.as4.signature import verify_signature
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import Party, PartyId, Property, ServiceName, UserMessage
from protocol.as4.verify import VerifiedPart, verified

from .expect import read, refusal
from .maker import NAMESPACES, Draft, c14n, party

SIGNER = party("signer")
RECEIVER = party("receiver")
CONTENTS = {"a@xu": b"<x/>" * 1000, "b@xu": b"\0" * 10}

# What each of the two States holds: the same agreement, seen from either side.
SENDING = PMode(
    id="pmode",
    partner_state="AZ",
    own=PartyId("xu", "urn:t"),
    partner=PartyId("az", "urn:t"),
    service=ServiceName("urn:service"),
    address="https://example.org/as4",
    partner_signing=(),
    partner_encryption=(RECEIVER.certificate,),
    partner_tls=(),
    actions_received=frozenset(),
    actions_sent=frozenset({"MlaRequest"}),
)
RECEIVING = PMode(
    id="pmode",
    partner_state="XU",
    own=PartyId("az", "urn:t"),
    partner=PartyId("xu", "urn:t"),
    service=ServiceName("urn:service"),
    address="https://example.org/as4",
    partner_signing=(SIGNER.certificate,),
    partner_encryption=(),
    partner_tls=(),
    actions_received=frozenset({"MlaRequest"}),
    actions_sent=frozenset(),
)
UNIT = UserMessage(
    message_id="m-1@xu",
    timestamp=datetime(2026, 3, 2, 8, 15, 30, 123000, UTC),
    sender=Party(PartyId("xu", "urn:t"), INITIATOR),
    receiver=Party(PartyId("az", "urn:t"), RESPONDER),
    service=ServiceName("urn:service"),
    action="MlaRequest",
    conversation_id="c-1",
    properties=(Property("originalSender", '<XU> & "CA"'),),
)


@cache
def sealed(
    signing: TokenForm = TokenForm.BST_X509V3,
    encryption: TokenForm = TokenForm.SUBJECT_KEY_IDENTIFIER,
) -> tuple[SealedMessage, dict[str, bytes]]:
    pmode = replace(SENDING, signing_token=signing, encryption_token=encryption)
    key = new_content_key(pmode.suite)
    parts, wire = [], {}
    for content_id, content in CONTENTS.items():
        part = OutboundPart(content_id, "application/xml", pmode.suite, key, compress=True)
        wire[content_id] = part.receive(content) + part.finish()
        parts.append(part.sealed())
    return seal(UNIT, parts, key, SIGNER, pmode), wire


@pytest.mark.parametrize("signing", TokenForm)
@pytest.mark.parametrize("encryption", TokenForm)
def test_what_we_write_is_read(signing: TokenForm, encryption: TokenForm) -> None:
    message, wire = sealed(signing, encryption)
    envelope = open_envelope(message.soap)
    assert isinstance(envelope.unit, UserMessage)
    pmode = find_pmode([RECEIVING], envelope.unit)
    signed = verify_signature(envelope, pmode.partner_signing, pmode.suite)
    assert signed.references == message.references
    assert [r.octets for r in signed.references] == [r.octets for r in message.references]
    secrets = open_parts(signed, [RECEIVER], pmode.suite)
    finished = []
    for info, reference in zip(signed.unit.parts, signed.references[2:], strict=True):
        secret = secrets[info.content_id]
        part = InboundPart(info, reference, secret, secret.mime_type, pmode.limits)
        pieces = [*part.receive(wire[info.content_id]), *part.finish()]
        assert b"".join(pieces) == CONTENTS[info.content_id]
        finished.append(VerifiedPart(info, part.size_bytes, part.sha256, info.content_id))
    message_view = verified(signed, finished)
    assert message_view.unit.properties == UNIT.properties
    assert [part.content_id for part in message_view.parts] == ["a@xu", "b@xu"]


def test_the_verified_view_wants_every_part_and_no_other() -> None:
    signed = read(sealed()[0].soap, SIGNER.certificate)
    assert isinstance(signed.unit, UserMessage)
    first, second = (VerifiedPart(info, 1, b"", info.content_id) for info in signed.unit.parts)
    stray = VerifiedPart(first.part_info, 1, b"", "stray@xu")
    assert verified(signed, [second, first]).parts == (first, second)
    for parts, code in (
        ([first], "E:0007"),
        ([], "E:0007"),
        ([first, second, stray], "E:0103"),
        ([first, second, second], "E:0103"),
    ):
        with refusal(code):
            verified(signed, parts)


def signed_octets() -> list[tuple[int, int]]:
    """Where eb:Messaging, the Body and SignedInfo stand in the message."""
    soap = sealed()[0].soap
    spans = [
        (soap.index(start), soap.index(end) + len(end))
        for start, end in (
            (b"<eb:Messaging", b"</eb:Messaging>"),
            (b"<env:Body", b"</env:Envelope>"),
            (b"<ds:SignedInfo", b"</ds:SignedInfo>"),
        )
    ]
    spans[1] = (spans[1][0], spans[1][1] - len(b"</env:Envelope>"))
    return spans


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutation_of_a_signed_octet_is_accepted(data: st.DataObject) -> None:
    soap = sealed()[0].soap
    start, end = data.draw(st.sampled_from(signed_octets()))
    position = data.draw(st.integers(start, end - 1))
    length = data.draw(st.integers(0, 3))
    octets = data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b'"', b"<", b"/>", b"&#10;"]))
    mutated = soap[:position] + octets + soap[position + length :]
    assume(not _same_when_canonical(soap, mutated))
    with pytest.raises(Refused):
        read(mutated, SIGNER.certificate)


def _same_when_canonical(one: bytes, other: bytes) -> bool:
    """White space between attributes and the like is not signed: canonical form drops it."""
    try:
        roots = [etree.fromstring(octets) for octets in (one, other)]
    except etree.XMLSyntaxError:
        return False
    found = [
        [
            root.find(path, NAMESPACES)
            for path in ("env:Header/eb:Messaging", "env:Body", ".//ds:SignedInfo")
        ]
        for root in roots
    ]
    if any(element is None for elements in found for element in elements):
        return False
    try:
        first, second = ([c14n(element, None) for element in elements] for elements in found)
    except etree.C14NError:
        return False
    return first == second


def _read_all(octets: bytes) -> None:
    signed = read(octets, SIGNER.certificate, RECEIVER.certificate)
    open_parts(signed, [RECEIVER], EDELIVERY_115)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_are_refused_and_nothing_else_happens(octets: bytes) -> None:
    with pytest.raises(Refused):
        _read_all(octets)


MESSAGES = [sealed()[0].soap, Draft(SIGNER).signed()]


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_any_damage_gives_a_refusal_or_no_harm(data: st.DataObject) -> None:
    """Anywhere, also in what is not signed: read as before, or Refused; never another exception."""
    soap = data.draw(st.sampled_from(MESSAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(soap)))
        length = data.draw(st.integers(0, 40))
        octets = data.draw(
            st.binary(max_size=6)
            | st.integers(0, len(soap)).map(lambda at, soap=soap: soap[at : at + 60])
        )
        soap = soap[:position] + octets + soap[position + length :]
    try:
        _read_all(soap)
    except Refused:
        return


TAGS = [
    "eb:Messaging",
    "eb:UserMessage",
    "wsse:Security",
    "ds:Signature",
    "ds:SignedInfo",
    "ds:Reference",
    "ds:KeyInfo",
    "xenc:EncryptedKey",
    "xenc:EncryptedData",
    "env:Body",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TAGS), st.sampled_from(TAGS), st.booleans(), st.integers(0, 5))
def test_elements_moved_anywhere_are_never_believed(
    moved: str, into: str, copied: bool, index: int
) -> None:
    """What is accepted after a move is what was signed before it."""
    root = etree.fromstring(sealed()[0].soap)
    element, target = root.find(f".//{moved}", NAMESPACES), root.find(f".//{into}", NAMESPACES)
    assume(target not in [element, *element.iter()])
    target.insert(index, deepcopy(element) if copied else element)
    try:
        signed = read(etree.tostring(root), SIGNER.certificate)
    except Refused:
        return
    assert signed == read(sealed()[0].soap, SIGNER.certificate)
