"""Evidence item by item: whole, damaged, missing; and the receipt that says so."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from protocol.convention.delivery import (
    Came,
    ItemOutcome,
    ItemResult,
    items_received,
    receipt_of,
)
from protocol.convention.directory import Directory
from protocol.convention.documents import read_document
from protocol.convention.rules_in_context import Context, custody_hangs_together
from schemas.catalogue import example

DELIVERY = example("evidence-delivery-az-xu.xml")
LOGS = Came("98f38f12db221a8cf8ca7aadfdcd759b01d52eb4ebb3eedbb2d97e92805c6960", 1843200)
RECORD = Came("1f62becb1363bc86f7c3bf1f35196457b2d01ba085946a374854b4727f98df29", 6120)
OTHER = Came("ab" * 32, 6120)
SHORT = Came(RECORD.sha256, 6119)
RECEIVED, MISMATCH, MISSING = ItemResult.RECEIVED, ItemResult.HASH_MISMATCH, ItemResult.MISSING


@pytest.mark.parametrize(
    ("came", "results"),
    [
        ([LOGS, RECORD], [RECEIVED, RECEIVED]),
        ([LOGS, OTHER], [RECEIVED, MISMATCH]),
        ([LOGS, SHORT], [RECEIVED, MISMATCH]),
        ([RECORD, LOGS], [MISMATCH, MISMATCH]),
        ([LOGS], [RECEIVED, MISSING]),
        ([], [MISSING, MISSING]),
        ([LOGS, RECORD, OTHER], [RECEIVED, RECEIVED]),
    ],
)
def test_every_item_is_judged(came: Sequence[Came], results: list[ItemResult]) -> None:
    outcomes = items_received(etree.fromstring(DELIVERY), came)
    assert [outcome.item for outcome in outcomes] == ["item-1", "item-2"]
    assert [outcome.result for outcome in outcomes] == results


def test_what_travels_otherwise_is_not_judged() -> None:
    carried = DELIVERY.replace(b"<c:Kind>ATTACHED</c:Kind>", b"<c:Kind>PHYSICAL</c:Kind>", 1)
    assert carried != DELIVERY
    outcomes = items_received(etree.fromstring(carried), [LOGS, RECORD])
    assert [outcome.item for outcome in outcomes] == ["item-2"]


def test_the_receipt_asks_again_for_what_did_not_come() -> None:
    root = etree.fromstring(DELIVERY)
    outcomes = [
        ItemOutcome("item-1", RECEIVED),
        ItemOutcome("item-2", MISMATCH, OTHER.sha256),
    ]
    said = receipt_of(root, outcomes, "2026-06-10T09:30:00Z")
    assert said["SendAgain"] is True
    assert said["Item"] == [
        {"@item": "item-1", "Result": "RECEIVED"},
        {"@item": "item-2", "Result": "HASH_MISMATCH", "Sha256Found": OTHER.sha256},
    ]
    assert receipt_of(root, outcomes[:1], "2026-06-10T09:30:00Z")["SendAgain"] is False


CONTACT = """\
RequestingAuthority:
  Contact:
    - "@kind": CASE
      PersonName: R. Giles
      Phone: "+99900000100"
      TimeZone: Etc/UTC
      Language: [en]
