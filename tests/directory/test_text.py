"""A record that was written as TOML reads as the record that it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from config.directory import load_directory, record_in
from config.directory_text import record_text
from protocol.convention.bearing import bearing_on
from protocol.convention.directory import (
    Accepted,
    Channels,
    Contact,
    Directory,
    Exclusion,
    Matter,
    Provenance,
    StateRecord,
    Treaty,
    Trust,
)

DIRECTORY = load_directory(Path(__file__).resolve().parents[2] / "config" / "states")
SAID = Provenance('A note "of" 1\\2', date(2026, 7, 1), Trust.FICTIONAL)
DAY = date(2026, 9, 1)


def whole() -> StateRecord:
    """A record in which everything stands that may stand."""
    record = DIRECTORY.states["XU"]
    contact = Contact(
        "CASE", "R. Giles", "Etc/UTC", ("en",), "Head", "+99900000100", "a@b.c", "9-5"
    )
    authorities = {
        name: replace(one, contacts=(contact,)) for name, one in record.authorities.items()
    }
    first, *others = record.rules
    return replace(
        record,
        authorities=authorities,
        rules=(replace(first, valid_from=DAY, valid_until=date(2027, 1, 1)), *others),
        accepted=(Accepted(DAY, SAID, ("en", "az"), "QES"), Accepted(date(2027, 1, 1), SAID)),
        channels=Channels(SAID, True, False, None, True),
        treaties=(Treaty("AZ", "Treaty of Baku", (Matter.MLA,), SAID, True, DAY),),
        exclusions=(Exclusion("ZZ", SAID),),
        reservations=tuple(
            replace(one, offences=("UNCC-07",), withdrawn=date(2030, 1, 1))
            for one in record.reservations
        ),
    )


@pytest.mark.parametrize("record", [*DIRECTORY.states.values(), whole()], ids=lambda r: r.code)
def test_what_is_written_is_read_again(record: StateRecord) -> None:
    text = record_text(record, "By nobody.\nIn two lines.")
    assert record_in(text.encode(), Path(f"{record.code}.toml")) == record


def test_languages_hold_from_their_day() -> None:
    record = whole()
    assert record.languages_on(date(2026, 8, 31)) == ("en", "fr")
    assert record.languages_on(DAY) == ("en", "az")
    assert record.languages_on(date(2028, 1, 1)) == ("en", "az"), "the last says nothing of them"


def test_what_bears_on_a_request_is_told_with_its_source() -> None:
    states = {"AZ": DIRECTORY.states["AZ"], "XU": whole()}
    found = bearing_on(Directory(states), "XU", "AZ", "MlaRequest", {"UNCC-07", "UNCC-13"}, DAY)
    told = [(one.what, one.article) for one in found]
    assert told == [("treaty", "40(7)"), ("reservation", "7(2)")]
    assert "Treaty of Baku goes before" in found[0].says
    assert "security measures" in found[1].says
    assert "40(8)" in found[1].says
    assert found[1].trust == "confirmed"
    before = bearing_on(Directory(states), "XU", "AZ", "MlaRequest", (), date(2026, 8, 31))
    assert before == [], "the treaty is not in force yet"


def test_an_exclusion_forbids() -> None:
    azerbaijan = replace(DIRECTORY.states["AZ"], exclusions=(Exclusion("XU", SAID),))
    found = bearing_on(Directory({"AZ": azerbaijan}), "XU", "AZ", "MlaRequest", (), DAY)
    assert [(one.what, one.forbids) for one in found] == [("exclusion", True)]


def test_a_channel_that_is_closed_is_told() -> None:
    ways = Channels(SAID, electronic=False, diplomatic_required=True)
    states = {"XU": replace(DIRECTORY.states["XU"], channels=ways)}
    found = bearing_on(Directory(states), "AZ", "XU", "MlaRequest", (), DAY)
    assert [one.article for one in found if one.what == "channel"] == ["40(14)", "40(12)"]


def test_each_reservation_of_azerbaijan_says_what_it_changes() -> None:
    found = {
        one.article: (one.changes, one.offences) for one in DIRECTORY.states["AZ"].reservations
    }
    assert found == {
        "7(2)": (("40(8)",), ("UNCC-07",)),
        "9(2)": (("40(8)",), ("UNCC-09",)),
        "11(3)": (("40(8)",), ("UNCC-11",)),
        "63(3)": ((), ()),
    }
