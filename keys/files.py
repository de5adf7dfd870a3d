"""Files that nobody else may read: opened without following links, judged by their descriptor.

What is checked is the file that was opened, not the name, so that nothing can be exchanged between
the check and the reading.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from keys.refusal import KeyRefused

MAX_KEY_FILE_BYTES = 64 * 1024  # an RSA-8192 key with its chain in PEM stays below 32 KiB
TIGHT_FILE_MODE = 0o600
TIGHT_FOLDER_MODE = 0o700
PUBLIC_FILE_MODE = 0o644
_FORBIDDEN_FILE_BITS = 0o077  # nothing for group and others
_FORBIDDEN_FOLDER_BITS = 0o022  # who may write here may exchange the file
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not hang us
_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_tight(path: Path, max_bytes: int = MAX_KEY_FILE_BYTES) -> bytes:
    """The content of a file that only we (or root) may read.

    Raises KeyRefused with the remedy when it is absent, a link, no regular file, too large, or
    open to somebody else.
    """
    descriptor, status = _open(path)
    with os.fdopen(descriptor, "rb") as opened:
        _check_tight(path, status)
        return _read(path, opened.read(max_bytes + 1), max_bytes)


def read_public(path: Path, max_bytes: int = MAX_KEY_FILE_BYTES) -> bytes:
    """The content of a file that others may read, and nobody else may write."""
    descriptor, status = _open(path)
    with os.fdopen(descriptor, "rb") as opened:
        if status.st_mode & _FORBIDDEN_FOLDER_BITS:
            raise KeyRefused(path, _mode_sentence(status, "write", PUBLIC_FILE_MODE))
        return _read(path, opened.read(max_bytes + 1), max_bytes)


def write_new(path: Path, octets: bytes, mode: int = TIGHT_FILE_MODE) -> None:
    """`path` is a new file with `octets`, durable. Raises FileExistsError if it is there."""
    descriptor = os.open(path, _NEW_FLAGS, mode)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(opened.fileno(), mode)  # whatever the umask is
        opened.write(octets)
        opened.flush()
        os.fsync(opened.fileno())


def make_tight_folder(path: Path) -> None:
    """`path` is a new folder that only we may enter. Raises FileExistsError if it is there."""
    path.mkdir(mode=TIGHT_FOLDER_MODE)
    path.chmod(TIGHT_FOLDER_MODE)


def check_folder(path: Path) -> None:
    """Raises KeyRefused if anybody but us (or root) may exchange files in the folder `path`."""
    status = path.stat()
    if status.st_mode & _FORBIDDEN_FOLDER_BITS and not status.st_mode & stat.S_ISVTX:
        raise KeyRefused(path, _mode_sentence(status, "write into", TIGHT_FOLDER_MODE))
    _check_owner(path, status)


def check_nobody_else_writes(path: Path) -> None:
    """Raises KeyRefused if anybody but us (or root) may change the file `path`, if it is there."""
    if path.exists():
        status = path.stat()
        if status.st_mode & _FORBIDDEN_FOLDER_BITS:
            raise KeyRefused(path, _mode_sentence(status, "change", TIGHT_FILE_MODE))
        _check_owner(path, status)


def _open(path: Path) -> tuple[int, os.stat_result]:
    """A descriptor of the regular file `path`, and what it says of itself."""
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except FileNotFoundError as e:
        raise KeyRefused(path, "the file is not there; put it there or correct its name") from e
    except OSError as e:
        raise KeyRefused(
            path, f"cannot be opened ({e.strerror}); it must be a regular file, not a link"
        ) from e
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise KeyRefused(path, "is not a regular file; put the file itself there")
    return descriptor, status


def _check_tight(path: Path, status: os.stat_result) -> None:
    _check_owner(path, status)
    if status.st_mode & _FORBIDDEN_FILE_BITS:
        raise KeyRefused(path, _mode_sentence(status, "use", TIGHT_FILE_MODE))
    check_folder(path.parent)


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyRefused(
            path,
            f"belongs to user id {status.st_uid} and not to the user that runs the gateway "
            f"({os.geteuid()}); give it to that user with chown",
        )


def _mode_sentence(status: os.stat_result, may: str, wanted: int) -> str:
    mode = stat.S_IMODE(status.st_mode)
    return f"has mode {mode:04o}, so that other users may {may} it; run chmod {wanted:04o} on it"


def _read(path: Path, octets: bytes, max_bytes: int) -> bytes:
    if len(octets) > max_bytes:
        raise KeyRefused(path, f"is larger than {max_bytes} bytes; that is no key or certificate")
    return octets
