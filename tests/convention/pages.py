"""The pages in docs/documents/, written from the schemas, the code lists and the table of kinds."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xmlschema.validators import XsdComponent, XsdElement, XsdGroup

from protocol.convention.declarations import source_of, words_of
from protocol.convention.documents import read_document
from protocol.convention.kinds import COMMON, Form, Kind, Side
from protocol.convention.versions import CURRENT
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import ROOM, example, example_names, explainer
from schemas.code_lists import VERSION, code_lists
from tests.convention.unconfirmed import unconfirmed

DOCS = Path(__file__).resolve().parents[2] / "docs" / "documents"
CODES = "urn:uncc:cl:1"
FORMS = {
    Form.REQUEST: "Requests",
    Form.ONE_WAY: "One-way messages",
    Form.RESPONSE: "Responses",
    Form.STATUS: "Status documents",
}
WRITERS = {
    Side.REQUESTING: "the requesting authority",
    Side.REQUESTED: "the requested authority",
    Side.EITHER: "either authority, as `writtenBy` says",
}
BASES = {
    "DocumentType": "every document",
    "RequestType": "every request",
    "CaseDocumentType": "every document of a case",
    "EitherSideDocumentType": "every document of a case that either side may write",
    "InformationType": "all information that nobody asked for",
    "ProceedingRequestType": "every request out of a proceeding",
}
SCHEMA = explainer(CURRENT.schema)


def pages() -> Iterator[tuple[Path, bytes]]:
    """Every page with its content."""
    yield DOCS / "README.md", _index().encode()
    yield DOCS / "types.md", _types().encode()
    yield DOCS / "codes.md", _codes().encode()
    yield DOCS / "glossary.md", _glossary().encode()
    yield DOCS / "unconfirmed.md", unconfirmed().encode()
    for kind in KINDS.values():
        yield DOCS / f"{kind.name}.md", _page(kind).encode()


def glossary() -> dict[str, dict[str, Any]]:
    """The defined terms of article 2, by term."""
    return tomllib.loads((ROOM / "glossary.toml").read_text("utf-8"))


def _index() -> str:
    lines = [
        "# The documents",
        "",
        "Written by `make documents` from `schemas/convention/`, `schemas/codes/` and the table of",
        "kinds in `protocol/convention/vocabulary.py`. A kind is a root element and an eb:Action.",
        "How far an article may be relied on is said beside it; the words are those of",
        "[convention.md](../convention.md).",
        "",
        "[Shared types](types.md) · [Code lists](codes.md) · [Terms of article 2](glossary.md) ·",
        "[What is not confirmed](unconfirmed.md)",
    ]
    for form, title in FORMS.items():
        lines += ["", f"## {title}", "", "| code | kind | article | says |", "|---|---|---|---|"]
        for kind in KINDS.values():
            if kind.form is form:
                says = words_of(SCHEMA.elements[kind.name])
                lines.append(
                    f"| {kind.code} | [{kind.name}]({kind.name}.md) | {kind.article} | {says} |"
                )
    return "\n".join(lines) + "\n"


def _page(kind: Kind) -> str:
    element = SCHEMA.elements[kind.name]
    named = [name for name in example_names() if read_document(example(name)).kind == kind.name]
    shown = next(n for n in named if read_document(example(n)).requesting_authority[:2] == "XU")
    links = ", ".join(f"[{name}](../../schemas/examples/{name})" for name in named)
    lines = [f"# {kind.name}", "", words_of(element), "", "| | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in _facts(kind, element)]
    lines += [f"| examples | {links} |", "", "## Elements", "", *_begins_with(element.type)]
    lines += _table(element.type)
    for name, inner in _inner_types(element.type):
        lines += ["", f"### {name}", "", words_of(inner), "", *_table(inner)]
    text = example(shown).decode().rstrip()
    lines += ["", "## Example", "", f"`{shown}`:", "", "```xml", text, "```"]
    return "\n".join(lines) + "\n"


def _facts(kind: Kind, element: XsdElement) -> Iterator[tuple[str, str]]:
    yield "code", kind.code
    yield "article", _article(element)
    opens = "belongs to a case that is open" if kind.needs_case else "opens a case"
    yield "form", f"{kind.form.value}; {opens}"
    senders, receivers = ([one.value for one in them] for them in (kind.senders, kind.receivers))
    yield "from, to", f"{' or '.join(senders)}, {' or '.join(receivers)}"
    yield "written by", WRITERS[kind.author]
    routed = (
        f"the authority that the State directory names for {kind.matter.value}"
        if kind.matter
        else ""
    )
    yield "received by", routed or "the other authority of its case"
    yield "usual urgency", kind.urgency
    if kind.concerns:
        yield "answers or concerns", _kinds(kind.concerns)
    followers = [one.name for one in KINDS.values() if kind.name in one.concerns]
    if followers:
        yield "what may follow", _kinds(followers)
    yield "schema", f"`{Path(element.schema.url or '').name}`, namespace `{CURRENT.documents}`"


def _kinds(names: Any) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in names)


def _begins_with(kind: Any) -> list[str]:
    base = kind.base_type
    if base is None or base.local_name not in BASES:
        return []
    text = f"Begins with what [{BASES[base.local_name]}](types.md#{base.local_name.lower()}) has."
    return [text, ""]


def _table(kind: Any) -> list[str]:
    inherited = _names(kind.base_type)
    rows = []
    for name, attribute in kind.attributes.items():
        if name and f"@{name}" not in inherited:
            often = "1" if attribute.use == "required" else "0..1"
            rows.append(_row(f"@{name}", often, attribute))
    for name, child in _children(kind).items():
        if name not in inherited:
            rows.append(_row(name, _often(child), child))
    if not rows:
        return ["No elements of its own."]
    head = ["| element | how often | type | article | says |", "|---|---|---|---|---|"]
    return head + rows


def _row(name: str, often: str, declared: Any) -> str:
    cells = (name, often, _type(declared.type), _article(declared), words_of(declared))
    return f"| {' | '.join(cells)} |"


def _often(child: XsdElement) -> str:
    least, most = child.min_occurs, child.max_occurs
    often = str(least) if least == most else f"{least}..{most}"
    return f"{often}, in a choice" if _in_a_choice(child) else often


def _in_a_choice(child: XsdElement) -> bool:
    group = child.parent
    while isinstance(group, XsdGroup):
        if group.model == "choice":
            return True
        group = group.parent
    return False


def _children(kind: Any) -> dict[str, XsdElement]:
    content = getattr(kind, "content", None)
    found: dict[str, XsdElement] = {}
    for child in content.iter_elements() if hasattr(content, "iter_elements") else ():
        if isinstance(child, XsdElement):
            found.setdefault(child.local_name, child)
    return found


def _names(kind: Any) -> set[str]:
    if kind is None or not hasattr(kind, "attributes"):
        return set()
    return {*_children(kind), *(f"@{name}" for name in kind.attributes if name)}


def _type(kind: Any) -> str:
    name, namespace = kind.local_name, kind.target_namespace
    if namespace == CODES:
        return f"[{name}](codes.md#{name.lower()})"
    if namespace == COMMON:
        return f"[{name}](types.md#{name.lower()})"
    return f"[{name}](#{name.lower()})" if namespace == CURRENT.documents else str(name)


def _article(declared: XsdComponent | XsdElement) -> str:
    source = source_of(declared)
    return "" if source is None else f"{source[0]} ({source[1]})"


def _inner_types(kind: Any) -> Iterator[tuple[str, Any]]:
    """The types of this kind of document alone, in the order in which they are met."""
    seen: dict[str, Any] = {}
    waiting = [kind]
    while waiting:
        for child in _children(waiting.pop(0)).values():
            name, inner = child.type.local_name, child.type
            if inner.target_namespace == CURRENT.documents and name not in seen:
                seen[name] = inner
                waiting.append(inner)
    yield from seen.items()


def _types() -> str:
    lines = ["# Shared types", "", "Written by `make documents` from `schemas/convention/`."]
    types = SCHEMA.maps.types
    own = [name for name in types if name.startswith((f"{{{COMMON}}}", f"{{{CURRENT.documents}}}"))]
    shared = [types[name] for name in own if COMMON in name or types[name].local_name in BASES]
    for kind in sorted(shared, key=lambda one: str(one.local_name)):
        lines += [
            "",
            f"## {kind.local_name}",
            "",
            f"{words_of(kind)} Article {_article(kind)}.",
            "",
        ]
        if kind.is_complex():
            lines += [*_begins_with(kind), *_table(kind)]
        else:
            lines.append(_form(kind))
    return "\n".join(lines) + "\n"


def _form(kind: Any) -> str:
    patterns = getattr(getattr(kind, "patterns", None), "regexps", None) or ()
    if getattr(kind, "enumeration", None):
        return "One of " + ", ".join(f"`{value}`" for value in kind.enumeration) + "."
    if patterns:
        return "Form: " + " or ".join(f"`{pattern}`" for pattern in patterns) + "."
    members = [str(member.local_name) for member in getattr(kind, "member_types", None) or ()]
    return f"{' or '.join(members)}." if members else f"`{kind.root_type.local_name}`."


def _codes() -> str:
    lines = [
        "# Code lists",
        "",
        f"Version {VERSION}. Written by `make documents` from `schemas/codes/{VERSION}/`.",
    ]
    for name, one in sorted(code_lists().items()):
        rest = "Open: what has no code is said in words." if one.is_open else "Closed."
        lines += ["", f"## {name}", "", f"{one.means} Article {one.article} ({one.trust}). {rest}"]
        lines += ["", "| code | means | article |", "|---|---|---|"]
        lines += [f"| {c.code} | {c.means} | {c.article} ({c.trust}) |" for c in one.codes]
    return "\n".join(lines) + "\n"


def _glossary() -> str:
    lines = [
        "# Terms of article 2",
        "",
        "In our words. Written by `make documents` from `schemas/glossary.toml`.",
        "",
        "| term | means | trust | named after it |",
        "|---|---|---|---|",
    ]
    for term, entry in glossary().items():
        names = ", ".join(f"`{name}`" for name in entry["names"])
        lines.append(f"| {term} | {entry['gist']} | {entry['trust']} | {names} |")
    return "\n".join(lines) + "\n"
