"""The MIME package of a large message, put together from its fragments as a stream.

The same strict reader as for everything that comes in takes it apart; memory does not grow with its
size. Runs in worker threads, a step at a time. Source: ebMS 3.0 Part 2 section 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.inbound.intake import MAX_DOCUMENT_BYTES
from gateway.spool import Spool, SpoolWriter
from gateway.store.joining import HeldGroup
from gateway.store.values import StoredBlob, StoredPart
from protocol.as4.consistency import check_consistency
from protocol.as4.envelope import check_packaging, open_envelope
from protocol.as4.errors import (
    BAD_FRAGMENT_STRUCTURE,
    DECOMPRESSION_ERROR,
    HEADER_MISMATCH,
    MIME_INCONSISTENCY,
    OTHER,
    VALUE_INCONSISTENT,
    Refused,
    refused,
)
from protocol.as4.fragment import SourceHeader
from protocol.as4.fragment_group import header_of
from protocol.as4.inflating import Inflater
from protocol.as4.mime import MimeEvent, MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.names import SOAP_MIME
from protocol.as4.pmode import PMode
from protocol.as4.values import PartInfo, UserMessage

STEP_BYTES: Final = 8 * 1024 * 1024  # what one turn of a worker thread takes from the fragments
READ_BYTES: Final = 256 * 1024
GATE: Final = "G10"


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """A joined message: believed as far as its fragments were signed, and not judged yet."""

    unit: UserMessage
    envelope: bytes
    parts: tuple[StoredPart, ...]
    document: bytes | None
    size_bytes: int
    sha256: bytes


def package_type(header: SourceHeader) -> str:
    """The Content-Type that the package would have in HTTP. Raises Refused for a broken one.

    What mf:Type says of the root part is not used: the root part says it itself.
    """
    if any(sign in header.start for sign in '"\\<>'):
        raise refused(BAD_FRAGMENT_STRUCTURE, GATE, f"mf:Start {header.start!r} is no Content-ID")
    return (
        f'multipart/related; type="{SOAP_MIME}"; boundary="{header.boundary}";'
        f' start="<{header.start}>"'
    )


class SourcePackage:
    """Joins one complete group. `steps` does the work; `discard` leaves nothing of it behind."""

    def __init__(self, held: HeldGroup, pmode: PMode, spool: Spool) -> None:
        self._held = held
        self._pmode = pmode
        self._spool = spool
        self._soap = bytearray()
        self._unit: UserMessage | None = None
        self._in_root = False
        self._writer: _PartWriter | None = None
        self._parts: dict[int, _PartWriter] = {}
        self._digest = sha256()
        self._size_bytes = 0
        self._read = self._read_package()

    def advance(self) -> SourceMessage | None:
        """One step; the whole message after the last one. Raises Refused or BlobDamaged."""
        budget = STEP_BYTES
        for octets in self._read:
            budget -= len(octets)
            if budget <= 0:
                return None
        return self._whole()

    def discard(self) -> None:
        """Nothing of the joined message is kept."""
        for part in self._parts.values():
            part.discard(self._spool)
        self._parts.clear()

    def _read_package(self) -> Iterator[bytes]:
        header = self._held.group.terms.header
        if header is None:
            raise refused(BAD_FRAGMENT_STRUCTURE, GATE, "no fragment gave the MessageHeader")
        reader = MimeReader(package_type(header), max_parts=self._pmode.limits.max_parts)
        for octets in self._package_octets():
            self._digest.update(octets)
            self._size_bytes += len(octets)
            self._check_size(whole=False)
            self._consume(reader.receive(octets))
            yield octets
        self._check_size(whole=True)
        self._consume(reader.finish())

    def _package_octets(self) -> Iterator[bytes]:
        if self._held.group.terms.compression is None:
            yield from self._piece_octets()
            return
        limits = self._pmode.limits
        inflater = Inflater(self._promised_bytes, limits.max_ratio)
        try:
            for octets in self._piece_octets():
                yield from inflater.receive(octets)
            inflater.finish()
        except Refused as fault:
            reason = f"group {self._held.group.group_id!r}: {fault.reason}"
            raise refused(DECOMPRESSION_ERROR, "G11", reason) from fault

    def _piece_octets(self) -> Iterator[bytes]:
        for piece in self._held.pieces:
            reader = self._spool.reader(piece.blob)
            try:
                while octets := reader.read(READ_BYTES):
                    yield octets
            finally:
                reader.close()

    @property
    def _promised_bytes(self) -> int:
        return self._held.group.terms.message_bytes or 0

    def _check_size(self, *, whole: bool) -> None:
        promised = self._promised_bytes
        if self._size_bytes > promised or (whole and self._size_bytes < promised):
            sentence = f"the message has not the {promised} bytes that its fragments promised"
            raise refused(BAD_FRAGMENT_STRUCTURE, GATE, sentence, sentence)

    def _consume(self, events: list[MimeEvent]) -> None:
        for event in events:
            if isinstance(event, PartStarted):
                self._begin(event)
            elif isinstance(event, PartContent):
                self._take(event.octets)
            elif isinstance(event, PartEnded):
                self._end()

    def _begin(self, started: PartStarted) -> None:
        if started.is_root:
            self._in_root = True
            return
        self._writer = self._writer_for(started.content_id)

    def _take(self, octets: bytes) -> None:
        if self._in_root:
            self._soap += octets
        elif self._writer is not None:
            self._writer.take(octets)

    def _end(self) -> None:
        if self._in_root:
            self._in_root = False
            self._unit = self._open()
        elif self._writer is not None:
            self._writer.finish()
            self._writer = None

    def _open(self) -> UserMessage:
        """The eb:UserMessage of the package, which agrees with its fragments. Raises Refused."""
        envelope = open_envelope(bytes(self._soap))
        unit = envelope.unit
        if not isinstance(unit, UserMessage) or envelope.fragment is not None:
            sentence = "the joined message is no user message"
            raise refused(HEADER_MISMATCH, GATE, sentence, sentence)
        check_packaging(envelope)
        check_consistency(unit)
        if header_of(unit) != self._held.group.header:
            sentence = "the joined message has other parties or another purpose than its fragments"
            raise refused(HEADER_MISMATCH, GATE, sentence, sentence)
        for part in unit.parts:
            if part.compressed:
                sentence = "a part of a message in fragments is not compressed by itself"
                raise refused(VALUE_INCONSISTENT, GATE, sentence, sentence)
        return unit

    def _writer_for(self, content_id: str | None) -> _PartWriter:
        infos = self._unit.parts if self._unit is not None else ()
        position = next((n for n, one in enumerate(infos) if one.content_id == content_id), None)
        if position is None:
            sentence = f"MIME part {content_id!r} of the joined message is not in eb:PayloadInfo"
            raise refused(MIME_INCONSISTENCY, GATE, sentence, "a part is not in eb:PayloadInfo")
        limits = self._pmode.limits
        taken = sum(part.size_bytes for part in self._parts.values())
        allowed = min(limits.max_part_bytes, max(0, limits.max_message_bytes - taken))
        part = _PartWriter(position, infos[position], self._spool.writer(), allowed)
        self._parts[position] = part
        return part

    def _whole(self) -> SourceMessage:
        unit = self._unit
        if unit is None or len(self._parts) != len(unit.parts):
            sentence = "a part named in eb:PayloadInfo is missing"
            raise refused(MIME_INCONSISTENCY, GATE, f"the joined message: {sentence}", sentence)
        ordered = [part for _, part in sorted(self._parts.items())]
        return SourceMessage(
            unit=unit,
            envelope=bytes(self._soap),
            parts=tuple(part.stored() for part in ordered),
            document=ordered[0].document if ordered else None,
            size_bytes=self._size_bytes,
            sha256=self._digest.digest(),
        )


class _PartWriter:
    """One part of the joined message on its way into the spool, under its allowance."""

    def __init__(
        self, position: int, info: PartInfo, writer: SpoolWriter, allowed_bytes: int
    ) -> None:
        self._position = position
        self._info = info
        self._writer = writer
        self._allowed_bytes = allowed_bytes
        self._document = bytearray() if position == 0 else None
        self._blob: StoredBlob | None = None
        self.size_bytes = 0

    def take(self, octets: bytes) -> None:
        self.size_bytes += len(octets)
        if self.size_bytes > self._allowed_bytes:
            sentence = f"a part is larger than the {self._allowed_bytes} bytes that it may have"
            raise refused(OTHER, "G11", sentence, sentence)
        self._keep_document(octets)
        self._writer.write(octets)

    def finish(self) -> None:
        self._blob = self._writer.finish()

    def discard(self, spool: Spool) -> None:
        if self._blob is not None:
            spool.remove(self._blob)
        else:
            self._writer.discard()

    @property
    def document(self) -> bytes | None:
        return bytes(self._document) if self._document is not None else None

    def stored(self) -> StoredPart:
        if self._blob is None:
            raise RuntimeError("the part is not finished")
        return StoredPart(
            position=self._position,
            content_id=self._info.content_id,
            mime_type=self._info.mime_type or "application/octet-stream",
            blob=self._blob,
            character_set=self._info.value_of("CharacterSet"),
        )

    def _keep_document(self, octets: bytes) -> None:
        if self._document is None:
            return
        if len(self._document) + len(octets) > MAX_DOCUMENT_BYTES:
            sentence = "the leading document is too large; send long lists as attachments"
            raise refused(OTHER, "G11", sentence, sentence)
        self._document += octets
