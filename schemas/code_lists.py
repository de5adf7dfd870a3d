"""The code lists as data, by version and subject, and the same lists as XSD.

`codes/<version>/<subject>.toml` is the one place where a code is written down, with its article
and how far that may be relied on. `convention/codes-<subject>.xsd` is written from it by
`make documents`; a test holds the two equal.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from xml.sax.saxutils import escape

CODES: Final = Path(__file__).parent / "codes"
VERSION: Final = "2026-1"  # of the lists that documents are written with now
TRUST: Final = ("confirmed", "parent-treaty", "recalled", "unsure", "assumed")

_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Written from codes/{version}/{subject}.toml by `make documents`. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
           targetNamespace="urn:uncc:cl:1"
           elementFormDefault="qualified"
           version="{version}">
"""


@dataclass(frozen=True, slots=True)
class Code:
    """One code: what it means, its article, and how far that may be relied on."""

    code: str
    article: str
    trust: str
    means: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list of codes; `name` is the type in the schema."""

    name: str
    subject: str
    article: str
    trust: str
    means: str
    codes: tuple[Code, ...]

    @property
    def is_open(self) -> bool:
        """Whether something that has no code may be said in words beside OTHER."""
        return any(code.code.endswith("OTHER") for code in self.codes)


@cache
def code_lists(version: str = VERSION) -> Mapping[str, CodeList]:
    """Every list of that version by name. Raises LookupError if there is no such version."""
    paths = sorted((CODES / version).glob("*.toml")) if version in versions() else []
    if not paths:
        raise LookupError(f"no code lists {version!r}; there are {', '.join(versions())}")
    return MappingProxyType({one.name: one for path in paths for one in _read(path)})


def versions() -> tuple[str, ...]:
    """The versions that are live, oldest first."""
    return tuple(sorted(path.name for path in CODES.iterdir() if path.is_dir()))


def subjects(version: str = VERSION) -> tuple[str, ...]:
    """The subjects of that version, each a file."""
    return tuple(dict.fromkeys(one.subject for one in code_lists(version).values()))


def as_xsd(subject: str, version: str = VERSION) -> str:
    """The lists of `subject` as an XSD 1.0 document."""
    lists = [one for one in code_lists(version).values() if one.subject == subject]
    head = _HEAD.format(subject=subject, version=version)
    return "\n".join([head, *map(_simple_type, lists)]) + "</xs:schema>\n"


def _read(path: Path) -> Iterator[CodeList]:
    for name, entry in tomllib.loads(path.read_text("utf-8")).items():
        codes = tuple(_code(code, words) for code, words in entry["codes"].items())
        yield CodeList(name, path.stem, *_said(entry), codes)


def _code(code: str, words: Mapping[str, Any]) -> Code:
    return Code(code, *_said(words))


def _said(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    if entry["trust"] not in TRUST:
        raise ValueError(f"trust is {entry['trust']!r}, not one of {', '.join(TRUST)}")
    return str(entry["article"]), str(entry["trust"]), str(entry["means"])


def _simple_type(one: CodeList) -> str:
    codes = "".join(
        f'      <xs:enumeration value="{code.code}">\n'
        f"        {_annotation(code)}\n"
        "      </xs:enumeration>\n"
        for code in one.codes
    )
    return (
        f'  <xs:simpleType name="{one.name}">\n'
        f"    {_annotation(one)}\n"
        '    <xs:restriction base="xs:token">\n'
        f"{codes}"
        "    </xs:restriction>\n"
        "  </xs:simpleType>\n"
    )


def _annotation(said: Code | CodeList) -> str:
    source = f"urn:uncc:article:{said.article}#{said.trust}"
    words = escape(said.means)
    return (
        f'<xs:annotation><xs:documentation source="{source}">{words}'
        "</xs:documentation></xs:annotation>"
    )
