"""What the store and the spool need from whoever holds the node's keys."""

from __future__ import annotations

from typing import Protocol


class KeyWrap(Protocol):
    """The node's storage key."""

    def wrap(self, data_key: bytes) -> bytes:
        """`data_key` encrypted under the storage key."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key in `wrapped`. Raises an exception when it does not open."""
