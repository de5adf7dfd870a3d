"""gzip made of one part, as a stream: fast, and never denser than receivers allow.

isal at level 1 is eight times as fast as zlib at its usual level and makes output about a tenth
larger (docs/performance.md). What does not compress (images, archives, encrypted evidence) is put
into stored blocks, which both sides pass several times as fast. Source: RFC 1951, RFC 1952.
"""

from __future__ import annotations

import struct
from typing import Final

from isal import isal_zlib

#: Receivers refuse what inflates too much (ours: SizeLimits.max_ratio, 200); a disk image full of
#: zeros is honest. Below that by half, so that every receiver's way of counting is satisfied.
MAX_RATIO_SENT: Final = 100

_LEVEL: Final = 1
_RAW_WINDOW_BITS: Final = -15  # deflate alone; the gzip header and trailer are written here
#: No name and no time, so that nothing but content shows; the operating system is "unknown".
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

#: How much is deflated before it is looked at again; far below what any receiver calls a bomb.
_STEP_BYTES: Final = 256 * 1024
#: How much goes between two flushes where content is too dense: each flush costs 5 octets or more.
_DENSE_STEP_BYTES: Final = 256
#: Smaller pieces are not worth a look whether they compress.
_WORTH_A_LOOK_BYTES: Final = 32 * 1024
_SAMPLE_BYTES: Final = 2 * 1024
_STORED_BLOCK_BYTES: Final = 0xFFFF  # RFC 1951 section 3.2.4


class Deflater:
    """Makes one gzip member out of what it is given."""

    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW_WINDOW_BITS)
        self._header = _HEADER
        self._checksum = 0
        self._in_bytes = 0
        self._out_bytes = 0

    def receive(self, octets: bytes) -> bytes:
        """What of `octets` is ready."""
        header, self._header = self._header, b""
        made = [header]
        at = 0
        while at < len(octets):
            dense = self._in_bytes > self._out_bytes * MAX_RATIO_SENT
            piece = octets[at : at + (_DENSE_STEP_BYTES if dense else _STEP_BYTES)]
            at += len(piece)
            made.append(self._deflate(piece, flush=dense))
        return b"".join(made)

    def finish(self) -> bytes:
        """The rest of the member."""
        trailer = struct.pack("<II", self._checksum, self._in_bytes & 0xFFFFFFFF)
        return self.receive(b"") + self._stream.flush() + trailer

    def _deflate(self, octets: bytes, *, flush: bool) -> bytes:
        if _is_incompressible(octets):
            # A full flush: what is deflated afterwards must not refer back across stored octets.
            made = self._stream.flush(isal_zlib.Z_FULL_FLUSH) + _stored(octets)
        else:
            made = self._stream.compress(octets)
            made += self._stream.flush(isal_zlib.Z_SYNC_FLUSH) if flush else b""
        self._checksum = isal_zlib.crc32(octets, self._checksum)
        self._in_bytes += len(octets)
        self._out_bytes += len(made)
        return made


def _is_incompressible(octets: bytes) -> bool:
    """Whether two samples say so; a wrong guess costs size, never correctness."""
    if len(octets) < _WORTH_A_LOOK_BYTES:
        return False
    middle = len(octets) // 2
    sample = octets[:_SAMPLE_BYTES] + octets[middle : middle + _SAMPLE_BYTES]
    deflated = isal_zlib.compress(sample, _LEVEL, _RAW_WINDOW_BITS)
    return len(deflated) >= len(sample)


def _stored(octets: bytes) -> bytes:
    """Stored blocks, none of them the last."""
    made = []
    for start in range(0, len(octets), _STORED_BLOCK_BYTES):
        block = octets[start : start + _STORED_BLOCK_BYTES]
        made += [struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block]
    return b"".join(made)
