"""An authority gets each of its messages under one lease at a time, and nobody else's ever."""

from __future__ import annotations

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from gateway.store import Store
from tests.store.conftest import Opener
from tests.store.store_values import AT, arrival, kinds, later, records, submission

inline_callbacks = pytest_twisted.ensureDeferred
LEASE_SECONDS = 30.0


async def take(store: Store, at_seconds: float = 0.0, limit: int = 1, authority: str = "AZ-SSS"):
    return await store.lease(authority, later(at_seconds), LEASE_SECONDS, limit)


@inline_callbacks
async def test_urgent_ones_come_first_then_the_oldest(store: Store) -> None:
    came = [arrival(priority=priority) for priority in (0, 5, 0, 9, 5)]
    for one in came:
        await store.accept(one)
    leased = await take(store, limit=10)
    assert [lease.message_id for lease in leased] == [came[n].message_id for n in (3, 1, 4, 0, 2)]
    assert len({lease.lease_id for lease in leased}) == 5
    assert all(lease.expires_at == later(LEASE_SECONDS) for lease in leased)
    assert await take(store, limit=10) == []


@inline_callbacks
async def test_an_acknowledged_message_is_handed_off_for_good(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    [lease] = await take(store)
    assert (lease.partner, lease.direction, lease.notice, lease.deliveries) == ("XU", "in", None, 1)
    assert await store.ack("AZ-SSS", lease.lease_id, later(5))
    assert await store.ack("AZ-SSS", lease.lease_id, later(6))  # the answer was lost: asked again
    assert not await store.release("AZ-SSS", lease.lease_id, later(7))
    assert not await store.reject("AZ-SSS", lease.lease_id, "too late", later(7))
    assert await take(store, 1000) == []
    view = await store.message_for("AZ-SSS", came.message_id)
    assert view is not None
    assert view.state == "ACKNOWLEDGED"
    found = await records(store)
    assert [kind for kind, _ in found][2:] == ["HANDED_OFF", "ACKNOWLEDGED"]
    assert found[-1][1]["lease_id"] == lease.lease_id
    assert found[-1][1]["message_id"] == came.message_id


@inline_callbacks
async def test_a_lease_that_is_over_is_given_to_the_next_one(store: Store) -> None:
    await store.accept(arrival())
    [first] = await take(store)
    assert await take(store, LEASE_SECONDS - 0.001) == []
    [second] = await take(store, LEASE_SECONDS)
    assert (second.deliveries, second.lease_id != first.lease_id) == (2, True)
    assert not await store.ack("AZ-SSS", first.lease_id, later(LEASE_SECONDS + 1))
    assert await store.ack("AZ-SSS", second.lease_id, later(LEASE_SECONDS + 1))


@inline_callbacks
async def test_a_late_acknowledgement_counts_while_nobody_else_has_it(store: Store) -> None:
    await store.accept(arrival())
    [lease] = await take(store)
    assert await store.ack("AZ-SSS", lease.lease_id, later(LEASE_SECONDS * 10))
    assert await take(store, LEASE_SECONDS * 20) == []


@inline_callbacks
async def test_a_released_message_waits_again(store: Store) -> None:
    await store.accept(arrival())
    [lease] = await take(store)
    assert await store.release("AZ-SSS", lease.lease_id, later(1))
    assert not await store.release("AZ-SSS", lease.lease_id, later(1))
    assert not await store.ack("AZ-SSS", lease.lease_id, later(1))
    [again] = await take(store, 2)
    assert again.deliveries == 2
    assert (await kinds(store))[2:] == ["HANDED_OFF", "RELEASED", "HANDED_OFF"]


@inline_callbacks
async def test_a_rejection_is_evidence_with_its_reason(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    [lease] = await take(store)
    assert await store.reject("AZ-SSS", lease.lease_id, "wrong addressee", later(1))
    assert await store.reject("AZ-SSS", lease.lease_id, "wrong addressee", later(2))
    kind, facts = (await records(store))[-1]
    assert (kind, facts["reason"]) == ("REJECTED", "wrong addressee")
    view = await store.message_for("AZ-SSS", came.message_id)
    assert view is not None
    assert view.state == "REJECTED"


@inline_callbacks
async def test_delivered_too_often_is_parked_until_an_operator_says_otherwise(
    open_store: Opener, url: str
) -> None:
    store = await open_store(url, max_deliveries=3)
    bad, good = arrival(priority=1), arrival()
    await store.accept(bad)
    for attempt in range(3):
        [lease] = await take(store, attempt)
        assert lease.message_id == bad.message_id
        await store.release("AZ-SSS", lease.lease_id, later(attempt))
    await store.accept(good)
    [lease] = await take(store, 10)
    assert lease.message_id == good.message_id
    assert await store.depths() == {("AZ-SSS", "PARKED"): 1, ("AZ-SSS", "LEASED"): 1}
    assert "PARKED" in await kinds(store)
    assert await store.unpark("AZ-MOJ", bad.message_id, later(11)) == 0
    assert await store.unpark("AZ-SSS", bad.message_id, later(11)) == 1
    [lease] = await take(store, 12)
    assert (lease.message_id, lease.deliveries) == (bad.message_id, 1)


@inline_callbacks
async def test_looking_into_an_empty_queue_writes_nothing(store: Store) -> None:
    assert await take(store, limit=5) == []
    assert await kinds(store) == []


@inline_callbacks
async def test_one_authority_sees_nothing_of_another(store: Store) -> None:
    came, sent = arrival(), submission()
    await store.accept(came)
    await store.submit(sent)
    assert await take(store, authority="AZ-MOJ") == []
    [lease] = await take(store)
    for refused in (
        store.ack("AZ-MOJ", lease.lease_id, AT),
        store.release("AZ-MOJ", lease.lease_id, AT),
        store.reject("AZ-MOJ", lease.lease_id, "not mine", AT),
        store.message_for("AZ-MOJ", came.message_id),
        store.message_for("AZ-MOJ", sent.message_id),
        store.message_for("XU-CA", came.message_id),  # the foreign sender has no view here
        store.message_for("XU-CA", sent.message_id),
        store.ack("AZ-SSS", "0" * 32, AT),
    ):
        assert not await refused
    assert await store.message_for("AZ-SSS", sent.message_id)
    assert await store.ack("AZ-SSS", lease.lease_id, AT)


@inline_callbacks
async def test_many_takers_at_once_get_each_message_once(store: Store) -> None:
    for _ in range(20):
        await store.accept(arrival())
    takers = [Deferred.fromCoroutine(take(store, limit=3)) for _ in range(10)]
    leased = [lease for some in await gatherResults(takers) for lease in some]
    rest = await take(store, limit=50)
    message_ids = [lease.message_id for lease in [*leased, *rest]]
    assert len(message_ids) == len(set(message_ids)) == 20


@inline_callbacks
async def test_whoever_waits_hears_of_a_new_message(store: Store) -> None:
    mine, other = store.on_queue("AZ-SSS"), store.on_queue("AZ-MOJ")
    cancelled = store.on_queue("AZ-SSS")
    cancelled.cancel()
    assert not mine.called
    await store.accept(arrival())
    assert mine.called
    assert not other.called
    other.cancel()


@inline_callbacks
async def test_whoever_waits_looks_again_after_a_second(store: Store) -> None:
    news = store.on_queue("AZ-SSS")
    await deferLater(reactor, 1.3, lambda: None)
    assert news.called


@inline_callbacks
async def test_a_failed_transaction_wakes_nobody(store: Store) -> None:
    news = store.on_queue("AZ-SSS")
    came = arrival(request_id="\ud800")
    try:
        await store.accept(came)
    except ValueError:
        assert not news.called
    else:
        raise AssertionError("the message was accepted")
    news.cancel()
