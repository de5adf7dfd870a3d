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
    ANSWERS,
    CONTACT_CHECK,
    MATTERS,
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.directory import Directory, Function, Matter

STATES = Path(__file__).resolve().parents[2] / "config" / "states"
DIRECTORY = load_directory(STATES)
TODAY = date(2026, 11, 24)
KINDS = [*MATTERS, *ANSWERS, "SpontaneousInformation", ""]


@pytest.mark.parametrize(
    ("kind", "authority", "article"),
    [
        ("MlaRequest", "AZ-SSS", "40(12)"),
        ("PreservationRequest", "AZ-SSS", "42"),
        (CONTACT_CHECK, "AZ-SSS", "41(2)"),
        ("ExtraditionRequest", "AZ-MOJ", "37(19)"),
        ("ProvisionalArrestRequest", "AZ-MOJ", "37(19)"),
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
