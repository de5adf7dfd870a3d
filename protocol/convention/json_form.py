"""A document as JSON and back, by the schema: for domestic systems that do not write XML.

The shape: one object `{"MlaRequest": {...}}`. Child elements are keys, repeated ones arrays,
attributes keys that begin with "@", the text of an element that has attributes is "$". Names carry
no namespace: the schema knows where each belongs. `from_json` gives the XML that is sent and
signed; the JSON itself is never evidence.
"""

from __future__ import annotations

import json
from typing import Any, Final

from lxml import etree
from xmlschema.validators import XsdElement, XsdGroup

from protocol.convention.explanation import MAX_FINDINGS
from protocol.convention.findings import DocumentRefused, Finding
from protocol.convention.kinds import DOCUMENTS, KINDS
from schemas.catalogue import explainer

MAX_DEPTH: Final = 32  # of nested objects; the schema uses 9
ATTRIBUTE: Final = "@"
TEXT: Final = "$"


def from_json(octets: bytes) -> bytes:
    """The document in the JSON `octets` as XML octets. Raises DocumentRefused.

    The XML is complete and in the schema's order, but not yet checked: read_document does that.
    """
    name, content = _root(_loaded(octets))
    declaration = explainer("documents").elements[name]
    root = etree.Element(declaration.name, nsmap=_PREFIXES)
    faults: list[Finding] = []
    _fill(root, declaration, content, f"$.{name}", faults)
    if faults:
        raise DocumentRefused(faults[:MAX_FINDINGS])
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def to_json(octets: bytes) -> bytes:
    """The valid XML document in `octets` as JSON octets. Raises ValueError if it is not valid."""
    try:
        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as e:
        raise ValueError(f"no XML: {e}") from e
    name = str(etree.QName(root).localname)
    declaration = explainer("documents").elements.get(name)
    if declaration is None:
        raise ValueError(f"no document of ours: {name}")
    shown = {name: _shown(root, declaration)}
    return json.dumps(shown, ensure_ascii=False, indent=2).encode("utf-8")


_PREFIXES: Final = {"d": DOCUMENTS, "c": "urn:uncc:cmn:1"}


def _loaded(octets: bytes) -> Any:
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as e:
        finding = Finding("json", "$", 0, f"cannot be read: {e}", "one JSON object in UTF-8")
        raise DocumentRefused([finding]) from e


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _root(loaded: Any) -> tuple[str, Any]:
    if isinstance(loaded, dict) and len(loaded) == 1:
        name, content = next(iter(loaded.items()))
        if name in KINDS:
            return name, content
    expected = f"an object with the one key {' or '.join(KINDS)}"
    raise DocumentRefused([Finding("json", "$", 0, "is no document that we know", expected)])


def _fill(
    element: etree._Element,
    declaration: XsdElement,
    content: Any,
    path: str,
    faults: list[Finding],
) -> None:
    """Put `content` into `element`, its children in the order of the schema."""
    if path.count(".") > MAX_DEPTH:
        faults.append(Finding("json", path, 0, "is nested too deep", f"at most {MAX_DEPTH} levels"))
        return
    children = _children(declaration)
    if not isinstance(content, dict):
        _put_text(element, content, path, faults, with_children=bool(children))
        return
    attributes = {str(name): name for name in declaration.attributes if name}
    for key in content:
        known = key.startswith(ATTRIBUTE) and key[1:] in attributes
        if not known and key != TEXT and key not in children:
            expected = [*(ATTRIBUTE + name for name in attributes), *children]
            message = f"has a key that the schema does not know: {key!r}"
            faults.append(Finding("json", path, 0, message, ", ".join(expected)))
    for name in attributes:
        if ATTRIBUTE + name in content:
            value = content[ATTRIBUTE + name]
            element.set(name, _text(value, f"{path}.{ATTRIBUTE}{name}", faults))
    if TEXT in content:
        _put_text(element, content[TEXT], path, faults, with_children=bool(children))
    for name, child in children.items():
        if name in content:
            _add(element, child, content[name], f"{path}.{name}", faults)


def _add(
    parent: etree._Element,
    declaration: XsdElement,
    content: Any,
    path: str,
    faults: list[Finding],
) -> None:
    if not isinstance(content, list):
        _fill(etree.SubElement(parent, declaration.name), declaration, content, path, faults)
        return
    for index, one in enumerate(content):
        child = etree.SubElement(parent, declaration.name)
        _fill(child, declaration, one, f"{path}[{index}]", faults)


def _put_text(
    element: etree._Element, content: Any, path: str, faults: list[Finding], *, with_children: bool
) -> None:
    if with_children:
        faults.append(Finding("json", path, 0, "is a plain value", "an object"))
        return
    try:
        element.text = _text(content, path, faults)
    except ValueError:
        faults.append(Finding("json", path, 0, "has a character that XML does not allow", "text"))


def _text(value: Any, path: str, faults: list[Finding]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case _:
            found = type(value).__name__
            faults.append(Finding("json", path, 0, f"is a {found}", "a text, integer or boolean"))
            return ""


def _children(declaration: XsdElement) -> dict[str, XsdElement]:
    """The child elements of a declaration by local name, in the order of the schema."""
    content = getattr(declaration.type, "content", None)
    if not isinstance(content, XsdGroup):
        return {}
    found: dict[str, XsdElement] = {}
    for child in content.iter_elements():
        if isinstance(child, XsdElement) and child.local_name not in found:
            found[child.local_name] = child
    return found


def _shown(element: etree._Element, declaration: XsdElement) -> Any:
    attributes = {ATTRIBUTE + str(name): str(value) for name, value in element.attrib.items()}
    children = _children(declaration)
    if not children:
        text = element.text or ""
        return {**attributes, TEXT: text} if attributes else text
    shown: dict[str, Any] = dict(attributes)
    for child in element.iterchildren(etree.Element):
        name = str(etree.QName(child).localname)
        value = _shown(child, children[name])
        if children[name].max_occurs == 1:
            shown[name] = value
        else:
            shown.setdefault(name, []).append(value)
    return shown
