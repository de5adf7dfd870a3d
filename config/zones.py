"""Time zones by name: looked up once, when a node is read, so that a clock never meets a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo

from protocol.convention.directory import Directory


def zone_of(name: str) -> tzinfo:
    """The time zone `name` of the IANA database. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as e:
        raise ValueError(
            f"{name} is not in this machine's time zone database; write it as in Asia/Baku, "
            "or install the system's tzdata"
        ) from e


def zones_of(directory: Directory) -> Mapping[str, tzinfo]:
    """The time zone of every authority that has one. Raises ValueError."""
    return {
        authority.id: zone_of(authority.time_zone)
        for record in directory.states.values()
        for authority in record.authorities.values()
        if authority.time_zone is not None
    }
