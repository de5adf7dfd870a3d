"""Why a document is not valid: what lxml saw in microseconds, said with its place and its remedy.

Runs only for documents that are refused already. xmlschema finds the faults; a large document is
explained from lxml's own log, because xmlschema is some hundred times slower and a partner must
not be able to spend our time by sending large faulty documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from lxml import etree
from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaValidationError

from protocol.convention.declarations import (
    along,
    article_at,
    article_of,
    children_of,
    declaration_at,
    path_of,
    words_of,
)
from protocol.convention.findings import Finding, line_of
from schemas.catalogue import compiled_for_one_thread, explainer

MAX_FINDINGS: Final = 50  # a document with more faults is the wrong document
MAX_EXPLAINED_ELEMENTS: Final = 5_000  # about half a second of xmlschema on a small machine
MAX_SHOWN_CHARACTERS: Final = 80  # of a wrong value
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
XSD: Final = "http://www.w3.org/2001/XMLSchema"

_ATTRIBUTE: Final = re.compile(r"attribute (?:\w+:)?(\w+)=")
_MISSING_ATTRIBUTE: Final = re.compile(r"missing required attribute '(\w+)'")
_FOREIGN_ATTRIBUTE: Final = re.compile(r"'([^']+)' attribute not allowed")
_REFERENCE: Final = re.compile(r"value \('(.*)',\) not found for XsdKey")
_NO_KEY: Final = "missing key field"
_TWICE: Final = re.compile(r"duplicated value \('(.*)',\) for XsdKey")


def explain(root: etree._Element, schema: str) -> list[Finding]:
    """The faults of `root` against `schema`; at least one, one for each place."""
    explanation = _Explanation(root, schema)
    findings: Iterable[Finding] = ()
    if _count(root) <= MAX_EXPLAINED_ELEMENTS:
        findings = explanation.from_xmlschema()
    found: dict[str, Finding] = {}
    for finding in islice(findings, MAX_FINDINGS):
        found.setdefault(finding.path, finding)
    return list(found.values()) or explanation.from_lxml()


def _count(root: etree._Element) -> int:
    return sum(1 for _ in root.iter())


@dataclass(frozen=True, slots=True)
class _Explanation:
    """What both libraries say about one document, in our words."""

    root: etree._Element
    schema: str

    def from_xmlschema(self) -> Iterator[Finding]:
        for error in explainer(self.schema).iter_errors(self.root):
            if (error.reason or "").startswith(_NO_KEY):
                continue  # the missing id is a fault of its own
            element = error.elem if isinstance(error.elem, etree._Element) else self.root
            if isinstance(error, XMLSchemaChildrenValidationError):
                yield self._children_fault(error, element)
            else:
                yield self._other_fault(error, element)

    def from_lxml(self) -> list[Finding]:
        schema = compiled_for_one_thread(self.schema)
        schema.validate(self.root)
        entries = cast(Iterable[etree._LogEntry], schema.error_log)
        found = [self._logged(entry) for entry in entries]
        return found[:MAX_FINDINGS] or [self._finding(self.root, "is not valid")]

    def _children_fault(
        self, error: XMLSchemaChildrenValidationError, parent: etree._Element
    ) -> Finding:
        """A child is missing, or one stands where it must not."""
        particles = [particle for particle in error.expected or () if particle.local_name]
        names = list(dict.fromkeys(str(particle.local_name) for particle in particles))
        article = article_of((*along(path_of(parent), self.schema), *particles[:1]))
        child: object = error.invalid_child
        name = etree.QName(parent).localname
        if not isinstance(child, etree._Element):
            return self._finding(parent, f"{name} is not complete", " or ".join(names), article)
        stranger = str(etree.QName(child).localname)
        declaration = declaration_at(path_of(parent), self.schema)
        order = [] if declaration is None else list(children_of(declaration))
        expected = " or ".join(_before(stranger, names, order))
        if stranger not in order:
            message = f"{name} has no element {stranger}"
        elif expected:
            message = f"{expected} is missing before {stranger}"
        else:
            message = f"{stranger} must not stand here, or not so often"
        return self._finding(child, message, expected, article)

    def _other_fault(self, error: XMLSchemaValidationError, element: etree._Element) -> Finding:
        """A value, an attribute or a reference does not hold."""
        reason = " ".join((error.reason or "is not valid").split()).rstrip(".")
        if found := _MISSING_ATTRIBUTE.match(reason):
            missing = f"the attribute {found[1]} is missing"
            return self._attribute_fault(element, found[1], missing)
        if found := _FOREIGN_ATTRIBUTE.match(reason):
            declaration = declaration_at(path_of(element), self.schema)
            known = sorted(str(name) for name in getattr(declaration, "attributes", ()) if name)
            expected = ", ".join(known) or "no attribute"
            return self._finding(element, f"the attribute {found[1]} is not known", expected)
        if found := _ATTRIBUTE.match(reason):
            wrong = f"{_shown(error.obj)} is not allowed"
            return self._attribute_fault(element, found[1], wrong)
        if found := _REFERENCE.match(reason):
            return self._reference_fault(found[1])
        if "cannot substitute" in reason:
            disguised = next(
                (one for one in self.root.iter(etree.Element) if one.get(XSI_TYPE)), element
            )
            expected = "the type that the schema says"
            return self._finding(disguised, "xsi:type names another type", expected)
        if found := _TWICE.match(reason):
            return self._finding(element, f"the id {_shown(found[1])} stands twice", "one id each")
        if len(element) or isinstance(error.obj, etree._Element):
            return self._finding(element, reason)
        message = f"{_shown(element.text or '')} is not allowed"
        return self._finding(element, message, self._expectation(path_of(element), reason))

    def _attribute_fault(self, element: etree._Element, name: str, message: str) -> Finding:
        path = f"{path_of(element)}/@{name}"
        expected = self._expectation(path, f"the attribute {name}")
        article = article_at(path, self.schema)
        return Finding("xsd", path, line_of(element), message, expected, article)

    def _reference_fault(self, value: str) -> Finding:
        """A reference to something that the document does not have: at the first that says so."""
        for element in self.root.iter(etree.Element):
            name = str(etree.QName(element).localname)
            if (element.text or "").strip() == value and name.endswith("Ref"):
                what = name.removesuffix("Ref")
                message = f"{_shown(value)} refers to nothing"
                a = "an" if what[0] in "AEIOU" else "a"
                return self._finding(element, message, f"the id of {a} {what}")
        message = f"{_shown(value)} refers to nothing"
        return self._finding(self.root, message, "an id of this document")

    def _finding(
        self,
        element: etree._Element,
        message: str,
        expected: str = "",
        article: str | None = None,
    ) -> Finding:
        path = path_of(element)
        article = article or article_at(path, self.schema)
        return Finding("xsd", path, line_of(element), message, expected, article)

    def _expectation(self, path: str, otherwise: str) -> str:
        """What the schema wants at `path`: its code list, else its words, else its pattern."""
        declared = getattr(declaration_at(path, self.schema), "type", None)
        kind = getattr(declared, "simple_type", None) or declared
        values = getattr(kind, "enumeration", None)
        if values:
            return "one of " + ", ".join(str(value) for value in values)
        patterns = getattr(getattr(kind, "patterns", None), "regexps", None) or ()
        form = f"the form {' or '.join(patterns)}" if patterns else ""
        if not form and getattr(kind, "target_namespace", None) == XSD:
            form = f"a value of the type {getattr(kind, 'local_name', '')}"
        return "; ".join(filter(None, (words_of(kind).rstrip("."), form))) or otherwise

    def _logged(self, entry: etree._LogEntry) -> Finding:
        """What lxml says: `{urn:uncc:cmn:1}Name` becomes `Name`, its path becomes ours."""
        message, _, expected = re.sub(r"\{[^}]*\}", "", entry.message).partition(" Expected is ")
        root = self.root
        named = root.xpath(entry.path, namespaces=_prefixes(root)) if entry.path else []
        element = named[0] if isinstance(named, list) and named else root
        path = path_of(element) if isinstance(element, etree._Element) else path_of(root)
        article = article_at(path, self.schema)
        return Finding(
            "xsd", path, entry.line, message.rstrip("."), expected.strip("( )."), article
        )


def _before(stranger: str, names: list[str], order: list[str]) -> list[str]:
    """Of the elements that are awaited, those that come before the one that stands there."""
    if stranger not in order:
        return names
    limit = order.index(stranger)
    return [name for name in names if name in order[:limit]] or names


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…")


def _prefixes(root: etree._Element) -> dict[str, str]:
    return {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
