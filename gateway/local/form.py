"""The form of a submission, read as it arrives: the document into memory, attachments to rest.

Everything here blocks (it writes files) and runs in one worker thread at a time. Limits hold while
octets arrive, never after. Source: RFC 7578, openapi.yaml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.local import limits
from gateway.local.names import safe_file_name
from gateway.local.ports import Spool, SpoolWriter
from gateway.local.problems import MALFORMED, TOO_LARGE, Problem
from gateway.store.values import StoredBlob

_ENCODING = re.compile(r"[A-Za-z][A-Za-z0-9._\-]{0,39}", re.ASCII)  # XML 1.0 section 4.3.3
FIELDS = frozenset({"action", "to", "conversationId", "refToMessageId"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment at rest."""

    mime_type: str
    character_set: str | None
    file_name: str | None
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class FormLimits:
    """How much one form may hold, in bytes."""

    max_attachment_bytes: int
    max_total_bytes: int


@dataclass(frozen=True, slots=True)
class Form:
    """A whole submission as it was sent; nothing in it is checked beyond its sizes."""

    document: bytes | None = field(repr=False)
    document_type: str | None
    fields: dict[str, str]
    attachments: tuple[Attachment, ...]


@dataclass(slots=True)
class _Part:
    name: str
    mime_type: str
    character_set: str | None
    file_name: str | None
    writer: SpoolWriter | None
    limit_bytes: int
    size_bytes: int = 0
    octets: bytearray = field(default_factory=bytearray)


