"""gzip over one part, as a stream, under caps (AS4 1.0 section 3.1).

Inflating is done in steps that are bounded before they are taken: the caps are looked at after
every mebibyte of output, never after the fact. isal at level 1 is eight times as fast as zlib at
its usual level and makes output about a tenth larger (docs/performance.md).
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

#: Ours, below the 200 that receivers in the field and we allow (SizeLimits.max_ratio).
MAX_RATIO_SENT: Final = 100
#: How much is deflated before the ratio is looked at again; below RATIO_FREE_BYTES by far.
_STEP_BYTES: Final = 256 * 1024
#: How much goes between two flushes where content is too dense: each flush costs 5 octets or more.
_DENSE_STEP_BYTES: Final = 256

#: The package's stub file declares the class as if it were an instance.
_IsalError: Final = cast(type[Exception], isal_zlib.error)

_LEVEL: Final = 1
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


class Deflater:
    """Makes one gzip member; without a name and a time, so that nothing but content shows.

    Receivers refuse what inflates too much, and a disk image full of zeros is honest: where the
    output would be too small, it is stretched by flushing after every few octets, so that what we
    send stays within MAX_RATIO_SENT at every point.
    """

    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW_BITS)
        self._in_bytes = 0
        self._out_bytes = 0

    def receive(self, octets: bytes) -> bytes:
        """What of `octets` is ready."""
        made = []
        at = 0
        while at < len(octets):
            dense = self._in_bytes > self._out_bytes * MAX_RATIO_SENT
            piece = octets[at : at + (_DENSE_STEP_BYTES if dense else _STEP_BYTES)]
            at += len(piece)
            made.append(self._deflate(piece, flush=dense))
        return b"".join(made)

    def finish(self) -> bytes:
        """The rest of the member."""
        return self._stream.flush()

    def _deflate(self, octets: bytes, *, flush: bool) -> bytes:
        made = self._stream.compress(octets)
        if flush:
            made += self._stream.flush(isal_zlib.Z_SYNC_FLUSH)
        self._in_bytes += len(octets)
        self._out_bytes += len(made)
        return made


def _damaged(reason: str) -> Refused:
    return refused(DECOMPRESSION_FAILURE, "G11", reason, "a part could not be decompressed")
