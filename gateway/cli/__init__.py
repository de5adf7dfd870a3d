"""The command line, `hanoi-gateway`."""

from __future__ import annotations


def main() -> int:
    """Run one command and return its exit status."""
    raise SystemExit("not wired yet")
