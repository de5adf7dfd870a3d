"""A request body taken apart as it arrives: MIME multipart/related, or a bare SOAP envelope.

Strict and streaming (RFC 2046 section 5.1, RFC 2387): parts come out as events, in order, while
octets go in; whatever way the octets are sliced, the events are the same but for how content is
cut. Nothing is held back except what may be the beginning of a delimiter. No nesting, so nothing
recurses; every octet is looked at a fixed number of times, so time is linear.

Before the first and after the last delimiter only what products really write is let pass: an
empty line or a short preamble before, white space after.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from protocol.as4.content_type import ContentType, read_content_type
from protocol.as4.errors import MIME_INCONSISTENCY, Refused, StatusAnswer, refused
from protocol.as4.limits import MAX_PARTS, MAX_SOAP_BYTES
from protocol.as4.names import SOAP_MIME
from protocol.as4.part_headers import (
    MAX_PART_HEADER_BYTES,
    PartHeaders,
    read_part_headers,
    too_large,
)
from protocol.as4.transfer_encoding import Identity, TransferDecoder, decoder_for

#: Preambles are one line ("This is a multi-part message..."); they are dropped unread.
MAX_PREAMBLE_BYTES: Final = 1024
#: White space that gateways may leave behind a delimiter, or behind the last one.
MAX_PADDING_BYTES: Final = 64

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_BREAK: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A part begins. `content_id` has no brackets; `is_root` marks the SOAP part."""

    content_id: str | None
    content_type: str
    transfer_encoding: str
    is_root: bool


@dataclass(frozen=True, slots=True)
class PartContent:
    """The next octets of the part's content, transfer encoding undone; never empty."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part is whole."""


MimeEvent = PartStarted | PartContent | PartEnded


class MimeReader:
    """Takes one request body apart. The first part is the SOAP part (`is_root`).

    `content_type` is the HTTP header's value. Raises Refused: 415 for a type that AS4 does not
    use, 400 for a multipart without a usable boundary.
    """

    def __init__(self, content_type: str, *, max_parts: int = MAX_PARTS) -> None:
        kind = _http_content_type(content_type)
        self._reader: _Multipart | _Bare
        if kind.essence == "multipart/related":
            self._reader = _Multipart(kind, max_parts)
        else:
            _check_soap_type(kind)
            self._reader = _Bare(content_type)
        self._finished = False

    def receive(self, octets: bytes) -> list[MimeEvent]:
        """What `octets` complete. Raises Refused; the reader is of no use afterwards."""
        return self._reader.receive(octets)

    def finish(self) -> list[MimeEvent]:
        """What the end of the body completes; nothing when asked again.

        Raises Refused (EBMS:0007) if the closing delimiter has not come.
        """
        if self._finished:
            return []
        self._finished = True
        return self._reader.finish()


class _Bare:
    """A body that is the SOAP envelope itself."""

    def __init__(self, content_type: str) -> None:
        self._started = PartStarted(None, content_type, "binary", is_root=True)
        self._size_bytes = -1

    def receive(self, octets: bytes) -> list[MimeEvent]:
        events: list[MimeEvent] = []
        if self._size_bytes < 0:
            self._size_bytes = 0
            events.append(self._started)
        self._size_bytes += len(octets)
        _check_root_size(self._size_bytes)
        if octets:
            events.append(PartContent(octets))
        return events

    def finish(self) -> list[MimeEvent]:
        return [*self.receive(b""), PartEnded()]


