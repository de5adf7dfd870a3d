"""A code is written down once; the schema, the table of kinds and the directory agree with it."""

from __future__ import annotations

import pytest
from lxml import etree

from protocol.convention.competence import MATTERS
from protocol.convention.declarations import TERM
from protocol.convention.directory import Function, Matter, PartyType
from protocol.convention.kinds import PRIORITIES, Form
from protocol.convention.rules import ELECTRONIC_PURPOSES, PRESERVATION_GROUNDS
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import ROOM, explainer
from schemas.code_lists import TRUST, VERSION, code_lists, versions
from tests.convention.pages import DOCS, glossary
from tests.convention.written import written

TYPES = explainer("documents").maps.types


def test_what_is_written_from_the_lists_and_the_schemas_is_current() -> None:
    files = dict(written())
    stale = [path.name for path, content in files.items() if path.read_bytes() != content]
    assert stale == [], "run `make documents`"
    assert {path for path in files if path.parent == DOCS} == set(DOCS.iterdir())


def test_every_list_is_a_type_with_its_codes_in_order() -> None:
    for name, one in code_lists().items():
        declared = TYPES[f"{{urn:uncc:cl:1}}{name}"]
        assert declared.enumeration == [code.code for code in one.codes]
    published = {name for name in TYPES if name.startswith("{urn:uncc:cl:1}")}
    assert published == {f"{{urn:uncc:cl:1}}{name}" for name in code_lists()}


def test_the_version_is_live_and_an_unknown_one_is_not() -> None:
    assert VERSION in versions()
    with pytest.raises(LookupError, match="1999-1"):
        code_lists("1999-1")
    with pytest.raises(LookupError):
        code_lists("../codes")


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("DocumentKind", set(KINDS)),
        ("RequestKind", {kind.name for kind in KINDS.values() if kind.form is Form.REQUEST}),
        ("UrgencyLevel", set(PRIORITIES)),
        ("Matter", {matter.value for matter in Matter}),
        ("AuthorityFunction", {function.value for function in Function}),
        ("PartyType", {party.value for party in PartyType}),
    ],
)
def test_a_list_and_the_program_have_the_same_codes(name: str, codes: set[str]) -> None:
    assert {code.code for code in code_lists()[name].codes} == codes


def test_the_rules_speak_of_codes_that_exist() -> None:
    lists = {name: {code.code for code in one.codes} for name, one in code_lists().items()}
    assert lists["AssistancePurpose"] >= ELECTRONIC_PURPOSES
    assert lists["RefusalGround"] >= PRESERVATION_GROUNDS
    assert set(MATTERS.values()) == {Matter(code) for code in lists["Matter"]}


@pytest.mark.parametrize("code", ["FISCAL", "BANK_SECRECY"])
def test_what_the_convention_forbids_as_a_ground_has_no_code(code: str) -> None:
    assert code not in {one.code for one in code_lists()["RefusalGround"].codes}


def test_a_list_with_other_is_open() -> None:
    assert code_lists()["AssistancePurpose"].is_open
    assert code_lists()["RefusalGround"].is_open
    assert not code_lists()["UrgencyLevel"].is_open


def test_the_terms_of_article_2_name_parts_of_the_schema() -> None:
    for term, entry in glossary().items():
        assert entry["trust"] in TRUST, term
        for name in entry["names"]:
            of, _, code = name.partition(".")
            if code:
                assert code in {one.code for one in code_lists()[of].codes}, name
            else:
                assert any(declared.endswith(f"}}{of}") for declared in TYPES), name


def test_what_a_schema_calls_a_defined_term_is_one() -> None:
    said = set()
    for path in (ROOM / "convention").glob("*.xsd"):
        for text in etree.parse(path).iter("{http://www.w3.org/2001/XMLSchema}documentation"):
            source = text.get("source") or ""
            if source.startswith(TERM):
                said.add(source.removeprefix(TERM).replace("-", " "))
    assert said
    assert said <= set(glossary())
