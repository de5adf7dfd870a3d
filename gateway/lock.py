"""One process per node folder: a lock on a file that the kernel gives back, whatever happens."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

LOCK_PATH: Final = "data/gateway.lock"


class NodeInUse(Exception):
    """Another process works with this node. `pid` is its number as far as the file says."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path}: {holder} is using this node; stop it first.")
        self.pid = pid


class NodeLock:
    """Holds the lock of the node in `folder` from `take` to `release`; also a context."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_PATH
        self._descriptor: int | None = None

    def take(self) -> None:
        """Hold the lock. Raises NodeInUse if somebody has it, OSError without a file."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(
            self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            pid = _pid_in(descriptor)
            os.close(descriptor)
            raise NodeInUse(self._path, pid) from e
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. The file stays: without it two processes could each lock one of that name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
