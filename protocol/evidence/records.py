"""What one evidence record says, and the exact bytes that are hashed.

A record is canonical JSON: keys sorted, no spaces, UTF-8, whole numbers only, so that anybody can
write the same bytes again in another language (RFC 8785 gives the same octets for these records,
because every key is lower-case ASCII). Its leaf hash is that of RFC 6962 section 2.1, so that the
records can become the leaves of a transparency log without being rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

VERSION: Final = 1  # of the record format; a reader refuses what it does not know
LARGEST_INTEGER: Final = 2**53 - 1  # larger ones lose digits in other languages (RFC 8785, 3.2.2.3)

_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")
_FIELDS: Final = {"at", "facts", "kind", "v"}
_ALWAYS_CANONICAL: Final = frozenset({str, bool, type(None)})
_MAPPINGS: Final = (dict, Mapping)  # a union that is written in place is made anew each time
_LISTS: Final = (list, tuple)
_LEAF: Final = b"\x00"  # RFC 6962 section 2.1: leaves and nodes never share a hash
_WRITE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


class Kind(StrEnum):
    """What happened. A kind is never removed or given another meaning."""

    STARTED = "STARTED"  # a gateway opened the store
    WITNESS_BEGUN = "WITNESS_BEGUN"  # a file beside the store begins to follow the chain
    EPOCH_DECLARED = "EPOCH_DECLARED"  # an operator accepts a store older than its witness
    RECEIVED = "RECEIVED"  # a partner's message is stored and queued
    JOINED = "JOINED"  # fragments of a partner are one message; the digest of the whole is signed
    GROUP_FAILED = "GROUP_FAILED"  # fragments of a partner will never be one message
    SPLIT = "SPLIT"  # a message of ours goes in fragments; the digest of the whole is signed
    RECEIPT_SENT = "RECEIPT_SENT"  # its signed receipt is durable and may leave
    REFUSED = "REFUSED"  # we refused something a partner sent
    SUBMITTED = "SUBMITTED"  # an authority handed in a message
    SENT = "SENT"  # its signed bytes are fixed; every attempt sends these
    ATTEMPT_FAILED = "ATTEMPT_FAILED"  # no usable answer came
    PULLED = "PULLED"  # the partner pulls the message; its receipt is to come
    RECEIPT_DEFERRED = "RECEIPT_DEFERRED"  # the partner took the message; its receipt is to come
    CALLBACK_DELIVERED = (
        "CALLBACK_DELIVERED"  # our receipt reached the partner in a request of ours
    )
    CALLBACK_ABANDONED = "CALLBACK_ABANDONED"  # it did not, in all the time that it could matter
    FRAGMENTS_RECEIPTED = "FRAGMENTS_RECEIPTED"  # of a message in fragments every receipt is held
    RECEIPT_RECEIVED = "RECEIPT_RECEIVED"  # the partner's receipt holds
    REFUSAL_RECEIVED = "REFUSAL_RECEIVED"  # the partner refused, or its receipt does not hold
    FAILED = "FAILED"  # no further attempt will be made; the submitter is told
    SUSPENDED = "SUSPENDED"  # an operator holds a message back
    RESUMED = "RESUMED"  # an operator lets it go on
    HANDED_OFF = "HANDED_OFF"  # an authority has an entry of its queue under a lease
    RELEASED = "RELEASED"  # it gave the entry back
    ACKNOWLEDGED = "ACKNOWLEDGED"  # it has taken the message over
    REJECTED = "REJECTED"  # it refuses the message
    PARKED = "PARKED"  # handed off too often without an answer; waits for an operator
    UNPARKED = "UNPARKED"  # an operator put it back into the queue
    ALERTED = "ALERTED"  # something that an operator must look at
    ALERT_ACKNOWLEDGED = "ALERT_ACKNOWLEDGED"  # an operator has looked at it
    CASE_STEP = "CASE_STEP"  # something moved a case, or is to be looked at by a person
    CASE_SETTLED = "CASE_SETTLED"  # a person looked at it
    CLOCK_ANCHORED = "CLOCK_ANCHORED"  # the partner's receipt says since when clocks count
    CLOCK_TOLD = "CLOCK_TOLD"  # an authority was told that something is due, or rung
    FORWARDED = "FORWARDED"  # an authority handed a request on to another of ours
    CLOCK_ANSWERED = "CLOCK_ANSWERED"  # a person answered
    USE_LIMITED = "USE_LIMITED"  # what a message brought may be used for one purpose only
    ONWARD_ASKED = "ONWARD_ASKED"  # we ask leave to hand on what came
    ONWARD_DECIDED = "ONWARD_DECIDED"  # whoever sent it has decided
    DIRECTORY_CHANGED = "DIRECTORY_CHANGED"  # another record of a State is in force
    DIRECTORY_UPDATE_REFUSED = "DIRECTORY_UPDATE_REFUSED"  # a partner's update is not applied
    CONTENT_DESTROYED = "CONTENT_DESTROYED"  # the payload's key is gone; the evidence stays


class RecordUnreadable(ValueError):
    """The bytes are not an evidence record in its one canonical form."""


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """One fact that a third party can check later. `at` is aware."""

    kind: Kind
    at: datetime
    facts: Mapping[str, Json]


def encode(record: EvidenceRecord) -> bytes:
    """The canonical bytes of `record`.

    Raises ValueError for what has no canonical form: a naive time, a fraction, a large number, a
    key that is not lower-case ASCII, a lone surrogate.
    """
    _require_canonical(record.facts)
    fields = {"at": instant(record.at), "facts": record.facts, "kind": record.kind, "v": VERSION}
    return _WRITE(fields).encode("utf-8")


def decode(octets: bytes) -> EvidenceRecord:
    """The record that `octets` hold. Raises RecordUnreadable unless they are its canonical form."""
    try:
        fields = json.loads(octets)
        if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["v"] != VERSION:
            raise RecordUnreadable("not a record of a known version")
        record = EvidenceRecord(
            Kind(fields["kind"]), datetime.fromisoformat(fields["at"]), fields["facts"]
        )
        canonical = encode(record)
    except (ValueError, TypeError, AttributeError, RecursionError) as e:
        raise RecordUnreadable(f"not an evidence record: {e}") from e
    if canonical != octets:
        raise RecordUnreadable("not in canonical form")
    return record


def instant(at: datetime) -> str:
    """`at` in UTC to the microsecond, always the same length. Raises ValueError if it is naive."""
    if at.tzinfo is None:
        raise ValueError("an evidence record needs a time with its offset")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def leaf_hash(octets: bytes) -> bytes:
    """The Merkle leaf hash of a record's bytes (RFC 6962 section 2.1)."""
    return sha256(_LEAF + octets).digest()


def _require_canonical(value: Json) -> None:
    """`value` has a canonical form. Raises ValueError. What every record is made of comes first."""
    if type(value) in _ALWAYS_CANONICAL:
        return
    if isinstance(value, _MAPPINGS):
        for key, member in value.items():
            if not _is_key(key):
                raise ValueError(f"{key!r} is not a key of an evidence record")
            if type(member) not in _ALWAYS_CANONICAL:
                _require_canonical(member)
    elif isinstance(value, _LISTS):
        for member in value:
            if type(member) not in _ALWAYS_CANONICAL:
                _require_canonical(member)
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{value} is too large for an evidence record")
    elif value is not None and not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} has no place in an evidence record")


@lru_cache(maxsize=1024)  # the same few keys come in every record
def _is_key(key: object) -> bool:
    return isinstance(key, str) and _KEY.fullmatch(key) is not None
