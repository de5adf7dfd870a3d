"""The P-Mode is found by what the message claims, compared exactly (T12, K07, K14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from protocol.as4.errors import Refused
from protocol.as4.lookup import find_channel, find_pmode
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.pmode import INITIATOR, RESPONDER, PMode, Puller, Pulling
from protocol.as4.values import AgreementRef, Party, PartyId, ServiceName, UserMessage

from .expect import code_of, refusal


def pmode(state: str, **changes: object) -> PMode:
    whole = PMode(
        id=f"pmode-{state}",
        partner_state=state,
        own=PartyId("az", "urn:t"),
        partner=PartyId(state.lower(), "urn:t"),
        service=ServiceName("urn:service", "urn:s"),
        address="https://example.org/as4",
        partner_signing=(),
        partner_encryption=(),
        partner_tls=(),
        actions_received=frozenset({"MlaRequest"}),
        actions_sent=frozenset(),
        agreement=AgreementRef(f"urn:agreement:{state}"),
    )
    return replace(whole, **changes)  # type: ignore[arg-type] # named by the tests below


BOOK = [pmode("XV"), pmode("XU"), pmode("XW")]
UNIT = UserMessage(
    message_id="a@xu",
    timestamp=datetime(2026, 3, 2, tzinfo=UTC),
    sender=Party(PartyId("xu", "urn:t"), INITIATOR),
    receiver=Party(PartyId("az", "urn:t"), RESPONDER),
    service=ServiceName("urn:service", "urn:s"),
    action="MlaRequest",
    conversation_id="c",
    agreement=AgreementRef("urn:agreement:XU"),
)


def test_the_pmode_is_found() -> None:
    assert find_pmode(BOOK, UNIT).id == "pmode-XU"
    assert find_pmode(BOOK, replace(UNIT, mpc=DEFAULT_MPC)).id == "pmode-XU"


def test_the_name_of_the_pmode_is_not_needed() -> None:
    for name in ("pmode-XU", "their name for it", None):
        named = replace(UNIT, agreement=AgreementRef("urn:agreement:XU", None, name))
        assert find_pmode(BOOK, named).id == "pmode-XU"


DIFFERENT = {
    "From": replace(UNIT, sender=Party(PartyId("xx", "urn:t"), INITIATOR)),
    "From type": replace(UNIT, sender=Party(PartyId("xu", "urn:u"), INITIATOR)),
    "From without type": replace(UNIT, sender=Party(PartyId("xu"), INITIATOR)),
    "From letter case": replace(UNIT, sender=Party(PartyId("XU", "urn:t"), INITIATOR)),
    "From role": replace(UNIT, sender=Party(PartyId("xu", "urn:t"), RESPONDER)),
    "K07 To": replace(UNIT, receiver=Party(PartyId("xw", "urn:t"), RESPONDER)),
    "To role": replace(UNIT, receiver=Party(PartyId("az", "urn:t"), INITIATOR)),
    "Service": replace(UNIT, service=ServiceName("urn:other", "urn:s")),
    "Service without type": replace(UNIT, service=ServiceName("urn:service")),
    "Action": replace(UNIT, action="ExtraditionRequest"),
    "AgreementRef": replace(UNIT, agreement=AgreementRef("urn:agreement:X")),
    "no AgreementRef": replace(UNIT, agreement=None),
    "AgreementRef type": replace(UNIT, agreement=AgreementRef("urn:agreement:XU", "urn:a")),
    "K14 pmode": replace(UNIT, agreement=AgreementRef("urn:agreement:XU", None, "pmode-XV")),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_refused_and_named(name: str) -> None:
    with pytest.raises(Refused) as caught:
        find_pmode(BOOK, DIFFERENT[name])
    assert code_of(caught.value) == "E:0010"
    assert name.removeprefix("K07 ").split()[0] in caught.value.reason or " " in name
    assert "pmode-" in caught.value.reason
    assert "pmode-" not in caught.value.detail


def test_without_any_pmode() -> None:
    with refusal("E:0010"):
        find_pmode([], UNIT)


def test_an_agreement_that_we_do_not_have() -> None:
    book = [pmode("XU", agreement=None)]
    assert find_pmode(book, replace(UNIT, agreement=None)) is book[0]
    with refusal("E:0010"):
        find_pmode(book, UNIT)


def test_a_channel_that_nobody_agreed_on() -> None:
    with refusal("E:0001"):
        find_pmode(BOOK, replace(UNIT, mpc="urn:mpc"))


WE_PULL = pmode("XU", pulling=Pulling(Puller.US, "urn:mpc:az-xu"))
THEY_PULL = pmode("XU", pulling=Pulling(Puller.PARTNER, "urn:mpc:az-xu"))
PULLED = replace(UNIT, mpc="urn:mpc:az-xu")


def test_a_pulled_message_belongs_to_the_channel_it_was_pulled_from() -> None:
    """Interop bug 28: the channel is part of what is looked up."""
    assert find_pmode([pmode("XV"), WE_PULL], PULLED, "urn:mpc:az-xu") is WE_PULL
    for mpc in (None, DEFAULT_MPC, "urn:mpc:az-xv"):
        with refusal("E:0001"):
            find_pmode([WE_PULL], replace(UNIT, mpc=mpc), PULLED.mpc)


def test_what_is_to_be_pulled_is_not_taken_when_it_is_pushed() -> None:
    with refusal("E:0001"):
        find_pmode([WE_PULL], PULLED)
    with pytest.raises(Refused, match="@mpc") as caught:
        find_pmode([WE_PULL], UNIT)
    assert code_of(caught.value) == "E:0010"


def test_a_partner_who_pulls_still_pushes() -> None:
    assert find_pmode([THEY_PULL], UNIT) is THEY_PULL


def test_a_channel_is_found_for_the_one_who_pulls_it() -> None:
    book = [pmode("XV"), THEY_PULL]
    assert find_channel(book, "urn:mpc:az-xu") is THEY_PULL
    for mpc in (None, DEFAULT_MPC, "urn:mpc:az-xu/sub", "URN:mpc:az-xu"):
        with refusal("E:0001"):
            find_channel(book, mpc)
    with refusal("E:0001"):
        find_channel([WE_PULL], "urn:mpc:az-xu")
