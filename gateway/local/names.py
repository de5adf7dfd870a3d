"""File names that came from elsewhere, made harmless."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import quote

MAX_NAME_BYTES: Final = 120  # leaves room for a prefix on every file system (most allow 255)
_RESERVED: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL"}
    | {f"{device}{digit}" for device in ("COM", "LPT") for digit in "0123456789"}
)
_FORBIDDEN: Final = frozenset('<>:"/\\|?*')


def safe_file_name(name: str | None) -> str | None:
    """`name` without path, control, bidirectional or shell characters; None if nothing is left.

    The result is one path component that means the same on every system: never ".", "..", a device
    name of Windows, or something that starts with a dot or a dash.
    """
    if not name:
        return None
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in base if unicodedata.category(c)[0] not in "CZ" or c == " ")
    kept = "".join("_" if c in _FORBIDDEN else c for c in kept).strip(" .").lstrip("-")
    kept = _shortened(kept).strip(" .")
    if not kept or kept.split(".", 1)[0].upper() in _RESERVED:
        return None
    return kept


def _shortened(name: str) -> str:
    """At most MAX_NAME_BYTES of UTF-8, the extension kept."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 16:
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{extension}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + extension


def content_disposition(name: str) -> str:
    """The header that makes every client save and none display (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
