"""The header block of one MIME part, read strictly (RFC 2045 section 3, RFC 5322 section 2.2).

Only the three fields that decide something are kept. A field that decides something may stand
once. Folded lines are read, because products in the field write them; bare line feeds, control
characters and octets outside ASCII are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from protocol.as4.content_type import ContentType, read_content_type
from protocol.as4.errors import MIME_INCONSISTENCY, Refused, StatusAnswer, refused
from protocol.as4.names import OCTET_STREAM

#: Four fields of 200 characters are what products write; 8 KiB forgives much.
MAX_PART_HEADER_BYTES: Final = 8 * 1024
MAX_PART_HEADER_LINES: Final = 16
MAX_CONTENT_ID_CHARACTERS: Final = 255

_FOLD: Final = re.compile(r"\r\n[ \t]+")
_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)")
_CONTENT_ID: Final = re.compile(r"<?([\x21-\x3b\x3d\x3f-\x7e]+)>?")
_DECISIVE: Final = frozenset({"content-id", "content-type", "content-transfer-encoding"})


@dataclass(frozen=True, slots=True)
class PartHeaders:
    """What the headers of a part say. `content_id` has no brackets; defaults are filled in."""

    content_id: str | None
    content_type: ContentType
    content_type_text: str
    transfer_encoding: str


def read_part_headers(block: bytes) -> PartHeaders:
    """The headers in `block`, the octets between the delimiter line and the empty line.

    Raises Refused: 413 for too many lines, 400 for malformed ones, EBMS:0007 for a decisive field
    that is given twice.
    """
    fields = _fields(block)
    text = fields.get("content-type", OCTET_STREAM)
    return PartHeaders(
        content_id=_content_id(fields.get("content-id")),
        content_type=_content_type(text),
        content_type_text=text,
        transfer_encoding=fields.get("content-transfer-encoding", "binary").lower(),
    )


def too_large(what: str) -> Refused:
    """The refusal of a header block beyond its limits."""
    return Refused(StatusAnswer(413), "G2", f"the headers of a MIME part have {what}")


def _fields(block: bytes) -> dict[str, str]:
    if block.count(b"\n") >= MAX_PART_HEADER_LINES:
        raise too_large(f"more than {MAX_PART_HEADER_LINES} lines")
    fields: dict[str, str] = {}
    for line in _unfolded(block).split("\r\n") if block else ():
        match = _LINE.fullmatch(line)
        if match is None:
            raise _malformed("a line that is not `name: value` in ASCII")
        name, value = match.groups()
        name = name.lower()
        if name in fields and name in _DECISIVE:
            raise refused(MIME_INCONSISTENCY, "G2", f"a MIME part has {name} twice")
        fields[name] = value.strip(" \t")
    return fields


def _unfolded(block: bytes) -> str:
    """`block` as text, every octet one character, continued lines joined."""
    text = block.decode("latin-1")
    return _FOLD.sub(" ", text) if "\n " in text or "\n\t" in text else text


def _content_id(text: str | None) -> str | None:
    if text is None:
        return None
    match = _CONTENT_ID.fullmatch(text)
    if match is None or text.startswith("<") != text.endswith(">"):
        raise _malformed("a Content-ID that is not <id>")
    content_id = match.group(1)
    if len(content_id) > MAX_CONTENT_ID_CHARACTERS:
        raise _malformed(f"a Content-ID longer than {MAX_CONTENT_ID_CHARACTERS} characters")
    return content_id


def _content_type(text: str) -> ContentType:
    try:
        return read_content_type(text)
    except ValueError as error:
        raise Refused(StatusAnswer(415), "G2", f"in a MIME part, {error}") from error


def _malformed(what: str) -> Refused:
    return Refused(StatusAnswer(400), "G2", f"the headers of a MIME part have {what}")
