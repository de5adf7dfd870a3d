"""Why a document is not valid: what lxml found in microseconds, said by xmlschema with its reasons.

Runs only for documents that are refused already.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from lxml import etree
from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaValidationError

from protocol.convention.findings import Finding, line_of
from schemas.catalogue import compiled, explainer

MAX_FINDINGS: Final = 50  # a document with more faults is the wrong document
MAX_SHOWN_CHARACTERS: Final = 120  # of a wrong value


def explain(root: etree._Element) -> list[Finding]:
    """The faults of `root` against the schema "documents"; at least one."""
    lines = _lines(root)
    errors = islice(explainer("documents").iter_errors(root), MAX_FINDINGS)
    found = [_finding(error, lines) for error in errors]
    return found or _from_lxml(root)


def plain_path(path: str) -> str:
    """A path without namespace prefixes, as a person writes it."""
    steps = path.split("/")
    return "/".join(step.rpartition(":")[2] for step in steps)


def _finding(error: XMLSchemaValidationError, lines: dict[str, int]) -> Finding:
    path = plain_path(error.path or "/")
    return Finding(
        rule="xsd",
        path=path,
        line=error.sourceline or lines.get(path, 0),
        message=_message(error),
        expected=_expected(error),
        article=_article(error),
    )


def _message(error: XMLSchemaValidationError) -> str:
    reason = " ".join((error.reason or error.message or "is not valid").split())
    return reason.rstrip(".")


def _expected(error: XMLSchemaValidationError) -> str:
    if isinstance(error, XMLSchemaChildrenValidationError):
        names = [_local(particle.name) for particle in error.expected or () if particle.name]
        return " or ".join(dict.fromkeys(names))
    values = getattr(error.validator, "enumeration", None)
    if values:
        return "one of " + ", ".join(str(value) for value in values)
    patterns = getattr(error.validator, "regexps", None)
    return f"the form {' or '.join(patterns)}" if patterns else ""


def _article(error: XMLSchemaValidationError) -> str | None:
    """The article that the schema names beside what is wrong."""
    for part in (*_particles(error), error.validator):
        annotation = getattr(part, "annotation", None)
        for element in getattr(annotation, "documentation", None) or ():
            source = element.get("source") or ""
            if source.startswith("urn:uncc:article:"):
                return str(source.rpartition(":")[2])
    return None


def _particles(error: XMLSchemaValidationError) -> tuple[object, ...]:
    if isinstance(error, XMLSchemaChildrenValidationError):
        return tuple(error.expected or ())
    return ()


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _lines(root: etree._Element) -> dict[str, int]:
    tree = root.getroottree()
    return {
        plain_path(tree.getpath(element)): line_of(element) for element in root.iter(etree.Element)
    }


def _from_lxml(root: etree._Element) -> list[Finding]:
    schema = compiled("documents")
    schema.validate(root)
    return [
        Finding("xsd", plain_path(entry.path or "/"), entry.line, entry.message)
        for entry in _log(schema)[:MAX_FINDINGS]
    ]


def _log(schema: etree.XMLSchema) -> list[Any]:
    entries: Any = schema.error_log  # a sequence, which its stub does not say
    return list(entries)
