"""A sealed message as one HTTP body whose length is known before it is sent.

SOAP part first and named by `start`, then the parts in the order of eb:PayloadInfo, all octets as
they are; no charset at the multipart (docs/interop.md, T1 and T13). Source: RFC 2387, SwA.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.as4.names import OCTET_STREAM, SOAP_MIME

SOAP_CONTENT_TYPE: Final = f"{SOAP_MIME}; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class PartSlot:
    """The place of the octets of part number `index`, which the caller streams."""

    index: int


class MultipartFrame:
    """Everything of a body but the parts' octets.

    `parts` are Content-ID (without brackets) and size in bytes on the wire; `domain` stands in the
    root part's Content-ID. Without parts the body is the envelope alone.
    """

    def __init__(self, soap: bytes, parts: Sequence[tuple[str, int]], domain: str) -> None:
        self._pieces: list[bytes | PartSlot] = [soap]
        self.content_type = SOAP_CONTENT_TYPE
        self.content_length = len(soap)
        self.boundary = self.root = ""  # of a body that has parts
        if parts:
            self._frame(soap, parts, domain)

    def pieces(self) -> list[bytes | PartSlot]:
        """The body in order: octets, and where each part's octets go."""
        return list(self._pieces)

    def _frame(self, soap: bytes, parts: Sequence[tuple[str, int]], domain: str) -> None:
        # 122 random bits: neither ciphertext nor an envelope signed before can hold them.
        token = uuid.uuid4().hex
        boundary, root = f"part-{token}", f"root-{token}@{domain}"
        self.boundary, self.root = boundary, root
        self.content_type = (
            f'multipart/related; type="{SOAP_MIME}"; boundary="{boundary}"; start="<{root}>"'
        )
        pieces: list[bytes | PartSlot] = [
            _part_head(boundary, SOAP_CONTENT_TYPE, root).removeprefix(b"\r\n") + soap
        ]
        for index, (content_id, _) in enumerate(parts):
            pieces += [_part_head(boundary, OCTET_STREAM, content_id), PartSlot(index)]
        pieces.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
        self._pieces = pieces
        self.content_length = sum(size_bytes for _, size_bytes in parts) + sum(
            len(piece) for piece in pieces if isinstance(piece, bytes)
        )


def _part_head(boundary: str, content_type: str, content_id: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{content_id}>\r\n\r\n"
    ).encode("ascii")
