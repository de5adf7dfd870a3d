"""What notices that the end of the chain was cut off, or that an old store was put back.

* The head row in the database carries a seal, an HMAC under a key that only this node (and others
  that share its storage key) can unwrap: whoever deletes the newest evidence cannot seal the head
  that is left.
* The witness is a file beside the database that follows the head, at most WITNESS_SECONDS behind.
  A store whose chain does not contain what its witness saw is older than it was: a backup was put
  back, or rows and head were replaced together with an earlier sealed head.

Whoever can put back both, the database and the witness, to one earlier state is not noticed here;
that takes a witness elsewhere (the transparency log).
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.disk import sync_folder
from protocol.evidence.chain import Head

WITNESS_SECONDS: Final = 1.0  # one more fsync a second; what an attacker can cut off unnoticed
SEAL_KEY_BYTES: Final = 32

_SEAL: Final = b"hanoi-gateway evidence head 1\x00"
_WITNESS: Final = b"hanoi-gateway evidence witness 1\x00"


class Seal:
    """Seals heads with a key that stays inside."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, head: Head, purpose: bytes = _SEAL) -> bytes:
        """The seal over `head`."""
        octets = purpose + head.sequence.to_bytes(8, "big") + head.chain_hash
        return hmac.digest(self._key, octets, "sha256")

    def holds(self, head: Head, seal: bytes, purpose: bytes = _SEAL) -> bool:
        """Whether `seal` was made for `head` with this key."""
        return hmac.compare_digest(self.of(head, purpose), seal)


class WitnessDamaged(Exception):
    """The witness file is there but was not written by a gateway with our key."""


class Witness:
    """The file that follows the head. Used by the one thread that commits, or under its lock."""

    def __init__(self, path: Path, seal: Seal, monotonic: Callable[[], float]) -> None:
        self.path = path
        self._seal = seal
        self._monotonic = monotonic
        self._written_at: float | None = None
        self._written: Head | None = None

    def read(self) -> Head | None:
        """The head that the file saw last; None if there is no file. Raises WitnessDamaged."""
        try:
            octets = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            fields = json.loads(octets)
            head = Head(int(fields["sequence"]), bytes.fromhex(fields["chain_hash"]))
            sealed = self._seal.holds(head, bytes.fromhex(fields["seal"]), _WITNESS)
        except (ValueError, KeyError, TypeError, OverflowError) as e:
            raise WitnessDamaged(f"{self.path}: cannot be read ({e})") from e
        if not sealed:
            raise WitnessDamaged(f"{self.path}: was not written by a gateway with this storage key")
        return head

    def note(self, head: Head) -> None:
        """Follow `head`, unless the file was written less than WITNESS_SECONDS ago."""
        now = self._monotonic()
        if self._written_at is None or now - self._written_at >= WITNESS_SECONDS:
            self.write(head)
            self._written_at = now

    def write(self, head: Head) -> None:
        """The file holds `head` and is on the disk; a crash leaves the old file or the new one."""
        if self._written is not None and head.sequence <= self._written.sequence:
            return
        fields = {
            "sequence": head.sequence,
            "chain_hash": head.chain_hash.hex(),
            "seal": self._seal.of(head, _WITNESS).hex(),
        }
        fresh = self.path.with_name(self.path.name + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            file.write(json.dumps(fields).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        sync_folder(self.path.parent)
        self._written = head
