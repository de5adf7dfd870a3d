"""`new` and `render`: documents written and read without a gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gateway.cli.outcome import Outcome, Stop, refused
from gateway.cli.table import complain, printable
from gateway.cli.words import Arguments, Commands, add_command

if TYPE_CHECKING:
    from protocol.convention.directory import Authority, Directory
    from protocol.convention.documents import DocumentRefused
    from protocol.convention.drafting import Beginning
    from protocol.convention.questions import Question


def add_commands(commands: Commands) -> None:
    """Register the two commands."""
    new = add_command(
        commands,
        "new",
        _new,
        "write a document",
        "Write a valid document of a kind, such as PreservationRequest: asks only for what the "
        "kind needs, with its codes; or takes the answers from a JSON or YAML file.",
    )
    new.add_argument("kind", metavar="KIND", help="the kind of document, by its root element")
    new.add_argument("--as", dest="author", metavar="AUTHORITY", help="who writes it")
    new.add_argument("--to", dest="addressee", metavar="AUTHORITY", help="who it is written to")
    new.add_argument(
        "--node", type=Path, metavar="DIR", help="node whose State directory names the authorities"
    )
    new.add_argument(
        "--answers", type=Path, metavar="FILE", help="the content, JSON or YAML; asks nothing then"
    )
    new.add_argument(
        "--concerns", type=Path, metavar="FILE", help="the document that it answers or belongs to"
    )
    new.add_argument(
        "--received", type=Path, metavar="FOLDER",
        help="for an EvidenceReceipt: the folder that take made of the delivery; says of each item "
        "whether it came whole",
    )  # fmt: skip
    new.add_argument(
        "--item", type=Path, action="append", default=[], metavar="FILE",
        help="for an EvidenceDelivery: a file that it carries, in the order of the items in the "
        "answers; digests, sizes, manifest and the chain of custody are filled in (repeat it)",
    )  # fmt: skip
    new.add_argument(
        "--in", dest="language", default="en", metavar="LANGUAGE",
        help="language of what you write (default: %(default)s)",
    )  # fmt: skip
    new.add_argument("--words", default="en", metavar="LANGUAGE", help="language of the questions")
    new.add_argument("--into", type=Path, required=True, metavar="FILE", help="the new file, XML")
    render = add_command(
        commands,
        "render",
        _render,
        "show a document as a person reads it",
        "Show a document as a page, with the article beside each field: HTML on standard output, "
        "or a file whose ending (.html or .pdf) says which.",
    )
    render.add_argument("document", metavar="DOCUMENT", type=Path, help="the document, XML or JSON")
    render.add_argument(
        "--words", default="en", metavar="LANGUAGE",
        help="language of the fixed words (default: %(default)s)",
    )  # fmt: skip
    render.add_argument("--into", type=Path, metavar="FILE", help="write FILE, .html or .pdf")


def _render(arguments: Arguments) -> Outcome:
    from protocol.convention.documents import DocumentRefused
    from protocol.convention.legible import sheet
    from protocol.convention.legible_html import page

    try:
        html = page(sheet(document_at(arguments.document), _words(arguments.words)))
    except DocumentRefused as e:
        raise findings_of(e) from e
    if arguments.into is None:
        sys.stdout.write(html)
        return Outcome.DONE
    if arguments.into.suffix == ".pdf":
        from gateway.rendering import NoPdf, pdf

        try:
            _write(arguments.into, pdf(html))
        except NoPdf as e:
            raise refused(str(e)) from e
    else:
        _write(arguments.into, html.encode())
    return Outcome.DONE


def _new(arguments: Arguments) -> Outcome:
    from gateway.cli.evidence import chained, items_of, with_files
    from protocol.convention.documents import DocumentRefused
    from protocol.convention.drafting import begin, joined
    from protocol.convention.json_form import from_json
    from protocol.convention.questions import questions

    words = _words(arguments.words)
    draft: dict[str, Any] = {}
    try:
        known = _beginning(arguments)
        draft = begin(known)
        if arguments.received is not None:
            draft = joined(draft, items_of(arguments, known.concerned))
        if arguments.answers is not None:
            draft = joined(draft, _answers(arguments.answers, arguments.kind))
        else:
            draft = _talk(questions(arguments.kind, draft, words, arguments.language))
        if arguments.item:
            draft = with_files(arguments, draft)
        octets = from_json(json.dumps({arguments.kind: draft}).encode())
        if arguments.item:
            octets = chained(octets)
    except DocumentRefused as e:
        if arguments.answers is None and draft:
            _keep(arguments.into.with_suffix(".json"), {arguments.kind: draft})
        raise findings_of(e) from e
    _write(arguments.into, octets)
    print(arguments.into)
    return Outcome.DONE


def _beginning(arguments: Arguments) -> Beginning:
    from protocol.convention.drafting import Beginning
    from protocol.convention.vocabulary import KINDS

    kind = KINDS.get(arguments.kind)
    if kind is None:
        raise refused(f"there is no kind {arguments.kind}; there are: {', '.join(sorted(KINDS))}")
    known = _authorities(arguments.node)
    return Beginning(
        kind=kind,
        author=_chosen(known, arguments.author),
        addressee=_chosen(known, arguments.addressee),
        request_id=str(uuid4()),
        now=datetime.now(UTC),
        language=arguments.language,
        concerned=document_at(arguments.concerns) if arguments.concerns is not None else None,
    )


def directory_of(node: Path | None) -> Directory:
    """The State directory of `node`, or the one that comes with the gateway. Raises Stop."""
    import config
    from config.directory import load_directory
    from config.faults import ConfigRefused
    from config.node import STATES_FOLDER

    folder = (node or Path(next(iter(config.__path__)))) / STATES_FOLDER
    try:
        return load_directory(folder)
    except ConfigRefused as e:
        raise refused(str(e)) from e


def _authorities(node: Path | None) -> dict[str, Authority]:
    """Every authority of the directory, by its id."""
    states = directory_of(node).states.values()
    return {one.id: one for state in states for one in state.authorities.values()}


def _chosen(known: dict[str, Authority], name: str | None) -> Authority | None:
    if name is None:
        return None
    if name not in known:
        raise refused(f"the directory has no authority {name}; it has: {', '.join(sorted(known))}")
    return known[name]


def _talk(asking: Generator[Question, str, dict[str, Any]]) -> dict[str, Any]:
    """Put each question to the person at the terminal."""
    try:
        question = next(asking)
        while True:
            _show(question)
            try:
                answer = input("> ")
            except EOFError:
                raise refused("the answers ended before the document was whole") from None
            question = asking.send(answer)
    except StopIteration as end:
        whole: dict[str, Any] = end.value
        return whole


def _show(question: Question) -> None:
    if question.fault:
        complain(f"  {printable(question.fault)}")
    article = f"  [article {question.article}]" if question.article else ""
    print(f"\n{question.label}{article}")
    if question.help:
        print(f"  {question.help}")
    for key, means in question.choices:
        print(f"    {key:<28} {means}")


def _answers(path: Path, kind: str) -> dict[str, Any]:
    """The content in a JSON or YAML file, with or without the name of the kind around it."""
    import yaml

    text = _read(path).decode("utf-8")
    try:
        # Every scalar stays text: in YAML's own types, the country NO would be the value false.
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.BaseLoader)  # noqa: S506
    except (ValueError, yaml.YAMLError) as e:
        raise refused(f"{path}: {e}") from e
    if isinstance(content, dict) and set(content) == {kind}:
        content = content[kind]
    if not isinstance(content, dict):
        raise refused(f"{path}: one object is expected, with the content of a {kind}")
    return content


def document_at(path: Path) -> bytes:
    """The document in a file, XML or JSON by its ending, as XML. Raises Stop."""
    from protocol.convention.documents import DocumentRefused
    from protocol.convention.json_form import from_json

    octets = _read(path)
    if path.suffix.lower() != ".json":
        return octets
    try:
        return from_json(octets)
    except DocumentRefused as e:
        raise findings_of(e) from e


def _words(language: str) -> Any:
    from schemas.words import words

    try:
        return words(language)
    except LookupError as e:
        raise refused(str(e)) from e


def findings_of(refusal: DocumentRefused) -> Stop:
    """Each finding on standard error; what ends the command."""
    for finding in refusal.findings:
        complain(printable(str(finding)))
    return refused(f"{len(refusal.findings)} faults in the document")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise refused(f"{path}: {e.strerror}") from e


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as e:
        raise refused(f"{path}: {e.strerror}") from e


def _keep(path: Path, draft: dict[str, Any]) -> None:
    _write(path, json.dumps(draft, ensure_ascii=False, indent=2).encode() + b"\n")
    complain(f"what you answered is in {path}: mend it there, and say --answers {path}")
