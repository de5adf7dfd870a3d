"""A taken message on disk: a new folder, our own file names, durable before it is acknowledged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from gateway.cli.connection import Gateway
from gateway.cli.outcome import refused
from gateway.local.names import safe_file_name

_SHOWN_ID_CHARACTERS: Final = 60  # with the lease, a name stays whole on every file system
_FORWARDED = "FORWARDED"  # the notice with which another authority hands on a whole request
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def save_message(gateway: Gateway, lease: dict[str, Any], parent: Path) -> Path:
    """The folder that now holds the message, fsynced.

    It is new: named after the message and the lease, so that a second delivery makes a second one.
    Raises Stop when a file cannot be written or does not have the digest that was announced.
    """
    message = lease["message"]
    name = _folder_name(message["messageId"], lease["leaseId"])
    folder = parent / name
    try:
        with _new_folder(parent, name) as descriptor:
            _write(descriptor, "message.json", [json.dumps(lease, indent=2).encode() + b"\n"])
            for file_name, address, sha256 in _parts(message, lease["notice"]):
                chunks = gateway.ask("GET", address).chunks()
                _write(descriptor, file_name, _checked(chunks, sha256, file_name))
            os.fsync(descriptor)
    except OSError as e:
        raise refused(f"{folder}: {e.strerror}") from e
    return folder


def _folder_name(message_id: str, lease_id: str) -> str:
    """A partner chooses the MessageId, and must not be able to make two deliveries collide."""
    return (
        safe_file_name(f"{message_id[:_SHOWN_ID_CHARACTERS]}-{lease_id}") or f"message-{lease_id}"
    )


def _parts(message: dict[str, Any], notice: str | None) -> Iterator[tuple[str, str, str]]:
    """File name, address and digest of every part; a notice has none unless it hands one on."""
    if notice not in (None, _FORWARDED):
        return
    base = f"/v1/messages/{quote(message['messageId'], safe='@')}"
    which = urlencode({"partner": message["partner"], "direction": message["direction"]})
    if message["document"] is not None:
        yield "document.xml", f"{base}/document?{which}", message["document"]["sha256"]
    for part in message["attachments"]:
        n = int(part["n"])
        name = safe_file_name(part["fileName"]) or "attachment"
        yield f"{n:02d}-{name}", f"{base}/attachments/{n}?{which}", part["sha256"]


@contextmanager
def _new_folder(parent: Path, name: str) -> Iterator[int]:
    """A descriptor of the new folder `name`; everything is made relative to descriptors, so that
    nobody can swap a path for a link on the way."""
    parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.mkdir(name, _FOLDER_MODE, dir_fd=above)
        descriptor = os.open(name, _FOLDER, dir_fd=above)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        os.fsync(above)
    finally:
        os.close(above)


def _write(folder: int, name: str, chunks: Iterable[bytes]) -> None:
    descriptor = os.open(name, _NEW_FILE, _FILE_MODE, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _checked(chunks: Iterable[bytes], sha256: str, name: str) -> Iterator[bytes]:
    """The same chunks. Raises Stop at the end when they do not have the announced digest."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise refused(f"{name}: the content does not have the digest that was announced")
