"""The table of exchanges says what the tests did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop import matrix
from tests.interop.matrix import PEERS, Row

PUSH_OUT = ("phase4", "1.15", "One-Way/Push", "ours to peer")


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_has_a_pinned_version_and_a_test(peer: str) -> None:
    assert PEERS[peer].version()[0].isdigit()
    assert list(matrix.HERE.glob(f"test_{peer.lower()}*.py")), peer


def test_a_version_that_is_not_pinned_is_said() -> None:
    with pytest.raises(LookupError, match="pins no version after 'nowhere'"):
        matrix.Pin("phase4/pom.xml", "nowhere").version()


def test_a_row_says_in_words_what_the_test_is_named() -> None:
    row = Row.of(PUSH_OUT, "test_phase4_reads_what_we_write[2-ski]", "passed")
    assert row.what == "phase4 reads what we write (2-ski)"
    assert (row.version, row.result) == (PEERS["phase4"].version(), "passed")


def test_a_test_may_say_more_of_itself_than_its_marker() -> None:
    row = Row.of(PUSH_OUT, "test_it", "passed")
    said = row.with_properties([("profile", "2.0"), ("seconds", 3)])
    assert (said.profile, said.pattern) == ("2.0", "One-Way/Push")


def test_the_table_is_in_columns_and_the_file_holds_every_row(tmp_path: Path) -> None:
    rows = [
        Row.of(PUSH_OUT, name, how) for name, how in (("test_b", "failed"), ("test_a", "passed"))
    ]
    heading, first, second = matrix.table(rows)
    assert heading.index("result") == first.index("passed") == second.index("failed")
    matrix.write(rows, tmp_path / "build" / "matrix.json")
    held = json.loads((tmp_path / "build" / "matrix.json").read_text())
    assert [(row["what"], row["result"]) for row in held] == [("a", "passed"), ("b", "failed")]


def test_the_peers_are_counted_by_result() -> None:
    rows = [Row.of(PUSH_OUT, "test_a", how) for how in ("passed", "failed", "passed")]
    version = PEERS["phase4"].version()
    assert matrix.totals(rows) == [f"phase4 {version}: 1 failed", f"phase4 {version}: 2 passed"]
