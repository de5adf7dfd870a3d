"""Two versions of the documents live at once, each read by its own schema and rules."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lxml import etree

from protocol.convention import rules
from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.json_form import from_json, to_json
from protocol.convention.kinds import Side
from protocol.convention.rules import RULES_OF
from protocol.convention.versions import CURRENT, VERSIONS, Version
from schemas import catalogue
from schemas.catalogue import ROOM, SCHEMAS, UnknownName, compiled, example

FIRST = example("preservation-request-xu-az.xml")
SECOND = Version("urn:uncc:doc:2", "urn:uncc:cmn:2", "documents-2", "2.0")


def _in_second(octets: bytes) -> bytes:
    """The document as version 2 wants it: RequestedUntil has become KeepUntil."""
    for old, new in (
        (b"urn:uncc:doc:1", b"urn:uncc:doc:2"),
        (b"urn:uncc:cmn:1", b"urn:uncc:cmn:2"),
        (b'specVersion="1.0"', b'specVersion="2.0"'),
        (b"RequestedUntil", b"KeepUntil"),
    ):
        octets = octets.replace(old, new)
    return octets


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Version]:
    """A second version in a folder of its own, live beside the first for one test."""
    folder = tmp_path / "convention-2"
    shutil.copytree(ROOM / "convention", folder)
    for path in folder.glob("*.xsd"):
        content = path.read_bytes().replace(b'value="1.0"', b'value="2.0"')
        path.write_bytes(_in_second(content).replace(b"urn:uncc:cl:1", b"urn:uncc:cl:2"))
    monkeypatch.setitem(catalogue.SCHEMAS, SECOND.schema, str(folder / "documents.xsd"))
    monkeypatch.setitem(VERSIONS, SECOND.documents, SECOND)
    monkeypatch.setitem(rules.RULES_OF, SECOND.documents, ())
    yield SECOND
    catalogue.compiled.cache_clear()
    catalogue.explainer.cache_clear()


def test_each_version_is_read_by_its_own_schema(second: Version) -> None:
    assert read_document(FIRST).kind == "PreservationRequest"
    document = read_document(_in_second(FIRST))
    assert document.kind == "PreservationRequest"
    assert document.requesting_authority == "XU-POC247"
    assert document.written_by is Side.REQUESTING
    assert document.urgency == "URGENT"
    assert compiled(second.schema) is not compiled(CURRENT.schema)


def test_what_belongs_to_one_version_is_a_fault_in_the_other(second: Version) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_document(_in_second(FIRST).replace(b"KeepUntil", b"RequestedUntil"))
    (finding,) = refused.value.findings
    assert (finding.path, finding.expected) == ("/PreservationRequest/RequestedUntil", "KeepUntil")
    with pytest.raises(DocumentRefused) as refused:
        read_document(FIRST.replace(b"RequestedUntil", b"KeepUntil"))
    assert [finding.expected for finding in refused.value.findings] == ["RequestedUntil"]


def test_a_mixture_of_two_versions_is_neither(second: Version) -> None:
    with pytest.raises(DocumentRefused):
        read_document(FIRST.replace(b"urn:uncc:cmn:1", b"urn:uncc:cmn:2"))


def test_json_names_its_version(second: Version) -> None:
    written = json.loads(to_json(_in_second(FIRST)))
    assert written["PreservationRequest"]["@specVersion"] == "2.0"
    octets = from_json(json.dumps(written).encode())
    assert etree.QName(etree.fromstring(octets)).namespace == second.documents
    first = from_json(to_json(FIRST))
    assert etree.QName(etree.fromstring(first)).namespace == CURRENT.documents


def test_both_are_read_at_the_same_time(second: Version) -> None:
    octets = [FIRST, _in_second(FIRST)] * 50
    with ThreadPoolExecutor(8) as readers:
        kinds = list(readers.map(lambda one: read_document(one).kind, octets))
    assert set(kinds) == {"PreservationRequest"}


def test_a_version_that_is_not_live_is_told_the_live_ones() -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_document(_in_second(FIRST))
    (finding,) = refused.value.findings
    assert finding.expected.endswith("in the namespace urn:uncc:doc:1")
    with pytest.raises(UnknownName):
        compiled(SECOND.schema)


def test_every_live_version_has_a_schema_and_rules() -> None:
    assert set(RULES_OF) == set(VERSIONS)
    for namespace, version in VERSIONS.items():
        declared = etree.parse(ROOM / SCHEMAS[version.schema]).getroot()
        assert declared.get("targetNamespace") == namespace == version.documents
