"""Rules that ask the directory refuse what we send, and flag or refuse what arrives."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest

from protocol.convention.delivery import Came
from protocol.convention.directory import Directory, Exclusion, Provenance, Trust
from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.lifecycle.case import FlagCode
from protocol.convention.lifecycle.docket import docket_of
from protocol.convention.lifecycle.policy import Times
from schemas.catalogue import example
from tests.lifecycle.making import TIMES
from tests.lifecycle.test_rules import COLLECTION, DELIVERY, changed

ON = date(2026, 3, 2)
UNREADABLE = changed(
    COLLECTION,
    (
        '<c:Text lang="en" kind="TRANSLATION" certified="true">Since',
        '<c:Text lang="en" kind="TRANSLATION">Since',
    ),
)


def chain_broken() -> bytes:
    """The delivery with one digit of its first PreviousEventHash changed."""
    text = example(DELIVERY).decode()
    place = text.index("<c:PreviousEventHash>") + len("<c:PreviousEventHash>")
    digit = "1" if text[place] == "0" else "0"
    return (text[:place] + digit + text[place + 1 :]).encode()


@pytest.mark.parametrize(
    ("rule", "octets"), [("UNCC-R10", UNREADABLE), ("UNCC-R09C", chain_broken())]
)
def test_the_sender_is_refused_and_the_receiver_shown_what_a_person_can_mend(
    rule: str, octets: bytes
) -> None:
    document = read_document(octets)
    with pytest.raises(DocumentRefused) as refused:
        docket_of(document, own_state="AZ", times=TIMES, on=ON)
    assert {finding.rule for finding in refused.value.findings} == {rule}
    taken = docket_of(document, own_state="XU", times=TIMES, on=ON)
    assert taken is not None
    assert [flag.code for flag in taken.flags] == [FlagCode.RULE]
    assert taken.flags[0].sentence.startswith(rule)


@pytest.mark.parametrize("own_state", ["AZ", "XU"])
def test_states_that_exclude_each_other_are_refused_on_both_sides(own_state: str) -> None:
    states = dict(TIMES.directory.states)
    declared = Exclusion("XU", Provenance("Declaration", date(2026, 1, 1), Trust.FICTIONAL))
    states["AZ"] = replace(states["AZ"], exclusions=(declared,))
    apart = Times(TIMES.policy, Directory(states), TIMES.zones)
    with pytest.raises(DocumentRefused, match="does not apply the Convention"):
        docket_of(read_document(example(COLLECTION)), own_state=own_state, times=apart, on=ON)


def test_each_attached_item_is_compared_with_what_came() -> None:
    document = read_document(example(DELIVERY))
    damaged = Came(sha256(b"another").hexdigest(), 7)
    found = docket_of(document, own_state="XU", times=TIMES, on=ON, came=[damaged])
    assert found is not None
    said = [(flag.code, flag.sentence.split(";")[0]) for flag in found.flags]
    assert said == [
        (FlagCode.EVIDENCE, f"item item-1: HASH_MISMATCH, SHA-256 found {damaged.sha256}"),
        (FlagCode.EVIDENCE, "item item-2: MISSING"),
    ]
    sent = docket_of(document, own_state="AZ", times=TIMES, on=ON)
    assert sent is not None
    assert sent.flags == ()


def test_what_is_only_named_is_not_limited_and_what_came_is() -> None:
    """Whoever names the octets of others, or an empty file, limits nothing with that."""
    document = read_document(example(DELIVERY))
    text = example(DELIVERY).decode()
    first, second = (text.split("<c:Sha256>")[n].split("<")[0] for n in (1, 2))
    empty, other = sha256(b"").hexdigest(), sha256(b"another").hexdigest()
    came = [Came(first, 1843200), Came(other, 7), Came(empty, 0)]
    found = docket_of(document, own_state="XU", times=TIMES, on=ON, came=came)
    assert found is not None
    assert found.use is not None
    limits = {one.item: one.digests for one in found.use.limits}
    assert limits["item-1"] == {first}
    assert second not in limits["item-2"]
    assert limits[""] == {other, document.sha256.hex()}
