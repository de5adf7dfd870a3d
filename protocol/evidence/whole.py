"""What we sign about a message that went in fragments: the digest of the whole beside theirs.

The fragments are signed one by one by their sender, the message that is joined from them is not
signed at all (eDelivery AS4 1.15, Split and Join). The statement ties the two together. It is
canonical JSON like an evidence record, signed as it is by the node's signing key with the signature
algorithm of the P-Mode; statement and signature stand in the evidence record of the joining.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WRITE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


@dataclass(frozen=True, slots=True)
class Piece:
    """One fragment: its number, its MessageId, and the SHA-256 of its content."""

    number: int
    message_id: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """A source message, whole: the MIME package before compression, and its fragments in order."""

    partner: str
    message_id: str
    group_id: str
    size_bytes: int
    sha256: bytes
    pieces: Sequence[Piece]


def statement(whole: Whole) -> str:
    """The text that is signed, in UTF-8, about `whole`."""
    return _WRITE(
        {
            "v": 1,
            "partner": whole.partner,
            "message_id": whole.message_id,
            "group_id": whole.group_id,
            "source_bytes": whole.size_bytes,
            "source_sha256": whole.sha256.hex(),
            "fragments": [
                [piece.number, piece.message_id, piece.sha256.hex()] for piece in whole.pieces
            ],
        }
    )
