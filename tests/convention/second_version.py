"""A second version of the documents, made of the real schemas for one test: it only adds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocol.convention import versions
from protocol.convention.versions import VERSIONS, Version
from schemas import catalogue
from schemas.catalogue import ROOM

SECOND = Version("urn:uncc:doc:2", "urn:uncc:cmn:2", "urn:uncc:cl:2", "documents-2", "2.0")
ADDED = b"<c:Colour>blue</c:Colour>"  # what it adds to every document, and to its urgency

_NAMES = (
    (b"urn:uncc:doc:1", b"urn:uncc:doc:2"),
    (b"urn:uncc:cmn:1", b"urn:uncc:cmn:2"),
    (b"urn:uncc:cl:1", b"urn:uncc:cl:2"),
)
_ADDITION = b'<xs:element name="Colour" type="xs:token" minOccurs="0"/>'
_DECLARED = re.compile(
    rb'(<xs:complexType name="(?:DocumentType|Urgency)".*?)'
    rb'(<xs:element name="(?:IssuedAt|Reason)")',
    re.DOTALL,
)

Change = Callable[[bytes], bytes]


def in_second(octets: bytes, *, added: bool = False) -> bytes:
    """The document `octets` in version 2; with what that version adds, if `added`."""
    for old, new in _NAMES:
        octets = octets.replace(old, new)
    octets = octets.replace(b'specVersion="1.0"', b'specVersion="2.0"')
    if added:
        octets = octets.replace(b"<c:IssuedAt", ADDED + b"<c:IssuedAt", 1)
        octets = re.sub(rb"<c:Urgency [^/>]*>", rb"\g<0>" + ADDED, octets, count=1)
    return octets


def second_schemas(folder: Path, change: Change = lambda octets: octets) -> None:
    """The schemas of version 2 are in `folder`, each file after `change`."""
    shutil.copytree(ROOM / "convention", folder)
    for path in folder.glob("*.xsd"):
        octets = path.read_bytes().replace(b'value="1.0"', b'value="2.0"')
        octets = _DECLARED.sub(rb"\1" + _ADDITION + rb"\2", in_second(octets))
        path.write_bytes(change(octets))


@contextmanager
def living(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: Change = lambda octets: octets
) -> Iterator[Version]:
    """The second version lives beside the first."""
    second_schemas(folder, change)
    monkeypatch.setitem(catalogue.SCHEMAS, SECOND.schema, str(folder / "documents.xsd"))
    monkeypatch.setitem(VERSIONS, SECOND.documents, SECOND)
    _forget()
    yield SECOND
    _forget()


def _forget() -> None:
    for made in (catalogue.compiled, catalogue.form, catalogue.explainer, versions.changed_by):
        made.cache_clear()
