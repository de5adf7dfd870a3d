"""`directory`: the State records of a node, who vouches for them, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from gateway.cli.outcome import Outcome, refused
from gateway.cli.table import complain, print_fields, print_json, print_table, printable
from gateway.cli.words import Arguments, Commands, add_command, add_json, add_node


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
