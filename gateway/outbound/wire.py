"""Sealed messages as they go over the wire: framed, read piece by piece, forgotten at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.spool import Spool
from gateway.store import Store
from gateway.store.values import Sealed
from gateway.workers import Workers
from protocol.as4.multipart import MultipartFrame, PartSlot

PIECE_BYTES: Final = 64 * 1024  # the TLS layer slices larger writes again (docs/performance.md)


def frame_of(sealed: Sealed, state: str) -> MultipartFrame:
    """The MIME frame around `sealed`, a message of `state`; plain SOAP where it has no parts."""
    places = [(part.content_id, part.blob.size_bytes) for part in sealed.parts]
    return MultipartFrame(sealed.soap, places, f"{state.lower()}.hanoi-gateway")


def pieces_of(frame: MultipartFrame, sealed: Sealed, wire_spool: Spool) -> Iterator[bytes]:
    """The octets of `sealed` in its frame, the parts read from the spool as they are needed."""
    for piece in frame.pieces():
        if not isinstance(piece, PartSlot):
            yield piece
            continue
        reader = wire_spool.reader(sealed.parts[piece.index].blob)
        try:
            while octets := reader.read(PIECE_BYTES):
                yield octets
        finally:
            reader.close()


@dataclass(frozen=True, slots=True)
class Wire:
    """Forgets the sealed parts of messages that have come to their end."""

    store: Store
    wire_spool: Spool
    workers: Workers
    log: FilteringBoundLogger

    async def forget(self, message_id: str) -> None:
        """The sealed parts are gone; what cannot be removed now, the next start sweeps."""
        try:
            for blob in await self.store.forget_wire(message_id):
                await self.workers.run(self.wire_spool.remove, blob)
        except Exception:
            self.log.exception("send.left_over", message_id=message_id)
