"""One MIME part on its way through the cryptography, as a stream in constant memory.

In: decrypt, digest, decompress (eDelivery AS4 1.15 section 3.2.6; AS4 1.0 section 3.1).
Out: compress, digest, encrypt. The digest is over the compressed octets in both directions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from protocol.as4.deflating import Deflater
from protocol.as4.errors import (
    DECOMPRESSION_FAILURE,
    FAILED_AUTHENTICATION,
    FAILED_DECRYPTION,
    VALUE_INCONSISTENT,
    Refused,
    refused,
)
from protocol.as4.inflating import MAX_PIECE_BYTES, Inflater
from protocol.as4.limits import MEBIBYTE
from protocol.as4.names import CHARACTER_SET, COMPRESSION_TYPE, MIME_TYPE, OCTET_STREAM
from protocol.as4.part_cipher import PartOpener, PartSealer, TagMismatch
from protocol.as4.part_digest import NotDigestible, PartDigest, digest_for, is_transformed
from protocol.as4.pmode import SizeLimits
from protocol.as4.secrets import PartSecret
from protocol.as4.suites import Suite
from protocol.as4.values import GZIP, PartInfo, Property, SignedReference

#: What gzip and encryption may add to a part that does not compress.
OVERHEAD_BYTES: Final = MEBIBYTE


class InboundPart:
    """Takes one part as it comes and gives what is delivered; to be believed after `finish`.

    `secret` opens it (None: it came in clear); `mime_type` is its MIME header's type and counts
    only without a secret. `delivered_before_bytes` is what earlier parts of the message took of
    its allowance.

    What unauthenticated octets cause (damaged gzip, a bomb) is noted, nothing more is delivered,
    and it is said by `finish` alone, after tag and digest hold: so no answer tells anybody what
    octets decrypt to.
    """

    def __init__(
        self,
        info: PartInfo,
        reference: SignedReference,
        secret: PartSecret | None,
        mime_type: str,
        limits: SizeLimits,
        *,
        delivered_before_bytes: int = 0,
    ) -> None:
        _check_properties(info)
        self._info = info
        self._reference = reference
        self._opener = PartOpener(secret.key) if secret is not None else None
        left_bytes = max(0, limits.max_message_bytes - delivered_before_bytes)
        self._max_bytes = min(limits.max_part_bytes, left_bytes)
        self._exceeded = limits.exceeded
        self._inflater = Inflater(self._max_bytes, limits.max_ratio) if info.compressed else None
        self._digest: PartDigest | None = None
        self._wire_bytes = 0
        self._size_bytes = 0
        self._delivered = hashlib.sha256()
        self._fault: Refused | None = None
        self._giving = False
        self._finished = False
        try:
            own_type = secret.mime_type if secret is not None else mime_type
            self._digest = digest_for(own_type, reference.digest_algorithm)
        except NotDigestible as error:
            self._fault = self._untrue(str(error))

    def receive(self, octets: bytes) -> Iterator[bytes]:
        """What `octets` deliver, in pieces of at most MAX_PIECE_BYTES; take all before going on.

        Raises Refused at once only for a part that is larger on the wire than agreed.
        """
        self._check_turn()
        self._wire_bytes += len(octets)
        if self._wire_bytes > self._max_bytes + OVERHEAD_BYTES:
            raise refused(self._exceeded, "G11", *self._too_large())
        if self._opener is not None:
            octets = self._opener.receive(octets)
        self._count_in(octets)
        self._giving = True
        return self._give(octets)

    def finish(self) -> Iterator[bytes]:
        """The part was whole and is what was signed: checked at this call. Nothing more comes.

        Raises Refused: EBMS:0102 (0101 for a part in clear) where tag or digest do not hold,
        EBMS:0303 where the content does not decompress, EBMS:0004 where it is too large.
        """
        self._check_turn()
        self._check_tag()
        self._check_digest()
        if self._fault is not None:
            raise self._fault
        if self._inflater is not None:
            self._inflater.finish()
        self._finished = True
        return iter(())

    @property
    def size_bytes(self) -> int:
        """How much was delivered."""
        return self._size_bytes

    @property
    def sha256(self) -> bytes:
        """SHA-256 of what was delivered. Only after `finish`."""
        if not self._finished:
            raise RuntimeError("the part is not finished")
        return self._delivered.digest()

    def _check_turn(self) -> None:
        if self._giving or self._finished:
            raise RuntimeError("the pieces of the last call were not taken, or the part is over")

    def _count_in(self, octets: bytes) -> None:
        if self._digest is None or not octets:
            return
        try:
            self._digest.receive(octets)
        except NotDigestible as error:
            self._digest, self._fault = None, self._untrue(str(error))

    def _give(self, octets: bytes) -> Iterator[bytes]:
        try:
            if self._fault is None and octets:
                yield from self._counted(octets)
        except Refused as fault:
            self._fault = fault
        self._giving = False

    def _counted(self, octets: bytes) -> Iterator[bytes]:
        pieces = self._inflater.receive(octets) if self._inflater is not None else _cut(octets)
        for piece in pieces:
            if self._size_bytes + len(piece) > self._max_bytes:
                raise refused(self._exceeded, "G11", *self._too_large())
            self._size_bytes += len(piece)
            self._delivered.update(piece)
            yield piece

    def _check_tag(self) -> None:
        if self._opener is None:
            return
        try:
            self._opener.finish()
        except TagMismatch as mismatch:
            raise self._untrue(str(mismatch)) from mismatch

    def _check_digest(self) -> None:
        if self._digest is None:
            return  # `_fault` says why
        try:
            digest = self._digest.finish()
        except NotDigestible as error:
            raise self._untrue(str(error)) from error
        if digest != self._reference.digest:
            raise self._untrue("the content is not what was signed")

    def _untrue(self, reason: str) -> Refused:
        error = FAILED_AUTHENTICATION if self._opener is None else FAILED_DECRYPTION
        return refused(error, "G10", f"part {self._info.content_id}: {reason}")

    def _too_large(self) -> tuple[str, str]:
        sentence = f"is larger than the {self._max_bytes} bytes that it may have"
        return f"part {self._info.content_id} {sentence}", f"a part {sentence}"


def _check_properties(info: PartInfo) -> None:
    if info.value_of(COMPRESSION_TYPE) not in (None, GZIP):
        raise refused(VALUE_INCONSISTENT, "G5", "CompressionType is not application/gzip")
    if info.compressed and not info.mime_type:
        raise refused(DECOMPRESSION_FAILURE, "G5", "a compressed part has no MimeType")


def _cut(octets: bytes) -> Iterator[bytes]:
    for start in range(0, len(octets), MAX_PIECE_BYTES):
        yield octets[start : start + MAX_PIECE_BYTES]


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One part ready for the wire: how the header names it, and what the signature says of it.

    `encrypted_mime_type` is its type before encryption, for xenc:EncryptedData/@MimeType.
    """

    info: PartInfo
    digest: bytes
    wire_bytes: int
    encrypted_mime_type: str


