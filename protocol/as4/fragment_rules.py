"""The fragments of one large message as they come in: one table of rules, one pure function.

The rules, from ebMS 3.0 Part 2 section 4 and its errors EBMS:0040 to 0055:

* A group begins with its first fragment and is complete when every number from 1 to FragmentCount
  is held and the sizes add up. It must be complete within the join interval.
* What a fragment says of the whole group must be what others said. Part 2 wants it said once;
  Domibus says the same in every fragment, so only another value is a fault (docs/interop.md, S1).
* A fragment that breaks a rule is refused with the error of that rule and leaves the group as it
  was: a stray never spoils what others sent. What no later fragment can mend fails the group:
  the interval is over, or the whole is not what its fragments said.
* A group that failed stays failed, so that what comes late is answered and not kept.

`RULES` is the table: what is looked at, in this order, and the error of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Final

from protocol.as4.errors import (
    BAD_FRAGMENT_COUNT,
    BAD_FRAGMENT_GROUP,
    BAD_FRAGMENT_NUM,
    BAD_FRAGMENT_STRUCTURE,
    DUPLICATE_ACTION,
    DUPLICATE_COMPRESSION_INFO,
    DUPLICATE_FRAGMENT,
    DUPLICATE_FRAGMENT_COUNT,
    DUPLICATE_MESSAGE_HEADER,
    DUPLICATE_MESSAGE_SIZE,
    FRAGMENT_SIZE_EXCEEDED,
    HEADER_MISMATCH,
    OUT_OF_STORAGE_SPACE,
    RECEIVE_INTERVAL_EXCEEDED,
    ErrorCode,
)
from protocol.as4.fragment import GZIP_PACKAGE, GroupTerms
from protocol.as4.fragment_group import (
    Arriving,
    FragmentGroup,
    GroupState,
    Rejected,
    Room,
    Taken,
    expected_bytes,
    expires_at,
)
from protocol.as4.pmode import Splitting

#: Fragments of one group: each costs a row, a receipt and an evidence record. 4096 fragments of the
#: smallest agreed size hold 4 GiB, of the usual size 256 GiB.
MAX_FRAGMENTS: Final = 4096


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a rule may look at."""

    group: FragmentGroup
    arriving: Arriving
    now: datetime
    agreed: Splitting
    room: Room
    terms: GroupTerms = field(default_factory=GroupTerms)  # the group's, with the fragment's

    @property
    def number(self) -> int:
        return self.arriving.fragment.number

    @property
    def held_bytes(self) -> int:
        """With the fragment that comes."""
        return self.group.held_bytes + self.arriving.size_bytes

    @property
    def is_first(self) -> bool:
        return not self.group.held


def _expired(turn: _Turn) -> str | None:
    if turn.group.error_code == RECEIVE_INTERVAL_EXCEEDED.code:
        return "the group was given up when its time was over"
    if turn.group.state is GroupState.OPEN and turn.now > expires_at(turn.group, turn.agreed):
        return f"the group was to be complete within {turn.agreed.join_seconds:.0f} seconds"
    return None


def _failed(turn: _Turn) -> str | None:
    failed = turn.group.state is GroupState.FAILED
    return f"the group failed before with {turn.group.error_code}" if failed else None


def _other_header(turn: _Turn) -> str | None:
    differs = turn.arriving.header != turn.group.header
    return (
        "parties, service, agreement, action or conversation are not its group's"
        if (differs)
        else None
    )


def _bad_count(turn: _Turn) -> str | None:
    count = turn.arriving.fragment.terms.fragment_count
    if count is None:
        return None
    if count > MAX_FRAGMENTS:
        return f"a group may have {MAX_FRAGMENTS} fragments, not {count}"
    highest = max(turn.group.held, default=0)
    return f"fragment {highest} is held, so {count} is too few" if count < highest else None


def _bad_number(turn: _Turn) -> str | None:
    count = min(turn.terms.fragment_count or MAX_FRAGMENTS, MAX_FRAGMENTS)
    return None if 1 <= turn.number <= count else f"{turn.number} is not within 1 to {count}"


def _differs(name: str, words: str) -> Callable[[_Turn], str | None]:
    def rule(turn: _Turn) -> str | None:
        held = getattr(turn.group.terms, name)
        said = getattr(turn.arriving.fragment.terms, name)
        return (
            f"another {words} was said before"
            if None not in (held, said) and (held != said)
            else None
        )

    return rule


def _doubled(turn: _Turn) -> str | None:
    return f"fragment {turn.number} is held already" if turn.number in turn.group.held else None


def _unknown_compression(turn: _Turn) -> str | None:
    compression = turn.terms.compression
    if compression is None or compression.algorithm == GZIP_PACKAGE:
        return None
    return f"the package can be compressed with {GZIP_PACKAGE} only"


def _too_large(turn: _Turn) -> str | None:
    agreed_bytes = turn.agreed.fragment_bytes
    too_large = turn.arriving.size_bytes > agreed_bytes
    return f"a fragment may have {agreed_bytes} bytes" if too_large else None


