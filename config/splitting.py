"""[split] of a partner's file: read, and held against the rest of what was agreed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.faults import Fault
from config.partner_settings import PartnerSettings, SplitSettings
from config.reading import place
from protocol.as4.fragment_rules import MAX_FRAGMENTS
from protocol.as4.pmode import Splitting


def splitting_of(read: SplitSettings | None) -> Splitting | None:
    """What was agreed about fragments; None if nothing was."""
    if read is None:
        return None
    return Splitting(
        fragment_bytes=read.fragment_bytes,
        threshold_bytes=read.threshold_bytes,
        compress=read.compress,
        join_seconds=read.join_seconds,
        max_groups=read.max_groups,
        max_open_bytes=read.max_open_bytes,
    )


def split_faults(read: PartnerSettings, path: Path, trying_seconds: float) -> Iterator[Fault]:
    """What [split] says and the rest of the file contradicts.

    `trying_seconds` is for how long a sender of one fragment goes on trying.
    """
    split = read.split
    if split is None:
        return
    if split.threshold_bytes < split.fragment_bytes:
        yield Fault(
            place(path, "split", "threshold_bytes"),
            f"is less than split.fragment_bytes ({split.fragment_bytes}): one fragment is no split",
        )
    largest_bytes = MAX_FRAGMENTS * split.fragment_bytes
    if read.limits.max_message_bytes > largest_bytes:
        yield Fault(
            place(path, "split", "fragment_bytes"),
            f"makes {MAX_FRAGMENTS} fragments hold {largest_bytes} bytes, less than "
            f"limits.max_message_bytes ({read.limits.max_message_bytes})",
        )
    if split.max_open_bytes < read.limits.max_message_bytes:
        yield Fault(
            place(path, "split", "max_open_bytes"),
            f"is less than limits.max_message_bytes ({read.limits.max_message_bytes}): the largest "
            "message could never be joined",
        )
    yield from _short_patience(read, split, path, trying_seconds)


def _short_patience(
    read: PartnerSettings, split: SplitSettings, path: Path, trying_seconds: float
) -> Iterator[Fault]:
    where = place(path, "split", "join_seconds")
    if split.join_seconds <= trying_seconds:
        yield Fault(
            where,
            f"is {split.join_seconds:.0f}, but a sender with this [reliability] goes on trying for "
            f"{trying_seconds:.0f} seconds with one fragment; make it longer than that",
        )
    memory_seconds = read.reliability.duplicate_window_seconds
    if split.join_seconds >= memory_seconds:
        yield Fault(
            where,
            f"is {split.join_seconds:.0f}, but a fragment is remembered for {memory_seconds:.0f} "
            "seconds (reliability.duplicate_window_seconds); make it shorter than that",
        )
