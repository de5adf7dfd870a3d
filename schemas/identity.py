"""The identity constraints of a schema (xs:key, xs:keyref) as data, and the schema without them.

libxml2 follows every constraint at every element, which is two thirds of the time of a validation.
So the hot path takes the schema without constraints (`schemas.catalogue.form`) and looks up ids and
references by itself, in the elements that the constraints select. The published schemas keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
CONSTRAINTS: Final = (f"{XS}key", f"{XS}keyref", f"{XS}unique")


@dataclass(frozen=True, slots=True)
class Identity:
    """The constraints of one root element, by the tags of the elements that they select."""

    keys: Mapping[str, str]  # the element has an id; it stands once in the key of this name
    references: Mapping[str, str]  # the text of the element is an id in the key of this name
    tags: tuple[str, ...]  # of both


def identities(folder: Path, parser: etree.XMLParser) -> dict[str, Identity]:
    """The constraints of every root element that the schemas in `folder` declare, by its tag."""
    found = {}
    for path in sorted(folder.glob("*.xsd")):
        schema = etree.parse(path, parser).getroot()
        namespace = schema.get("targetNamespace")
        for element in schema.iterchildren(f"{XS}element"):
            found[f"{{{namespace}}}{element.get('name')}"] = _identity(element)
    return found


def without_constraints(path: Path, parser: etree.XMLParser) -> bytes:
    """The schema file `path` with its identity constraints taken out."""
    tree = etree.parse(path, parser)
    for constraint in list(tree.iter(*CONSTRAINTS)):
        parent = constraint.getparent()
        if parent is not None:
            parent.remove(constraint)
    return etree.tostring(tree)


def _identity(element: etree._Element) -> Identity:
    keys = {
        tag: str(key.get("name")) for key in element.iterchildren(f"{XS}key") for tag in _tags(key)
    }
    references = {
        tag: str(reference.get("refer")).partition(":")[2]
        for reference in element.iterchildren(f"{XS}keyref")
        for tag in _tags(reference)
    }
    return Identity(keys, references, (*keys, *references))


def _tags(constraint: etree._Element) -> Iterator[str]:
    """The tags of the elements that a constraint selects, without the way to them."""
    selector = constraint.find(f"{XS}selector")
    paths = "" if selector is None else selector.get("xpath", "")
    for path in paths.split("|"):
        prefix, _, name = path.strip().rpartition("/")[2].partition(":")
        yield f"{{{constraint.nsmap[prefix]}}}{name}"
