"""No assertion is left out: each has a test of its name, or a line saying why it does not apply."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gateway.conformance.assertions import ASSERTIONS, Assertion
from gateway.conformance.probes import PROBES
from tests.conformance.page import PAGE, renewed

OFFICIAL = [
    *(f"CP_TA{number:02}" for number in range(1, 47)),
    *(f"4CT_TA{number:02}" for number in range(1, 4)),
    *(f"DR_TA{number:02}" for number in range(1, 5)),
    *(f"DS_TA{number:02}" for number in range(1, 4)),
]
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
NAMED = {name.upper() for name in re.findall(r"def test_([0-9a-z]+_(?:ta)?\d\d)_", TESTS)}


def test_every_official_assertion_is_listed_once() -> None:
    ids = Counter(assertion.id for assertion in ASSERTIONS)
    assert set(ids.values()) == {1}
    assert set(OFFICIAL) <= set(ids)


@pytest.mark.parametrize("assertion", ASSERTIONS, ids=lambda assertion: assertion.id)
def test_has_a_test_or_a_reason(assertion: Assertion) -> None:
    tested = assertion.id in PROBES or assertion.id in NAMED
    assert tested != (assertion.absent is not None), (
        "has neither a test nor a reason" if not tested else "has a test, and a reason against it"
    )


def test_what_can_be_probed_is_probed() -> None:
    assert {assertion.id for assertion in ASSERTIONS if assertion.probe} == set(PROBES)


def test_the_page_lists_them_as_they_are() -> None:
    """`python -m tests.conformance.page --write` renews it."""
    text = PAGE.read_text()
    assert renewed(text) == text
