"""docs/lifecycle.md and docs/rules.md show what the tables do."""

from __future__ import annotations

import re

import pytest

from protocol.convention.lifecycle.picture import TITLES, as_mermaid
from protocol.convention.lifecycle.states import Machine
from protocol.convention.lifecycle.tables import TABLES
from tests.lifecycle.page import DOCS, PARTS, renewed


@pytest.mark.parametrize("name", PARTS)
def test_the_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == renewed(name), "write it again: make pages"


@pytest.mark.parametrize("machine", TITLES)
def test_the_picture_has_every_move(machine: Machine) -> None:
    picture = as_mermaid(machine)
    arrows = set(re.findall(r"    (\w+) --> (\w+)", picture))
    for row in TABLES[machine]:
        if not row.is_loop:
            source = "EVERY_OPEN_STATE" if row.trigger.name == "Withdrawal" else row.source.value
            assert (source, row.target.value) in arrows
