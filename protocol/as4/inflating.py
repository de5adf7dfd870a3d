"""gzip undone over one part, as a stream, under caps (AS4 1.0 section 3.1).

Inflating is done in steps that are bounded before they are taken: the caps are looked at after
every mebibyte of output, never after the fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from isal import isal_zlib

from protocol.as4.errors import DECOMPRESSION_FAILURE, Refused, refused
from protocol.as4.limits import MEBIBYTE

#: Output of one step; what `receive` yields is never larger.
MAX_PIECE_BYTES: Final = MEBIBYTE
#: Output that is free of the ratio cap: small files of zeros are honest.
RATIO_FREE_BYTES: Final = MEBIBYTE

#: The package's stub file declares the class as if it were an instance.
_IsalError: Final = cast(type[Exception], isal_zlib.error)

_GZIP_WINDOW_BITS: Final = 31  # 15, plus 16 for "gzip header and trailer"


class Inflater:
    """Undoes one layer of gzip; exactly one member, nothing behind it."""

    def __init__(self, max_bytes: int, max_ratio: int) -> None:
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._stream = isal_zlib.decompressobj(_GZIP_WINDOW_BITS)
        self._in_bytes = 0
        self._out_bytes = 0

    def receive(self, octets: bytes) -> Iterator[bytes]:
        """Pieces of what `octets` inflate to, none empty, none over MAX_PIECE_BYTES.

        Every piece has passed the caps before it is yielded. Raises Refused (EBMS:0303).
        """
        self._in_bytes += len(octets)
        if octets and self._stream.eof:
            raise _damaged("something follows the end of the gzip stream")
        more = bool(octets)
        while more:
            piece = self._step(octets)
            octets = self._stream.unconsumed_tail
            more = not self._stream.eof and (bool(octets) or len(piece) == MAX_PIECE_BYTES)
            if piece:
                yield piece
        if self._stream.unused_data:
            raise _damaged("something follows the end of the gzip stream")

    def finish(self) -> None:
        """The stream was whole, its length and checksum right. Raises Refused (EBMS:0303)."""
        if not self._stream.eof:
            raise _damaged("the gzip stream is cut short")

    def _step(self, octets: bytes) -> bytes:
        try:
            piece = self._stream.decompress(octets, MAX_PIECE_BYTES)
        except _IsalError as error:
            raise _damaged(f"not a gzip stream, or a damaged one: {error}") from error
        self._out_bytes += len(piece)
        if self._out_bytes > self._max_bytes:
            raise _damaged(f"the part inflates to more than {self._max_bytes} bytes")
        allowance = max(RATIO_FREE_BYTES, self._max_ratio * self._in_bytes)
        if self._out_bytes > allowance:
            raise _damaged(f"the part inflates to more than {self._max_ratio} times its size")
        return piece


def _damaged(reason: str) -> Refused:
    return refused(DECOMPRESSION_FAILURE, "G11", reason, "a part could not be decompressed")
