"""What the life cycle takes from real documents."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import pytest
from lxml import etree

from protocol.convention.documents import read_document
from protocol.convention.lifecycle.case import Mark
from protocol.convention.lifecycle.periods import end_of_day
from protocol.convention.lifecycle.reading import Filing, filing_of
from protocol.convention.lifecycle.tables import TABLES
from schemas.catalogue import example, example_names
from tests.lifecycle.making import RD, RQ, TIMES

BAKU = TIMES.zone("AZ-SSS")
NAMES = [name for name in example_names() if name.endswith(".xml")]


def filed(octets: bytes, zone: tzinfo = UTC) -> Filing:
    document = read_document(octets)
    root = etree.fromstring(octets)
    return filing_of(root, document.written_by, document.author, "m@test", zone)


def changed(name: str, *edits: tuple[str, str]) -> bytes:
    octets = example(name).decode()
    for old, new in edits:
        assert old in octets, old
        octets = octets.replace(old, new, 1)
    return octets.encode()


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_read(name: str) -> None:
    document, filing = read_document(example(name)), filed(example(name))
    assert (filing.kind, filing.request_id) == (document.kind, document.request_id)
    assert (filing.event.side, filing.event.authority) == (document.written_by, document.author)
    assert filing.event.trigger.name == filing.kind
    assert filing.request_id not in filing.cites
    assert filing.event.until is None or filing.event.until.tzinfo is not None


def test_what_examples_say_is_known_to_some_table() -> None:
    known = {row.trigger for table in TABLES.values() for row in table}
    said = {filed(example(name)).event.trigger for name in NAMES}
    strange = {one for one in said if one.variant and one not in known}
    allowed = {("ProgressReport", "REGISTERED"), ("DecisionNotice", "GRANTED"),
               ("DecisionNotice", "GRANTED_CONDITIONAL"),
               ("DecisionNotice", "ANSWERED")}  # fmt: skip
    assert {(one.name, one.variant) for one in strange} <= allowed


def test_the_limits_that_documents_set() -> None:
    clarified = filed(example("clarification-request-az-xu.xml"))
    assert clarified.event.until is not None
    assert clarified.event.questions
    answered = filed(example("additional-information-xu-az.xml"))
    assert answered.event.answers
    confirmed = filed(example("preservation-confirmation-az-xu.xml"), BAKU)
    assert Mark.MINIMUM_KEPT in confirmed.event.marks
    assert confirmed.event.until is not None
    assert confirmed.event.until.astimezone(BAKU).hour == 0
    arrested = filed(example("extradition-decision-az-xu.xml"))
    assert arrested.event.side is RD


def test_the_earliest_end_of_what_is_preserved_counts() -> None:
    name = "preservation-confirmation-az-xu.xml"
    octets = example(name).decode()
    until = datetime.fromisoformat(octets.split("<d:Until>")[1].split("<")[0]).date()
    filing = filed(octets.encode(), BAKU)
    assert filing.event.until is not None
    assert filing.event.until <= end_of_day(until, BAKU)
    results = octets.replace(">PRESERVED<", ">NOT_HELD<").replace(">PARTLY<", ">NOT_HELD<")
    nothing = filed(results.encode())
    assert (nothing.event.trigger.variant, nothing.event.until) == ("NOTHING", None)
    assert nothing.event.marks == frozenset()


def test_a_request_cites_what_it_follows() -> None:
    filing = filed(example("stored-data-request-xu-az.xml"))
    assert filing.cites
    assert filing.event.side is RQ


def test_a_delivery_says_which_part_it_is() -> None:
    delivery = filed(example("evidence-delivery-az-xu.xml")).delivery
    assert delivery is not None
    assert (delivery.sequence, delivery.is_last) == (1, True)
    assert len(delivery.delivery_id) == 36


def test_an_item_that_failed_makes_the_receipt_a_failure() -> None:
    name = next(n for n in NAMES if n.startswith("evidence-receipt"))
    octets = example(name).decode()
    fine = octets.replace(">HASH_MISMATCH<", ">RECEIVED<").replace(">MISSING<", ">RECEIVED<")
    assert filed(fine.encode()).event.trigger.variant == "OK"
    bad = fine.replace(">RECEIVED<", ">HASH_MISMATCH<", 1)
    assert filed(bad.encode()).event.trigger.variant == "FAILED"


def test_a_question_that_does_not_wait_is_told_apart() -> None:
    name = "clarification-request-az-xu.xml"
    octets = example(name).decode()
    waits = octets.replace("ExecutionWaits>false<", "ExecutionWaits>true<")
    goes_on = octets.replace("ExecutionWaits>true<", "ExecutionWaits>false<")
    assert filed(waits.encode()).event.trigger.variant == ""
    assert filed(goes_on.encode()).event.trigger.variant == "GOES_ON"


def test_a_withdrawal_of_parts_is_told_apart() -> None:
    name = "withdrawal-az-xu.xml"
    octets = example(name).decode()
    whole = filed(octets.encode()).event.trigger.variant
    assert whole == ("PARTIAL" if "<d:Withdrawn" in octets else "")
