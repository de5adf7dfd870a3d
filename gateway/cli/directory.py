"""`directory`: the State records of a node, who vouches for them, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from config.credentials import AUDITOR
from gateway.cli.outcome import Outcome, refused
from gateway.cli.place import open_gateway
from gateway.cli.table import complain, print_fields, print_json, print_table, printable
from gateway.cli.words import (
    Arguments,
    Commands,
    add_authority,
    add_command,
    add_json,
    add_node,
)

_PENDING: Final = {
    "message": "messageId",
    "partner": "partner",
    "received": "receivedAt",
    "issued": "issuedAt",
    "from": "effectiveFrom",
    "problem": "problem",
}


def add_commands(commands: Commands) -> None:
    """Register `directory` with its commands."""
    directory = commands.add_parser("directory", help="sign and show the State directory")
    of_directory = directory.add_subparsers(metavar="COMMAND", required=True, title="commands")
    sign = add_command(
        of_directory,
        "sign",
        _sign,
        "sign State records",
        "Sign DIR/states/STATE.toml with a key of this node, each record or those that are named. "
        "Compare a record with its source first: the signature says that you did. The gateway "
        "reads it when it starts.",
    )
    add_node(sign)
    sign.add_argument("states", metavar="STATE", nargs="*", help="State, for example AZ")
    sign.add_argument("--by", metavar="NAME", required=True, help="who vouches for the record")
    verify = add_command(
        of_directory,
        "verify",
        _verify,
        "check the signatures of all State records",
        "Say of each State record who signed it and when, or what is wrong with its signature.",
    )
    add_node(verify)
    add_json(verify)
    show = add_command(
        of_directory,
        "show",
        _show,
        "show the record of a State",
        "Show what the record of a State says: authorities by matter and function, languages, "
        "channels, treaties, exclusions, reservations with what they change, and what is unknown.",
    )
    add_node(show)
    show.add_argument("state", metavar="STATE", help="State, for example AZ")
    _add_updates(of_directory)
    publish = add_command(
        of_directory,
        "publish",
        _publish,
        "tell partners our own State record",
        "Send a DirectoryUpdate with all that our record says to every partner, or to one. The "
        "authority must have a contact in the record.",
    )
    add_node(publish)
    add_authority(publish)
    publish.add_argument("--to", metavar="STATE", help="this partner only")
    add_json(publish)


def _add_updates(of_directory: Commands) -> None:
    pending = add_command(
        of_directory,
        "pending",
        _pending,
        "show the updates of partners that wait for a decision",
        "Show what partners tell about their own States and nobody has accepted or refused yet, "
        "each change in a sentence, and what stands in the way of applying it.",
    )
    add_node(pending)
    add_json(pending)
    for name, summary, does in (
        ("accept", "apply an update of a partner", "vouches for the record that comes of it"),
        ("refuse", "do not apply an update of a partner", "decided"),
    ):
        command = add_command(of_directory, name, _decide, summary)
        command.set_defaults(decision=name)
        add_node(command)
        command.add_argument("message_id", metavar="MESSAGE", help="MessageId of the update")
        command.add_argument("--by", metavar="NAME", required=True, help=f"who {does}")
        command.add_argument("--partner", metavar="STATE", help="the State that sent it")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why; kept as evidence")


def _sign(arguments: Arguments) -> Outcome:
    from config.directory_signing import sign_directory

    with faults_named():
        now = datetime.now(UTC)
        signed = sign_directory(arguments.node, arguments.states, arguments.by, now)
    print(f"Signed by {printable(arguments.by)}: {', '.join(signed)}.")
    return Outcome.DONE


def _verify(arguments: Arguments) -> Outcome:
    from config.directory_signing import signed_records

    with faults_named():
        signed = signed_records(arguments.node)
    rows = [
        (state, one.signature.by, one.signature.at, one.sha256)
        for state, one in sorted(signed.items())
    ]
    if arguments.json:
        print_json([dict(zip(("state", "by", "at", "sha256"), row, strict=True)) for row in rows])
    else:
        print_table(("STATE", "SIGNED BY", "AT", "SHA-256"), rows)
    return Outcome.DONE


def _show(arguments: Arguments) -> Outcome:
    from config.directory_signing import signed_records

    with faults_named():
        signed = signed_records(arguments.node)
    if arguments.state not in signed:
        raise refused(f"the directory has no {arguments.state}; it has: {', '.join(signed)}")
    found = signed[arguments.state]
    print_fields(
        {
            "signed by": found.signature.by,
            "at": found.signature.at,
            "sha256": found.sha256,
        }
    )
    print()
    print("\n".join(printable(line) for line in found.octets.decode("utf-8").splitlines()))
    return Outcome.DONE


def _pending(arguments: Arguments) -> Outcome:
    arguments.authority = AUDITOR
    with open_gateway(arguments) as gateway:
        answer = gateway.ask("GET", "/v1/directory").content()
    found = answer["pending"] if isinstance(answer, dict) else []
    if arguments.json:
        print_json(found)
        return Outcome.DONE
    if not found:
        print("No update waits.")
    for one in found:
        print_fields({name: one[key] for name, key in _PENDING.items()})
        for change in one["changes"]:
            print(f"  {printable(change)}")
        print()
    return Outcome.DONE


def _decide(arguments: Arguments) -> Outcome:
    arguments.authority = AUDITOR
    said = {"by": arguments.by}
    if arguments.decision == "refuse":
        said["reason"] = arguments.reason
    octets = json.dumps(said).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(octets))}
    path = f"/v1/directory/updates/{quote(arguments.message_id, safe='')}/{arguments.decision}"
    if arguments.partner is not None:
        path += f"?partner={quote(arguments.partner, safe='')}"
    with open_gateway(arguments) as gateway:
        gateway.ask("POST", path, headers=headers, body=(octets,))
    print({"accept": "In force.", "refuse": "Refused."}[arguments.decision])
    return Outcome.DONE


def _publish(arguments: Arguments) -> Outcome:
    path = "/v1/directory/publish"
    if arguments.to is not None:
        path += f"?to={quote(arguments.to, safe='')}"
    with open_gateway(arguments) as gateway:
        answer = gateway.ask("POST", path).content()
    told = answer["told"] if isinstance(answer, dict) else []
    if arguments.json:
        print_json(told)
    else:
        rows = ((one["partner"], one["messageId"], one["problem"]) for one in told)
        print_table(("PARTNER", "MESSAGE", "PROBLEM"), rows)
    return Outcome.REFUSED if any(one["problem"] for one in told) else Outcome.DONE


@contextmanager
def faults_named() -> Iterator[None]:
    """Turns refused configuration into one line for each fault and the exit status for it."""
    from config.faults import ConfigRefused

    try:
        yield
    except ConfigRefused as e:
        for fault in e.faults:
            complain(f"{fault.severity.value}: {printable(fault)}")
        raise refused(f"{len(e.faults)} faults in the directory") from e
