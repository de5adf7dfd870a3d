"""`demo`, `version` and `openapi`."""

from __future__ import annotations

from importlib.metadata import version

from gateway.cli import demo
from gateway.cli.outcome import Outcome
from gateway.cli.words import Arguments, Commands, add_command


def add_commands(commands: Commands) -> None:
    """Register the commands."""
    demo.add_commands(commands)
    add_command(commands, "version", _version, "print the version")
    add_command(
        commands,
        "openapi",
        _openapi,
        "print the description of the local API",
        "Print the OpenAPI 3.1 description of the local API, as YAML.",
    )


def _version(_arguments: Arguments) -> Outcome:
    print(f"hanoi-gateway {version('hanoi-gateway')}")
    return Outcome.DONE


def _openapi(_arguments: Arguments) -> Outcome:
    from gateway.local.openapi import openapi_text

    print(openapi_text(), end="")
    return Outcome.DONE
