"""`submit` and `status`: hand a message in, and see where it stands."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from gateway.cli.connection import Gateway
from gateway.cli.outcome import Outcome, wrong_usage
from gateway.cli.place import open_gateway
from gateway.cli.table import print_fields, print_json, print_table
from gateway.cli.upload import Upload
from gateway.cli.words import Arguments, Commands, add_authority, add_command, add_json, add_node

_FINAL: Final = frozenset({"ACKNOWLEDGED", "FAILED", "SUSPENDED"})
_LOOK_AGAIN_SECONDS: Final = 0.5


def add_commands(commands: Commands) -> None:
    """Register `submit` and `status`."""
    _add_submit(commands)
    status = add_command(
        commands,
        "status",
        _status,
        "show where a message stands",
        "Show where a message of this authority stands, received or sent.",
    )
    add_node(status)
    status.add_argument("message", metavar="MESSAGE", help="id of the message")
    add_authority(status)
    add_json(status)


def _add_submit(commands: Commands) -> None:
    submit = add_command(
        commands,
        "submit",
        _submit,
        "hand in a document to be sent",
        "Hand in a document, with any number of attachments, to be sent to the authority that is "
        "competent for it. The document is checked before it is accepted.",
    )
    add_node(submit)
    add_authority(submit)
    submit.add_argument(
        "--document", metavar="FILE", type=Path, help="the document, XML or JSON (by its ending)"
    )
    submit.add_argument(
        "--attach",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a file to send with it; may be given again",
    )
    submit.add_argument(
        "--contact-check",
        metavar="AUTHORITY",
        help="instead of a document: ask whether this 24/7 point of contact can be reached",
    )
    _add_submit_options(submit)
    add_json(submit)


def _add_submit_options(submit: argparse.ArgumentParser) -> None:
    submit.add_argument(
        "--conversation", metavar="ID", help="conversation that this message belongs to"
    )
    submit.add_argument("--ref-to", metavar="MESSAGE", help="message that this one answers")
    submit.add_argument(
        "--key",
        metavar="KEY",
        help="idempotency key: the same key and content is accepted once (default: a new one)",
    )
    submit.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="wait so long for the partner's receipt",
    )


def _submit(arguments: Arguments) -> Outcome:
    if (arguments.document is None) is (arguments.contact_check is None):
        raise wrong_usage("give either --document or --contact-check")
    with open_gateway(arguments) as gateway:
        accepted = _hand_in(gateway, arguments)
        view = accepted
        if arguments.wait > 0:
            view = _settled(gateway, str(accepted["messageId"]), arguments.wait)
        if arguments.json:
            print_json(view)
        else:
            _print_submitted(accepted, view)
    return Outcome.REFUSED if view["state"] == "FAILED" else Outcome.DONE


def _hand_in(gateway: Gateway, arguments: Arguments) -> dict[str, Any]:
    with Upload(_fields(arguments), arguments.document, arguments.attach) as upload:
        answer = gateway.ask(
            "POST",
            "/v1/messages",
            headers={**upload.headers, "Idempotency-Key": arguments.key or str(uuid4())},
            body=upload.pieces(),
        ).content()
    return _object(answer)


def _fields(arguments: Arguments) -> Iterator[tuple[str, str]]:
    if arguments.contact_check is not None:
        yield "action", "ContactCheck"
        yield "to", arguments.contact_check
    if arguments.conversation is not None:
        yield "conversationId", arguments.conversation
    if arguments.ref_to is not None:
        yield "refToMessageId", arguments.ref_to


def _settled(gateway: Gateway, message_id: str, wait_seconds: float) -> dict[str, Any]:
    """The message when its way has ended, or when the time is over."""
    deadline = time.monotonic() + wait_seconds
    while True:
        view = look_up(gateway, message_id)
        if view["state"] in _FINAL or time.monotonic() >= deadline:
            return view
        time.sleep(_LOOK_AGAIN_SECONDS)


def _print_submitted(accepted: dict[str, Any], view: dict[str, Any]) -> None:
    print_fields(
        {
            "message": accepted["messageId"],
            "conversation": accepted["conversationId"],
            "kind": accepted["kind"],
            "to": f"{accepted['receivingAuthority']} ({accepted['partner']})",
            "by rule": accepted["routing"].get("article"),
            "state": view["state"],
            "repeated": "yes, it was accepted before" if accepted["repeated"] else "no",
        }
    )


def _status(arguments: Arguments) -> Outcome:
    with open_gateway(arguments) as gateway:
        view = look_up(gateway, arguments.message)
    if arguments.json:
        print_json(view)
    else:
        print_message(view)
    return Outcome.DONE


def look_up(gateway: Gateway, message_id: str) -> dict[str, Any]:
    """The message as the gateway shows it. Raises Stop when it is not there for this credential."""
    return _object(gateway.ask("GET", f"/v1/messages/{quote(message_id, safe='@')}").content())


def print_message(view: dict[str, Any]) -> None:
    """A message for people to read."""
    print_fields(_facts(view))
    parts = [(0, "document", view["document"])] if view["document"] else []
    parts += [(part["n"], part["fileName"], part) for part in view["attachments"]]
    if parts:
        print()
        print_table(
            ("part", "name", "bytes", "type", "sha256"),
            [(n, name, p["sizeBytes"], p["mimeType"], p["sha256"]) for n, name, p in parts],
        )


def _facts(view: dict[str, Any]) -> dict[str, object]:
    error, receipt = view["error"] or {}, view["receipt"] or {}
    return {
        "message": view["messageId"],
        "direction": {"in": "received", "out": "sent"}.get(view["direction"]),
        "state": view["state"],
        "kind": view["kind"],
        "request": view["requestId"],
        "partner": view["partner"],
        "from": view["requestingAuthority"],
        "to": view["receivingAuthority"],
        "conversation": view["conversationId"],
        "refers to": view["refToMessageId"],
        "at": view["at"],
        "attempts": view["attempts"],
        "receipt": receipt.get("receiptId"),
        "receipt at": receipt.get("at"),
        "error": f"{error.get('code')} {error.get('sentence')}" if error else None,
    }


def _object(answer: object) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {}
