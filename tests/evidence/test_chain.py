"""One changed octet is one finding that names the row."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from protocol.evidence.chain import ChainRow, Finding, Head, follow, link, verify_chain
from protocol.evidence.records import EvidenceRecord, Kind, encode

AT = datetime(2026, 3, 1, tzinfo=UTC)


def chain(length: int) -> tuple[list[ChainRow], Head]:
    rows: list[ChainRow] = []
    head = Head()
    for n in range(length):
        row = follow(head, encode(EvidenceRecord(Kind.STARTED, AT, {"n": n})))
        rows.append(row)
        head = Head(row.sequence, row.chain_hash)
    return rows, head


def flipped(octets: bytes, at: int = 5) -> bytes:
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


def test_an_untouched_chain_holds() -> None:
    rows, head = chain(5)
    assert verify_chain(rows, head) == []
    assert verify_chain([], Head()) == []


@pytest.mark.parametrize("field", ["record", "leaf_hash", "chain_hash"])
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_changed_octet_is_one_finding(field: str, index: int) -> None:
    rows, head = chain(5)
    rows[index] = replace(rows[index], **{field: flipped(getattr(rows[index], field))})
    findings = verify_chain(rows, head)
    assert [finding.where for finding in findings] == [f"evidence row {index + 1}"]


def test_a_record_rewritten_with_its_leaf_hash_is_found() -> None:
    rows, head = chain(5)
    rows[1] = replace(
        follow(Head(1, rows[0].chain_hash), rows[2].record), chain_hash=rows[1].chain_hash
    )
    assert [finding.where for finding in verify_chain(rows, head)] == ["evidence row 2"]


def test_a_tail_rewritten_with_all_its_hashes_is_found_by_the_head() -> None:
    rows, head = chain(3)
    rows[2] = follow(Head(2, rows[1].chain_hash), rows[0].record)
    assert verify_chain(rows, head) == [
        Finding("evidence head", "its link is not that of the last row")
    ]


@pytest.mark.parametrize(
    ("gone", "where"),
    [([0], "evidence row 1"), ([1, 2], "evidence rows 2 to 3"), ([4], "evidence row 5")],
)
def test_missing_rows_are_named(gone: list[int], where: str) -> None:
    rows, head = chain(5)
    left = [row for index, row in enumerate(rows) if index not in gone]
    assert [finding.where for finding in verify_chain(left, head)] == [where]


def test_swapped_and_surplus_rows_are_found() -> None:
    rows, head = chain(4)
    assert verify_chain([rows[0], rows[2], rows[1], rows[3]], head)
    assert verify_chain([*rows, rows[3]], head)
    assert verify_chain(rows, Head(3, rows[2].chain_hash))


def test_bytes_that_are_no_record_are_found_even_when_they_are_chained() -> None:
    row = follow(Head(), b"{}")
    assert [f.where for f in verify_chain([row], Head(1, row.chain_hash))] == ["evidence row 1"]


def test_a_link_covers_everything_before_it() -> None:
    assert link(b"a" * 32, b"leaf") != link(b"b" * 32, b"leaf")