def _overfull(turn: _Turn) -> str | None:
    expected = expected_bytes(turn.terms)
    if expected is None:
        return None
    if turn.held_bytes > expected:
        return f"the fragments have more than the {expected} bytes of the message"
    if len(turn.group.held) + 1 == turn.terms.fragment_count and turn.held_bytes < expected:
        return f"the fragments have {turn.held_bytes} bytes, the message {expected}"
    return None


def _no_room(turn: _Turn) -> str | None:
    agreed, room = turn.agreed, turn.room
    if turn.is_first and room.open_groups >= agreed.max_groups:
        return f"{room.open_groups} messages in fragments are under way, which is the limit"
    promised = max(turn.held_bytes, expected_bytes(turn.terms) or 0)
    if room.promised_bytes + promised > agreed.max_open_bytes:
        return f"messages in fragments may take {agreed.max_open_bytes} bytes together"
    return None


def _incomplete_terms(turn: _Turn) -> str | None:
    """When the last number is there, everything that joining needs must have been said."""
    terms = turn.terms
    if terms.fragment_count != len(turn.group.held) + 1:
        return None
    if terms.header is None or terms.message_bytes is None:
        return "no fragment gave the MessageHeader and the MessageSize"
    return None


_Rule = Callable[[_Turn], str | None]

#: What is looked at, in this order; the first that finds a fault decides.
RULES: Final[tuple[tuple[_Rule, ErrorCode], ...]] = (
    (_expired, RECEIVE_INTERVAL_EXCEEDED),
    (_failed, BAD_FRAGMENT_GROUP),
    (_other_header, HEADER_MISMATCH),
    (_bad_count, BAD_FRAGMENT_COUNT),
    (_differs("fragment_count", "number of fragments"), DUPLICATE_FRAGMENT_COUNT),
    (_differs("message_bytes", "size of the message"), DUPLICATE_MESSAGE_SIZE),
    (_differs("header", "message header"), DUPLICATE_MESSAGE_HEADER),
    (_differs("action", "SOAP action"), DUPLICATE_ACTION),
    (_differs("compression", "compression"), DUPLICATE_COMPRESSION_INFO),
    (_bad_number, BAD_FRAGMENT_NUM),
    (_doubled, DUPLICATE_FRAGMENT),
    (_unknown_compression, BAD_FRAGMENT_STRUCTURE),
    (_too_large, FRAGMENT_SIZE_EXCEEDED),
    (_overfull, BAD_FRAGMENT_STRUCTURE),
    (_incomplete_terms, BAD_FRAGMENT_STRUCTURE),
    (_no_room, OUT_OF_STORAGE_SPACE),
)

#: The partner has no other group open.
NO_OTHERS: Final = Room()

#: The errors that no later fragment can mend: the group has failed.
FATAL: Final = frozenset({RECEIVE_INTERVAL_EXCEEDED.code})


def begin(arriving: Arriving, now: datetime) -> FragmentGroup:
    """A group of which nothing is held yet, as its first fragment describes it."""
    return FragmentGroup(arriving.fragment.group_id, arriving.header, now)


def step(
    group: FragmentGroup,
    arriving: Arriving,
    now: datetime,
    agreed: Splitting,
    room: Room = NO_OTHERS,
) -> Taken | Rejected:
    """What becomes of `group` when `arriving` comes at `now` (aware) under the P-Mode's `agreed`.

    `room` is what the partner's other open groups take.
    """
    terms = _merged(group.terms, arriving.fragment.terms)
    turn = _Turn(group, arriving, now, agreed, room, terms)
    for rule, error in RULES:
        sentence = rule(turn)
        if sentence is not None:
            return Rejected(_after(group, error), error, sentence)
    held = group.held | {turn.number}
    complete = len(held) == terms.fragment_count
    state = GroupState.COMPLETE if complete else GroupState.OPEN
    return Taken(replace(group, terms=terms, held=held, held_bytes=turn.held_bytes, state=state))


def overdue(group: FragmentGroup, now: datetime, agreed: Splitting) -> FragmentGroup:
    """`group`, failed with EBMS:0051 if it is not complete and its time is over."""
    if group.state is GroupState.OPEN and now > expires_at(group, agreed):
        return _failed_with(group, RECEIVE_INTERVAL_EXCEEDED)
    return group


def _after(group: FragmentGroup, error: ErrorCode) -> FragmentGroup:
    if error.code in FATAL and group.state is GroupState.OPEN:
        return _failed_with(group, error)
    return group


def _failed_with(group: FragmentGroup, error: ErrorCode) -> FragmentGroup:
    return replace(group, state=GroupState.FAILED, error_code=error.code)


def _merged(known: GroupTerms, said: GroupTerms) -> GroupTerms:
    """What is known with what is said now; where both speak, `RULES` has compared them."""
    names = [one.name for one in fields(GroupTerms)]
    unsaid = {name: getattr(said, name) for name in names if getattr(known, name) is None}
    return replace(known, **unsaid)
