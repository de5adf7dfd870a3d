"""The chain of evidence: each link covers a record and, through the link before it, all others.

    link[0] = 32 zero octets
    link[n] = SHA-256(link[n-1] || leaf_hash(record[n]))

`ChainWalk` takes rows in order and names the row that does not fit. After a row that does not fit
it goes on from what the row should have been and from what it says, so that one changed octet is
one finding and not one for every later row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from protocol.evidence.records import RecordUnreadable, decode, leaf_hash

GENESIS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One row of the chain as it was found. Sequences begin at 1."""

    sequence: int
    record: bytes = field(repr=False)
    leaf_hash: bytes
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: `sequence` records, the last link being `chain_hash`."""

    sequence: int = 0
    chain_hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold: `where` names the row or file, `what` says what is wrong."""

    where: str
    what: str


def link(previous: bytes, leaf: bytes) -> bytes:
    """The chain hash that follows `previous` when `leaf` is appended."""
    return sha256(previous + leaf).digest()


def follow(head: Head, record: bytes) -> ChainRow:
    """The row that appends `record` to the chain that ends in `head`."""
    leaf = leaf_hash(record)
    return ChainRow(head.sequence + 1, record, leaf, link(head.chain_hash, leaf))


class ChainWalk:
    """Reads a chain from its beginning, or from a head that is believed."""

    def __init__(self, start: Head | None = None) -> None:
        start = start or Head()
        self._sequence = start.sequence
        self._links = {start.chain_hash}

    def take(self, row: ChainRow) -> list[Finding]:
        """What is wrong with `row`, the next one in order of sequence."""
        gap = self._gap(row.sequence)
        leaf = leaf_hash(row.record)
        possible = {link(previous, leaf) for previous in self._links}
        findings = [*gap, *_own_faults(row, leaf)]
        if not gap and row.chain_hash not in possible and not findings:
            findings.append(Finding(_name(row), "its link does not follow from the row before"))
        if leaf != row.leaf_hash and row.chain_hash in possible:
            findings = [Finding(_name(row), "its leaf hash was changed")]
        self._sequence = row.sequence
        self._links = possible | {row.chain_hash}
        return findings

    def end(self, head: Head) -> list[Finding]:
        """What is wrong with the end, if the chain is said to end in `head`."""
        if self._sequence < head.sequence:
            return [_missing(self._sequence + 1, head.sequence)]
        if self._sequence > head.sequence:
            where = f"evidence row {self._sequence}"
            return [Finding(where, f"lies behind the head, which is row {head.sequence}")]
        if head.chain_hash not in self._links:
            return [Finding("evidence head", "its link is not that of the last row")]
        return []

    def _gap(self, sequence: int) -> list[Finding]:
        if sequence == self._sequence + 1:
            return []
        if sequence <= self._sequence:
            return [Finding(f"evidence row {sequence}", f"comes after row {self._sequence}")]
        return [_missing(self._sequence + 1, sequence - 1)]


def verify_chain(rows: Iterable[ChainRow], head: Head | None = None) -> list[Finding]:
    """Everything that is wrong with a whole chain, and with its end when `head` is given."""
    walk = ChainWalk()
    findings = [finding for row in rows for finding in walk.take(row)]
    return findings + walk.end(head) if head is not None else findings


def _own_faults(row: ChainRow, leaf: bytes) -> list[Finding]:
    if leaf != row.leaf_hash:
        return [Finding(_name(row), "its record was changed: it does not have its leaf hash")]
    try:
        decode(row.record)
    except RecordUnreadable as e:
        return [Finding(_name(row), f"its record cannot be read: {e}")]
    return []


def _missing(first: int, last: int) -> Finding:
    if first == last:
        return Finding(f"evidence row {first}", "is missing")
    return Finding(f"evidence rows {first} to {last}", "are missing")


def _name(row: ChainRow) -> str:
    return f"evidence row {row.sequence}"
