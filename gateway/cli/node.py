"""`init`, `partner add`, `check` and `run`: the node itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from config.faults import ConfigRefused, Fault, Weight
from gateway.cli.mirror import add_mirror, print_mirror
from gateway.cli.outcome import Outcome, refused
from gateway.cli.partners import add_line_commands, ping_partner, said_by
from gateway.cli.table import complain, print_fields, printable
from gateway.cli.words import Arguments, Commands, add_command, add_node

AS4_PORT: Final = 8443  # as in config.new_node, whose import would slow every command down
LOCAL_PORT: Final = 8480


def add_commands(commands: Commands) -> None:
    """Register the four commands."""
    _add_init(commands)
    _add_partner_commands(commands)
    check = add_command(
        commands,
        "check",
        _check,
        "name every fault of a node",
        "Name every fault of configuration, keys, expiry, directory and clock at once, each with "
        "its place. With --partner, let the running gateway also ask that partner whether both "
        "sides agree, as far as its answer tells.",
    )
    add_node(check)
    check.add_argument(
        "--partner", metavar="STATE", help="ask this partner too; a gateway must be running"
    )
    run = add_command(
        commands,
        "run",
        _run,
        "run the gateway of a node",
        "Run the gateway until SIGTERM or Ctrl-C; what is in flight is finished first. The log is "
        "JSON lines on standard error.",
    )
    add_node(run)


def _add_init(commands: Commands) -> None:
    init = add_command(
        commands,
        "init",
        _init,
        "make the folder of a new node",
        "Make a node folder that runs as it is: configuration, keys and certificates from a "
        "throw-away authority, State directory, and one credential for each authority. Every file "
        "has tight modes. Replace the keys before real use.",
    )
    init.add_argument("node", metavar="DIR", type=Path, help="folder to make")
    init.add_argument("--state", required=True, metavar="STATE", help="our State, for example AZ")
    init.add_argument(
        "--as4-port",
        type=_port,
        default=AS4_PORT,
        metavar="PORT",
        help="port for partners (default: %(default)s)",
    )
    init.add_argument(
        "--local-port",
        type=_port,
        default=LOCAL_PORT,
        metavar="PORT",
        help="port of the local API on loopback (default: %(default)s)",
    )
    init.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address on which to listen for partners (default: %(default)s)",
    )
    init.add_argument(
        "--suite",
        action="append",
        metavar="SUITE",
        help="make keys for this algorithm suite; may be repeated "
        "(default: edelivery-as4-2.0 and edelivery-as4-1.15)",
    )
    init.add_argument(
        "--public-url",
        metavar="URL",
        help="how partners reach us (default: https://127.0.0.1:PORT/as4)",
    )


def _add_partner_commands(commands: Commands) -> None:
    partner = commands.add_parser("partner", help="agree with another State")
    partner_commands = partner.add_subparsers(metavar="COMMAND", required=True, title="commands")
    add_mirror(partner_commands)
    add_line_commands(partner_commands)
    add = add_command(
        partner_commands,
        "add",
        _add_partner,
        "take in the card of a partner",
        "Take in the card of a partner State (its DIR/card.toml: name, address, certificates). "
        "Compare the fingerprints that are printed with what the partner reads out to you.",
    )
    add_node(add)
    add.add_argument("card", metavar="CARD", type=Path, help="the partner's card.toml")
    add.add_argument(
        "--suite",
        metavar="SUITE",
        help="the algorithm suite agreed on: edelivery-as4-2.0, edelivery-as4-2.0-ecc or "
        "edelivery-as4-1.15 (default: the first of these for which both sides have keys)",
    )
    add.add_argument(
        "--replace", action="store_true", help="replace the partner if it is there already"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(text)
    return port


def _init(arguments: Arguments) -> Outcome:
    from config.new_node import DEFAULT_SUITES, suites_named, write_node
    from keys.pki import LOCAL_HOSTS

    named = urlsplit(arguments.public_url or "").hostname
    with _faults_named():
        made = write_node(
            arguments.node,
            arguments.state,
            as4_port=arguments.as4_port,
            local_port=arguments.local_port,
            host=arguments.host,
            public_url=arguments.public_url,
            hosts=(*LOCAL_HOSTS, named) if named else LOCAL_HOSTS,
            suites=suites_named(arguments.suite) if arguments.suite else DEFAULT_SUITES,
        )
    print(f"Made the node of {made.state} in {made.folder}.")
    print(f"Its authorities: {', '.join(made.authorities)}")
    print(f"Its card for partners: {made.card}")
    print(f"Next: hanoi-gateway partner add {made.folder} CARD")
    print(f"Then: hanoi-gateway run {made.folder}")
    return Outcome.DONE


def _add_partner(arguments: Arguments) -> Outcome:
    from config.card import add_partner

    with _faults_named():
        added = add_partner(
            arguments.node, arguments.card, suite=arguments.suite, replace=arguments.replace
        )
    print(f"Took in {added.state} by {added.suite}: {added.path}")
    print("Compare these fingerprints with what the partner reads out to you:")
    print_fields(dict(added.fingerprints))
    for note in added.notes:
        print(f"Note: {printable(note)}")
    print("The partner has to configure (partner mirror prints this again, also as files):")
    with _faults_named():
        print_mirror(arguments.node, added.state)
    print("The gateway reads this when it starts.")
    return Outcome.DONE


def _check(arguments: Arguments) -> Outcome:
    from config.checks import check_node

    faults = check_node(arguments.node)
    for fault in faults:
        print(_line(fault))
    errors = sum(fault.severity is Weight.ERROR for fault in faults)
    if arguments.partner is not None:
        found = ping_partner(arguments, arguments.partner)
        errors += not found.get("answers")
        print(f"{'partner' if found.get('answers') else 'error'}: {said_by(found)}")
    warnings = sum(fault.severity is Weight.WARNING for fault in faults)
    print(f"{errors} errors, {warnings} warnings.")
    return Outcome.REFUSED if errors else Outcome.DONE


def _run(arguments: Arguments) -> Outcome:
    from gateway.cli.running import run_node

    with _faults_named():
        return run_node(arguments.node)


@contextmanager
def _faults_named() -> Iterator[None]:
    """Turns refused configuration into one line for each fault and the exit status for it."""
    try:
        yield
    except ConfigRefused as e:
        for fault in e.faults:
            complain(_line(fault))
        raise refused(f"{len(e.faults)} faults in the configuration") from e


def _line(fault: Fault) -> str:
    return f"{fault.severity.value}: {printable(fault)}"
