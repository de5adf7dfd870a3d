"""Every number has its test or a reason, and the page says so."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conformance.bugs.rules import ABSENT, PAGE, RULES, renewed

TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_every_bug_has_its_test() -> None:
    tested = {int(number) for number in re.findall(r"def test_bug_(\d\d)_", TESTS)}
    assert sorted(RULES) == list(range(1, 58))
    assert tested | ABSENT.keys() == RULES.keys()
    assert not tested & ABSENT.keys()


def test_the_page_is_current() -> None:
    text = PAGE.read_text()
    assert renewed(text) == text
