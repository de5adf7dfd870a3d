"""For tests that change the State directory of a node: the records are vouched for again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from config.directory_signing import sign_directory

BY = "A. Tester"


def sign(node: Path, *states: str, at: datetime | None = None) -> None:
    """The records of `states`, or all, are signed as they stand."""
    sign_directory(node, states, BY, at or datetime.now(UTC))
