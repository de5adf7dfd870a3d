"""A document as JSON and back, by the schema: for domestic systems that do not write XML.

The shape, which docs/convention.md describes for those who write it:

* one object with one key, the name of the document: `{"MlaRequest": {...}}`;
* child elements are keys by their local names, in any order; the schema knows where each belongs;
* what may be repeated is always an array, also with one entry;
* attributes are keys that begin with "@"; the text beside attributes is "$";
* whole numbers and booleans are JSON's own, everything else is text;
* Extensions have no JSON form.

`from_json` gives the XML that is sent and signed; the JSON itself is never evidence.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from lxml import etree
from xmlschema.validators import XsdElement

from protocol.convention.canonical import require_canonical
from protocol.convention.declarations import (
    children_of,
    is_repeatable,
    json_path,
    root_declaration,
)
from protocol.convention.documents import LIMITS, read_document
from protocol.convention.explanation import MAX_FINDINGS
from protocol.convention.findings import DocumentRefused, Finding
from protocol.convention.versions import CURRENT, Version, version_of, version_said
from protocol.convention.vocabulary import KINDS
from protocol.hardened import parse_again

MAX_JSON_BYTES: Final = LIMITS.max_bytes  # the XML of the same document is about as large
MAX_DEPTH: Final = 32  # of nested objects; the schema uses 9
ATTRIBUTE: Final = "@"
TEXT: Final = "$"
WHOLE_NUMBERS: Final = frozenset({"decimal"})  # the schema has no decimals that are not whole
# XML 1.0 section 2.2: no control characters but tab and line ends, no lone surrogates.
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def from_json(octets: bytes) -> bytes:
    """The valid document in the JSON `octets`, as XML octets. Raises DocumentRefused.

    Each finding names its place in the JSON: "$.MlaRequest.Measure[1].Description".
    """
    name, content = _root(_loaded(octets))
    version = version_said(content)
    written = _Writing(version)
    root = written.document(name, content)
    if written.faults:
        raise DocumentRefused(written.faults[:MAX_FINDINGS])
    document = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    try:
        read_document(document)
    except DocumentRefused as refused:
        findings = [
            replace(f, path=json_path(f.path, version.schema), line=0) for f in refused.findings
        ]
        raise DocumentRefused(findings) from refused
    return document


def to_json(octets: bytes) -> bytes:
    """The document in the XML `octets`, as JSON. Raises DocumentRefused if it is not valid."""
    kind = read_document(octets).kind
    root = parse_again(octets)
    version = version_of(root) or CURRENT  # which it is, or read_document had refused it
    shown = {kind: _shown(root, root_declaration(kind, version.schema))}
    return json.dumps(shown, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"


def part_to_json(root: etree._Element, name: str) -> Any:
    """The child element `name` of the valid document `root` in the JSON form; None if it has none.

    `root` is in canonical names, and so is the part: what a newer version added to it has no place
    in what we write. Raises DocumentRefused where the part has Extensions.
    """
    require_canonical(root)
    found = next((child for child in root if etree.QName(child).localname == name), None)
    if found is None:
        return None
    declared = root_declaration(str(etree.QName(root).localname), CURRENT.schema)
    part = children_of(declared).get(name) if declared is not None else None
    return _shown(_without_additions(found, part), part)


def _without_additions(part: etree._Element, declared: XsdElement | None) -> etree._Element:
    """A copy of `part` without the elements that the current version does not have."""
    copy = deepcopy(part)
    _drop_unknown(copy, declared)
    return copy


def _drop_unknown(element: etree._Element, declared: XsdElement | None) -> None:
    known = {} if declared is None else children_of(declared)
    for child in list(element.iterchildren(etree.Element)):
        declaration = known.get(str(etree.QName(child).localname))
        if declaration is None:
            element.remove(child)
        else:
            _drop_unknown(child, declaration)


def _loaded(octets: bytes) -> Any:
    if len(octets) > MAX_JSON_BYTES:
        raise _refused(f"{len(octets)} bytes of JSON", f"at most {MAX_JSON_BYTES}")
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as e:
        raise _refused(f"cannot be read: {e}", "one JSON object in UTF-8") from e


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
    raise _refused("is no document that we know", expected)


def _refused(message: str, expected: str) -> DocumentRefused:
    return DocumentRefused([Finding("json", "$", 0, message, expected)])


class _Writing:
    """Writes the elements of one document from its JSON, and notes what has no place in them."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self.faults: list[Finding] = []

    def document(self, name: str, content: Any) -> etree._Element:
        """The root element `name`, filled; what did not fit is in `faults`."""
        version = self._version
        prefixes = {"d": version.documents, "c": version.common}
        root = etree.Element(f"{{{version.documents}}}{name}", nsmap=prefixes)
        self._fill(root, root_declaration(name, version.schema), content, f"$.{name}")
        return root

    def _fill(
        self, element: etree._Element, declaration: XsdElement | None, content: Any, path: str
    ) -> None:
        children = {} if declaration is None else children_of(declaration)
        if path.count(".") > MAX_DEPTH:
            self._fault(path, "is nested too deep", f"at most {MAX_DEPTH} levels")
        elif isinstance(content, dict):
            self._fill_from_object(element, declaration, children, content, path)
        elif children:
            self._fault(path, f"is {_kind_of(content)}", "an object")
        else:
            element.text = self._text(content, path)

    def _fill_from_object(
        self,
        element: etree._Element,
        declaration: XsdElement | None,
        children: dict[str, XsdElement],
        content: dict[str, Any],
        path: str,
    ) -> None:
        names = [str(name) for name in getattr(declaration, "attributes", ()) if name]
        keys = [ATTRIBUTE + name for name in names] + ([] if children else [TEXT]) + [*children]
        for key in content:
            if key not in keys:
                self._fault(path, f"has a key that is not known: {key!a}", ", ".join(keys))
        for name in names:
            if ATTRIBUTE + name in content:
                element.set(name, self._text(content[ATTRIBUTE + name], f"{path}.@{name}"))
        if TEXT in content and TEXT in keys:
            element.text = self._text(content[TEXT], path)
        for name, child in children.items():
            if name in content:
                self._add(element, child, content[name], f"{path}.{name}")

    def _add(
        self, parent: etree._Element, declaration: XsdElement, content: Any, path: str
    ) -> None:
        if not isinstance(content, list):
            self._fill(etree.SubElement(parent, declaration.name), declaration, content, path)
            return
        for index, one in enumerate(content):
            child = etree.SubElement(parent, declaration.name)
            self._fill(child, declaration, one, f"{path}[{index}]")

    def _text(self, value: Any, path: str) -> str:
        """The lexical form of a plain value; nothing and a fault if it has none in XML."""
        match value:
            case bool():
                return "true" if value else "false"
            case int():
                return str(value)
            case str() if not _NOT_IN_XML.search(value):
                return value
            case str():
                self._fault(path, "has a character that XML does not allow", "text")
            case _:
                self._fault(path, f"is {_kind_of(value)}", "a text, whole number or boolean")
        return ""

    def _fault(self, path: str, message: str, expected: str) -> None:
        self.faults.append(Finding("json", path, 0, message, expected))


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "an array"
        case float():
            return "a number that is not whole"
        case _:
            return "a plain value"