class OutboundPart:
    """Takes the plain content of one part and gives the octets for the wire.

    An uncompressed part whose type would be canonicalised before digesting travels as
    application/octet-stream, so that its digest is over its octets (docs/interop.md, T7).
    """

    def __init__(
        self,
        content_id: str,
        mime_type: str,
        suite: Suite,
        content_key: bytes,
        compress: bool,
        character_set: str | None = None,
    ) -> None:
        self._info = _part_info(content_id, mime_type, character_set, compress)
        plain_type = OCTET_STREAM if is_transformed(mime_type) else mime_type
        self._encrypted_mime_type = GZIP if compress else plain_type
        self._deflater = Deflater() if compress else None
        self._digest = digest_for(self._encrypted_mime_type, suite.digest)
        self._sealer = PartSealer(content_key)
        self._wire_bytes = 0
        self._sealed: SealedPart | None = None

    def receive(self, plain: bytes) -> bytes:
        """The next octets for the wire; may be empty."""
        return self._count_out(
            self._seal(self._deflater.receive(plain) if self._deflater else plain)
        )

    def finish(self) -> bytes:
        """The last octets for the wire."""
        octets = self._seal(self._deflater.finish()) if self._deflater else b""
        octets = self._count_out(octets + self._sealer.finish())
        self._sealed = SealedPart(
            self._info, self._digest.finish(), self._wire_bytes, self._encrypted_mime_type
        )
        return octets

    def sealed(self) -> SealedPart:
        """The part as the envelope describes it. Only after `finish`."""
        if self._sealed is None:
            raise RuntimeError("the part is not finished")
        return self._sealed

    def _seal(self, octets: bytes) -> bytes:
        self._digest.receive(octets)
        return self._sealer.receive(octets) if octets else b""

    def _count_out(self, octets: bytes) -> bytes:
        self._wire_bytes += len(octets)
        return octets


def _part_info(
    content_id: str, mime_type: str, character_set: str | None, compress: bool
) -> PartInfo:
    properties = [Property(MIME_TYPE, mime_type)]
    if character_set is not None:
        properties.append(Property(CHARACTER_SET, character_set))
    if compress:
        properties.append(Property(COMPRESSION_TYPE, GZIP))
    return PartInfo(content_id, tuple(properties))
