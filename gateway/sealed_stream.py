"""Authenticated encryption of a stream in chunks: the STREAM construction over AES-256-GCM.

    header  "HGS1"
    chunk n AES-256-GCM(key, nonce n || last?, up to 64 KiB of content)  -- content and tag

The nonce is seven zero octets, the chunk's number and whether it is the last one; the key is fresh
for every stream, so no nonce comes twice under one key. Only the last chunk may be short, and it is
empty only if the stream is. A chunk that is moved, repeated, cut off or added does not open.

Source: Hoang, Reyhanitabar, Rogaway, Vizár, "Online authenticated-encryption and its nonce-reuse
misuse-resistance" (2015), the nonce-based form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER: Final = b"HGS1"
CHUNK_BYTES: Final = 64 * 1024  # large enough to let other threads run, small enough for memory
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32

_SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES
_NONCE_PREFIX: Final = bytes(7)


class StreamDamaged(Exception):
    """The stream is not what was sealed."""


class StreamSealer:
    """Turns content into a sealed stream; at most one chunk is held back."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._waiting = bytearray()
        self._number = 0

    def seal(self, octets: bytes) -> bytes:
        """The sealed octets that can be written now that `octets` follow."""
        sealed = []
        rest = memoryview(octets)
        missing_bytes = CHUNK_BYTES - len(self._waiting)
        if self._waiting and len(rest) > missing_bytes:  # more follows: it is not the last one
            self._waiting += rest[:missing_bytes]
            rest = rest[missing_bytes:]
            sealed.append(self._seal(self._waiting, last=False))
            self._waiting.clear()
        while len(rest) + len(self._waiting) > CHUNK_BYTES:
            sealed.append(self._seal(rest[:CHUNK_BYTES], last=False))
            rest = rest[CHUNK_BYTES:]
        self._waiting += rest
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The end of the sealed stream."""
        return self._seal(self._waiting, last=True)

    def _seal(self, content: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        header = b"" if self._number else HEADER
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), content, HEADER)
        self._number += 1
        return header + sealed


def opened(key: bytes, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The content of a sealed stream, chunk by chunk, each authentic when it comes out.

    `read(n)` returns n octets, or fewer at the end only. Raises StreamDamaged.
    """
    if read(len(HEADER)) != HEADER:
        raise StreamDamaged("it does not begin as a sealed stream does")
    cipher = AESGCM(key)
    number = 0
    sealed = read(_SEALED_CHUNK_BYTES)
    while True:
        following = read(_SEALED_CHUNK_BYTES) if len(sealed) == _SEALED_CHUNK_BYTES else b""
        content = _open(cipher, sealed, number, last=not following)
        if content:
            yield content
        elif number:
            raise StreamDamaged("an empty chunk ends a stream that is not empty")
        if not following:
            return
        sealed = following
        number += 1


def _open(cipher: AESGCM, sealed: bytes, number: int, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), sealed, HEADER)
    except (InvalidTag, ValueError) as e:
        raise StreamDamaged(f"chunk {number} was changed, moved or cut off") from e


def _nonce(number: int, *, last: bool) -> bytes:
    return _NONCE_PREFIX + number.to_bytes(4, "big") + bytes([last])
