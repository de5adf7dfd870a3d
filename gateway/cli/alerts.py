"""`alerts`: what an operator must look at, and that it was looked at."""

from __future__ import annotations

from typing import Final

from config.credentials import AUDITOR
from gateway.cli.outcome import Outcome
from gateway.cli.place import open_gateway
from gateway.cli.table import print_json, print_table
from gateway.cli.words import Arguments, Commands, add_command, add_json, add_node

_HEAD: Final = ("NUMBER", "TIMES", "FIRST", "LAST", "WHAT")
_NAMES: Final = ("number", "times", "firstAt", "lastAt", "sentence")


def add_commands(commands: Commands) -> None:
    """Register `alerts`."""
    alerts = add_command(
        commands,
        "alerts",
        _alerts,
        "show what an operator must look at",
        "Show the alerts that nobody has acknowledged: a MessageId that came with other content, "
        "keys of one State under the name of another, an authority that asked for a message of "
        "another. They outlive restarts; raising and acknowledging are evidence. The outcome is 1 "
        "while any stands open.",
    )
    add_node(alerts)
    alerts.add_argument(
        "--ack", metavar="NUMBER", type=int, help="acknowledge this one: it was looked at"
    )
    add_json(alerts)


def _alerts(arguments: Arguments) -> Outcome:
    arguments.authority = AUDITOR
    with open_gateway(arguments) as gateway:
        if arguments.ack is not None:
            gateway.ask("POST", f"/v1/alerts/{arguments.ack}/ack").content()
        answer = gateway.ask("GET", "/v1/alerts").content()
    found = answer["alerts"] if isinstance(answer, dict) else []
    if arguments.json:
        print_json(found)
    elif found:
        print_table(_HEAD, ([alert[name] for name in _NAMES] for alert in found))
    else:
        print("No alert stands open.")
    return Outcome.REFUSED if found and arguments.ack is None else Outcome.DONE
