"""`partner status` and `partner ping`: does each partner answer, and do both sides agree?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from config.credentials import AUDITOR
from gateway.cli.outcome import Outcome
from gateway.cli.place import open_gateway
from gateway.cli.table import print_json, print_table, printable
from gateway.cli.words import Arguments, add_command, add_json, add_node


def add_line_commands(commands: Any) -> None:
    """Register `status` and `ping` among the commands of `partner`."""
    status = add_command(
        commands,
        "status",
        _status,
        "show whether each partner answers",
        "Show, for each partner, when it last answered a ping and what went wrong since. Asks the "
        "running gateway, which pings partners by itself.",
    )
    add_node(status)
    add_json(status)
    ping = add_command(
        commands,
        "ping",
        _ping,
        "ask a partner now whether it answers",
        "Let the running gateway send a signed and encrypted message of the test service to a "
        "partner now. It reaches no authority there. If it is not receipted, say what of the "
        "agreement is likely not the same on both sides. A contact check (submit --contact-check) "
        "asks people instead.",
    )
    add_node(ping)
    ping.add_argument("state", metavar="STATE", help="the partner")
    add_json(ping)


def ping_partner(arguments: Arguments, state: str) -> Mapping[str, Any]:
    """What the partner says now, asked by the gateway that runs. Raises Stop."""
    arguments.authority = AUDITOR
    with open_gateway(arguments) as gateway:
        found = gateway.ask("POST", f"/v1/partners/{quote(state, safe='')}/ping").content()
    return found if isinstance(found, dict) else {}


def said_by(found: Mapping[str, Any]) -> str:
    """One line about one partner."""
    word = "answers" if found.get("answers") else "does not answer"
    return f"{printable(found.get('partner'))} {word}: {_words(found)}"


def _ping(arguments: Arguments) -> Outcome:
    found = ping_partner(arguments, arguments.state)
    if arguments.json:
        print_json(found)
    else:
        print(said_by(found))
    return Outcome.DONE if found.get("answers") else Outcome.REFUSED


def _status(arguments: Arguments) -> Outcome:
    arguments.authority = AUDITOR
    with open_gateway(arguments) as gateway:
        found = gateway.ask("GET", "/v1/partners").content()
    partners = found.get("partners", []) if isinstance(found, dict) else []
    if arguments.json:
        print_json(found)
    else:
        head = ("PARTNER", "ANSWERS", "LAST ANSWER", "LAST ASKED", "WHAT IT SAID")
        print_table(head, [_row(one) for one in partners])
    failing = any(one.get("answers") is False for one in partners)
    return Outcome.REFUSED if failing else Outcome.DONE


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    answers = {True: "yes", False: "no", None: "not asked"}[one.get("answers")]
    return (one.get("partner"), answers, one.get("answeredAt"), one.get("askedAt"), _words(one))


def _words(found: Mapping[str, Any]) -> str:
    return printable(found.get("sentence"))
