"""`new` asks for what a kind needs, and what comes of it is valid."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import config
from config.directory import load_directory
from protocol.convention.documents import read_document
from protocol.convention.drafting import Beginning, begin, joined
from protocol.convention.json_form import from_json, to_json
from protocol.convention.questions import Question, questions
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import example
from schemas.words import words

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NUMBER = "7e0c1f4a-2b61-4c0e-9d3a-000000000001"
DOCUMENTED = sorted(name for name in KINDS if name != "ContactCheck")

# What a patient person might answer: the first of these that the schema takes.
ANSWERS = (
    "2027-03-01T10:00:00Z", "2027-03-01", "1", "text of it", "+99412000000", "a@b.example", "XU",
    "en", "id-1", "Etc/UTC", NUMBER, "42", "PT1H", "ab" * 32, "XU-CA", "192.0.2.1",
    "application/pdf", "EUR", "08:00-18:00",
)  # fmt: skip


def beginning(kind: str, **more: Any) -> Beginning:
    states = load_directory(Path(next(iter(config.__path__))) / "states").states
    author, addressee = states["XU"].authorities["XU-CA"], states["AZ"].authorities["AZ-SSS"]
    return Beginning(KINDS[kind], author, addressee, NUMBER, NOW, **more)


def answered(asking: Generator[Question, str, Any]) -> tuple[Any, list[Question]]:
    """What comes of a dialogue, and every question of it that was asked for the first time."""
    asked: list[Question] = []
    try:
        question = next(asking)
        while True:
            asked.append(question)
            question = answer(asking, question)
    except StopIteration as end:
        return end.value, asked


def answer(asking: Generator[Question, str, Any], question: Question) -> Question:
    keys = [key for key, _ in question.choices]
    if keys:
        return asking.send("n" if "n" in keys else keys[0])
    faults = []
    later = ("2027-04-01T10:00:00Z",) if question.path.endswith("/To") else ()
    for text in (*later, *ANSWERS):
        following = asking.send(text)
        if not (following.path == question.path and following.fault):
            return following
        faults.append(following.fault)
    raise AssertionError((question, faults))


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_kind_can_be_written_by_answering(kind: str) -> None:
    whole, asked = answered(questions(kind, begin(beginning(kind)), words("en"), "en"))
    document = read_document(from_json(json.dumps({kind: whole}).encode()))
    assert (document.kind, document.request_id) == (kind, NUMBER)
    assert {document.author, document.addressee} == {"XU-CA", "AZ-SSS"}
    assert all(question.label and question.path.startswith(kind) for question in asked)


def test_what_is_known_is_not_asked() -> None:
    example_content = json.loads(to_json(example("preservation-request-xu-az.xml")))
    draft = example_content["PreservationRequest"]
    whole, asked = answered(questions("PreservationRequest", draft, words("en"), "en"))
    assert asked == []
    assert whole == draft


def test_an_answer_that_does_not_fit_is_asked_again_with_the_reason() -> None:
    asking = questions("StatusRequest", begin(beginning("StatusRequest")), words("en"), "en")
    question = next(asking)
    while not question.choices:
        question = answer(asking, question)
    again = asking.send("nonsense")
    assert again.path == question.path
    assert question.choices[0][0] in again.fault


def test_what_is_referred_to_is_asked_for() -> None:
    whole, _ = answered(
        questions("ExtraditionRequest", begin(beginning("ExtraditionRequest")), words("en"), "en")
    )
    assert whole["PersonSought"]["PersonRef"] in {person["@id"] for person in whole["Person"]}


def test_an_answer_belongs_to_its_request() -> None:
    request = example("preservation-request-xu-az.xml")
    draft = begin(beginning("PreservationConfirmation", concerned=request))
    assert draft["RequestId"] == read_document(request).request_id
    assert draft["Concerns"] == {"Kind": "PreservationRequest", "IssuedAt": "2026-03-02T09:15:00Z"}


def test_an_acknowledgement_says_what_it_acknowledges() -> None:
    concerned = example("preservation-request-xu-az.xml")
    draft = begin(beginning("Acknowledgement", concerned=concerned))
    assert draft["Acknowledges"] == "PreservationRequest"
    assert "Concerns" not in draft


def test_an_answer_repeats_the_contacts_of_its_request() -> None:
    """They are still those of the request, so nobody has to find them out."""
    name = "stored-data-request-xu-az"
    asked = json.loads(example(f"{name}.json"))["StoredDataRequest"]["RequestingAuthority"]
    draft = begin(beginning("AdditionalInformation", concerned=example(f"{name}.xml")))
    assert draft["RequestingAuthority"] == asked


def test_answers_go_over_what_was_begun() -> None:
    draft = joined({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"c": 3}, "d": [2]})
    assert draft == {"a": {"b": 1, "c": 3}, "d": [2]}


def run(*command: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *command],
        input=answers, capture_output=True, text=True, check=False,
    )  # fmt: skip


YAML = """\
Urgency: {"@level": URGENT, Reason: {Text: [{"@lang": en, "@kind": ORIGINAL, $: Logs expire}]}}
Confidentiality: {"@level": CONFIDENTIAL}
Concerns: {Kind: PreservationRequest}
RequestingAuthority:
  Contact:
    - "@kind": CASE
      PersonName: A. Hythloday
      Phone: "+99900000247"
      TimeZone: Etc/UTC
      Language: [en]
Reference: "no"
"""


def test_the_command_takes_answers_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text(YAML)
    into = tmp_path / "status.xml"
    done = run(
        "new", "StatusRequest", "--as", "XU-CA", "--to", "AZ-SSS",
        "--answers", str(tmp_path / "answers.yaml"), "--into", str(into),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_document(into.read_bytes()).kind == "StatusRequest"
    assert b">no<" in into.read_bytes()  # text stays text, whatever YAML makes of it


def test_the_command_asks_at_the_terminal_and_keeps_what_does_not_hold(tmp_path: Path) -> None:
    into = tmp_path / "request.xml"
    done = run("new", "StatusRequest", "--as", "XU-CA", "--to", "AZ-SSS", "--into", str(into))
    assert (done.returncode, into.exists()) == (1, False)
    assert "the answers ended" in done.stderr
    assert "[article" in done.stdout
    unknown = run("new", "Letter", "--into", str(into))
    assert (unknown.returncode, "there is no kind Letter" in unknown.stderr) == (1, True)
    nobody = run("new", "StatusRequest", "--as", "XX-CA", "--into", str(into))
    assert (nobody.returncode, "no authority XX-CA" in nobody.stderr) == (1, True)
