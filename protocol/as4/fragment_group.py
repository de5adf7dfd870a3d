"""What is held of a large message whose fragments are still coming in: the values of a group.

The rules by which a group grows are in `fragment_rules`. Source: ebMS 3.0 Part 2 section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from protocol.as4.errors import ErrorCode
from protocol.as4.fragment import GroupTerms, MessageFragment
from protocol.as4.pmode import Splitting
from protocol.as4.values import UserMessage

_NOTHING_SAID: Final = GroupTerms()


class GroupState(Enum):
    """Where a group of received fragments stands."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"  # every fragment is held; the message is still to be joined
    JOINED = "JOINED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """What every fragment shares with the source message: who says what kind of thing to whom."""

    sender: str
    receiver: str
    service: str
    agreement: str
    action: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class FragmentGroup:
    """What is held of one group. `held` are the numbers, `held_bytes` the sum of their sizes."""

    group_id: str
    header: GroupHeader
    begun_at: datetime
    terms: GroupTerms = _NOTHING_SAID
    held: frozenset[int] = frozenset()
    held_bytes: int = 0
    state: GroupState = GroupState.OPEN
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Arriving:
    """One fragment that passed every gate; `size_bytes` is that of its piece."""

    fragment: MessageFragment
    header: GroupHeader
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What other open groups of the same partner take already."""

    open_groups: int = 0
    promised_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """The fragment belongs to `group` now, which is complete or waits for more."""

    group: FragmentGroup


@dataclass(frozen=True, slots=True)
class Rejected:
    """The fragment is refused with `error`; `group` is as it was, or has failed."""

    group: FragmentGroup
    error: ErrorCode
    sentence: str


def header_of(unit: UserMessage) -> GroupHeader:
    """What `unit` shares with every other message of its group."""
    agreement = unit.agreement
    return GroupHeader(
        sender=_typed(unit.sender.party_id.value, unit.sender.party_id.type),
        receiver=_typed(unit.receiver.party_id.value, unit.receiver.party_id.type),
        service=_typed(unit.service.value, unit.service.type),
        agreement="" if agreement is None else _typed(agreement.value, agreement.type),
        action=unit.action,
        conversation_id=unit.conversation_id,
    )


def expected_bytes(terms: GroupTerms) -> int | None:
    """What the pieces of a group must add up to; None while no fragment has said it."""
    return terms.compression.size_bytes if terms.compression is not None else terms.message_bytes


def expires_at(group: FragmentGroup, agreed: Splitting) -> datetime:
    """When a group that is not complete has failed."""
    return group.begun_at + timedelta(seconds=agreed.join_seconds)


def _typed(value: str, kind: str | None) -> str:
    return value if kind is None else f"{kind} {value}"