class _Multipart:
    """A multipart/related body: a buffer, a place in it, and the step that reads on from there."""

    def __init__(self, kind: ContentType, max_parts: int) -> None:
        self._delimiter = _BREAK + b"--" + _boundary(kind)
        self._start = kind.parameters.get("start", "").strip("<>") or None
        self._max_parts = max_parts
        self._buffer = _BREAK  # the body may begin with a delimiter; it has no line break then
        self._at = 0
        self._step: Callable[[], bool] = self._read_preamble
        self._events: list[MimeEvent] = []
        self._content_ids: set[str] = set()
        self._parts_begun = 0
        self._decoder: TransferDecoder = Identity()
        self._lead_bytes = 0  # the line break that ended the headers, still before the content
        self._root_bytes = 0
        self._padding_bytes = 0

    def receive(self, octets: bytes) -> list[MimeEvent]:
        self._buffer = self._buffer + octets if self._buffer else octets
        while self._step():
            pass
        self._buffer, self._at = self._buffer[self._at :], 0
        events, self._events = self._events, []
        return events

    def finish(self) -> list[MimeEvent]:
        if self._step != self._read_epilogue:
            raise _inconsistent("the body ends before its closing delimiter")
        return []

    # Each step reads on from `_at`; true when another step can follow, false when octets lack.

    def _read_preamble(self) -> bool:
        found = self._buffer.find(self._delimiter)
        reach = found if found >= 0 else len(self._buffer) - len(self._delimiter)
        if reach > MAX_PREAMBLE_BYTES:
            raise _inconsistent(f"no delimiter within the first {MAX_PREAMBLE_BYTES} bytes")
        if found < 0:
            return False
        self._at = found + len(self._delimiter)
        self._step = self._read_delimiter_end
        return True

    def _read_delimiter_end(self) -> bool:
        if self._buffer.startswith(b"--", self._at):
            if not self._parts_begun:
                raise _inconsistent("the multipart body has no part")
            self._at += 2
            self._step = self._read_epilogue
            return True
        line_end = self._buffer.find(_BREAK, self._at, self._at + MAX_PADDING_BYTES + 2)
        padding = self._buffer[self._at : line_end if line_end >= 0 else None]
        if line_end < 0 and len(padding) < MAX_PADDING_BYTES + 2:
            return False
        if line_end < 0 or padding.strip(b" \t"):
            raise _inconsistent("a line begins like the delimiter and goes on otherwise")
        self._at = line_end  # the headers are read with the line break before them
        self._step = self._read_headers
        return True

    def _read_headers(self) -> bool:
        end = self._buffer.find(_BREAK + _BREAK, self._at)
        size_bytes = (end if end >= 0 else len(self._buffer) - 4) - self._at
        if size_bytes > MAX_PART_HEADER_BYTES:
            raise too_large(f"more than {MAX_PART_HEADER_BYTES} bytes")
        if end < 0:
            return False
        self._begin_part(read_part_headers(self._buffer[self._at + 2 : end]))
        self._at, self._lead_bytes = end + 2, 2
        self._step = self._read_content
        return True

    def _read_content(self) -> bool:
        found = self._buffer.find(self._delimiter, self._at)
        end = found if found >= 0 else self._certain_end()
        if end > self._at:
            self._content(self._buffer[self._at + self._lead_bytes : end])
            self._lead_bytes = 0
        if found < 0:
            self._at = end
            return False
        self._at = found + len(self._delimiter)
        self._end_part()
        self._step = self._read_delimiter_end
        return True

    def _read_epilogue(self) -> bool:
        octets = self._buffer[self._at :]
        self._at = len(self._buffer)
        self._padding_bytes += len(octets)
        if octets.strip(b" \t\r\n") or self._padding_bytes > MAX_PADDING_BYTES:
            raise _inconsistent("something follows the closing delimiter")
        return False

    def _certain_end(self) -> int:
        """Where content surely ends: before what may be a delimiter's beginning, else all of it.

        A delimiter has its only CR in front, so only the last CR of the buffer can begin one.
        """
        near = max(self._at, len(self._buffer) - len(self._delimiter) + 1)
        begin = self._buffer.rfind(b"\r", near)
        if begin >= 0 and self._delimiter.startswith(self._buffer[begin:]):
            return begin
        return len(self._buffer)

    def _begin_part(self, headers: PartHeaders) -> None:
        is_root = self._parts_begun == 0
        self._parts_begun += 1
        if is_root:
            self._check_root(headers)
        else:
            self._check_attachment(headers)
        self._decoder = decoder_for(headers.transfer_encoding)
        self._events.append(
            PartStarted(
                headers.content_id, headers.content_type_text, headers.transfer_encoding, is_root
            )
        )

    def _content(self, octets: bytes) -> None:
        octets = self._decoder.receive(octets)
        if self._parts_begun == 1:
            self._root_bytes += len(octets)
            _check_root_size(self._root_bytes)
        if octets:
            self._events.append(PartContent(octets))

    def _end_part(self) -> None:
        rest = self._decoder.finish()
        if rest:
            self._events.append(PartContent(rest))
        self._events.append(PartEnded())

    def _check_root(self, headers: PartHeaders) -> None:
        _check_soap_type(headers.content_type)
        if self._start is not None and headers.content_id != self._start:
            raise _inconsistent("the first part is not the one that `start` names")
        if headers.content_id is not None:
            self._content_ids.add(headers.content_id)

    def _check_attachment(self, headers: PartHeaders) -> None:
        if self._parts_begun - 1 > self._max_parts:
            raise _inconsistent(f"more than {self._max_parts} attachments")
        if headers.content_type.essence.startswith(("multipart/", "message/")):
            raise _inconsistent("a part is itself made of parts")
        if headers.content_id is None:
            raise _inconsistent("an attachment has no Content-ID")
        if headers.content_id in self._content_ids:
            raise _inconsistent(f"two parts have the Content-ID {headers.content_id!r}")
        self._content_ids.add(headers.content_id)


def _http_content_type(text: str) -> ContentType:
    try:
        return read_content_type(text)
    except ValueError as error:
        status = 400 if text.lower().lstrip().startswith("multipart/related") else 415
        raise Refused(StatusAnswer(status), "G2", str(error)) from error


def _boundary(kind: ContentType) -> bytes:
    if kind.parameters.get("type", SOAP_MIME).lower() != SOAP_MIME:
        raise Refused(StatusAnswer(415), "G2", f"the root part is to be {SOAP_MIME}")
    boundary = kind.parameters.get("boundary", "")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise Refused(StatusAnswer(400), "G2", "the multipart has no usable boundary")
    return boundary.encode("ascii")


def _check_soap_type(kind: ContentType) -> None:
    if kind.essence != SOAP_MIME:
        raise Refused(StatusAnswer(415), "G2", f"{kind.essence} is not {SOAP_MIME}")
    if kind.parameters.get("charset", "utf-8").lower() != "utf-8":
        raise Refused(StatusAnswer(415), "G2", "the envelope is to be in UTF-8")


def _check_root_size(size_bytes: int) -> None:
    if size_bytes > MAX_SOAP_BYTES:
        raise Refused(StatusAnswer(413), "G2", f"the SOAP part is over {MAX_SOAP_BYTES} bytes")


def _inconsistent(reason: str) -> Refused:
    return refused(MIME_INCONSISTENCY, "G2", reason)
