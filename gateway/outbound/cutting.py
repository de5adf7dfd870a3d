"""A large message as one unsigned MIME package, cut into pieces while it streams into the spool.

Runs in a worker thread, a step at a time; memory does not grow with the message. The pieces rest
encrypted like every payload and are sealed one by one when their turn comes. Source: ebMS 3.0 Part
2 section 4.4, eDelivery AS4 1.15 (Split and Join: AS4 compression is off).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from gateway.spool import Spool, SpoolWriter
from gateway.store.values import StoredBlob, StoredPart
from protocol.as4.deflating import Deflater
from protocol.as4.fragment import GZIP_PACKAGE, GroupTerms, PackageCompression, SourceHeader
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.names import SOAP_MIME
from protocol.as4.pmode import Splitting

STEP_BYTES: Final = 8 * 1024 * 1024  # what one turn of a worker thread takes from the package
READ_BYTES: Final = 256 * 1024


class Cutting:
    """Cuts one message. `advance` until it says so; `discard` leaves nothing behind."""

    def __init__(
        self,
        soap: bytes,
        parts: Sequence[StoredPart],
        agreed: Splitting,
        spool: Spool,
        domain: str,
    ) -> None:
        places = [(part.content_id, part.blob.size_bytes) for part in parts]
        self._frame = MultipartFrame(soap, places, domain)
        self._parts = parts
        self._agreed = agreed
        self._spool = spool
        self._deflater = Deflater() if agreed.compress else None
        self._digest = sha256()
        self._writer: SpoolWriter | None = None
        self._room_bytes = 0
        self._cut_bytes = 0
        self._octets = self._package()
        self.size_bytes = 0
        self.blobs: list[StoredBlob] = []

    def advance(self) -> bool:
        """One step; whether the package is cut to its end."""
        budget = STEP_BYTES
        for octets in self._octets:
            self._digest.update(octets)
            self.size_bytes += len(octets)
            self._cut(self._deflater.receive(octets) if self._deflater else octets)
            budget -= len(octets)
            if budget <= 0:
                return False
        self._cut(self._deflater.finish() if self._deflater else b"")
        self._end_piece()
        return True

    def discard(self) -> None:
        """Nothing of the pieces is kept."""
        if self._writer is not None:
            self._writer.discard()
        for blob in self.blobs:
            self._spool.remove(blob)
        self.blobs.clear()

    @property
    def sha256(self) -> bytes:
        """Of the package before compression."""
        return self._digest.digest()

    @property
    def terms(self) -> GroupTerms:
        """What every fragment says of the whole. Only after the last step."""
        packed = PackageCompression(GZIP_PACKAGE, self._cut_bytes) if self._deflater else None
        header = SourceHeader(self._frame.boundary, self._frame.root, SOAP_MIME)
        return GroupTerms(self.size_bytes, len(self.blobs), header, "", packed)

    def _package(self) -> Iterator[bytes]:
        for piece in self._frame.pieces():
            if not isinstance(piece, PartSlot):
                yield piece
                continue
            reader = self._spool.reader(self._parts[piece.index].blob)
            try:
                while octets := reader.read(READ_BYTES):
                    yield octets
            finally:
                reader.close()

    def _cut(self, octets: bytes) -> None:
        rest = memoryview(octets)
        while rest:
            if self._writer is None:
                self._writer, self._room_bytes = self._spool.writer(), self._agreed.fragment_bytes
            taken = rest[: self._room_bytes]
            self._writer.write(bytes(taken))
            self._room_bytes -= len(taken)
            self._cut_bytes += len(taken)
            rest = rest[len(taken) :]
            if not self._room_bytes:
                self._end_piece()

    def _end_piece(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self.blobs.append(writer.finish())
