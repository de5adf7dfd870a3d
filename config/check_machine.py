"""The machine under a node: its clock, the modes of its folders, the room on its disk."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.credentials import FOLDER as CREDENTIALS_FOLDER
from config.faults import Fault, Weight
from config.node import PARTNERS_FOLDER, STATES_FOLDER

EARLIEST_YEAR = 2025  # this gateway did not exist before: the clock was never set
LATEST_YEAR = 2099  # certificates of today do not reach so far
CLOCK_LEEWAY = timedelta(minutes=5)  # as much as a partner forgives in eb:Timestamp
MIN_FREE_BYTES = 1024**3  # one evidence file of the usual kind, and its copy for the wire
MAX_FILES_LOOKED_AT = 10_000  # one in the future is enough, and a spool may hold many

_PRIVATE_FOLDERS = ("keys", CREDENTIALS_FOLDER, "data")
_FOLDERS = (*_PRIVATE_FOLDERS, PARTNERS_FOLDER, STATES_FOLDER)


def clock_faults(folder: Path, now: datetime) -> Iterator[Fault]:
    """A clock without a zone, in an impossible year, or behind the files of the node."""
    if now.tzinfo is None:
        yield Fault("clock", "the time has no zone; give it in UTC")
        return
    if not EARLIEST_YEAR <= now.astimezone(UTC).year <= LATEST_YEAR:
        yield Fault("clock", f"says {now.isoformat()}; set it, and keep it by NTP")
    newest = _newest(folder)
    if newest is not None and newest[0] > now + CLOCK_LEEWAY:
        yield Fault(
            str(newest[1]),
            f"was changed on {newest[0].isoformat()}, but the clock says {now.isoformat()}: it "
            "was set back, or the file's time is wrong; set the clock by NTP",
            Weight.WARNING,
        )


def folder_faults(folder: Path) -> Iterator[Fault]:
    """Folders that are missing or open to others, and a disk that is nearly full."""
    yield from _open_to_others(folder, "the node folder")
    for name in _FOLDERS:
        path = folder / name
        if not path.is_dir():
            yield Fault(str(path), "is missing; make it with mkdir -m 0700")
        elif name in _PRIVATE_FOLDERS:
            yield from _open_to_others(path, "a folder with secrets")
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MIN_FREE_BYTES:
        yield Fault(
            str(folder),
            f"its disk has {free_bytes} bytes left; have {MIN_FREE_BYTES} at least",
            Weight.WARNING,
        )


def _open_to_others(path: Path, what: str) -> Iterator[Fault]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Fault(str(path), f"is {what} and has mode {mode:04o}; run chmod 0700 on it")


def _newest(folder: Path) -> tuple[datetime, Path] | None:
    times = [
        (datetime.fromtimestamp(path.lstat().st_mtime, UTC), path)
        for _, path in zip(range(MAX_FILES_LOOKED_AT), _files(folder), strict=False)
    ]
    return max(times, default=None)


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.iterdir() if path.is_file())
    for name in _FOLDERS:
        if (folder / name).is_dir():
            yield from (path for path in (folder / name).iterdir() if path.is_file())
