"""Alerts stand open until somebody acknowledges them, and both are evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_twisted

from gateway.store import Store
from gateway.store.alerts import Alert
from tests.store.store_values import AT, arrival, kinds

inline_callbacks = pytest_twisted.ensureDeferred
LATER = AT + timedelta(hours=1)
LIE = {"reason": "ALERT: a lie"}


@inline_callbacks
async def test_a_refusal_that_asks_for_it_raises_one(store: Store) -> None:
    await store.record("REFUSED", {"reason": "an ordinary mistake"}, AT)
    assert await store.open_alerts() == []
    await store.record("REFUSED", LIE, AT)
    assert await store.open_alerts() == [Alert(1, "a lie", AT, AT, 1)]
    assert await kinds(store) == ["REFUSED", "REFUSED", "ALERTED"]


@inline_callbacks
async def test_the_same_again_is_counted_and_does_not_bury_the_others(store: Store) -> None:
    for _ in range(3):
        await store.record("REFUSED", LIE, AT)
    await store.record("REFUSED", {"reason": "ALERT: another"}, AT)
    await store.record("REFUSED", LIE, LATER)
    assert await store.open_alerts() == [
        Alert(1, "a lie", AT, LATER, 4),
        Alert(2, "another", AT, AT, 1),
    ]


@inline_callbacks
async def test_acknowledged_once_and_new_when_it_happens_again(store: Store) -> None:
    await store.record("REFUSED", LIE, AT)
    assert await store.acknowledge_alert(1, LATER)
    assert not await store.acknowledge_alert(1, LATER)
    assert not await store.acknowledge_alert(99, LATER)
    assert await store.count_alerts() == 0
    assert (await kinds(store))[-1] == "ALERT_ACKNOWLEDGED"
    await store.record("REFUSED", LIE, LATER)
    assert await store.open_alerts() == [Alert(2, "a lie", LATER, LATER, 1)]


@pytest.mark.parametrize(
    ("asks", "for_what", "alerts"),
    [("AZ-MOJ", "m1@xu", 1), ("AZ-SSS", "m1@xu", 0), ("AZ-MOJ", "nothing@xu", 0)],
)
@inline_callbacks
async def test_asking_for_a_message_of_another_authority(
    store: Store, asks: str, for_what: str, alerts: int
) -> None:
    await store.accept(arrival("m1@xu"))
    await store.alert_if_somebody_elses(asks, for_what, AT)
    assert await store.count_alerts() == alerts
