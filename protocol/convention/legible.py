"""A document as a person reads it: labelled fields, each with the article that asks for it.

The words come from a catalogue (schemas.words), the articles and their trust from the schema. What
was written in several languages stands in all of them, the reader's first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree
from xmlschema.validators import XsdElement

from protocol.convention.declarations import children_of, root_declaration, source_of
from protocol.convention.documents import read_document
from protocol.convention.versions import VERSIONS, version_of
from protocol.convention.vocabulary import KINDS
from protocol.hardened import parse_again
from schemas.words import Words

_TEXT: Final = "Text"  # of c:MultilingualText, in every version


@dataclass(frozen=True, slots=True)
class Said:
    """A value in words. `language` is what it is written in, None for no language at all."""

    text: str
    language: str | None = None
    note: str = ""  # that it is a translation, and whether a certified one


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its label, its article and trust where the schema has them, and what it holds."""

    label: str
    article: str | None
    trust: str | None
    values: tuple[Said, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole document for a reader."""

    title: str
    kind: str
    article: str
    number: str
    fields: tuple[Field, ...]
    words: Words


def sheet(octets: bytes, words: Words) -> Sheet:
    """The document in `octets` in the words of a language. Raises DocumentRefused."""
    document = read_document(octets)
    root = parse_again(octets)
    version = version_of(root)
    declaration = root_declaration(document.kind, version.schema) if version is not None else None
    if version is None or declaration is None:
        raise RuntimeError(f"a valid {document.kind} is declared nowhere")
    return Sheet(
        title=words.document(document.kind),
        kind=document.kind,
        article=KINDS[document.kind].article,
        number=document.request_id,
        fields=tuple(_fields(root, declaration, words)),
        words=words,
    )


def _fields(element: etree._Element, declared: XsdElement, words: Words) -> Iterator[Field]:
    yield from _attributes(element, declared, words)
    children = children_of(declared)
    for child in element.iterchildren(etree.Element):
        name = str(etree.QName(child).localname)
        yield _field(child, children.get(name), words.element(name), words)


def _attributes(element: etree._Element, declared: XsdElement, words: Words) -> Iterator[Field]:
    for name, value in element.attrib.items():
        attribute = declared.attributes.get(str(name))
        if attribute is None:
            continue  # a hint where to find a schema is no content
        source = source_of(attribute)
        article, trust = source if source is not None else (None, None)
        said = Said(_meaning(str(value), attribute, words))
        yield Field(words.attribute(str(name)), article, trust, (said,), ())


def _field(element: etree._Element, declared: XsdElement | None, label: str, words: Words) -> Field:
    source = source_of(declared) if declared is not None else None
    article, trust = source if source is not None else (None, None)
    if declared is None:  # inside Extensions: shown as it stands
        return Field(label, None, None, (Said("".join(map(str, element.itertext())).strip()),), ())
    texts = [child for child in element if etree.QName(child).localname == _TEXT]
    if texts:
        return Field(label, article, trust, tuple(_said(texts, words)), ())
    values: tuple[Said, ...] = ()
    if not len(element):
        values = (Said(_meaning((element.text or "").strip(), declared, words)),)
    return Field(label, article, trust, values, tuple(_fields(element, declared, words)))


def _said(texts: list[etree._Element], words: Words) -> Iterator[Said]:
    """The same in several languages, the reader's own first, then the original."""

    def order(text: etree._Element) -> tuple[bool, bool]:
        tag = text.get("lang", "").partition("-")[0]
        return tag != words.language, text.get("kind") != "ORIGINAL"

    for text in sorted(texts, key=order):
        note = ""
        if text.get("kind") == "TRANSLATION":
            certified = text.get("certified", "").strip() in ("true", "1")
            note = words.phrase("certified translation" if certified else "translation")
        yield Said((text.text or "").strip(), text.get("lang"), note)


def _meaning(value: str, declared: object, words: Words) -> str:
    """A code with its meaning, yes or no, or the value as it is."""
    kind = getattr(declared, "type", None)
    simple = getattr(kind, "simple_type", None) or kind
    codes = {version.codes for version in VERSIONS.values()}
    for one in (kind, simple, getattr(simple, "base_type", None)):
        name = getattr(one, "local_name", None)
        if getattr(one, "target_namespace", None) in codes and name is not None:
            means = words.code(str(name), value)
            return value if means == value else f"{means} ({value})"
    if getattr(getattr(simple, "root_type", None), "local_name", "") == "boolean":
        return words.phrase("yes" if value in ("true", "1") else "no")
    return value