class FormReader:
    """Takes the octets of one multipart/form-data body; gives a `Form` or leaves nothing."""

    def __init__(self, boundary: bytes, spool: Spool, form_limits: FormLimits) -> None:
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._content,
                    "on_part_end": self._part_ends,
                    "on_end": self._ends,
                },
                max_header_count=limits.MAX_PART_HEADERS,
                max_header_size=limits.MAX_PART_HEADER_BYTES,
            )
        except FormParserError as e:
            raise _malformed(str(e)) from e
        self._spool = spool
        self._limits = form_limits
        self._headers: dict[str, str] = {}
        self._name, self._value = bytearray(), bytearray()
        self._part: _Part | None = None
        self._parts = 0
        self._received_bytes = 0
        self._complete = False
        self._document: tuple[bytes, str] | None = None
        self._fields: dict[str, str] = {}
        self._attachments: list[Attachment] = []

    def receive(self, octets: bytes) -> None:
        """Take the next octets. Raises Problem; then `discard` is still to be called."""
        self._received_bytes += len(octets)
        if self._received_bytes > self._limits.max_total_bytes:
            raise _too_large("message", self._limits.max_total_bytes)
        try:
            self._parser.write(octets)
        except FormParserError as e:
            raise _malformed(f"The multipart body is malformed: {e}.") from e

    def finish(self) -> Form:
        """The whole form. Raises Problem when the closing boundary has not come."""
        if not self._complete:
            raise _malformed("The multipart body ends before its closing boundary.")
        document, document_type = self._document or (None, None)
        return Form(document, document_type, self._fields, tuple(self._attachments))

    def discard(self) -> None:
        """Leave nothing behind in the spool."""
        if self._part is not None and self._part.writer is not None:
            self._part.writer.discard()
        self._part = None
        while self._attachments:
            self._spool.remove(self._attachments.pop().blob)

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > limits.MAX_PARTS:
            raise _malformed(f"A form has at most {limits.MAX_PARTS} parts.")
        self._headers = {}

    def _header_name(self, octets: bytes, start: int, end: int) -> None:
        self._name += octets[start:end]

    def _header_value(self, octets: bytes, start: int, end: int) -> None:
        self._value += octets[start:end]

    def _header_ends(self) -> None:
        name = self._name.decode("latin-1").lower()
        if name in self._headers:
            raise _malformed(f"A part has two headers '{name[:40]}'.")
        self._headers[name] = self._value.decode("latin-1").strip()
        self._name, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise _malformed("A part needs 'Content-Disposition: form-data; name=...'.")
        if self._headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN:
            raise _malformed("Content-Transfer-Encoding is not used in forms (RFC 7578, 4.7).")
        mime_type, parameters = parse_options_header(self._headers.get("content-type"))
        self._part = self._part_for(
            name,
            mime_type.decode("latin-1"),
            parameters.get(b"charset", b"").decode("ascii", "replace") or None,
            options.get(b"filename", b"").decode("utf-8", "replace"),
        )

    def _part_for(
        self, name: str, mime_type: str, character_set: str | None, file_name: str
    ) -> _Part:
        safe_name = safe_file_name(file_name[: limits.MAX_FILE_NAME_CHARACTERS])
        if name == "attachment":
            if len(self._attachments) >= limits.MAX_ATTACHMENTS:
                raise _malformed(f"A message has at most {limits.MAX_ATTACHMENTS} attachments.")
            return _Part(
                name,
                _media_type(mime_type),
                _encoding(character_set),
                safe_name,
                self._spool.writer(),
                self._limits.max_attachment_bytes,
            )
        if name == "document":
            if self._document is not None:
                raise _malformed("A form has one document.")
            return _Part(name, mime_type, character_set, safe_name, None, limits.MAX_DOCUMENT_BYTES)
        if name not in FIELDS or name in self._fields:
            raise _malformed(f"The form has no field '{name[:40]}', or has it twice.")
        return _Part(name, mime_type, character_set, None, None, limits.MAX_FIELD_BYTES)

    def _content(self, octets: bytes, start: int, end: int) -> None:
        part = self._current()
        part.size_bytes += end - start
        if part.size_bytes > part.limit_bytes:
            raise _too_large(part.name, part.limit_bytes)
        if part.writer is None:
            part.octets += octets[start:end]
        else:
            part.writer.write(octets[start:end])

    def _part_ends(self) -> None:
        part, self._part = self._current(), None
        if part.writer is not None:
            self._keep(part, part.writer)
        elif part.name == "document":
            self._document = (bytes(part.octets), part.mime_type)
        else:
            self._fields[part.name] = _text(part)

    def _keep(self, part: _Part, writer: SpoolWriter) -> None:
        try:
            blob = writer.finish()
        except BaseException:
            writer.discard()
            raise
        self._attachments.append(
            Attachment(part.mime_type, part.character_set, part.file_name, blob)
        )

    def _ends(self) -> None:
        self._complete = True

    def _current(self) -> _Part:
        if self._part is None:
            raise _malformed("The multipart body has content outside of a part.")
        return self._part


_PLAIN = frozenset({"binary", "8bit", "7bit"})


def boundary_of(content_type: str) -> bytes | None:
    """The boundary if `content_type` is multipart/form-data with one, else None."""
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary") or None if kind == b"multipart/form-data" else None


def _media_type(claimed: str) -> str:
    main, slash, sub = claimed.partition("/")
    token = (main + sub).replace("-", "").replace(".", "").replace("+", "").replace("_", "")
    if not slash or not main or not sub or not (token.isascii() and token.isalnum()):
        return "application/octet-stream"
    return claimed[:127]


def _encoding(claimed: str | None) -> str | None:
    """The charset of an attachment; the partner would refuse the message for any other text."""
    if claimed is not None and _ENCODING.fullmatch(claimed) is None:
        raise _malformed("The charset of an attachment is not the name of an encoding.")
    return claimed


def _text(part: _Part) -> str:
    try:
        text = part.octets.decode("utf-8").strip()
    except UnicodeDecodeError as e:
        raise _malformed(f"The field '{part.name}' is not UTF-8.") from e
    if not text.isprintable():
        raise _malformed(f"The field '{part.name}' has control characters.")
    return text


def _malformed(detail: str) -> Problem:
    return Problem(MALFORMED, detail)


def _too_large(what: str, limit_bytes: int) -> Problem:
    return Problem(TOO_LARGE, f"The {what} is larger than {limit_bytes} bytes.", limit=limit_bytes)
