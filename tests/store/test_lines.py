"""What is kept of the line to a partner: the last word, and when the last good one was."""

from __future__ import annotations

from dataclasses import replace

import pytest_twisted

from gateway.store import Store
from gateway.store.lines import PartnerLine
from tests.store.store_values import later


@pytest_twisted.ensureDeferred
async def test_the_last_word_counts_and_the_last_answer_is_not_forgotten(store: Store) -> None:
    assert await store.lines.all() == {}
    silent = PartnerLine("XU", later(1), None, False, None, "nobody answers there")
    await store.lines.keep(silent)
    assert await store.lines.all() == {"XU": silent}
    well = PartnerLine("XU", later(2), later(2), True, None, "signed receipt")
    await store.lines.keep(well)
    assert await store.lines.all() == {"XU": well}
    refused = PartnerLine("XU", later(3), None, False, "EBMS:0010", "no agreement")
    await store.lines.keep(refused)
    other = replace(well, partner="YY")
    await store.lines.keep(other)
    assert await store.lines.all() == {"XU": replace(refused, answered_at=later(2)), "YY": other}