def _shown(element: etree._Element, declaration: XsdElement | None) -> Any:
    if declaration is None:  # only inside Extensions
        expected = "a document without Extensions, or its XML"
        raise _refused("Extensions have no JSON form", expected)
    shown: dict[str, Any] = {
        ATTRIBUTE + str(name): _plain(str(value), declaration.attributes.get(str(name)))
        for name, value in element.attrib.items()
        if name in declaration.attributes  # hints where to find a schema are no content
    }
    children = children_of(declaration)
    if not children and not len(element):
        text = _plain(element.text or "", declaration)
        return {**shown, TEXT: text} if shown else text
    for child in element.iterchildren(etree.Element):
        name = str(etree.QName(child).localname)
        value = _shown(child, children.get(name))
        if is_repeatable(children[name]):
            shown.setdefault(name, []).append(value)
        else:
            shown[name] = value
    return shown


def _plain(text: str, declaration: object) -> str | int | bool:
    """The value of a simple type as JSON has it."""
    declared = getattr(declaration, "type", None)
    simple = getattr(declared, "simple_type", None) or declared
    primitive = getattr(getattr(simple, "root_type", None), "local_name", "")
    if primitive == "boolean":
        return text.strip() in ("true", "1")
    return int(text) if primitive in WHOLE_NUMBERS else text
