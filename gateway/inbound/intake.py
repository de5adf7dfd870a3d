"""One MIME part on its way from ciphertext into the encrypted spool (gates G10 and G11)."""

from __future__ import annotations

from gateway.spool import Spool
from gateway.store.values import StoredBlob, StoredPart
from protocol.as4.attachments import InboundPart
from protocol.as4.errors import OTHER, refused
from protocol.as4.pmode import SizeLimits
from protocol.as4.secrets import PartSecret
from protocol.as4.values import PartInfo, SignedReference
from protocol.as4.verify import VerifiedPart

MAX_DOCUMENT_BYTES = 10 * 1024 * 1024  # far above any real document; larger goes as an
# attachment. The document alone is held in memory, to be validated.


class PartIntake:
    """Takes the octets of one part as they come; keeps nothing unless `finish` returned.

    With `is_document` the delivered octets are kept in memory too, up to MAX_DOCUMENT_BYTES.
    """

    def __init__(
        self,
        position: int,
        info: PartInfo,
        reference: SignedReference,
        secret: PartSecret | None,
        mime_type: str,
        limits: SizeLimits,
        spool: Spool,
        *,
        is_document: bool,
        delivered_before_bytes: int = 0,
    ) -> None:
        self._position = position
        self._info = info
        self._part = InboundPart(
            info,
            reference,
            secret,
            mime_type,
            limits,
            delivered_before_bytes=delivered_before_bytes,
        )
        self._writer = spool.writer(counts=False)  # the part counts what it delivers
        self._spool = spool
        self._document = bytearray() if is_document else None
        self._blob: StoredBlob | None = None

    def take(self, octets: bytes) -> None:
        """Decrypt, digest, decompress and spool `octets`. Raises Refused."""
        for piece in self._part.receive(octets):
            self._keep(piece)

    def finish(self) -> None:
        """The part is whole, its tag, digest and checksum hold, and it is durable."""
        for piece in self._part.finish():
            self._keep(piece)
        self._blob = self._writer.finish(self._part.sha256)

    def discard(self) -> None:
        """Nothing of this part is kept."""
        if self._blob is not None:
            self._spool.remove(self._blob)
        else:
            self._writer.discard()

    @property
    def size_bytes(self) -> int:
        """How much was delivered so far."""
        return self._part.size_bytes

    @property
    def document(self) -> bytes | None:
        """The leading document, if this part is one."""
        return bytes(self._document) if self._document is not None else None

    def verified_part(self) -> VerifiedPart:
        """What was delivered, for the verified view."""
        return VerifiedPart(
            part_info=self._info,
            content_id=self._info.content_id,
            size_bytes=self._part.size_bytes,
            sha256=self._part.sha256,
        )

    def stored_part(self) -> StoredPart:
        """What was stored. Only after `finish`."""
        if self._blob is None:
            raise RuntimeError("the part is not finished")
        return StoredPart(
            position=self._position,
            content_id=self._info.content_id,
            mime_type=self._info.mime_type or "application/octet-stream",
            blob=self._blob,
            character_set=self._info.value_of("CharacterSet"),
        )

    def _keep(self, piece: bytes) -> None:
        if self._document is not None:
            if len(self._document) + len(piece) > MAX_DOCUMENT_BYTES:
                raise refused(
                    OTHER,
                    "G11",
                    f"the leading document is larger than {MAX_DOCUMENT_BYTES} bytes",
                    "the leading document is too large; send long lists as attachments",
                )
            self._document += piece
        self._writer.write(piece)
