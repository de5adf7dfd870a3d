"""`partner mirror`: what the partner has to configure so that it matches our P-Mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.faults import ConfigRefused
from gateway.cli.outcome import Outcome, refused
from gateway.cli.words import Arguments, add_command, add_node

FORMS = ("text", "domibus", "holodeck")


def add_mirror(commands: Any) -> None:
    """Register `mirror` among the commands of `partner`."""
    command = add_command(
        commands,
        "mirror",
        _mirror,
        "show what the partner has to configure",
        "Show the agreement with a partner as the partner has to configure it: in words, or as the "
        "P-Mode files of Domibus or Holodeck B2B.",
    )
    add_node(command)
    command.add_argument("state", metavar="STATE", help="the partner")
    command.add_argument(
        "--form", choices=FORMS, default="text", help="in which form (default: %(default)s)"
    )
    command.add_argument(
        "--into", type=Path, metavar="FOLDER", help="write files there instead of printing them"
    )


def print_mirror(folder: Path, state: str) -> None:
    """The mirror image in words on standard output. Raises ConfigRefused or Stop."""
    print(_files(folder, state, "text")[f"{state.lower()}.txt"].decode(), end="")


def _mirror(arguments: Arguments) -> Outcome:
    try:
        files = _files(arguments.node, arguments.state, arguments.form)
    except ConfigRefused as e:
        raise refused(str(e)) from e
    for name, content in files.items():
        if arguments.into is None:
            print(content.decode(), end="")
        else:
            _write(arguments.into / name, content)
    return Outcome.DONE


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as e:
        raise refused(f"{path}: {e.strerror}") from e
    print(path)


def _files(folder: Path, state: str, form: str) -> dict[str, bytes]:
    from config.mirror import NoSuchForm, mirror_of, text
    from config.mirror_domibus import domibus
    from config.mirror_holodeck import holodeck
    from config.node import load_node

    node = load_node(folder)
    pmode = next((one for one in node.pmodes if one.partner_state == state), None)
    if pmode is None:
        known = ", ".join(one.partner_state for one in node.pmodes) or "none"
        raise refused(f"{state} is no partner of this node; there are: {known}")
    mirror = mirror_of(pmode, node.settings.state, node.settings.as4.public_url)
    try:
        if form == "domibus":
            return {f"domibus-{state.lower()}.xml": domibus(mirror)}
        if form == "holodeck":
            return holodeck(mirror)
    except NoSuchForm as e:
        raise refused(f"{e}; use --form text") from e
    return {f"{state.lower()}.txt": text(mirror).encode()}
