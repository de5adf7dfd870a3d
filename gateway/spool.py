"""Where payloads rest, and where sealed parts wait to be sent.

A payload is always encrypted at rest, under a key of its own that the node's storage key wraps:
destroying that key destroys the content while the evidence about it still holds. Small ones travel
inside the database row (`StoredBlob.inline`), larger ones are files with random names. A file and
its name are on the disk before `finish` returns; a file that no row names is an orphan of a crash
and is removed by `sweep`. Memory does not grow with the size of a payload.

Every method blocks: call them in a worker thread. The parts of a message on its way out are
encrypted for the partner already, so `WireSpool` keeps them as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from secrets import token_bytes
from typing import Final

from gateway.disk import sync_folder
from gateway.sealed_stream import CHUNK_BYTES, KEY_BYTES, StreamSealer, opened
from gateway.spool_files import (
    BlobDamaged,
    Closer,
    ContentDestroyed,
    PlainTransform,
    SpoolReader,
    SpoolWriter,
    label_of,
    path_of,
)
from gateway.store.ports import KeyWrap
from gateway.store.values import StoredBlob

__all__ = [
    "BlobDamaged",
    "ContentDestroyed",
    "KeyWrap",
    "Spool",
    "SpoolReader",
    "SpoolWriter",
    "WireSpool",
]

INLINE_BYTES: Final = 64 * 1024  # below this a row is cheaper than a file (design of the store)
SHELVES: Final = 256  # sub-folders by the first octet of a name: no folder grows without bound


class Spool:
    """Payloads at rest in `folder` (made if it is missing), encrypted under keys of their own."""

    def __init__(
        self, folder: Path, storage_key: KeyWrap, inline_bytes: int = INLINE_BYTES
    ) -> None:
        self._folder = folder
        self._storage_key = storage_key
        self._inline_bytes = inline_bytes
        _make_shelves(folder)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def writer(self, *, counts: bool = True) -> SpoolWriter:
        """Begin a payload. Without `counts` its digest is not computed: `finish` is told it."""
        key = token_bytes(KEY_BYTES)
        wrapped = self._storage_key.wrap(key)
        return SpoolWriter(
            self._folder, StreamSealer(key), wrapped, self._inline_bytes, counts=counts
        )

    def reader(self, blob: StoredBlob) -> SpoolReader:
        """Open a payload. Raises BlobDamaged or ContentDestroyed."""
        if not blob.wrapped_key:
            raise ContentDestroyed("the key of this payload was destroyed")
        label = label_of(blob)
        try:
            key = self._storage_key.unwrap(blob.wrapped_key)
        except Exception as e:
            raise BlobDamaged(f"{label}: its key does not open") from e
        read, close = self._source(blob)
        return SpoolReader(label, opened(key, read), blob, close)

    def remove(self, blob: StoredBlob) -> None:
        """The payload's file is gone, if it had one."""
        if blob.name is not None:
            with suppress(FileNotFoundError):
                path_of(self._folder, blob.name).unlink()

    def sweep(self, known_names: Collection[str], min_age_seconds: float = 0.0) -> list[str]:
        """Remove every file that no row names; returns the names that were removed.

        Where several nodes share a folder, `min_age_seconds` spares what another one is writing.
        """
        newest = time.time() - min_age_seconds
        removed = []
        for path in self._files():
            if path.name not in known_names and path.stat().st_mtime <= newest:
                path.unlink()
                removed.append(path.name)
        return removed

    def missing(self, names: Collection[str]) -> list[str]:
        """Those of `names` that have no file."""
        return [name for name in names if not path_of(self._folder, name).is_file()]

    def _files(self) -> Iterator[Path]:
        for shelf in self._folder.iterdir():
            if shelf.is_dir():
                yield from (path for path in shelf.iterdir() if path.is_file())

    def _source(self, blob: StoredBlob) -> tuple[Callable[[int], bytes], Closer]:
        if blob.inline is not None:
            return BytesIO(blob.inline).read, lambda: None
        if blob.name is None:
            raise BlobDamaged("a payload with neither a file nor content in its row")
        try:
            file = path_of(self._folder, blob.name).open("rb")
        except OSError as e:
            raise BlobDamaged(f"{label_of(blob)}: {e.strerror}") from e
        except ValueError as e:
            raise BlobDamaged(f"{label_of(blob)}: {e}") from e
        return file.read, file.close


class WireSpool(Spool):
    """Sealed parts of messages on their way out: ciphertext for a partner, kept as it is."""

    def __init__(self, folder: Path, inline_bytes: int = INLINE_BYTES) -> None:
        super().__init__(folder, _NoKey(), inline_bytes)

    def writer(self, *, counts: bool = True) -> SpoolWriter:
        """Begin a part."""
        return SpoolWriter(self._folder, PlainTransform(), b"", self._inline_bytes, counts=counts)

    def reader(self, blob: StoredBlob) -> SpoolReader:
        """Open a part. Raises BlobDamaged."""
        read, close = self._source(blob)
        return SpoolReader(label_of(blob), iter(lambda: read(CHUNK_BYTES), b""), blob, close)


class _NoKey:
    def wrap(self, data_key: bytes) -> bytes:
        raise TypeError("a wire spool encrypts nothing")

    unwrap = wrap


def _make_shelves(folder: Path) -> None:
    """The folder and its sub-folders are there, and on the disk before a file needs them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    for number in range(SHELVES):
        if f"{number:02x}" not in there:
            (folder / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
    if len(there) < SHELVES:
        sync_folder(folder)
        sync_folder(folder.parent)
