"""`audit verify`: is every record, receipt and payload what it was when it was written?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from config.credentials import AUDITOR
from gateway.cli.outcome import Outcome, Stop
from gateway.cli.place import open_gateway
from gateway.cli.table import complain, printable
from gateway.cli.words import Arguments, Commands, add_command, add_json, add_node


def add_commands(commands: Commands) -> None:
    """Register `audit verify`."""
    audit = commands.add_parser("audit", help="check the evidence")
    verify = add_command(
        audit.add_subparsers(metavar="COMMAND", required=True, title="commands"),
        "verify",
        _verify,
        "check every record, receipt and payload",
        "Check the chain of evidence records, every receipt's signature and digests, and every "
        "payload at rest, and say what was checked. Asks the running gateway; when none runs, "
        "takes the node's lock and checks the store itself.",
    )
    add_node(verify)
    add_json(verify)


def _verify(arguments: Arguments) -> Outcome:
    arguments.authority = AUDITOR
    try:
        with open_gateway(arguments) as gateway:
            lines = gateway.ask("GET", "/v1/audit/verify").lines()
            return _report((json.loads(line) for line in lines), arguments.json)
    except Stop as e:
        if e.outcome is not Outcome.UNREACHABLE:
            raise
        complain("No gateway is running here; checking the store itself.")
    return _report(_offline(arguments), arguments.json)


def _offline(arguments: Arguments) -> Iterator[Mapping[str, Any]]:
    from gateway.cli.offline import verify_offline

    yield from verify_offline(arguments.node)


def _report(steps: Iterable[Mapping[str, Any]], as_json: bool) -> Outcome:
    """Print every step as it comes; REFUSED when there was a finding."""
    findings = 0
    ended = False
    for step in steps:
        findings += step.get("event") == "finding"
        ended = ended or step.get("event") == "end"
        print(json.dumps(step) if as_json else _line(step), flush=True)
    if not ended:
        complain("The check broke off before its end.")
    return Outcome.DONE if ended and not findings else Outcome.REFUSED


def _line(step: Mapping[str, Any]) -> str:
    facts = "  ".join(
        f"{name}: {printable(value)}" for name, value in step.items() if name != "event"
    )
    return f"{step.get('event', ''):<10}{facts}"
