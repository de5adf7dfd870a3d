"""A code is written down once; the schema, the table of kinds and the directory agree with it."""

from __future__ import annotations

import pytest

from protocol.convention.competence import MATTERS
from protocol.convention.directory import Function, Matter, PartyType
from protocol.convention.kinds import PRIORITIES, Form
from protocol.convention.rules import ELECTRONIC_PURPOSES, PRESERVATION_GROUNDS
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import explainer
from schemas.code_lists import VERSION, code_lists, versions
from tests.convention.written import written

TYPES = explainer("documents").maps.types


def test_what_is_written_from_the_lists_and_the_schemas_is_current() -> None:
    stale = [path.name for path, content in written() if path.read_bytes() != content]
    assert stale == [], "run `make documents`"


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
