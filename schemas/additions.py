"""What a newer version of a schema changes in an older one, apart from adding to it.

Whoever reads documents by the names of the older version reads those of the newer one as well only
if nothing that was there has changed: every type and element is still declared alike, and what is
new is optional, or a type or root element of its own. That is asked of the schema files, so that
nobody has to vouch for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lxml import etree

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
MAX_SHOWN: Final = 5  # changes that a person is told; one is enough to refuse a version

_SETTINGS: Final = ("elementFormDefault", "attributeFormDefault", "blockDefault", "finalDefault")
_QUALIFIED: Final = ("type", "base", "ref", "refer", "substitutionGroup")
_LISTED: Final = ("memberTypes",)
_APART: Final = (f"{XS}annotation", f"{XS}include", f"{XS}import")
# Attributes may be added wherever they stand, elements only where all of a list may be there.
_MAY_GAIN: Final = {
    f"{XS}attribute": (f"{XS}complexType", f"{XS}extension"),
    f"{XS}element": (f"{XS}sequence",),
}

Names = Mapping[str, str]
"""The namespaces of the newer version, each with the one whose place it takes."""


def changes(older: Path, newer: Path, names: Names, named_anew: frozenset[str]) -> tuple[str, ...]:
    """The first places where the schemas of the folder `newer` change those of `older`.

    `named_anew` are the types that say which version it is. Nothing: it only adds.
    """
    before, after = dict(_components(older, {})), dict(_components(newer, names))
    found: list[str] = []
    for (kind, namespace, name), declared in before.items():
        if name in named_anew:
            continue
        other = after.get((kind, namespace, name))
        found += [name] if other is None else _differences(declared, other, names, name)
        if len(found) >= MAX_SHOWN:
            break
    found += [
        name or str(kind).removeprefix(XS)
        for (kind, namespace, name), declared in after.items()
        if (kind, namespace, name) not in before and _takes_a_place(declared)
    ]
    return tuple(found[:MAX_SHOWN])


def _takes_a_place(declared: etree._Element) -> bool:
    """Whether something new at the top may stand where a reader looks for something else."""
    return declared.tag == f"{XS}redefine" or declared.get("substitutionGroup") is not None


def _components(
    folder: Path, names: Names
) -> Iterator[tuple[tuple[str, str, str], etree._Element]]:
    """Everything that the schemas in `folder` declare at their top, and how each file is set."""
    parser = etree.XMLParser(
        no_network=True, resolve_entities=False, load_dtd=False, remove_comments=True
    )
    for path in sorted(folder.glob("*.xsd")):
        schema = etree.parse(path, parser).getroot()
        target = schema.get("targetNamespace", "")
        namespace = names.get(target, target)
        for component in schema.iterchildren(etree.Element):
            if component.tag not in _APART:
                yield (str(component.tag), namespace, component.get("name", "")), component


def _differences(
    before: etree._Element, after: etree._Element, names: Names, place: str
) -> list[str]:
    """The places at or below `place` where `after` is not `before` with additions."""
    if before.tag != after.tag or _said(before, {}) != _said(after, names):
        return [place]
    declared = {_key(one) for one in _children(before)}
    rest = [one for one in _children(after) if _key(one) in declared or not _is_addition(one)]
    kept = _children(before)
    if [_key(one) for one in kept] != [_key(one) for one in rest]:
        return [place]
    return [
        different
        for one, other in zip(kept, rest, strict=True)
        for different in _differences(one, other, names, _below(place, one))
    ]


def _children(element: etree._Element) -> list[etree._Element]:
    return [one for one in element.iterchildren(etree.Element) if one.tag not in _APART]


def _key(element: etree._Element) -> tuple[str, str]:
    """What makes the same child of two versions; for a code it is the code itself."""
    named = element.get("name") or element.get("ref") or element.get("value") or ""
    return str(element.tag), named.rpartition(":")[2] if element.get("ref") else named


def _is_addition(element: etree._Element) -> bool:
    """Whether a document that lacks this, and a reader that does not know it, are right."""
    parent = element.getparent()
    if parent is None or parent.tag not in _MAY_GAIN.get(str(element.tag), ()):
        return False
    if element.tag == f"{XS}attribute":
        return element.get("use", "optional") == "optional"
    return element.get("minOccurs") == "0" and element.get("name") is not None


def _said(element: etree._Element, names: Names) -> dict[str, str]:
    """The attributes of a declaration, and how its schema is set, in the names of the older one."""
    schema = element.getroottree().getroot()
    said = {name: schema.get(name, "") for name in _SETTINGS}
    for name, value in element.attrib.items():
        text = " ".join(str(value).split())
        if name in _QUALIFIED or name in _LISTED:
            text = " ".join(_resolved(one, element, names) for one in text.split())
        said[str(name)] = text
    return said


def _resolved(name: str, element: etree._Element, names: Names) -> str:
    prefix, _, local = name.rpartition(":")
    namespace = element.nsmap.get(prefix or None, "")
    return f"{{{names.get(namespace, namespace)}}}{local}"


def _below(place: str, element: etree._Element) -> str:
    """The place of a child: only elements and attributes are steps, as in a document."""
    name = element.get("name")
    if name is None or element.tag not in (f"{XS}element", f"{XS}attribute"):
        return place
    return f"{place}/{'@' if element.tag == f'{XS}attribute' else ''}{name}"