Confidentiality: {"@level": CONFIDENTIAL}
"""


def test_the_command_writes_the_receipt_of_what_was_taken(tmp_path: Path) -> None:
    logs, record = b"a" * 1843200, b"b" * 6120
    delivery = DELIVERY
    for came, content in ((LOGS, logs), (RECORD, record)):
        digest = hashlib.sha256(content).hexdigest()
        delivery = delivery.replace(came.sha256.encode(), digest.encode())
    root = etree.fromstring(delivery)
    for item in root.iterfind("{urn:uncc:doc:1}Item"):  # the chain follows the new digests
        first, second = item.iterfind("{urn:uncc:cmn:1}Custody")
        octets = etree.tostring(first, method="c14n", exclusive=True, with_tail=False)
        found = second.find("{urn:uncc:cmn:1}PreviousEventHash")
        found.text = hashlib.sha256(octets).hexdigest()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "document.xml").write_bytes(etree.tostring(root))
    (taken / "01-logs.csv").write_bytes(logs)
    (taken / "02-record.csv").write_bytes(record[:-1] + b"x")  # damaged
    (tmp_path / "answers.yaml").write_text(CONTACT)
    done = subprocess.run(
        [
            sys.executable, "-m", "gateway", "new", "EvidenceReceipt",
            "--concerns", str(taken / "document.xml"), "--received", str(taken),
            "--as", "XU-CA", "--to", "AZ-SSS", "--answers", str(tmp_path / "answers.yaml"),
            "--into", str(tmp_path / "receipt.xml"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    octets = (tmp_path / "receipt.xml").read_bytes()
    assert read_document(octets).kind == "EvidenceReceipt"
    results = etree.fromstring(octets).findall(".//{urn:uncc:doc:1}Result")
    assert [result.text for result in results] == ["RECEIVED", "HASH_MISMATCH"]


HELD_BY_PROVIDER_THEN_BY_US = [
    {
        "At": "2026-06-03T09:00:00Z",
        "Action": "COLLECTED",
        "By": {"Text": [{"@lang": "en", "@kind": "ORIGINAL", "$": "Provider"}]},
    },
    {
        "At": "2026-06-05T11:20:00Z",
        "Action": "TRANSFERRED",
        "By": {"Text": [{"@lang": "en", "@kind": "ORIGINAL", "$": "Central authority"}]},
    },
]


def answers_of_a_delivery(items: int) -> dict[str, object]:
    whole = json.loads(example("evidence-delivery-az-xu.json"))["EvidenceDelivery"]
    kept = ("RequestedAuthority", "Confidentiality", "Reference", "UseLimitation")
    item = whole["Item"][0]
    told = {key: item[key] for key in ("Category", "Title", "Custodian", "CollectedAt", "Method")}
    told |= {"CollectedBy": item["CollectedBy"], "PersonalData": True}
    told["Custody"] = HELD_BY_PROVIDER_THEN_BY_US
    return {**{key: whole[key] for key in kept}, "Item": [told] * items}


def new_delivery(tmp_path: Path, items: int, *files: Path) -> subprocess.CompletedProcess[str]:
    request = tmp_path / "request.xml"
    request.write_bytes(example("stored-data-request-xu-az.xml"))
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(answers_of_a_delivery(items)))
    return subprocess.run(
        [
            sys.executable, "-m", "gateway", "new", "EvidenceDelivery", "--concerns", str(request),
            "--as", "AZ-SSS", "--to", "XU-CA", "--answers", str(answers),
            "--into", str(tmp_path / "delivery.xml"),
            *(word for file in files for word in ("--item", str(file))),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_writes_a_delivery_of_files(tmp_path: Path) -> None:
    """Manifest, digests and a closed chain of custody, from files and what only a person knows."""
    files = [tmp_path / "logs.csv", tmp_path / "image.raw", tmp_path / "empty"]
    for file, content in zip(files, (b"a" * 70_000, os.urandom(10), b""), strict=True):
        file.write_bytes(content)
    done = new_delivery(tmp_path, 3, *files)
    assert done.returncode == 0, done.stderr
    octets = (tmp_path / "delivery.xml").read_bytes()
    assert read_document(octets).kind == "EvidenceDelivery"
    root = etree.fromstring(octets)
    context = Context(Directory({}), date(2026, 6, 5), "AZ", "XU")
    assert list(custody_hangs_together(root, context)) == []
    assert len(root.findall(".//{urn:uncc:cmn:1}PreviousEventHash")) == 3
    came = [Came(hashlib.sha256(f.read_bytes()).hexdigest(), f.stat().st_size) for f in files]
    outcomes = items_received(root, came)
    assert [(one.item, one.result) for one in outcomes] == [
        (f"item-{n}", ItemResult.RECEIVED) for n in (1, 2, 3)
    ]
    damaged = items_received(root, [came[0], Came("0" * 64, 10), came[2]])
    assert [one.result for one in damaged].count(MISMATCH) == 1


def test_an_item_without_a_file_is_refused(tmp_path: Path) -> None:
    done = new_delivery(tmp_path, 2, tmp_path / "request.xml")
    assert (done.returncode, "more items than there are files" in done.stderr) == (1, True)
    none = new_delivery(tmp_path, 1, tmp_path / "no.such.file")
    assert (none.returncode, "No such file" in none.stderr) == (1, True)
