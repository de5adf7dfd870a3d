"""Every request reaches exactly one authority, or is refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.directory import load_directory
from config.faults import ConfigRefused
from protocol.convention.competence import (
    CONTACT_CHECK,
    MATTERS,
    OF_A_CASE,
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.directory import Directory, Function, Matter, Trust
from schemas.catalogue import explainer

STATES = Path(__file__).resolve().parents[2] / "config" / "states"
DIRECTORY = load_directory(STATES)
TODAY = date(2026, 11, 24)
KINDS = [*MATTERS, *OF_A_CASE, "Gossip", ""]


@pytest.mark.parametrize(
    ("kind", "authority", "article"),
    [
        ("MlaRequest", "AZ-SSS", "40(12)"),
        ("PreservationRequest", "AZ-SSS", "42"),
        (CONTACT_CHECK, "AZ-SSS", "41(2)"),
        ("ExtraditionRequest", "AZ-MOJ", "37(19)"),
        ("ProvisionalArrestRequest", "AZ-MOJ", "37(19)"),
        ("StoredDataRequest", "AZ-SSS", "40(12)"),
        ("ConfiscationRequest", "AZ-SSS", "40(12)"),
        ("EmergencyDataRequest", "AZ-SSS", "41(2)"),
        ("PreservationExtensionRequest", "AZ-SSS", "42"),
        ("PreventiveAssistanceRequest", "AZ-SSS", "53"),
    ],
)
def test_azerbaijan_receives_by_matter(kind: str, authority: str, article: str) -> None:
    found = receiving_authority(DIRECTORY, "AZ", kind, authority, TODAY)
    assert isinstance(found, Competent)
    assert (found.authority, found.article) == (authority, article)
    assert found.source


def test_a_wrong_addressee_is_told_the_right_one() -> None:
    found = receiving_authority(DIRECTORY, "AZ", "ExtraditionRequest", "AZ-SSS", TODAY)
    assert found == NotCompetent("AZ-SSS does not receive ExtraditionRequest for AZ", "AZ-MOJ")


def test_an_authority_that_does_not_exist_is_told_the_right_one() -> None:
    found = receiving_authority(DIRECTORY, "AZ", "MlaRequest", "AZ-NIL", TODAY)
    assert isinstance(found, NotCompetent)
    assert found.right_address == "AZ-SSS"


@pytest.mark.parametrize(
    ("state", "kind", "addressed_to"),
    [("ZZ", "MlaRequest", "ZZ-CA"), ("AZ", "Unheard", "AZ-SSS"), ("AZ", "MlaRequest", None)],
)
def test_no_rule_means_no_route(state: str, kind: str, addressed_to: str | None) -> None:
    found = receiving_authority(DIRECTORY, state, kind, addressed_to, TODAY)
    assert isinstance(found, NotCompetent)
    assert found.right_address is None


def test_two_receivers_mean_no_route() -> None:
    """The loader refuses such a file; the rule itself must not choose either."""
    record = DIRECTORY.states["AZ"]
    rule = next(r for r in record.rules if r.holds(Matter.MLA, Function.RECEIVE, TODAY))
    doubled = replace(record, rules=(*record.rules, replace(rule, authority="AZ-MOJ")))
    found = receiving_authority(Directory({"AZ": doubled}), "AZ", "MlaRequest", "AZ-SSS", TODAY)
    assert isinstance(found, NotCompetent)
    assert "several" in found.reason


def test_a_rule_holds_from_its_first_to_its_last_day() -> None:
    record = DIRECTORY.states["XU"]
    rules = tuple(
        replace(rule, valid_from=date(2026, 1, 1), valid_until=date(2026, 6, 30))
        for rule in record.rules
    )
    directory = Directory({"XU": replace(record, rules=rules)})
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]
    found = [receiving_authority(directory, "XU", "MlaRequest", "XU-CA", day) for day in days]
    assert [isinstance(one, Competent) for one in found] == [False, True, True, False]


def test_only_a_sender_sends() -> None:
    assert isinstance(
        sending_authority(DIRECTORY, "AZ", "ExtraditionRequest", "AZ-MOJ", TODAY), Competent
    )
    refused = sending_authority(DIRECTORY, "AZ", "ExtraditionRequest", "AZ-SSS", TODAY)
    assert refused == NotCompetent("AZ-SSS does not send ExtraditionRequest for AZ", "AZ-MOJ")
    foreign = sending_authority(DIRECTORY, "AZ", "MlaRequest", "XU-CA", TODAY)
    assert isinstance(foreign, NotCompetent)


def test_who_sends_mla_for_azerbaijan_is_marked_as_an_assumption() -> None:
    rules = DIRECTORY.states["AZ"].rules
    trust = {r.provenance.trust.value for r in rules if r.holds(Matter.MLA, Function.SEND, TODAY)}
    assert trust == {"assumed"}


UNKNOWN_IN_AZERBAIJAN = {
    "SentencedPersonTransferRequest": "38",
    "ProceedingsTransferRequest": "39",
    "LawEnforcementQuery": "47",
    "JointInvestigationProposal": "48",
    "PropertyReturnRequest": "52",
    "JurisdictionConsultation": "22(5)",
}


@pytest.mark.parametrize("kind", UNKNOWN_IN_AZERBAIJAN)
def test_whom_nobody_knows_is_not_invented(kind: str) -> None:
    article = UNKNOWN_IN_AZERBAIJAN[kind]
    for ask in (receiving_authority, sending_authority):
        found = ask(DIRECTORY, "AZ", kind, "AZ-SSS", TODAY)
        assert isinstance(found, NotCompetent)
        assert f"unknown, article {article}: Which authority" in found.reason
        assert found.right_address is None


@pytest.mark.parametrize("kind", sorted(MATTERS))
def test_every_kind_has_its_authority_or_its_open_question(kind: str) -> None:
    record = DIRECTORY.states["AZ"]
    receivers = [r for r in record.rules if r.holds(MATTERS[kind], Function.RECEIVE, TODAY)]
    questions = [q for q in record.open_questions if MATTERS[kind] in q.matters]
    assert (len(receivers) == 1) != (not receivers and len(questions) == 1)


@given(
    state=st.sampled_from(["AZ", "XU", "ZZ", ""]),
    kind=st.sampled_from(KINDS),
    addressed_to=st.sampled_from(
        [None, "", "AZ-SSS", "AZ-MOJ", "XU-CA", "XU-POC247", "XU-MOJ", "AZ-NIL"]
    ),
    on=st.dates(date(1990, 1, 1), date(2090, 1, 1)),
)
def test_exactly_one_authority_or_a_reason(
    state: str, kind: str, addressed_to: str | None, on: date
) -> None:
    found = receiving_authority(DIRECTORY, state, kind, addressed_to, on)
    if isinstance(found, Competent):
        assert found.authority == addressed_to
        assert found.authority in DIRECTORY.states[state].authorities
        assert found.article
        assert found.source
    else:
        assert found.reason


def test_all_faults_of_a_directory_are_named_at_once(tmp_path: Path) -> None:
    text = (STATES / "XU.toml").read_text()
    (tmp_path / "XU.toml").write_text(
        text.replace('code = "XU"', 'code = "XU"\ncapital = "Amaurot"')
    )
    (tmp_path / "AZ.toml").write_text(
        (STATES / "AZ.toml").read_text().replace('authority = "AZ-MOJ"', 'authority = "AZ-NIL"')
    )
    with pytest.raises(ConfigRefused) as refused:
        load_directory(tmp_path)
    said = [str(fault) for fault in refused.value.faults]
    assert any("XU.toml" in line and "capital" in line for line in said)
    assert any("AZ.toml" in line and "AZ-NIL" in line for line in said)


def test_two_receivers_of_one_matter_do_not_load(tmp_path: Path) -> None:
    text = (STATES / "XU.toml").read_text()
    (tmp_path / "XU.toml").write_text(
        text.replace(
            'authority = "XU-MOJ"\nmatters = ["EXTRADITION"',
            'authority = "XU-MOJ"\nmatters = ["MLA", "EXTRADITION"',
        )
    )
    with pytest.raises(ConfigRefused, match="both receive MLA"):
        load_directory(tmp_path)


def test_an_empty_directory_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="no State record"):
        load_directory(tmp_path)


def test_what_is_not_known_of_azerbaijan_is_said_and_not_invented() -> None:
    record = DIRECTORY.states["AZ"]
    assert record.languages is None
    asked = {question.article for question in record.open_questions}
    assert {"40(13)", "40(12)", "37(6)", "42(5)"} <= asked
    assert all(question.source for question in record.open_questions)


def test_nothing_of_utopia_passes_for_a_fact() -> None:
    record = DIRECTORY.states["XU"]
    provenances = [one.provenance for one in (*record.authorities.values(), *record.rules)]
    assert {provenance.trust for provenance in provenances} == {Trust.FICTIONAL}


def test_every_authority_of_the_directory_can_stand_in_a_document() -> None:
    form = explainer("documents").maps.types["{urn:uncc:cmn:1}AuthorityId"]
    for record in DIRECTORY.states.values():
        assert all(form.is_valid(authority) for authority in record.authorities)


def test_an_answer_goes_back_to_whoever_may_ask() -> None:
    for authority in ("XU-CA", "XU-POC247", "XU-MOJ"):
        found = receiving_authority(DIRECTORY, "XU", "Acknowledgement", authority, TODAY)
        assert isinstance(found, Competent)
        assert found.authority == authority
    stranger = receiving_authority(DIRECTORY, "XU", "Acknowledgement", "XU-NIL", TODAY)
    assert isinstance(stranger, NotCompetent)


@given(
    state=st.sampled_from(["AZ", "XU", "ZZ"]),
    kind=st.sampled_from(KINDS),
    authority=st.sampled_from(["", "AZ-SSS", "AZ-MOJ", "XU-CA", "XU-POC247", "XU-MOJ", "AZ-NIL"]),
    on=st.dates(date(1990, 1, 1), date(2090, 1, 1)),
)
def test_a_sender_is_entitled_by_a_rule_or_told_why_not(
    state: str, kind: str, authority: str, on: date
) -> None:
    found = sending_authority(DIRECTORY, state, kind, authority, on)
    if isinstance(found, Competent):
        assert found.authority == authority
        assert found.article
        assert found.source
    else:
        assert found.reason


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ('id = "XU-CA"', 'id = "AZ-CA"', "authorities[0].id", "XU-"),
        ('id = "XU-CA"', 'id = "XU-MOJ"', "authorities[2].id", "twice"),
        ('id = "XU-CA"', 'id = "xu ca"', "authorities[0].id", ""),
        ('as_of = "2026-01-01"', 'as_of = "yesterday"', "authorities[0].as_of", ""),
        ('trust = "fictional"', 'trust = "sure"', "authorities[0].trust", ""),
        ('matters = ["MLA"]', "matters = []", "competences[0].matters", ""),
        ('functions = ["SEND",', 'functions = ["SING",', "competences[0].functions[0]", ""),
        ('article = "40(12)"', 'artcle = "40(12)"', "competences[0].artcle", "article"),
        ('source = "Fictional"\n', "", "authorities[0].source", "missing"),
        ('code = "XU"', 'code = "XX"', "code", "XX.toml"),
    ],
)
def test_a_fault_is_named_with_its_place(
    old: str, new: str, place: str, says: str, tmp_path: Path
) -> None:
    text = (STATES / "XU.toml").read_text()
    assert old in text
    (tmp_path / "XU.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigRefused) as refused:
        load_directory(tmp_path)
    faults = {fault.path: fault.sentence for fault in refused.value.faults}
    assert says in faults[f"{tmp_path / 'XU.toml'}: {place}"]
