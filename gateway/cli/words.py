"""What the commands have in common: arguments that mean the same everywhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from gateway.cli.outcome import EPILOG, Outcome

Arguments: TypeAlias = argparse.Namespace
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = Callable[[Arguments], Outcome]


def add_command(
    commands: Commands, name: str, run: Run, summary: str, description: str | None = None
) -> argparse.ArgumentParser:
    """A new command `name` that does `run`."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description or _sentence(summary), epilog=EPILOG
    )
    command.set_defaults(run=run)
    return command


def add_node(command: argparse.ArgumentParser) -> None:
    """The folder of the node, always first."""
    command.add_argument("node", metavar="DIR", type=Path, help="folder of the node")


def add_authority(command: argparse.ArgumentParser) -> None:
    """On whose behalf a client command speaks."""
    command.add_argument(
        "--as",
        dest="authority",
        metavar="AUTHORITY",
        required=True,
        help="authority to act for; its credential is DIR/credentials/AUTHORITY.token",
    )


def add_json(command: argparse.ArgumentParser) -> None:
    """The choice between a table and JSON."""
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + "."
