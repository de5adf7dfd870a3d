"""The one key of this node under which the keys of payloads at rest are wrapped.

A wrapped data key is `version || key id || AES-256 key wrap (RFC 3394)`: 1 + 8 + 40 bytes. The key
id says which storage key is needed, so that a wrong one is named instead of called damage.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from keys.files import read_tight, write_new
from keys.refusal import KeyRefused

KEY_BYTES = 32  # AES-256
KEY_ID_BYTES = 8
_VERSION = b"\x01"
_FIRST_LINE = b"hanoi-gateway storage key 1"
_ID_LABEL = b"hanoi-gateway storage key id"


class UnwrapRefused(Exception):
    """A wrapped data key does not open with this storage key; the sentence says why."""


@dataclass(frozen=True, slots=True)
class StorageKey:
    """Wraps and unwraps data keys. Whoever destroys its file destroys every payload at rest."""

    _key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self._key) != KEY_BYTES:
            raise ValueError(f"a storage key has {KEY_BYTES} bytes, not {len(self._key)}")

    @classmethod
    def generate(cls) -> StorageKey:
        """A fresh random key."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> StorageKey:
        """The key in the file `path`, which nobody else may read. Raises KeyRefused."""
        first, _, rest = read_tight(path).partition(b"\n")
        if first != _FIRST_LINE:
            raise KeyRefused(path, "is no storage key; restore it from its backup")
        try:
            return cls(base64.b64decode(rest.strip(), validate=True))
        except (ValueError, binascii.Error) as e:
            raise KeyRefused(path, f"is no storage key ({e}); restore it from its backup") from e

    def write(self, path: Path) -> None:
        """The key stands in the new file `path`, mode 0600. Raises FileExistsError."""
        write_new(path, _FIRST_LINE + b"\n" + base64.b64encode(self._key) + b"\n")

    @property
    def id(self) -> bytes:
        """What names this key without telling anything about it."""
        return hashlib.sha256(_ID_LABEL + self._key).digest()[:KEY_ID_BYTES]

    def wrap(self, data_key: bytes) -> bytes:
        """`data_key` (16, 24 or 32 bytes) as it may be stored."""
        return _VERSION + self.id + aes_key_wrap(self._key, data_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key that `wrap` was given. Raises UnwrapRefused."""
        start = len(_VERSION) + KEY_ID_BYTES
        if wrapped[: len(_VERSION)] != _VERSION or len(wrapped) <= start:
            raise UnwrapRefused("this is no wrapped data key of a form that we know")
        needed = wrapped[len(_VERSION) : start]
        if needed != self.id:
            raise UnwrapRefused(f"wrapped with storage key {needed.hex()}, ours is {self.id.hex()}")
        try:
            return aes_key_unwrap(self._key, wrapped[start:])
        except (InvalidUnwrap, ValueError) as e:
            raise UnwrapRefused("the wrapped data key was changed") from e
