"""Python peers whose pins differ from ours: an environment for each, made by `make interop`."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "build" / "peers"


def python_of(peer: str) -> Path:
    """The interpreter of `peer`'s environment."""
    return ENVIRONMENTS / peer / "bin" / "python"


def why_not(peer: str) -> str | None:
    """Why `peer` cannot run here, or None when it can."""
    made = (ENVIRONMENTS / peer / ".made-from-requirements").exists()
    return None if made else f"the environment of {peer} is not there; `make interop` makes it"
