"""Content-Transfer-Encoding undone as a stream (RFC 2045 section 6).

AS4 products send `binary`; some gateways on the way re-encode, so `base64` and `quoted-printable`
are read too (docs/interop.md). Anything else is refused, and so is any octet that the encoding
does not allow: a decoder that repairs would let two readers see two messages.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, Protocol

from protocol.as4.errors import MIME_INCONSISTENCY, refused

_WHITE: Final = b" \t\r\n"
_QUOTED: Final = re.compile(rb"=(?:([0-9A-Fa-f]{2})|\r\n)")
_STRAY_EQUALS: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r\n)")


class TransferDecoder(Protocol):
    """Undoes one encoding; each octet comes out once."""

    def receive(self, octets: bytes) -> bytes:
        """What can be decoded so far. Raises Refused."""

    def finish(self) -> bytes:
        """The rest. Raises Refused if the encoding is incomplete."""


class Identity:
    """`binary`, `8bit` and `7bit`: the octets are the content."""

    def receive(self, octets: bytes) -> bytes:
        """The octets as they are."""
        return octets

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


class Base64:
    """`base64` with line breaks anywhere; padding only at the end."""

    def __init__(self) -> None:
        self._held = b""
        self._ended = False

    def receive(self, octets: bytes) -> bytes:
        """Every whole group of four characters, decoded."""
        characters = self._held + octets.translate(None, _WHITE)
        whole = len(characters) - len(characters) % 4
        self._held = characters[whole:]
        return self._decode(characters[:whole])

    def finish(self) -> bytes:
        """Nothing; a group of fewer than four characters is refused."""
        if self._held:
            raise refused(MIME_INCONSISTENCY, "G2", "a base64 part ends within a group")
        return b""

    def _decode(self, characters: bytes) -> bytes:
        if not characters:
            return b""
        if self._ended:
            raise refused(MIME_INCONSISTENCY, "G2", "a base64 part goes on after its padding")
        self._ended = characters.endswith(b"=")
        try:
            return binascii.a2b_base64(characters, strict_mode=True)
        except binascii.Error as error:
            raise refused(
                MIME_INCONSISTENCY, "G2", f"a base64 part is malformed: {error}"
            ) from error


class QuotedPrintable:
    """`quoted-printable`; white space at line ends is kept, HTTP does not pad lines."""

    def __init__(self) -> None:
        self._held = b""

    def receive(self, octets: bytes) -> bytes:
        """What is certain: an escape that may be cut in two waits for its rest."""
        octets = self._held + octets
        cut = octets.rfind(b"=", max(0, len(octets) - 2))
        self._held = octets[cut:] if cut >= 0 else b""
        return self._decode(octets[:cut] if cut >= 0 else octets)

    def finish(self) -> bytes:
        """Nothing; an escape cut off by the end is refused."""
        if self._held:
            raise refused(MIME_INCONSISTENCY, "G2", "a quoted-printable part ends within an escape")
        return b""

    def _decode(self, octets: bytes) -> bytes:
        if _STRAY_EQUALS.search(octets) is not None:
            raise refused(
                MIME_INCONSISTENCY, "G2", "a quoted-printable part has a malformed escape"
            )
        return _QUOTED.sub(
            lambda m: bytes.fromhex(m.group(1).decode()) if m.group(1) else b"", octets
        )


_DECODERS: Final[dict[str, type[Identity] | type[Base64] | type[QuotedPrintable]]] = {
    "binary": Identity,
    "8bit": Identity,
    "7bit": Identity,
    "base64": Base64,
    "quoted-printable": QuotedPrintable,
}


def decoder_for(transfer_encoding: str) -> TransferDecoder:
    """A new decoder. Raises Refused for an encoding that MIME does not define."""
    kind = _DECODERS.get(transfer_encoding.lower())
    if kind is None:
        raise refused(
            MIME_INCONSISTENCY, "G2", f"Content-Transfer-Encoding {transfer_encoding!r} is unknown"
        )
    return kind()
