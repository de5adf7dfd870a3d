"""State records follow one another, and an update is decided once, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from gateway.store import Store
from gateway.store.records_of_states import Applying, NewRecord, PendingUpdate
from tests.store.store_values import AT, arrival, kinds

inline_callbacks = pytest_twisted.ensureDeferred
FIRST = NewRecord("XU", "1" * 64, b"first", {"by": "A", "at": "then"}, None, AT)
SECOND = replace(FIRST, sha256="2" * 64, octets=b"second", after="1" * 64)
THIRD = replace(FIRST, sha256="3" * 64, octets=b"third", after="2" * 64)
LATER = AT + timedelta(seconds=1)


async def update(store: Store, message_id: str) -> PendingUpdate:
    """An update of Utopia that waits."""
    await store.accept(arrival(message_id, kind="DirectoryUpdate", action="DirectoryUpdate"))
    (found,) = [one for one in await store.records.pending() if one.message_id == message_id]
    return found


@inline_callbacks
async def test_a_record_follows_the_one_that_it_was_made_from(store: Store) -> None:
    assert await store.records.put(FIRST, AT)
    assert not await store.records.put(FIRST, AT), "another is in force by now"
    assert not await store.records.put(THIRD, AT)
    assert await store.records.put(SECOND, AT)
    newest = (await store.records.newest())["XU"]
    assert (newest.number, newest.octets, newest.signature) == (2, b"second", SECOND.signature)
    assert await store.records.history("XU") == [b"first", b"second"]
    gone = NewRecord("XU", None, None, None, "2" * 64, AT)
    assert await store.records.put(gone, AT)
    assert (await store.records.newest())["XU"].sha256 is None
    assert await store.records.history("XU") == [b"first", b"second"]
    assert await store.records.numbers() == {"XU": 3}
    assert await kinds(store) == ["DIRECTORY_CHANGED"] * 3


@inline_callbacks
async def test_an_update_waits_from_its_arrival_and_is_decided_once(store: Store) -> None:
    await store.records.put(FIRST, AT)
    pending = await update(store, "u1@xu")
    assert pending.document is not None
    assert (pending.partner, pending.received_at) == ("XU", AT)
    assert await store.records.apply(pending, SECOND, AT, AT) is Applying.DONE
    assert await store.records.pending() == []
    assert await store.records.apply(pending, THIRD, LATER, AT) is Applying.DECIDED
    assert not await store.records.refuse(pending, "A", "too late", AT)
    assert await store.records.numbers() == {"XU": 2}
    assert (await kinds(store))[-1] == "DIRECTORY_CHANGED"


@inline_callbacks
async def test_another_message_is_no_update(store: Store) -> None:
    await store.accept(arrival("m1@xu"))
    assert await store.records.pending() == []


@inline_callbacks
async def test_a_person_is_told_of_what_waits_until_nothing_of_the_partner_does(
    store: Store,
) -> None:
    await store.records.put(FIRST, AT)
    first, other = await update(store, "u1@xu"), await update(store, "u2@xu")
    for one in (first, other):
        await store.records.announce(one, AT)
    (alert,) = await store.open_alerts()
    assert ("XU" in alert.sentence, alert.times) == (True, 2)
    assert await store.records.apply(first, SECOND, AT, LATER) is Applying.DONE
    assert await store.open_alerts() == [alert], "another one waits"
    assert await store.records.refuse(other, "A", "no reason given", LATER)
    assert await store.open_alerts() == []
    assert (await kinds(store))[-2:] == ["DIRECTORY_UPDATE_REFUSED", "ALERT_ACKNOWLEDGED"]
    await store.records.announce(other, LATER)
    assert await store.open_alerts() == [], "somebody decided before it was told"


@pytest.mark.parametrize("seconds", [0, -1])
@inline_callbacks
async def test_what_was_not_issued_later_is_not_applied(store: Store, seconds: int) -> None:
    await store.records.put(FIRST, AT)
    first, other = await update(store, "u1@xu"), await update(store, "u2@xu")
    assert await store.records.apply(first, SECOND, AT, AT) is Applying.DONE
    issued = AT + timedelta(seconds=seconds)
    assert await store.records.apply(other, THIRD, issued, AT) is Applying.OLDER
    assert await store.records.pending() == [other]
    assert await store.records.refuse(other, "A", "older", AT)
    assert (await kinds(store))[-1] == "DIRECTORY_UPDATE_REFUSED"
    assert await store.records.numbers() == {"XU": 2}


@inline_callbacks
async def test_what_was_made_from_another_record_leaves_the_update_waiting(store: Store) -> None:
    await store.records.put(FIRST, AT)
    pending = await update(store, "u1@xu")
    before = await kinds(store)
    assert await store.records.apply(pending, THIRD, AT, AT) is Applying.MOVED_ON
    assert await store.records.pending() == [pending]
    assert await kinds(store) == before, "nothing of it is there"
    assert await store.records.apply(pending, SECOND, AT, AT) is Applying.DONE


@inline_callbacks
async def test_of_two_that_decide_at_once_one_does(store: Store) -> None:
    await store.records.put(FIRST, AT)
    pending = await update(store, "u1@xu")
    outcomes = await gatherResults(
        [
            Deferred.fromCoroutine(store.records.refuse(pending, name, "no", AT))
            for name in ("A", "B", "C")
        ],
        consumeErrors=True,
    )
    assert sorted(outcomes) == [False, False, True]
    assert (await kinds(store)).count("DIRECTORY_UPDATE_REFUSED") == 1
