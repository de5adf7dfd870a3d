"""Bugs that products had with the ebMS header: numbers 19 to 30 of docs/interop-bugs.md."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import pytest_twisted
from lxml import etree

from gateway.app import Gateway, utc_now
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.lookup import find_pmode
from protocol.as4.receipt_check import check_receipt
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.values import AgreementRef, Party, PartyId, Property
from protocol.as4.writing import timestamp_text
from tests.as4.reading.maker import Draft, party, receipt, signed_info_references
from tests.as4.writing.independent import NS, check_schema
from tests.conformance.sent import Exchanged
from tests.gateway.ground import Partner
from tests.gateway.test_refusals import code_of

MUST = f"{{{NS['env']}}}mustUnderstand"


@pytest_twisted.ensureDeferred
async def test_bug_19_timestamps_have_three_digits_and_z(exchanged: Exchanged) -> None:
    (stamp,) = exchanged.all("//eb:MessageInfo/eb:Timestamp/text()")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert timestamp_text(utc_now().replace(microsecond=0)).endswith(".000Z")


@pytest_twisted.ensureDeferred
async def test_bug_20_must_understand_stands_on_signals_and_is_not_demanded(
    az: Gateway, xu: Partner
) -> None:
    for crafted in (xu.preservation(), xu.preservation(change=unheard)):
        answer = etree.fromstring((await xu.send(crafted)).body)
        (messaging,) = answer.xpath("//eb:Messaging", namespaces=NS)
        assert messaging.get(MUST) == "true"
    signer = party("signer")
    draft = Draft(signer, messaging_attributes='wsu:Id="msg"')
    assert open_envelope(draft.signed()).unit.message_id


def test_bug_21_a_receipt_without_reference_is_refused() -> None:
    signer = party("signer")
    message = Draft(signer).signed()
    unit = receipt(*signed_info_references(message), ref=None)
    soap = Draft(signer, unit=unit, references=None).signed()
    with pytest.raises(Refused):
        check_receipt(
            open_envelope(soap),
            ref_to_message_id="m",
            sent=(),
            certificates=[signer.certificate],
            suite=EDELIVERY_115,
        )


@pytest_twisted.ensureDeferred
async def test_bug_21_our_receipts_refer_to_their_message(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    answer = etree.fromstring((await xu.send(crafted)).body)
    (referred,) = answer.xpath("//eb:RefToMessageId/text()", namespaces=NS)
    assert referred == crafted.unit.message_id


@pytest_twisted.ensureDeferred
async def test_bug_22_the_scheme_of_an_authority_is_a_type(az: Gateway, xu: Partner) -> None:
    typed = (Property("originalSender", "XU-POC247", "urn:scheme"),)
    crafted = xu.preservation(change=lambda unit: replace(unit, properties=typed))
    check_schema(crafted.sealed.soap)
    assert code_of(await xu.send(crafted)) == "receipt"


@pytest.mark.parametrize("agreement", [None, AgreementRef("urn:other")])
@pytest_twisted.ensureDeferred
async def test_bug_23_the_agreement_is_compared_exactly(
    az: Gateway, xu: Partner, agreement: AgreementRef | None
) -> None:
    crafted = xu.preservation(change=lambda unit: replace(unit, agreement=agreement))
    assert code_of(await xu.send(crafted)) == "EBMS:0010"


@pytest.mark.parametrize("part", ["type", "no type", "role"])
@pytest_twisted.ensureDeferred
async def test_bug_24_party_type_and_role_must_match(az: Gateway, xu: Partner, part: str) -> None:
    sender = xu.pmode.sending_parties[0]
    value = sender.party_id.value
    other = {
        "type": Party(PartyId(value, "urn:other"), sender.role),
        "no type": Party(PartyId(value), sender.role),
        "role": Party(sender.party_id, "urn:other"),
    }[part]
    crafted = xu.preservation(change=lambda unit: replace(unit, sender=other))
    assert code_of(await xu.send(crafted)) == "EBMS:0010"


@pytest_twisted.ensureDeferred
async def test_bug_25_what_we_write_is_valid(exchanged: Exchanged) -> None:
    check_schema(exchanged.sealed.soap)
    assert open_envelope(exchanged.sealed.soap).unit.message_id == exchanged.told["messageId"]


@pytest_twisted.ensureDeferred
async def test_bug_26_an_inconsistent_value_is_named(az: Gateway, xu: Partner) -> None:
    early = utc_now().replace(year=utc_now().year - 1)
    crafted = xu.preservation(change=lambda unit: replace(unit, timestamp=early))
    answer = etree.fromstring((await xu.send(crafted)).body)
    (detail,) = answer.xpath("//eb:ErrorDetail/text()", namespaces=NS)
    assert "eb:Timestamp" in detail


@pytest_twisted.ensureDeferred
async def test_bug_27_another_algorithm_than_agreed_is_refused(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    soap = crafted.sealed.soap.replace(b"#aes128-gcm", b"#aes256-gcm")
    assert code_of(await xu.post(*crafted.body(soap))) == "EBMS:0103"


def test_bug_28_the_channel_takes_part_in_the_choice_of_the_pmode(xu: Partner) -> None:
    own = replace(xu.pmode, own=xu.pmode.partner, partner=xu.pmode.own)
    unit = replace(xu.preservation().unit, mpc=None)
    assert find_pmode([own], unit) == own
    with pytest.raises(Refused, match="channel"):
        find_pmode([own], replace(unit, mpc="urn:somebody:else"))


@pytest_twisted.ensureDeferred
async def test_bug_30_what_does_not_match_is_named_for_the_operator(
    az: Gateway, xu: Partner
) -> None:
    assert code_of(await xu.send(xu.preservation(change=unheard))) == "EBMS:0010"
    own = replace(xu.pmode, own=xu.pmode.partner, partner=xu.pmode.own)
    with pytest.raises(Refused, match="differs in eb:Action"):
        find_pmode([own], unheard(xu.preservation().unit))


def unheard(unit):
    return replace(unit, action="Unheard")
