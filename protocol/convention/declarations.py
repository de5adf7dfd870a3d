"""What the schema says about one element: its children, its article, how it stands in JSON.

Built from the declarations that xmlschema has read, and only for refusals and for JSON: reading a
valid XML document needs none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from lxml import etree
from xmlschema.validators import XsdComponent, XsdElement, XsdGroup

from schemas.catalogue import explainer

# Begins the source of an xs:documentation that names an article: urn:uncc:article:42(9)#recalled,
# where the fragment says how far the line may be relied on (docs/convention.md).
ARTICLE: Final = "urn:uncc:article:"
ASSUMED: Final = "assumed"
TERM: Final = "urn:uncc:term#"  # names a defined term of article 2: schemas/glossary.toml
_STEP: Final = re.compile(r"([^\[]+)(?:\[(\d+)\])?")


def root_declaration(name: str, schema: str) -> XsdElement | None:
    """The declaration of the document `name` in `schema`, or None if it has no such document."""
    return explainer(schema).elements.get(name)


@lru_cache(maxsize=1024)  # declarations live as long as the schema; there are some 200
def children_of(declaration: XsdElement) -> dict[str, XsdElement]:
    """The child elements of a declaration by local name, in the order of the schema."""
    content = getattr(declaration.type, "content", None)
    if not isinstance(content, XsdGroup):
        return {}
    found: dict[str, XsdElement] = {}
    for child in content.iter_elements():
        if isinstance(child, XsdElement):
            found.setdefault(child.local_name, child)
    return found


def source_of(component: object) -> tuple[str, str] | None:
    """The article that the schema names at a declaration or its type, and its trust ("recalled").

    None if the schema names none.
    """
    for part in (component, getattr(component, "type", None)):
        for text in _documentation(part):
            source = text.get("source") or ""
            if source.startswith(ARTICLE):
                article, _, trust = source.removeprefix(ARTICLE).partition("#")
                return article, trust
    return None


def article_of(components: Iterable[object]) -> str | None:
    """The article of the last of `components` that rests on law, else of the last that has one."""
    sources = [source for source in map(source_of, components) if source is not None]
    law = [article for article, trust in sources if trust != ASSUMED]
    found = law or [article for article, _ in sources]
    return found[-1] if found else None


def words_of(component: object) -> str:
    """What the schema says in words about a declaration or a type; empty if nothing."""
    said = [text for text in _documentation(component) if not _is_term(text)]
    return " ".join(" ".join((text.text or "").split()) for text in said)


def declaration_at(path: str, schema: str) -> XsdComponent | None:
    """The declaration of the element or attribute at `path`, or None if the schema has none."""
    found = list(along(path, schema))
    return found[-1] if len(found) == path.strip("/").count("/") + 1 else None


def article_at(path: str, schema: str) -> str | None:
    """The article that best explains what stands at `path` ("/MlaRequest/Facts/@lang")."""
    return article_of(along(path, schema))


def path_of(element: etree._Element) -> str:
    """Where `element` stands, as a person writes it: /MlaRequest/Measure[2]/Description."""
    steps = [_step(one) for one in (element, *element.iterancestors())]
    return "/" + "/".join(reversed(steps))


def json_path(path: str, schema: str) -> str:
    """The same place in the JSON form: $.MlaRequest.Measure[1].Description."""
    declarations = along(path, schema)
    found = "$"
    for step in path.strip("/").split("/"):
        matched = _STEP.fullmatch(step)
        if matched is None:
            return found
        name, number = matched.groups()
        declaration = next(declarations, None)
        found += f".{name}"
        if isinstance(declaration, XsdElement) and is_repeatable(declaration):
            found += f"[{int(number or 1) - 1}]"
    return found


def is_repeatable(declaration: XsdElement) -> bool:
    """Whether the element is an array in JSON."""
    return declaration.max_occurs != 1


def along(path: str, schema: str) -> Iterator[XsdComponent]:
    """The declarations of the steps of `path`, from the root down, as far as they are known."""
    names = [step.partition("[")[0] for step in path.strip("/").split("/")]
    declaration = root_declaration(names[0], schema)
    for name in names[1:]:
        if declaration is None:
            return
        yield declaration
        if name.startswith("@"):
            attribute = declaration.attributes.get(name[1:])
            if attribute is not None:
                yield attribute
            return
        declaration = children_of(declaration).get(name)
    if declaration is not None:
        yield declaration


def _step(element: etree._Element) -> str:
    name = str(etree.QName(element).localname)
    before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    if not before and next(element.itersiblings(element.tag), None) is None:
        return name
    return f"{name}[{before + 1}]"


def _is_term(text: etree._Element) -> bool:
    return (text.get("source") or "").startswith(TERM)


def _documentation(component: object) -> list[etree._Element]:
    annotation = getattr(component, "annotation", None)
    return list(getattr(annotation, "documentation", None) or ())
