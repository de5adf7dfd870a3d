"""`demo`: two gateways on this machine exchange messages before your eyes."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.outcome import Outcome
from gateway.cli.words import Arguments, Commands, add_command


def add_commands(commands: Commands) -> None:
    """Register `demo`."""
    command = add_command(
        commands,
        "demo",
        _demo,
        "let two gateways exchange messages on this machine",
        "Start two gateways (AZ and XU) as two processes, send every kind of request in both "
        "directions, one with a large file, and print what happened and what proves it.",
    )
    command.add_argument(
        "--stay", action="store_true", help="leave the gateways running and say how to talk to them"
    )
    command.add_argument(
        "--folder",
        metavar="FOLDER",
        type=Path,
        default=Path("demo-run"),
        help="where to make the two nodes (default: demo-run)",
    )


def _demo(arguments: Arguments) -> Outcome:
    from gateway.demo import main

    return Outcome(main(arguments.folder, stay=arguments.stay))
