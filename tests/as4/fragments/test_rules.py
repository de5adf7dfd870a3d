"""Every rule of a group of fragments, each with its own error, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from protocol.as4.errors import CATALOGUE
from protocol.as4.fragment import GroupTerms, MessageFragment, PackageCompression, SourceHeader
from protocol.as4.fragment_group import (
    Arriving,
    FragmentGroup,
    GroupHeader,
    GroupState,
    Rejected,
    Room,
    Taken,
    expires_at,
)
from protocol.as4.fragment_rules import MAX_FRAGMENTS, NO_OTHERS, RULES, begin, overdue, step
from protocol.as4.pmode import Splitting

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
AGREED = Splitting(
    fragment_bytes=10, join_seconds=60.0, max_groups=2, max_open_bytes=100, threshold_bytes=10
)
HEADER = GroupHeader("xu", "az", "service", "agreement", "MlaRequest", "c-1")
SOURCE = SourceHeader("boundary", "root@xu", "application/soap+xml")
TERMS = GroupTerms(message_bytes=25, fragment_count=3, header=SOURCE, action="")
SILENT = GroupTerms()


def arriving(
    number: int,
    terms: GroupTerms = TERMS,
    size_bytes: int | None = None,
    header: GroupHeader = HEADER,
) -> Arriving:
    size_bytes = (5 if number == 3 else 10) if size_bytes is None else size_bytes
    return Arriving(MessageFragment("g-1", number, f"p{number}@xu", terms), header, size_bytes)


def group(*numbers: int, terms: GroupTerms = TERMS) -> FragmentGroup:
    found = begin(arriving(1, terms), NOW)
    for number in numbers:
        taken = step(found, arriving(number, terms), NOW, AGREED)
        assert isinstance(taken, Taken)
        found = taken.group
    return found


def refused(
    found: FragmentGroup,
    one: Arriving,
    now: datetime = NOW,
    agreed: Splitting = AGREED,
    room: Room = NO_OTHERS,
) -> tuple[str, FragmentGroup]:
    rejected = step(found, one, now, agreed, room)
    assert isinstance(rejected, Rejected), rejected
    assert rejected.sentence
    return rejected.error.code, rejected.group


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_a_group_is_complete_in_whatever_order(order: tuple[int, ...]) -> None:
    found = group(*order[:2])
    assert found.state is GroupState.OPEN
    taken = step(found, arriving(order[2]), NOW, AGREED)
    assert isinstance(taken, Taken)
    assert taken.group.state is GroupState.COMPLETE
    assert (taken.group.held, taken.group.held_bytes) == (frozenset({1, 2, 3}), 25)


@pytest.mark.parametrize("speaker", [1, 2, 3])
def test_what_a_group_is_may_be_said_by_any_one_fragment(speaker: int) -> None:
    found = begin(arriving(1, SILENT), NOW)
    for number in (1, 2, 3):
        said = TERMS if number == speaker else SILENT
        taken = step(found, arriving(number, said), NOW, AGREED)
        assert isinstance(taken, Taken)
        found = taken.group
    assert (found.state, found.terms) == (GroupState.COMPLETE, TERMS)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("EBMS:0041", {"message_bytes": 26}),
        ("EBMS:0042", {"fragment_count": 4}),
        ("EBMS:0043", {"header": replace(SOURCE, boundary="other")}),
        ("EBMS:0044", {"action": "urn:other"}),
    ],
)
def test_a_fragment_that_says_otherwise_is_a_stray(code: str, change: dict[str, object]) -> None:
    found = group(1)
    other = replace(TERMS, **change)  # type: ignore[arg-type]  # real fields
    assert refused(found, arriving(2, other)) == (code, found)
    assert step(found, arriving(2), NOW, AGREED) == Taken(group(1, 2))


def test_another_compression_is_a_stray() -> None:
    packed = replace(TERMS, compression=PackageCompression("gzip", 25))
    found = group(1, terms=packed)
    other = replace(TERMS, compression=PackageCompression("gzip", 24))
    assert refused(found, arriving(2, other)) == ("EBMS:0045", found)


@pytest.mark.parametrize("algorithm", ["deflate", "GZIP", "zstd"])
def test_only_gzip_is_undone(algorithm: str) -> None:
    terms = replace(TERMS, compression=PackageCompression(algorithm, 25))
    assert refused(begin(arriving(1), NOW), arriving(1, terms))[0] == "EBMS:0047"


def test_a_doubled_number_is_refused_and_the_group_goes_on() -> None:
    found = group(1, 2)
    assert refused(found, arriving(2)) == ("EBMS:0046", found)
    assert group(1, 2, 3).state is GroupState.COMPLETE


@pytest.mark.parametrize("number", [0, 4, MAX_FRAGMENTS + 1])
def test_a_number_outside_the_group(number: int) -> None:
    assert refused(group(1), arriving(number))[0] == "EBMS:0048"


def test_a_number_beyond_every_group_before_the_count_is_known() -> None:
    one = arriving(MAX_FRAGMENTS + 1, SILENT)
    assert refused(begin(one, NOW), one)[0] == "EBMS:0048"


def test_a_count_that_cannot_be() -> None:
    too_many = replace(TERMS, fragment_count=MAX_FRAGMENTS + 1)
    assert refused(begin(arriving(1), NOW), arriving(1, too_many))[0] == "EBMS:0049"
    held = group(2, terms=SILENT)
    too_few = replace(TERMS, fragment_count=1)
    assert refused(held, arriving(1, too_few)) == ("EBMS:0049", held)


def test_a_fragment_over_the_agreed_size() -> None:
    found = group(1)
    assert refused(found, arriving(2, size_bytes=11)) == ("EBMS:0050", found)


@pytest.mark.parametrize("size_bytes", [6, 4])
def test_sizes_that_do_not_add_up(size_bytes: int) -> None:
    found = group(1, 2)
    assert refused(found, arriving(3, size_bytes=size_bytes)) == ("EBMS:0047", found)


def test_the_compressed_size_is_what_adds_up() -> None:
    terms = replace(TERMS, message_bytes=9000, compression=PackageCompression("gzip", 25))
    assert group(1, 2, 3, terms=terms).state is GroupState.COMPLETE


@pytest.mark.parametrize("missing", ["header", "message_bytes"])
def test_a_group_that_nobody_described(missing: str) -> None:
    terms = replace(TERMS, **{missing: None})
    found = group(1, 2, terms=terms)
    assert refused(found, arriving(3, terms)) == ("EBMS:0047", found)


@pytest.mark.parametrize(
    "change", ["sender", "receiver", "service", "agreement", "action", "conversation_id"]
)
def test_a_fragment_of_another_conversation(change: str) -> None:
    found = group(1)
    other = replace(HEADER, **{change: "other"})
    assert refused(found, arriving(2, header=other)) == ("EBMS:0053", found)


def test_a_group_is_given_up_when_its_time_is_over() -> None:
    found = group(1, 2)
    last = expires_at(found, AGREED)
    assert step(found, arriving(3), last, AGREED) == Taken(group(1, 2, 3))
    code, failed = refused(found, arriving(3), last + timedelta(microseconds=1))
    assert (code, failed.state) == ("EBMS:0051", GroupState.FAILED)
    assert refused(failed, arriving(3), NOW) == ("EBMS:0051", failed)
    assert overdue(found, last, AGREED) == found
    assert overdue(found, last + timedelta(microseconds=1), AGREED) == failed


@pytest.mark.parametrize("state", [GroupState.COMPLETE, GroupState.JOINED])
def test_a_whole_group_is_never_overdue(state: GroupState) -> None:
    found = replace(group(1, 2, 3), state=state)
    late = NOW + timedelta(days=1)
    assert overdue(found, late, AGREED) == found
    assert refused(found, arriving(2), late) == ("EBMS:0046", found)


def test_a_group_that_failed_takes_nothing_more() -> None:
    failed = replace(group(1), state=GroupState.FAILED, error_code="EBMS:0055")
    assert refused(failed, arriving(2)) == ("EBMS:0040", failed)


def test_groups_are_bounded_for_each_partner() -> None:
    first = begin(arriving(1), NOW)
    assert refused(first, arriving(1), room=Room(open_groups=2))[0] == "EBMS:0054"
    assert isinstance(step(group(1), arriving(2), NOW, AGREED, Room(open_groups=2)), Taken)
    assert isinstance(step(first, arriving(1), NOW, AGREED, Room(1, 75)), Taken)
    assert refused(first, arriving(1), room=Room(1, 76))[0] == "EBMS:0054"
    silent = arriving(1, SILENT)
    assert refused(begin(silent, NOW), silent, room=Room(1, 91))[0] == "EBMS:0054"


def test_every_rule_has_an_error_of_the_catalogue() -> None:
    codes = {error.code for _, error in RULES}
    assert codes == {f"EBMS:{number:04d}" for number in (*range(40, 52), 53, 54)}
    assert all(CATALOGUE[error.code] is error for _, error in RULES)
