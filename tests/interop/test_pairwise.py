"""The covering set of cases leaves out no pair."""

from __future__ import annotations

from itertools import product

from tests.interop.pairwise import Case, covering, pairs

DIMENSIONS = {"form": ["a", "b", "c"], "parts": ["0", "1"], "fault": ["x", "y", "z", "none"]}


def _allowed(case: Case) -> bool:
    return not (case["parts"] == "0" and case["fault"] == "x")


def test_every_allowed_pair_is_in_some_case_and_no_other() -> None:
    chosen = covering(DIMENSIONS, _allowed)
    every = [dict(zip(DIMENSIONS, values, strict=True)) for values in product(*DIMENSIONS.values())]
    wanted = {pair for case in every if _allowed(case) for pair in pairs(case)}
    assert {pair for case in chosen for pair in pairs(case)} == wanted
    assert all(map(_allowed, chosen))


def test_it_is_smaller_than_all_combinations_and_always_the_same() -> None:
    chosen = covering(DIMENSIONS, _allowed)
    assert 12 <= len(chosen) < 20
    assert chosen == covering(DIMENSIONS, _allowed)
