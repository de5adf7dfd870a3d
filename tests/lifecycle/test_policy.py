"""policy.toml: the node's lines go before ours, and every fault is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.directory import load_directory
from config.faults import ConfigRefused
from config.policy import load_policy, times_of
from protocol.convention.lifecycle.periods import Length
from protocol.convention.lifecycle.policy import ClockKind
from tests.lifecycle.making import POLICY

LINE = """
[[limits]]
clock = "ACKNOWLEDGEMENT"
length = "8 hours"
article = "40"
legal = false
trust = "assumed"
source = "Agreed with our own authorities"
"""


def test_every_line_says_where_it_comes_from() -> None:
    for limit in POLICY.limits.values():
        assert limit.article
        assert limit.source
        assert limit.lengths or limit.repeat or limit.legal, limit.clock


def test_a_node_changes_single_lines(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(f"silence_days = 30\n{LINE}")
    policy = load_policy(tmp_path)
    limit = policy.limits[ClockKind.ACKNOWLEDGEMENT]
    assert limit.length("EMERGENCY") == limit.length("ROUTINE") == Length.read("8 hours")
    assert policy.terms.silence.days == 30
    assert policy.terms.reminders == POLICY.reminders
    assert policy.limits[ClockKind.DECISION] == POLICY.limits[ClockKind.DECISION]
    assert load_policy(tmp_path / "nothing") == POLICY


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (LINE.replace('"8 hours"', '"soon"'), "limits[0].length: must be a length"),
        (LINE.replace("ACKNOWLEDGEMENT", "LUNCH"), "limits[0].clock"),
        (LINE + LINE, "limits[1].clock: ACKNOWLEDGEMENT stands twice"),
        (LINE.replace("length", "lenght"), "did you mean 'length'?"),
        (LINE + 'by_urgency = { SOON = "1 hour" }', "must be one of EMERGENCY"),
        ('[[calendars]]\nstate = "AZ"\nrest_days = ["FREITAG"]', "must be one of MONDAY"),
        ('[[calendars]]\nstate = "AZ"\nholidays = ["2026-02-30"]', "calendars[0].holidays[0]"),
        ('[[calendars]]\nstate = "AZ"\n[[calendars]]\nstate = "AZ"', "AZ stands twice"),
        ("silence_days = 0", "silence_days"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, wrong: str, says: str) -> None:
    (tmp_path / "policy.toml").write_text(wrong)
    with pytest.raises(ConfigRefused) as refused:
        load_policy(tmp_path)
    assert says in "\n".join(str(fault) for fault in refused.value.faults)


def test_the_directory_goes_before_the_policy_for_its_own_state() -> None:
    directory = load_directory(Path(__file__).resolve().parents[2] / "config" / "states")
    times = times_of(POLICY, directory)
    assert times.limit(ClockKind.PROVISIONAL_ARREST, "XU").length("") == Length.read("40 days")
    assert times.limit(ClockKind.PROVISIONAL_ARREST, "AZ").length("") is None
    assert times.calendar("AZ-SSS").rest_days == frozenset({5, 6})
