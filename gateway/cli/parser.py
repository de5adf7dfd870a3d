"""The whole command line as argparse sees it."""

from __future__ import annotations

import argparse
from typing import Final

from gateway.cli import (
    about,
    alerts,
    audit,
    cases,
    conformance,
    directory,
    documents,
    messages,
    node,
    queue,
    routing,
)
from gateway.cli.outcome import EPILOG
from gateway.cli.words import Commands

_ABOUT: Final = (
    "AS4 gateway between States for requests under the United Nations Convention against "
    "Cybercrime. It receives and sends documents over the border, proves who sent what, and hands "
    "each request to the authority that is competent for it."
)


def build_parser() -> argparse.ArgumentParser:
    """Every command with its help; each sets `run`, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(prog="hanoi-gateway", description=_ABOUT, epilog=EPILOG)
    commands: Commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    node.add_commands(commands)
    messages.add_commands(commands)
    queue.add_commands(commands)
    cases.add_commands(commands)
    audit.add_commands(commands)
    alerts.add_commands(commands)
    documents.add_commands(commands)
    routing.add_commands(commands)
    directory.add_commands(commands)
    conformance.add_commands(commands)
    about.add_commands(commands)
    return parser
