"""`take`, `ack`, `release` and `reject`: an authority's queue from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.cli.connection import Gateway
from gateway.cli.messages import print_message
from gateway.cli.outcome import Outcome
from gateway.cli.place import open_gateway
from gateway.cli.saving import save_message
from gateway.cli.table import print_fields, print_json
from gateway.cli.words import Arguments, Commands, add_authority, add_command, add_json, add_node


def add_commands(commands: Commands) -> None:
    """Register the four commands."""
    _add_take(commands)
    _add_decision(commands, "ack", "acknowledge a message: the authority has it")
    _add_decision(commands, "release", "put a message back into the queue at once")
    reject = _add_decision(commands, "reject", "refuse a message for good, with a reason")
    reject.add_argument("--reason", metavar="TEXT", required=True, help="why; kept as evidence")


def _add_take(commands: Commands) -> None:
    take = add_command(
        commands,
        "take",
        _take,
        "take the next message of an authority",
        "Take the next message from the queue of an authority, write its document and attachments "
        "into a new folder, and print the lease. A lease that is not acknowledged in time returns "
        "the message to the queue.",
    )
    add_node(take)
    add_authority(take)
    take.add_argument(
        "--into",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="where to make the message's folder (default: here)",
    )
    take.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="wait so long for a message, at most 60",
    )
    take.add_argument(
        "--ack", action="store_true", help="acknowledge when everything is safely on disk"
    )
    add_json(take)


def _add_decision(commands: Commands, name: str, summary: str) -> Any:
    command = add_command(commands, name, _decide, summary)
    command.set_defaults(decision=name, reason=None)
    add_node(command)
    command.add_argument("lease", metavar="LEASE", help="lease as printed by 'take'")
    add_authority(command)
    return command


def _take(arguments: Arguments) -> Outcome:
    with open_gateway(arguments) as gateway:
        answer = gateway.ask("POST", f"/v1/inbox/lease?wait={arguments.wait:g}&limit=1").content()
        leases = answer.get("leases") if isinstance(answer, dict) else None
        if not leases:
            print("null" if arguments.json else "The queue is empty.")
            return Outcome.DONE
        _keep(gateway, leases[0], arguments)
    return Outcome.DONE


def _keep(gateway: Gateway, lease: dict[str, Any], arguments: Arguments) -> None:
    """Write the message to disk, acknowledge it if asked to, and print what was taken."""
    folder = save_message(gateway, lease, arguments.into)
    if arguments.ack:
        _post_decision(gateway, lease["leaseId"], "ack", None)
    if arguments.json:
        print_json({**lease, "folder": str(folder), "acknowledged": arguments.ack})
        return
    print_fields(
        {
            "lease": lease["leaseId"],
            "until": "acknowledged" if arguments.ack else lease["expiresAt"],
            "delivery": lease["deliveries"],
            "notice": lease["notice"],
            "folder": folder,
        }
    )
    print_message(lease["message"])


def _decide(arguments: Arguments) -> Outcome:
    with open_gateway(arguments) as gateway:
        _post_decision(gateway, arguments.lease, arguments.decision, arguments.reason)
    print(
        {"ack": "Acknowledged.", "release": "Released.", "reject": "Rejected."}[arguments.decision]
    )
    return Outcome.DONE


def _post_decision(gateway: Gateway, lease: str, decision: str, reason: str | None) -> None:
    path = f"/v1/leases/{quote(lease, safe='')}/{decision}"
    if reason is None:
        gateway.ask("POST", path)
        return
    octets = json.dumps({"reason": reason}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(octets))}
    gateway.ask("POST", path, headers=headers, body=(octets,))
