"""A receipt holds only if it is the partner's word for exactly what we signed (EBMS:0302)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from protocol.as4.envelope import open_envelope
from protocol.as4.receipt_check import check_receipt
from protocol.as4.receipts import build_receipt
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import Receipt, SignedReference

from .expect import read, refusal
from .maker import (
    MESSAGE_ID,
    PART_ID,
    SHA256,
    Draft,
    party,
    receipt,
    reference,
    signal,
    signed_info_references,
    transform,
    user_message,
)

US = party("signer")
PARTNER = party("partner")
SENT = Draft(US).signed()
SIGNED = read(SENT, US.certificate).references
CONFIRMED = signed_info_references(SENT)


def checked(soap: bytes, sent: tuple[SignedReference, ...] = SIGNED) -> Receipt:
    return check_receipt(
        open_envelope(soap),
        ref_to_message_id=MESSAGE_ID,
        sent=sent,
        certificates=[PARTNER.certificate],
        suite=EDELIVERY_115,
    )


def test_a_receipt_that_holds() -> None:
    held = checked(Draft(PARTNER, unit=receipt(*CONFIRMED)).signed())
    assert held.ref_to_message_id == MESSAGE_ID
    assert held.references == SIGNED


def test_the_order_of_references_does_not_matter() -> None:
    assert checked(Draft(PARTNER, unit=receipt(*reversed(CONFIRMED))).signed())


def test_white_space_in_digests_does_not_matter() -> None:
    spaced = [text.replace("<ds:DigestValue>", "<ds:DigestValue>\n  ") for text in CONFIRMED]
    assert checked(Draft(PARTNER, unit=receipt(*spaced)).signed())


def test_a_child_of_the_vendor_does_not_matter() -> None:
    unit = receipt(*CONFIRMED).replace("</eb:Receipt>", "<phase4 xmlns='urn:p'/></eb:Receipt>")
    assert checked(Draft(PARTNER, unit=unit).signed())


@pytest.mark.parametrize("form", TokenForm)
def test_our_own_receipts_hold(form: TokenForm) -> None:
    soap = build_receipt(
        message_id="r@az",
        timestamp=datetime(2026, 3, 2, tzinfo=UTC),
        ref_to_message_id=MESSAGE_ID,
        references=SIGNED,
        signer=PARTNER,
        suite=EDELIVERY_115,
        token_form=form,
    )
    assert checked(soap).references == SIGNED


OTHER_DIGEST = reference("#msg", digest="AAAA")
UNITS = {
    "another message": receipt(*CONFIRMED, ref="other@xu"),
    "no references": receipt(),
    "one missing": receipt(*CONFIRMED[:2]),
    "one more": receipt(*CONFIRMED, reference("cid:more@xu")),
    "one twice": receipt(*CONFIRMED, CONFIRMED[0]),
    "one instead of another": receipt(*CONFIRMED[:2], CONFIRMED[1]),
    "another digest": receipt(OTHER_DIGEST, *CONFIRMED[1:]),
    "another algorithm": receipt(CONFIRMED[0].replace(SHA256, "urn:x"), *CONFIRMED[1:]),
    "another uri": receipt(*CONFIRMED[:2], CONFIRMED[2].replace(PART_ID, "other@xu")),
    "a user message": user_message(parts=""),
    "a pull request": signal("<eb:PullRequest/>", ref=None),
    "an error": signal('<eb:Error errorCode="EBMS:0004" severity="failure"/>'),
}


@pytest.mark.parametrize("name", UNITS)
def test_receipts_that_do_not_hold(name: str) -> None:
    with refusal("E:0302"):
        checked(Draft(PARTNER, unit=UNITS[name]).signed())


def test_a_receipt_by_somebody_else() -> None:
    with refusal("E:0302"):
        checked(Draft(US, unit=receipt(*CONFIRMED)).signed())


def test_a_receipt_that_was_changed() -> None:
    soap = Draft(PARTNER, unit=receipt(*CONFIRMED, ref="other@xu")).signed()
    with refusal("E:0302"):
        checked(soap.replace(b"other@xu", MESSAGE_ID.encode()))


def test_a_receipt_that_is_not_signed() -> None:
    soap = Draft(PARTNER, unit=receipt(*CONFIRMED)).signed()
    start, end = soap.index(b"<wsse:Security"), soap.index(b"</wsse:Security>") + 16
    with refusal("E:0302"):
        checked(soap[:start] + soap[end:])


def test_a_receipt_that_signs_parts_of_its_own() -> None:
    """T11: what a receipt signs is eb:Messaging and Body; there are no parts with it."""
    references = [reference("#msg"), reference("#body"), reference(f"cid:{PART_ID}")]
    with refusal("E:0302"):
        checked(Draft(PARTNER, unit=receipt(*CONFIRMED), references=references).signed())


def test_a_receipt_with_another_canonicalisation() -> None:
    method = transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
    draft = Draft(
        PARTNER,
        unit=receipt(*CONFIRMED),
        c14n_method=method.replace("ds:Transform", "ds:CanonicalizationMethod"),
    )
    with refusal("E:0302"):
        checked(draft.signed())


def test_a_receipt_is_not_held_against_nothing() -> None:
    with refusal("E:0302"):
        checked(Draft(PARTNER, unit=receipt(*CONFIRMED)).signed(), sent=())
