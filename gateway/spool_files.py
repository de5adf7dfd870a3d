"""One payload on its way into the spool, and on its way out again. Both block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Final, Protocol

from gateway.disk import sync_folder
from gateway.sealed_stream import CHUNK_BYTES, StreamDamaged
from gateway.store.values import StoredBlob

NAME_CHARACTERS: Final = 32  # 128 random bits in hex: nobody guesses a name, none comes twice

Closer = Callable[[], None]


class BlobDamaged(Exception):
    """A payload at rest is missing or is not what was stored. The sentence names it."""


class ContentDestroyed(Exception):
    """The key of this payload was destroyed on purpose; only the evidence is left."""


class Transform(Protocol):
    """What happens to content on its way into a file."""

    def seal(self, octets: bytes) -> bytes:
        """What can be written now that `octets` follow."""

    def finish(self) -> bytes:
        """The end of what is written."""


class PlainTransform:
    """Content is written as it is."""

    def seal(self, octets: bytes) -> bytes:
        """The same octets."""
        return octets

    def finish(self) -> bytes:
        """Nothing follows."""
        return b""


class SpoolWriter:
    """Takes one payload. Nothing of it is kept unless `finish` returned."""

    def __init__(
        self,
        folder: Path,
        transform: Transform,
        wrapped_key: bytes,
        inline_bytes: int,
        *,
        counts: bool = True,
    ) -> None:
        self._folder = folder
        self._transform = transform
        self._wrapped_key = wrapped_key
        self._inline_bytes = inline_bytes
        self._held = bytearray()
        self._digest = sha256() if counts else None
        self._size_bytes = 0
        self._name: str | None = None
        self._descriptor: int | None = None

    def write(self, octets: bytes) -> None:
        """Append `octets`. Raises OSError when the disk takes no more; nothing is kept then."""
        if self._digest is not None:
            self._digest.update(octets)
        self._size_bytes += len(octets)
        self._put(self._transform.seal(octets))

    def finish(self, digest: bytes | None = None) -> StoredBlob:
        """The payload is durable. Raises OSError if it could not be made so.

        `digest` is the SHA-256 of what was written, for a writer that does not count it itself.
        """
        if self._digest is not None:
            digest = self._digest.digest()
        if digest is None:
            raise ValueError("nobody counted the digest of this payload")
        self._put(self._transform.finish())
        inline = None
        if self._descriptor is None:
            inline = bytes(self._held)
        else:
            self._settle()
        return StoredBlob(self._name, inline, self._wrapped_key, self._size_bytes, digest)

    def discard(self) -> None:
        """Nothing is left behind; harmless when called twice."""
        self._held.clear()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        name, self._name = self._name, None
        if name is not None:
            with suppress(FileNotFoundError):
                path_of(self._folder, name).unlink()

    def _put(self, sealed: bytes) -> None:
        try:
            if self._descriptor is None:
                self._held += sealed
                if self._size_bytes <= self._inline_bytes:
                    return
                self._begin_file()
                sealed = bytes(self._held)
                self._held.clear()
            _write_all(self._descriptor, sealed)
        except OSError:
            self.discard()
            raise

    def _begin_file(self) -> None:
        name = token_hex(NAME_CHARACTERS // 2)
        path = path_of(self._folder, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        self._name = name

    def _settle(self) -> None:
        """The file and its name are on the disk."""
        try:
            if self._descriptor is not None and self._name is not None:
                os.fsync(self._descriptor)
                sync_folder(path_of(self._folder, self._name).parent)
                os.close(self._descriptor)
                self._descriptor = None
        except OSError:
            self.discard()
            raise


class SpoolReader:
    """Reads one payload from its beginning. Every octet that comes out is authentic."""

    def __init__(
        self, label: str, chunks: Iterator[bytes], blob: StoredBlob, close: Closer
    ) -> None:
        self._label = label
        self._chunks = chunks
        self._blob = blob
        self._close = close
        self._waiting = memoryview(b"")
        self._digest = sha256()
        self._size_bytes = 0

    def read(self, size_bytes: int) -> bytes:
        """At most `size_bytes` octets, b"" at the end only. Raises BlobDamaged."""
        if not self._waiting:
            self._waiting = memoryview(self._next_chunk())
        octets = bytes(self._waiting[:size_bytes])
        self._waiting = self._waiting[size_bytes:]
        return octets

    def close(self) -> None:
        """The file is closed; harmless when called twice."""
        self._close()

    def __iter__(self) -> Iterator[bytes]:
        while octets := self.read(CHUNK_BYTES):
            yield octets

    def _next_chunk(self) -> bytes:
        try:
            chunk = next(self._chunks, b"")
        except (StreamDamaged, OSError) as e:
            raise BlobDamaged(f"{self._label}: {e}") from e
        if chunk:
            self._digest.update(chunk)
            self._size_bytes += len(chunk)
        elif (self._size_bytes, self._digest.digest()) != (
            self._blob.size_bytes,
            self._blob.sha256,
        ):
            raise BlobDamaged(f"{self._label}: its content is not the one that was stored")
        return chunk


def path_of(folder: Path, name: str) -> Path:
    """The file called `name`. Raises ValueError for a name that the spool cannot have given."""
    if len(name) != NAME_CHARACTERS or not all(c in "0123456789abcdef" for c in name):
        raise ValueError(f"{name!r} is not a name of the spool")
    return folder / name[:2] / name


def label_of(blob: StoredBlob) -> str:
    """How findings call this payload."""
    return f"spool file {blob.name}" if blob.name is not None else "payload in its row"


def _write_all(descriptor: int | None, octets: bytes) -> None:
    if descriptor is None:
        raise ValueError("the payload has no file")
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
