"""What a DirectoryUpdate makes of a record, and that our own statement tells the whole of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from config.directory import load_directory, record_in
from config.directory_text import record_text
from config.faults import ConfigRefused
from protocol.convention.competence import Competent, receiving_authority
from protocol.convention.directory import (
    CompetenceRule,
    Contact,
    Directory,
    Function,
    Matter,
    OpenQuestion,
    Provenance,
    StateRecord,
    Trust,
)
from protocol.convention.directory_statement import KIND, NothingToSay, statement
from protocol.convention.directory_update import UpdateRefused, changes_told, read_update, updated
from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.drafting import Beginning
from protocol.convention.json_form import from_json
from schemas.catalogue import example

DIRECTORY = load_directory(Path(__file__).resolve().parents[2] / "config" / "states")
UTOPIA, AZERBAIJAN = DIRECTORY.states["XU"], DIRECTORY.states["AZ"]
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY, TOMORROW = date(2026, 11, 19), date(2026, 11, 21)
EXAMPLE = example("directory-update-xu-az.xml")
SAID = Provenance("A note", TODAY, Trust.FICTIONAL)


def told(record: StateRecord, *before: StateRecord, now: datetime = NOW) -> bytes:
    """The valid document that tells `record` of Utopia to Azerbaijan."""
    author = record.authorities["XU-CA"]
    addressee = AZERBAIJAN.authorities["AZ-SSS"]
    known = Beginning(KIND, author, addressee, "7e0c1f4a-2b61-4c0e-9d3a-0000000000ff", now)
    document = from_json(json.dumps(statement(record, known, before)).encode())
    assert read_document(document).kind == "DirectoryUpdate"
    return document


def applied(before: StateRecord, document: bytes) -> StateRecord:
    """The record after `document`, as it is written and read again."""
    after = updated(before, read_update(document))
    assert record_in(record_text(after, "A test.").encode(), Path(f"{after.code}.toml")) == after
    return after


def receiver(record: StateRecord, kind: str, addressed: str, on: date) -> str | None:
    found = receiving_authority(Directory({record.code: record}), record.code, kind, addressed, on)
    return found.authority if isinstance(found, Competent) else found.right_address


def moved(record: StateRecord, since: date | None, until: date | None = None) -> StateRecord:
    """Assistance is received by the Ministry of Justice from `since` on, until then by the CA."""
    rules = []
    for rule in record.rules:
        if rule.matter is Matter.MLA and since is not None:
            rule = replace(rule, valid_until=date.fromordinal(since.toordinal() - 1))
        if rule.matter is not Matter.MLA or since is not None:
            rules.append(rule)
    for function in Function:
        new = CompetenceRule("XU-MOJ", Matter.MLA, function, "40(12)", SAID, since, until)
        rules.append(new)
    return replace(record, rules=tuple(rules))


def test_a_record_told_to_somebody_who_has_it_changes_nothing_but_its_days() -> None:
    after = applied(UTOPIA, told(UTOPIA))
    assert [replace(rule, provenance=SAID) for rule in after.rules] == [
        replace(rule, provenance=SAID) for rule in UTOPIA.rules
    ]
    assert {rule.provenance.as_of for rule in after.rules} == {TODAY}
    assert {rule.provenance.trust for rule in after.rules} == {Trust.FICTIONAL}
    assert after.accepted == UTOPIA.accepted
    assert after.languages == UTOPIA.languages
    for name, one in after.authorities.items():
        assert replace(one, provenance=SAID) == replace(UTOPIA.authorities[name], provenance=SAID)
    assert applied(after, told(after)) == replace(
        after, reservations=applied(after, told(after)).reservations
    )


@pytest.mark.parametrize("since", [None, TOMORROW, date(2027, 3, 1)])
def test_a_competence_that_moves_is_told_with_its_day(since: date | None) -> None:
    ours = moved(UTOPIA, since)
    theirs = applied(UTOPIA, told(ours, UTOPIA))
    day = since or TODAY
    before = date.fromordinal(day.toordinal() - 1)
    assert receiver(theirs, "MlaRequest", "XU-MOJ", day) == "XU-MOJ"
    assert receiver(theirs, "MlaRequest", "XU-CA", before) == "XU-CA"
    assert receiver(theirs, "MlaRequest", "XU-CA", day) == "XU-MOJ", "the right address"
    again = applied(theirs, told(ours, UTOPIA))
    assert len(again.rules) == len(theirs.rules), "said again, nothing grows"


def test_a_competence_that_is_over_is_told_as_ended() -> None:
    over = tuple(
        replace(rule, valid_until=YESTERDAY) if rule.matter is Matter.PREVENTION else rule
        for rule in UTOPIA.rules
    )
    theirs = applied(UTOPIA, told(replace(UTOPIA, rules=over)))
    assert receiver(theirs, "PreventiveAssistanceRequest", "XU-CA", YESTERDAY) == "XU-CA"
    assert receiver(theirs, "PreventiveAssistanceRequest", "XU-CA", TODAY) is None


def test_an_authority_that_is_gone_from_our_record_ends_with_what_it_did() -> None:
    authorities = {name: one for name, one in UTOPIA.authorities.items() if name != "XU-POC247"}
    rules = tuple(rule for rule in UTOPIA.rules if rule.authority != "XU-POC247")
    theirs = applied(UTOPIA, told(replace(UTOPIA, authorities=authorities, rules=rules), UTOPIA))
    assert receiver(theirs, "PreservationRequest", "XU-POC247", YESTERDAY) == "XU-POC247"
    assert receiver(theirs, "PreservationRequest", "XU-POC247", TODAY) is None
    assert "XU-POC247" in theirs.authorities, "what it wrote is still on record"


def test_languages_and_the_level_of_signature_hold_from_their_day() -> None:
    document = EXAMPLE.decode().replace(
        "  <d:Attachment ",
        "  <d:Language>az</d:Language><d:SignatureLevel>QES</d:SignatureLevel>\n  <d:Attachment ",
    )
    after = applied(UTOPIA, document.encode())
    assert after.languages_on(date(2026, 8, 31)) == ("en", "fr")
    assert after.languages_on(date(2026, 9, 1)) == ("az",)
    assert after.signature_level_on(date(2026, 9, 1)) == "QES"
    assert after.signature_level_on(date(2026, 8, 31)) is None
    assert statement(replace(after), Beginning(KIND, after.authorities["XU-CA"], None, "x", NOW))[
        "DirectoryUpdate"
    ]["Language"] == ["az"]


def test_a_name_a_contact_and_a_time_zone_count_at_once() -> None:
    after = applied(UTOPIA, EXAMPLE)
    point = after.authorities["XU-POC247"]
    assert dict(point.names) == {"en": "24/7 Point of Contact", "az": "7/24 əlaqə məntəqəsi"}
    assert point.contacts == (
        Contact(
            "CASE", "Duty desk", "Etc/UTC", ("en",), phone="+99900000248",
            office_hours="00:00-24:00",
        ),
    )  # fmt: skip
    rules = [rule for rule in after.rules if rule.matter is Matter.POC247]
    assert {rule.valid_from for rule in rules if rule.valid_until is None} == {date(2026, 9, 1)}
    assert {rule.valid_until for rule in rules if rule.valid_from is None} == {date(2026, 8, 31)}


def reservation(article: str, change: str, effect: str = "So.") -> bytes:
    said = (
        f'  <d:ReservationChange change="{change}"><d:Article>{article}</d:Article><d:Effect>'
        f'<c:Text lang="en" kind="ORIGINAL">{effect}</c:Text></d:Effect><d:Day>2026-06-30</d:Day>'
        "</d:ReservationChange>\n  <d:Attachment "
    )
    return EXAMPLE.replace(b"  <d:Attachment ", said.encode(), 1)


def test_a_reservation_comes_changes_and_ends() -> None:
    asked = OpenQuestion("Whether", "23(3)", "nowhere", TODAY)
    before = replace(UTOPIA, open_questions=(asked,))
    came = applied(before, reservation("23(3)", "ADDED"))
    assert came.open_questions == (), "it is answered"
    assert came.reservations[-1].changes == ("23(3)",)
    changed = applied(came, reservation("42(5)", "CHANGED", "Otherwise."))
    assert [one.effect for one in changed.reservations] == ["So.", "Otherwise."]
    assert changed.reservations[-1].changes == UTOPIA.reservations[0].changes, "as it was entered"
    ended = applied(changed, reservation("42(5)", "ENDED"))
    (last,) = [one for one in ended.reservations if one.article == "42(5)"]
    assert (last.holds(date(2026, 8, 31)), last.holds(date(2026, 9, 1))) == (True, False)
    with pytest.raises(UpdateRefused, match="no reservation to 9"):
        updated(UTOPIA, read_update(reservation("9(2)", "ENDED")))
    over = replace(UTOPIA.reservations[0], withdrawn=YESTERDAY)
    theirs = applied(UTOPIA, told(replace(UTOPIA, reservations=(over,))))
    assert not theirs.reservations[0].holds(TODAY)


def test_what_was_unknown_is_answered_when_somebody_is_named() -> None:
    asked = OpenQuestion("Who", "47", "nowhere", TODAY, (Matter.LAW_ENFORCEMENT,))
    rules = tuple(rule for rule in UTOPIA.rules if rule.matter is not Matter.LAW_ENFORCEMENT)
    before = replace(UTOPIA, rules=rules, open_questions=(asked,))
    assert applied(before, EXAMPLE).open_questions == (asked,)
    assert applied(before, told(UTOPIA)).open_questions == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<d:Authority>XU-POC247", "<d:Authority>XU-NEW", "nothing is known of XU-NEW"),
        (
            'id="XU-POC247" change="CHANGED"',
            'id="XU-NEW" change="ENDED"',
            "XU-NEW is to end, and the directory does not know it",
        ),
    ],
)
def test_what_cannot_be_applied_says_why(old: str, new: str, says: str) -> None:
    document = EXAMPLE.decode()
    assert old in document
    read_document(document.replace(old, new).encode())
    with pytest.raises(UpdateRefused, match=says):
        updated(UTOPIA, read_update(document.replace(old, new).encode()))


def test_an_update_is_applied_to_the_record_of_its_party_only() -> None:
    with pytest.raises(UpdateRefused, match="speaks of XU"):
        updated(AZERBAIJAN, read_update(EXAMPLE))
    speaks_for_another = EXAMPLE.replace(b"<d:Party>XU<", b"<d:Party>AZ<")
    with pytest.raises(DocumentRefused, match="speaks for AZ"):
        read_document(speaks_for_another)


def test_two_receivers_of_one_matter_are_not_made() -> None:
    """The record that comes of it is no record: the update is refused, not half applied."""
    document = EXAMPLE.replace(b"<d:Matter>POC247<", b"<d:Matter>MLA<")
    after = updated(UTOPIA, read_update(document))
    with pytest.raises(ConfigRefused, match="both receive MLA"):
        record_in(record_text(after, "A test.").encode(), Path("XU.toml"))


def test_a_person_is_told_each_change() -> None:
    lines = list(changes_told(read_update(EXAMPLE)))
    assert lines == [
        "authority XU-POC247: CHANGED",
        "competence CHANGED: XU-POC247 in POC247: SEND, RECEIVE, EXECUTE, from 2026-09-01",
    ]
    assert len(list(changes_told(read_update(told(UTOPIA))))) > 10
    assert "reservation to 9(2): ADDED" in list(
        changes_told(read_update(reservation("9(2)", "ADDED")))
    )


def test_nobody_to_ask_is_nothing_to_tell() -> None:
    mute = Beginning(KIND, AZERBAIJAN.authorities["AZ-SSS"], None, "x", NOW)
    with pytest.raises(NothingToSay, match="contacts"):
        statement(AZERBAIJAN, mute)
