"""Two versions of the documents live at once: a newer one adds, and everything reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from config.directory import load_directory
from protocol.convention.bearing import offences_of
from protocol.convention.canonical import NotCanonical, canonical
from protocol.convention.delivering import with_custody_chained
from protocol.convention.delivery import items_received
from protocol.convention.directory_update import read_update
from protocol.convention.documents import Document, DocumentRefused, read_document
from protocol.convention.json_form import from_json, part_to_json, to_json
from protocol.convention.legible import sheet
from protocol.convention.lifecycle.docket import Docket, docket_of
from protocol.convention.lifecycle.reading import filing_of
from protocol.convention.rules import broken_rules
from protocol.convention.rules_in_context import Context, broken_in_context
from protocol.convention.use_limits import UseLimit
from protocol.convention.versions import CURRENT, VERSIONS, Version, changed_by
from protocol.hardened import parse_again
from schemas.catalogue import ROOM, SCHEMAS, UnknownName, compiled, example, example_names
from schemas.words import words
from tests.convention.second_version import ADDED, SECOND, in_second, living
from tests.convention.test_refusals import FAULTS, findings_of, spoiled
from tests.lifecycle.making import TIMES

FIRST = example("preservation-request-xu-az.xml")
UPDATE = example("directory-update-xu-az.xml")
DELIVERY = example("evidence-delivery-az-xu.xml")
ON = date(2026, 3, 2)
DIRECTORY = load_directory(Path(__file__).resolve().parents[2] / "config" / "states")


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Version]:
    with living(tmp_path / "convention-2", monkeypatch) as version:
        yield version


def in_case(document: Document, own_state: str) -> tuple[Docket | None, list[UseLimit]]:
    """What it does in its case; of what it limits, its own octets are left out."""
    docket = docket_of(document, own_state=own_state, times=TIMES, on=ON)
    if docket is None or docket.use is None:
        return docket, []
    own = document.sha256.hex()
    limits = [replace(one, digests=one.digests - {own}) for one in docket.use.limits]
    return replace(docket, use=replace(docket.use, limits=())), limits


def test_everything_reads_every_document_of_the_second_version_as_of_the_first(
    second: Version,
) -> None:
    assert changed_by(second) == ()
    for name in example_names():
        first = read_document(example(name))
        octets = with_custody_chained(in_second(first.octets, added=True))
        other = read_document(octets)
        for of_document in (
            "kind", "article", "request_id", "author", "addressee", "urgency", "written_by",
        ):  # fmt: skip
            assert getattr(other, of_document) == getattr(first, of_document), name
        for own_state in ("AZ", "XU"):
            assert in_case(first, own_state) == in_case(other, own_state), name
        assert offences_of(octets) == offences_of(first.octets)
        shown = json.loads(to_json(octets))
        assert read_document(from_json(json.dumps(shown).encode())).kind == first.kind


def test_every_fault_of_the_first_is_the_same_fault_in_the_second(second: Version) -> None:
    for fault in FAULTS:
        octets, of_schema = spoiled(fault), fault.rule == "xsd"
        other = in_second(octets, added=not of_schema)
        told = [findings_of(one) for one in (octets, other)]
        if of_schema:  # what could stand there is more in the second version
            told = [[(one.rule, one.path, one.line) for one in findings] for findings in told]
        assert told[0] == told[1], fault.name


def test_an_update_of_the_directory_and_a_page_are_read_in_both(second: Version) -> None:
    first, other = read_update(UPDATE), read_update(in_second(UPDATE, added=True))
    assert replace(other, root=first.root) == first
    assert {one.tag for one in first.root} <= {one.tag for one in other.root}
    pages = [sheet(octets, words("fr")) for octets in (FIRST, in_second(FIRST))]
    assert pages[0].fields[1:] == pages[1].fields[1:]  # the first field says the version


def test_custody_is_hashed_as_it_was_written(second: Version) -> None:
    """The hashes of the first version are no hashes of the second, whose names are others."""
    document = read_document(in_second(DELIVERY))
    flags = docket_of(document, own_state="XU", times=TIMES, on=ON)
    assert flags is not None
    assert any("UNCC-R09C" in flag.sentence for flag in flags.flags)
    chained = read_document(with_custody_chained(in_second(DELIVERY)))
    held = docket_of(chained, own_state="XU", times=TIMES, on=ON)
    assert held is not None
    assert held.flags == ()


def test_what_belongs_to_one_version_is_a_fault_in_the_other(second: Version) -> None:
    (finding,) = findings_of(FIRST.replace(b"<c:IssuedAt", ADDED + b"<c:IssuedAt", 1))
    assert finding.path == "/PreservationRequest/Colour"
    assert read_document(in_second(FIRST, added=True)).kind == "PreservationRequest"


def test_what_the_second_adds_is_left_out_of_what_we_write_in_the_first(second: Version) -> None:
    root, first = canonical(parse_again(in_second(FIRST, added=True))), parse_again(FIRST)
    for name in ("RequestingAuthority", "Urgency", "Offence"):
        assert part_to_json(root, name) == part_to_json(first, name)
    assert root.findtext("{*}Urgency/{*}Colour") == "blue"


def test_a_mixture_of_two_versions_is_neither(second: Version) -> None:
    with pytest.raises(DocumentRefused):
        read_document(FIRST.replace(b"urn:uncc:cmn:1", b"urn:uncc:cmn:2"))


def test_json_names_its_version(second: Version) -> None:
    written = json.loads(to_json(in_second(FIRST)))
    assert written["PreservationRequest"]["@specVersion"] == "2.0"
    octets = from_json(json.dumps(written).encode())
    assert etree.QName(etree.fromstring(octets)).namespace == second.documents
    first = from_json(to_json(FIRST))
    assert etree.QName(etree.fromstring(first)).namespace == CURRENT.documents


def test_both_are_read_at_the_same_time(second: Version) -> None:
    octets = [FIRST, in_second(FIRST)] * 50
    with ThreadPoolExecutor(8) as readers:
        kinds = list(readers.map(lambda one: read_document(one).kind, octets))
    assert set(kinds) == {"PreservationRequest"}


def test_a_version_that_is_not_live_is_told_the_live_ones() -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_document(in_second(FIRST))
    (finding,) = refused.value.findings
    assert (finding.rule, finding.article) == ("UNCC-R17", "40(14)")
    assert finding.path == "/PreservationRequest"
    assert finding.expected == "PreservationRequest in the namespace urn:uncc:doc:1"
    with pytest.raises(UnknownName):
        compiled(SECOND.schema)


def test_a_version_that_changes_something_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that finds none of its elements would pass, and say nothing."""

    def renamed(schema: bytes) -> bytes:
        return schema.replace(b"RequestedUntil", b"KeepUntil")

    with living(tmp_path / "changing", monkeypatch, renamed) as version:
        assert any("RequestedUntil" in one or "Preserv" in one for one in changed_by(version))
        with pytest.raises(DocumentRefused) as refused:
            read_document(in_second(FIRST).replace(b"RequestedUntil", b"KeepUntil"))
        (finding,) = refused.value.findings
        assert finding.rule == "UNCC-R17"
        assert finding.message.startswith("version 2.0 changes what version 1.0 has")
        assert finding.expected == "PreservationRequest in the namespace urn:uncc:doc:1"
        assert read_document(FIRST).kind == "PreservationRequest"


def test_no_rule_and_no_reader_takes_names_that_it_cannot_find(second: Version) -> None:
    root = parse_again(in_second(FIRST))
    context = Context(DIRECTORY, ON, "XU", "AZ")
    for read in (
        lambda: broken_rules(root),
        lambda: broken_in_context(root, context),
        lambda: filing_of(root, read_document(FIRST).written_by, "XU-POC247", None, None),
        lambda: items_received(root, ()),
        lambda: part_to_json(root, "Urgency"),
    ):
        with pytest.raises(NotCanonical):
            read()


def test_every_live_version_has_a_schema_and_can_be_read() -> None:
    for namespace, version in VERSIONS.items():
        declared = etree.parse(ROOM / SCHEMAS[version.schema]).getroot()
        assert declared.get("targetNamespace") == namespace == version.documents
        assert changed_by(version) == ()
