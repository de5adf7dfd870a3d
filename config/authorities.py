"""Whom of a State the directory knows."""

from __future__ import annotations

from protocol.convention.directory import Directory


def authorities_of(directory: Directory, state: str) -> tuple[str, ...]:
    """The ids of the authorities of `state`, sorted; empty where the directory has none."""
    record = directory.states.get(state)
    return () if record is None else tuple(sorted(record.authorities))
