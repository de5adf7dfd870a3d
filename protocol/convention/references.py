"""Every id of a document stands once, and every reference names one: what xs:key and xs:keyref say.

The tables come from the constraints of the schema itself (schemas.identity). Only for documents
without Extensions: in there, anything may look like an id.
"""

from __future__ import annotations

from lxml import etree

from schemas.catalogue import identity


def references_hold(root: etree._Element, schema: str) -> bool:
    """Whether the ids and references of `root`, which has the form of `schema`, hold."""
    constraints = identity(schema, str(root.tag))
    if not constraints.tags:
        return True
    known: set[tuple[str, str]] = set()
    wanted: set[tuple[str, str]] = set()
    for element in root.iter(*constraints.tags):
        tag = str(element.tag)
        key = constraints.keys.get(tag)
        if key is None:
            wanted.add((constraints.references[tag], (element.text or "").strip()))
            continue
        name = (key, element.get("id", "").strip())
        if name in known:
            return False
        known.add(name)
    return wanted <= known
