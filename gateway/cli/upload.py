"""A multipart/form-data body that is never whole in memory (RFC 7578)."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

from gateway.cli.connection import CHUNK_BYTES
from gateway.cli.outcome import refused
from gateway.local.names import safe_file_name


@dataclass(frozen=True, slots=True)
class _FilePart:
    head: bytes
    file: BinaryIO
    size_bytes: int
    path: Path


class Upload:
    """The body of one submission; a context, because it holds its files open.

    The length is known before the first octet is sent: sizes are taken from the open files, and a
    file that changes its length meanwhile ends the submission.
    """

    def __init__(
        self,
        fields: Iterable[tuple[str, str]],
        document: Path | None,
        attachments: Sequence[Path],
    ) -> None:
        self._boundary = uuid4().hex
        self._fields = [self._field(name, value) for name, value in fields]
        self._document = document
        self._attachments = attachments
        self._open = ExitStack()
        self._files: list[_FilePart] = []

    def __enter__(self) -> Self:
        try:
            if self._document is not None:
                self._add("document", self._document, _document_type(self._document))
            for path in self._attachments:
                guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                self._add("attachment", path, guessed)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe the body."""
        length_bytes = sum(len(field) for field in self._fields) + len(self._end())
        length_bytes += sum(len(part.head) + part.size_bytes + 2 for part in self._files)
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(length_bytes),
        }

    def pieces(self) -> Iterator[bytes]:
        """The body, at most CHUNK_BYTES at a time."""
        yield from self._fields
        for part in self._files:
            yield part.head
            yield from _exactly(part)
            yield b"\r\n"
        yield self._end()

    def _add(self, name: str, path: Path, mime_type: str) -> None:
        try:
            file = self._open.enter_context(path.open("rb"))
        except OSError as e:
            raise refused(f"{path}: {e.strerror}") from e
        file_name = safe_file_name(path.name) or name
        quoted = file_name.replace("\\", "_").replace('"', "_")
        head = self._head(name, f'; filename="{quoted}"', f"Content-Type: {mime_type}\r\n")
        self._files.append(_FilePart(head, file, os.fstat(file.fileno()).st_size, path))

    def _field(self, name: str, value: str) -> bytes:
        return self._head(name, "", "") + value.encode() + b"\r\n"

    def _head(self, name: str, file_name: str, content_type: str) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{name}"{file_name}\r\n'
        return f"--{self._boundary}\r\n{disposition}{content_type}\r\n".encode()

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def _exactly(part: _FilePart) -> Iterator[bytes]:
    left_bytes = part.size_bytes
    while left_bytes:
        chunk = part.file.read(min(CHUNK_BYTES, left_bytes))
        if not chunk:
            raise refused(f"{part.path}: the file became shorter while it was sent")
        left_bytes -= len(chunk)
        yield chunk


def _document_type(path: Path) -> str:
    return "application/json" if path.suffix.lower() == ".json" else "application/xml"
