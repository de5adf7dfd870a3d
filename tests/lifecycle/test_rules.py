"""Every business rule passes once and fails once; and each has its line in the table."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from protocol.convention import rule_table
from protocol.convention.directory import (
    Directory,
    Exclusion,
    OpenQuestion,
    Provenance,
    Reservation,
    StatedLimit,
    Trust,
)
from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.findings import Finding
from protocol.convention.rules_in_context import (
    FLAGGED,
    RULES_IN_CONTEXT,
    Context,
    broken_in_context,
)
from protocol.convention.use_limits import Limited
from schemas.catalogue import example, example_names
from tests.lifecycle.making import TIMES, begin, walk

DIRECTORY = TIMES.directory
TODAY = date(2026, 3, 2)


def between(name: str, **more: object) -> Context:
    """The context of an example: its name says who writes to whom."""
    sender, receiver = (part.upper() for part in name.removesuffix(".xml").split("-")[-2:])
    if sender == "TO":
        sender = name.split("-")[-3].upper()
    return Context(DIRECTORY, TODAY, sender, receiver, **more)  # type: ignore[arg-type]


def changed(name: str, *edits: tuple[str, str]) -> bytes:
    octets = example(name).decode()
    for old, new in edits:
        assert old in octets, old
        octets = octets.replace(old, new, 1)
    return octets.encode()


def refused(octets: bytes) -> list[str]:
    try:
        read_document(octets)
    except DocumentRefused as refusal:
        return [finding.rule for finding in refusal.findings]
    return []


def in_context(octets: bytes, context: Context) -> list[Finding]:
    read_document(octets)  # a rule in context is asked about valid documents only
    return broken_in_context(etree.fromstring(octets), context)


@pytest.mark.parametrize("name", [name for name in example_names() if name.endswith(".xml")])
def test_every_example_keeps_every_rule(name: str) -> None:
    assert in_context(example(name), between(name)) == []


DELIVERY = "evidence-delivery-az-xu.xml"
COLLECTION = "real-time-traffic-request-az-xu.xml"
ARREST = "provisional-arrest-request-az-xu.xml"


@pytest.mark.parametrize(
    ("rule", "name", "edits"),
    [
        ("UNCC-R05", COLLECTION, [("<c:To>2026-05-12", "<c:To>2026-04-11")]),
        ("UNCC-R09", DELIVERY, [("<c:TotalBytes>1849320", "<c:TotalBytes>1849321")]),
        ("UNCC-R09", DELIVERY, [("<c:SizeBytes>6120</c:SizeBytes>\n    </c:Entry>",
                                 "<c:SizeBytes>6121</c:SizeBytes>\n    </c:Entry>"),
                                ("1849320", "1849321")]),
        ("UNCC-R09", DELIVERY, [('<c:Custody sequence="2">', '<c:Custody sequence="3">')]),
        ("UNCC-R15", DELIVERY, [("<c:PersonalData>true</c:PersonalData>",
                                 "<c:PersonalData>true</c:PersonalData><c:Csam>true</c:Csam>")]),
    ],
)  # fmt: skip
def test_a_rule_of_one_document_fails(rule: str, name: str, edits: list[tuple[str, str]]) -> None:
    found = refused(changed(name, *edits))
    assert found
    assert set(found) == {rule}


def test_preservation_is_refused_on_allowed_grounds_only() -> None:
    octets = example("refusal-notice-az-xu.xml").decode()
    ground = octets.split('ground="')[1].split('"')[0]
    kind = octets.split("<c:Kind>")[1].split("<")[0]
    other = octets.replace(f'ground="{ground}"', 'ground="FDC"')
    of_preservation = other.replace(f"<c:Kind>{kind}<", "<c:Kind>PreservationRequest<")
    assert "UNCC-R06" not in refused(other.encode())
    assert "UNCC-R06" in refused(of_preservation.encode())


def test_other_serious_crimes_give_electronic_evidence_only() -> None:
    for name, broken in (("stored-data-request-az-xu.xml", False), (ARREST, False),
                         ("video-hearing-request-az-xu.xml", True)):  # fmt: skip
        octets = example(name).decode()
        codes = {part.split('"')[0] for part in octets.split('Offence code="')[1:]}
        for code in codes:
            octets = octets.replace(f'Offence code="{code}"', 'Offence code="SC-DRUGS"')
        octets = octets.replace("<c:MaxPenaltyMonths>36<", "<c:MaxPenaltyMonths>60<")
        found = refused(octets.encode())
        assert ("UNCC-R02E" in found) == broken, (name, found)
        assert ("UNCC-R03" in found) == (name == ARREST)


def test_less_than_the_least_time_of_preservation_is_found() -> None:
    name = "preservation-confirmation-az-xu.xml"
    octets = example(name).decode()
    until = octets.split("<d:Until>")[1].split("<")[0]
    since = octets.split("<d:From>")[1].split("T")[0]
    short = octets.replace(f"<d:Until>{until}<", f"<d:Until>{since}<").encode()
    found = in_context(short, between(name))
    assert {one.rule for one in found} == {"UNCC-R04C"}
    assert found[0].article == "42(8)"
    assert found[0].expected.endswith("or later")


def test_a_collection_is_no_longer_than_the_law_there_allows() -> None:
    said = StatedLimit(
        "COLLECTION", "20 days", "45(3)", Provenance("a law", TODAY, Trust.FICTIONAL)
    )
    utopia = replace(DIRECTORY.states["XU"], time_limits=(said,))
    context = replace(between(COLLECTION), directory=Directory({"XU": utopia}))
    assert [one.rule for one in in_context(example(COLLECTION), context)] == ["UNCC-R05L"]


@pytest.mark.parametrize("name", ["refusal-notice-az-xu.xml", "postponement-notice-az-xu.xml"])
def test_refusing_and_postponing_come_after_a_consultation(name: str) -> None:
    case = walk(begin("MlaRequest"), ["Acknowledgement", "ProgressReport UNDER_REVIEW"])
    octets = example(name)
    assert [one.rule for one in in_context(octets, between(name, case=case))] == ["UNCC-R07"]
    consulted = walk(case, ["ConsultationNotice"])
    assert in_context(octets, between(name, case=consulted)) == []


def test_a_broken_chain_of_custody_is_found() -> None:
    octets = changed(DELIVERY, ("<c:At>2026-06-03T09:00:00Z", "<c:At>2026-06-03T09:00:01Z"))
    assert [one.rule for one in in_context(octets, between(DELIVERY))] == ["UNCC-R09C"]


def test_a_text_is_in_a_language_that_is_accepted() -> None:
    octets = changed(COLLECTION, ('<c:Text lang="en" kind="TRANSLATION" certified="true">Since',
                                  '<c:Text lang="en" kind="TRANSLATION">Since'))  # fmt: skip
    (found,) = in_context(octets, between(COLLECTION))
    assert (found.rule, found.path) == ("UNCC-R10", "/RealTimeTrafficRequest/Facts")
    assert "en, fr" in found.expected
    unknown = replace(between(COLLECTION), receiver="AZ")
    assert in_context(octets, unknown) == [], "nobody knows which languages: nothing is wrong"


def test_only_a_state_that_made_the_reservation_refuses_preservation_by_it() -> None:
    name = "refusal-notice-xu-az.xml"
    octets = changed(
        name,
        ('ground="FDC"', 'ground="F42RES"'),
        ("<c:Kind>StoredDataRequest<", "<c:Kind>PreservationRequest<"),
    )
    utopia = DIRECTORY.states["XU"]
    asked = between(name, case=None)
    assert in_context(octets, asked) == [], "Utopia made it"
    without = Directory({"XU": replace(utopia, reservations=())})
    (found,) = in_context(octets, replace(asked, directory=without))
    assert (found.rule, found.article) == ("UNCC-R06R", "42(5)")
    over = replace(utopia.reservations[0], withdrawn=TODAY)
    withdrawn = Directory({"XU": replace(utopia, reservations=(over,))})
    assert in_context(octets, replace(asked, directory=withdrawn))
    unknown = OpenQuestion("Whether", "42(5)", "nowhere", TODAY)
    nobody = Directory({"XU": replace(utopia, reservations=(), open_questions=(unknown,))})
    assert in_context(octets, replace(asked, directory=nobody)) == []


def test_real_time_collection_is_asked_for_offences_to_which_the_state_applies_it() -> None:
    code = example(COLLECTION).decode().split('Offence code="')[1].split('"')[0]
    utopia = DIRECTORY.states["XU"]
    for offences, broken in ((("UNCC-17",), True), ((code, "UNCC-17"), False)):
        limit = Reservation(
            "23(3)", "These only.", utopia.reservations[0].provenance, ("UNCC-R05S",), offences
        )
        states = {"XU": replace(utopia, reservations=(limit,))}
        found = in_context(
            example(COLLECTION), replace(between(COLLECTION), directory=Directory(states))
        )
        assert [one.rule for one in found] == (["UNCC-R05S"] if broken else []), offences


@pytest.mark.parametrize(("who", "whom"), [("AZ", "XU"), ("XU", "AZ")])
def test_states_that_exclude_each_other_exchange_nothing(who: str, whom: str) -> None:
    states = dict(DIRECTORY.states)
    declared = Exclusion(whom, Provenance("Declaration", date(2026, 1, 1), Trust.FICTIONAL))
    states[who] = replace(states[who], exclusions=(declared,))
    context = replace(between(COLLECTION), directory=Directory(states))
    (found,) = in_context(example(COLLECTION), context)
    assert found.rule == "UNCC-R12"
    assert who in found.message
    assert whom in found.message


def test_what_came_for_one_purpose_goes_nowhere_else_without_leave() -> None:
    name = "evidence-delivery-xu-az.xml"
    digest = example(name).decode().split("<c:Sha256>")[1].split("<")[0]
    limit = Limited("ZZ", "7e0c1f4a")
    (found,) = in_context(example(name), between(name, limited={digest: [limit]}))
    assert (found.rule, found.article) == ("UNCC-R13", "40(19)")
    assert found.path == "/EvidenceDelivery/Attachment[1]/Sha256"
    assert "7e0c1f4a" in found.message
    assert "OnwardTransferRequest that names AZ" in found.expected
    listed, own = replace(limit, allowed=frozenset({"AZ"})), replace(limit, state="AZ")
    for fine in ([listed], [own], [listed, own], []):
        assert in_context(example(name), between(name, limited={digest: fine})) == []
    for both in ([limit, listed], [own, limit]):
        (found,) = in_context(example(name), between(name, limited={digest: both}))
        assert found.rule == "UNCC-R13"


WITH_CONSENT = "<c:OnwardTransfer>WITH_CONSENT</c:OnwardTransfer>"


def listing(*recipients: str) -> str:
    named = "".join(f"<c:OnwardRecipient>{one}</c:OnwardRecipient>" for one in recipients)
    return f"<c:OnwardTransfer>LISTED</c:OnwardTransfer>{named}"


@pytest.mark.parametrize(
    ("came_under", "listed", "goes_under", "kept"),
    [
        ("WITH_CONSENT", (), WITH_CONSENT, True),
        ("WITH_CONSENT", (), WITH_CONSENT.replace("WITH_CONSENT", "NO"), True),
        ("WITH_CONSENT", (), listing("XV"), False),
        ("NO", (), WITH_CONSENT, False),
        ("NO", (), WITH_CONSENT.replace("WITH_CONSENT", "NO"), True),
        ("LISTED", ("XV",), WITH_CONSENT, True),
        ("LISTED", ("XV",), listing("XV", "XV-CA"), True),
        ("LISTED", ("XV",), listing("XW"), False),
        ("LISTED", ("XV",), listing("XV", "whoever asks"), False),
    ],
)
def test_what_goes_on_with_leave_stays_as_limited_as_it_came(
    came_under: str, listed: tuple[str, ...], goes_under: str, kept: bool
) -> None:
    name = "evidence-delivery-xu-az.xml"
    octets = changed(name, (WITH_CONSENT, goes_under))
    digest = octets.decode().split("<c:Sha256>")[1].split("<")[0]
    limit = Limited("ZZ", "7e0c1f4a", frozenset({"AZ"}), came_under, frozenset(listed))
    found = in_context(octets, between(name, limited={digest: [limit]}))
    places = [(one.rule, one.path) for one in found]
    assert places == ([] if kept else [("UNCC-R13I", "/EvidenceDelivery/UseLimitation")])
    back = replace(limit, state="AZ")
    assert in_context(octets, between(name, limited={digest: [back]})) == []


def test_what_is_limited_goes_on_in_a_document_that_says_so() -> None:
    name = "mla-request-xu-az.xml"
    limit = Limited("ZZ", "7e0c1f4a", frozenset({"AZ"}))
    context = between(name, limited={"ab" * 32: [limit]}, carried={"ab" * 32})
    (found,) = in_context(example(name), context)
    assert (found.rule, found.path) == ("UNCC-R13I", "/MlaRequest")
    assert "EvidenceDelivery" in found.expected


def test_a_file_that_the_document_does_not_name_is_looked_at_too() -> None:
    name = "mla-request-xu-az.xml"
    context = between(name, limited={"ab" * 32: [Limited("ZZ", "7e0c1f4a")]}, carried={"ab" * 32})
    (found,) = in_context(example(name), context)
    assert (found.rule, found.path) == ("UNCC-R13", "/MlaRequest")
    assert in_context(example(name), replace(context, carried={"cd" * 32})) == []


def test_the_table_has_every_rule_of_the_proposal() -> None:
    named = {line.rule[: len("UNCC-R00")] for line in rule_table.lines()}
    assert named >= {f"UNCC-R{number:02}" for number in range(1, 18)}
    assert {line.rule for line in rule_table.lines()} >= FLAGGED


def test_every_rule_that_is_a_function_is_tested_here_or_in_the_faults() -> None:
    folder = Path(__file__).parents[1] / "convention" / "faults"
    files = [tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    tested = {fault["rule"] for file in files for fault in file["fault"]}
    here = Path(__file__).read_text("utf-8")
    for line in rule_table.lines():
        if line.on_arrival:
            assert line.rule in tested or f'"{line.rule}"' in here, line.rule


def test_findings_of_a_rule_have_its_name() -> None:
    for rule in RULES_IN_CONTEXT:
        assert (rule.__doc__ or "").startswith("UNCC-R")
