"""The examples show every document in both directions, and hold in every reader."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from config.directory import load_directory
from protocol.convention.competence import Competent, receiving_authority, sending_authority
from protocol.convention.documents import LIMITS, read_document
from protocol.convention.vocabulary import KINDS
from protocol.hardened import parse
from schemas.catalogue import compiled, example, example_names, explainer

DIRECTORY = load_directory(Path(__file__).resolve().parents[2] / "config" / "states")
TODAY = date(2026, 11, 24)


@pytest.mark.parametrize("name", example_names())
def test_an_example_is_valid_for_both_libraries(name: str) -> None:
    root = parse(example(name), LIMITS)
    assert compiled("documents").validate(root)
    assert [str(error) for error in explainer("documents").iter_errors(root)] == []
    document = read_document(example(name))
    assert document.octets == example(name)
    assert document.sha256 == hashlib.sha256(example(name)).digest()


@pytest.mark.parametrize("name", example_names())
def test_an_example_goes_from_one_competent_authority_to_another_or_nobody_knows(name: str) -> None:
    document = read_document(example(name))
    states = document.author[:2], document.addressee[:2]
    found = (
        sending_authority(DIRECTORY, states[0], document.kind, document.author, TODAY),
        receiving_authority(DIRECTORY, states[1], document.kind, document.addressee, TODAY),
    )
    for state, one in zip(states, found, strict=True):
        if not isinstance(one, Competent):
            assert state == "AZ"
            assert "unknown, article" in one.reason


def test_every_kind_has_an_example_in_both_directions() -> None:
    shown = set()
    for document in map(read_document, map(example, example_names())):
        shown.add((document.kind, document.author[:2], document.addressee[:2]))
    assert shown == {(kind, *way) for kind in KINDS for way in (("AZ", "XU"), ("XU", "AZ"))}


def test_an_answer_in_an_example_belongs_to_a_request_of_the_examples() -> None:
    documents = [read_document(example(name)) for name in example_names()]
    opened = {one.request_id for one in documents if not KINDS[one.kind].needs_case}
    for document in documents:
        assert document.request_id in opened, document.kind


def test_an_example_in_json_stands_beside_each_in_xml() -> None:
    assert {Path(name).stem for name in example_names("json")} == {
        Path(name).stem for name in example_names()
    }


def test_some_examples_carry_translations() -> None:
    assert any(b'lang="az" kind="TRANSLATION"' in example(name) for name in example_names())


def test_an_answer_is_written_by_the_authority_that_was_asked() -> None:
    document = read_document(example("acknowledgement-az-to-xu.xml"))
    assert document.author == document.requested_authority == "AZ-SSS"
    assert document.addressee == document.requesting_authority


def test_the_more_urgent_comes_first() -> None:
    routine = read_document(example("mla-request-xu-az.xml"))
    urgent = read_document(example("preservation-request-xu-az.xml"))
    assert (routine.urgency, urgent.urgency) == ("ROUTINE", "URGENT")
    assert urgent.priority < routine.priority


def test_white_space_that_a_token_may_have_is_no_part_of_an_id() -> None:
    octets = example("mla-request-xu-az.xml").replace(b'id="XU-CA"', b'id=" XU-CA "')
    assert read_document(octets).requesting_authority == "XU-CA"
