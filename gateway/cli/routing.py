"""`route`: where a document goes, and by which rule, without sending it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.documents import directory_of, document_at, findings_of
from gateway.cli.outcome import Outcome
from gateway.cli.table import print_fields, print_json
from gateway.cli.words import Arguments, Commands, add_command, add_json

if TYPE_CHECKING:
    from protocol.convention.competence import Competent, NotCompetent
    from protocol.convention.directory import Directory
    from protocol.convention.documents import Document


def add_commands(commands: Commands) -> None:
    """Register the command."""
    command = add_command(
        commands,
        "route",
        _route,
        "say where a document goes, and why",
        "Say which authority may send a document and which receives it, by which rule, article and "
        "source of the State directory, and how far that may be relied on; or why nobody does, and "
        "the right address. Say also what else bears on it there: reservations, treaties, "
        "exclusions. Sends nothing.",
    )
    command.add_argument(
        "document", metavar="DOCUMENT", type=Path, help="the document, XML or JSON"
    )
    command.add_argument(
        "--node", type=Path, metavar="DIR", help="node whose State directory is asked"
    )
    command.add_argument(
        "--on", type=_day, metavar="DATE", help="on that day, YYYY-MM-DD (default: today)"
    )
    add_json(command)


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _route(arguments: Arguments) -> Outcome:
    from protocol.convention.documents import DocumentRefused, read_document

    try:
        document = read_document(document_at(arguments.document))
    except DocumentRefused as e:
        raise findings_of(e) from e
    on = arguments.on or datetime.now(UTC).date()
    explained = _explained(directory_of(arguments.node), document, on)
    if arguments.json:
        print_json(explained)
    else:
        print_fields({"kind": explained["kind"], "day": explained["day"]})
        for side in ("sender", "receiver"):
            print(f"\n{side}")
            print_fields(explained[side])
        for line in explained["bearing"]:
            print(f"\n{line['what']}")
            print_fields({name: line[name] for name in ("says", "article", "source", "trust")})
    routed = all(explained[side]["competent"] for side in ("sender", "receiver"))
    routed = routed and not any(line["forbids"] for line in explained["bearing"])
    return Outcome.DONE if routed else Outcome.REFUSED


def _explained(directory: Directory, document: Document, on: date) -> dict[str, Any]:
    from protocol.convention.bearing import bearing_on, offences_of
    from protocol.convention.competence import receiving_authority, sending_authority

    sending = sending_authority(directory, document.author[:2], document.kind, document.author, on)
    receiving = receiving_authority(
        directory, document.addressee[:2], document.kind, document.addressee, on
    )
    bearing = bearing_on(
        directory,
        document.author[:2],
        document.addressee[:2],
        document.kind,
        offences_of(document.octets),
        on,
    )
    return {
        "kind": document.kind,
        "day": on.isoformat(),
        "sender": _decision(document.author, sending),
        "receiver": _decision(document.addressee, receiving),
        "bearing": [asdict(line) for line in bearing],
    }


def _decision(named: str, found: Competent | NotCompetent) -> dict[str, Any]:
    from protocol.convention.competence import NotCompetent

    if isinstance(found, NotCompetent):
        return {
            "competent": False,
            "named": named,
            "reason": found.reason,
            "rightAddress": found.right_address,
        }
    return {
        "competent": True,
        "authority": found.authority,
        **found.because,
    }
