"""Pulling and calling back in the store, on both engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from gateway.store import Store
from gateway.store.dispatching import Outcome
from gateway.store.faults import OutOfStep
from gateway.store.owed import CLAIM_SECONDS
from gateway.store.pulls import PULL_WINDOW_SECONDS
from gateway.store.values import Dispatch, OwedSignal, Replayed
from protocol.as4.exchange import (
    ExchangeState,
    ReceiptHeld,
    ReceiptInvalid,
    ReceiptToCome,
    TransportFailed,
    step,
)
from protocol.as4.pmode import Reliability
from protocol.evidence.records import Kind
from tests.store.conftest import Opener
from tests.store.store_values import AT, arrival, kinds, later, records, sealed, submission

inline_callbacks = pytest_twisted.ensureDeferred
ONCE = Reliability(max_retries=1, receipt_timeout_seconds=60, first_interval_seconds=10)
AGREED: Mapping[str, Reliability] = {"XU": ONCE}
RECEIPT = Outcome(
    Kind.RECEIPT_RECEIVED, {}, later(20), "r1@xu", b"<receipt/>", b"DER of the partner"
)


async def pulled(store: Store, request_id: str, at_seconds: float = 0.0) -> Dispatch:
    """The next message, sealed and given to XU."""
    dispatch = await store.pulls.next("XU", request_id, later(at_seconds))
    assert isinstance(dispatch, Dispatch)
    await store.keep_sealed(dispatch.submission.message_id, sealed())
    after = step(dispatch.exchange, ReceiptToCome(), later(at_seconds), ONCE)
    exchange = await store.settle(
        dispatch.submission,
        after,
        kind="PULLED",
        facts={"pull_request": request_id},
        at=later(at_seconds),
    )
    return Dispatch(dispatch.submission, exchange, sealed())


@inline_callbacks
async def test_the_oldest_is_pulled_first_and_each_once(store: Store) -> None:
    assert await store.pulls.next("XU", "q0", AT) is None
    sent = [submission(submitted_at=later(n)) for n in range(3)]
    for one in sent:
        await store.submit(one)
    await store.submit(submission(partner="YY"))
    found = [(await pulled(store, f"q{n + 1}", 10)).submission.message_id for n in range(3)]
    assert found == [one.message_id for one in sent]
    assert await store.pulls.next("XU", "q9", later(10)) is None


@inline_callbacks
async def test_a_request_is_answered_once_while_it_could_be_taken(store: Store) -> None:
    for _ in range(2):
        await store.submit(submission())
    await pulled(store, "q1")
    assert await store.pulls.next("XU", "q1", later(1)) == Replayed()
    assert isinstance(await store.pulls.next("YY", "q1", later(1)), type(None))
    just_before = later(2 * PULL_WINDOW_SECONDS - 1)
    assert await store.pulls.next("XU", "q1", just_before) == Replayed()


@inline_callbacks
async def test_requests_at_once_take_each_message_once(store: Store) -> None:
    for _ in range(5):
        await store.submit(submission())
    asked = [Deferred.fromCoroutine(store.pulls.next("XU", f"q{n}", AT)) for n in range(12)]
    found = [one.submission.message_id for one in await gatherResults(asked) if one is not None]
    assert len(found) == len(set(found)) == 5


@inline_callbacks
async def test_an_awaited_receipt_is_overdue_and_then_missing(store: Store) -> None:
    await store.submit(submission())
    message_id = (await pulled(store, "q1")).submission.message_id
    assert await store.awaited.overdue(later(59), AGREED) == []
    [(moved, exchange)] = await store.awaited.overdue(later(60), AGREED)
    assert (moved, exchange.state) == (message_id, ExchangeState.WAITING_FOR_RETRY)
    await pulled(store, "q2", 60)
    [(_, exchange)] = await store.awaited.overdue(later(121), AGREED)
    assert (exchange.state, exchange.error_code) == (ExchangeState.FAILED, "EBMS:0301")
    [notice] = await store.lease("AZ-SSS", later(130), 30, 10)
    assert notice.notice == "FAILED"
    late = await store.awaited.heed(message_id, ReceiptHeld(), RECEIPT, ONCE)
    assert late.late
    assert await kinds(store) == [
        *("SUBMITTED", "SENT", "PULLED", "ATTEMPT_FAILED", "PULLED", "ATTEMPT_FAILED", "FAILED"),
        *("HANDED_OFF", "RECEIPT_RECEIVED"),
    ]


@inline_callbacks
async def test_a_receipt_by_callback_counts_once(store: Store) -> None:
    await store.submit(submission())
    message_id = (await pulled(store, "q1")).submission.message_id
    sent = await store.awaited.find_sent(message_id)
    assert sent is not None
    assert (sent.partner, sent.exchange.state) == ("XU", ExchangeState.AWAITING_RECEIPT)
    assert sent.references == sealed().references
    held = await store.awaited.heed(message_id, ReceiptHeld(), RECEIPT, ONCE)
    assert held.state is ExchangeState.ACKNOWLEDGED
    before = await kinds(store)
    assert await store.awaited.heed(message_id, ReceiptHeld(), RECEIPT, ONCE) == held
    assert await kinds(store) == before
    assert await store.awaited.overdue(later(9999), AGREED) == []
    other = replace(RECEIPT, receipt=b"<another/>", receipt_id="r2@xu")
    assert await store.awaited.heed(message_id, ReceiptHeld(), other, ONCE) == held
    assert await kinds(store) == [*before, "RECEIPT_RECEIVED"]
    view = await store.message_for("AZ-SSS", message_id)
    assert view is not None
    assert view.receipt_id == "r1@xu"  # the first one is kept
    assert await store.awaited.find_sent("unknown@az") is None
    with pytest.raises(OutOfStep):
        await store.awaited.heed("unknown@az", ReceiptHeld(), RECEIPT, ONCE)


@inline_callbacks
async def test_what_breaks_off_late_changes_nothing_that_came_after(store: Store) -> None:
    await store.submit(submission())
    first = await pulled(store, "q1")
    await store.awaited.overdue(later(60), AGREED)
    second = await pulled(store, "q2", 61)
    broken = step(first.exchange, TransportFailed("gone"), later(62), ONCE)
    settled = await store.settle(
        first.submission, broken, kind="ATTEMPT_FAILED", facts={}, at=later(62)
    )
    assert settled == second.exchange
    invalid = Outcome(Kind.REFUSAL_RECEIVED, {"code": "EBMS:0302"}, later(63))
    message_id = first.submission.message_id
    after = await store.awaited.heed(message_id, ReceiptInvalid("other"), invalid, ONCE)
    assert (after.state, after.error_code) == (ExchangeState.FAILED, "EBMS:0301")


@inline_callbacks
async def test_a_receipt_is_owed_with_its_message(store: Store) -> None:
    came = arrival(call_back=True)
    await store.accept(came)
    await store.accept(arrival())  # answered in the response: nothing is owed
    [owed] = await store.owed.claim(["XU"], AT, 10)
    assert (owed.envelope, owed.attempts) == (came.receipt, 1)
    assert (owed.ref_to_message_id, owed.signal_id) == (came.message_id, came.receipt_id)
    assert await store.owed.claim(["XU"], AT, 10) == []
    await store.owed.postpone(owed, later(10))
    assert await store.owed.next_due(["XU"]) == later(10)
    assert await store.owed.next_due(["YY"]) is None
    assert await store.owed.claim(["YY"], later(10), 10) == []
    [again] = await store.owed.claim(["XU"], later(10), 10)
    assert again.attempts == 2
    await store.owed.delivered(again, later(11))
    assert await store.owed.next_due(["XU"]) is None
    kind, facts = (await records(store))[-1]
    assert (kind, facts["receipt_id"]) == ("CALLBACK_DELIVERED", came.receipt_id)


@inline_callbacks
async def test_a_receipt_is_owed_again_when_its_message_is_repeated(store: Store) -> None:
    came = arrival(call_back=True)
    await store.accept(came)
    [owed] = await store.owed.claim(["XU"], AT, 10)
    await store.owed.delivered(owed, AT)
    for _ in range(2):  # asked for twice, owed once
        assert await store.owed.receipt("XU", came.message_id, later(5))
    [again] = await store.owed.claim(["XU"], later(5), 10)
    assert again.envelope == came.receipt
    assert not await store.owed.receipt("XU", "unknown@xu", later(5))
    await store.owed.abandoned(again, later(9), "nobody there")
    kind, facts = (await records(store))[-1]
    assert (kind, facts["reason"]) == ("CALLBACK_ABANDONED", "nobody there")


@inline_callbacks
async def test_an_error_is_owed_with_the_evidence_of_the_refusal(store: Store) -> None:
    error = OwedSignal("XU", "e1@az", "m1@xu", b"<error/>", AT)
    await store.owed.refusal(error, {"code": "EBMS:0010"})
    [owed] = await store.owed.claim(["XU"], AT, 10)
    assert owed == replace(error, attempts=1)
    await store.owed.delivered(owed, later(1))
    assert await kinds(store) == ["REFUSED"]  # an error has no message of its own to be about


@inline_callbacks
async def test_what_is_owed_survives_its_claimer(open_store: Opener, url: str) -> None:
    store = await open_store(url)
    await store.accept(arrival(call_back=True))
    [owed] = await store.owed.claim(["XU"], AT, 10)
    await store.close()
    other = await open_store(url, node="two")
    assert await other.owed.release_claimed(later(1)) == 0
    assert await other.owed.claim(["XU"], later(CLAIM_SECONDS - 1), 10) == []
    await other.close()
    again = await open_store(url)
    assert await again.owed.release_claimed(later(1)) == 1
    [repeated] = await again.owed.claim(["XU"], later(1), 10)
    assert repeated.envelope == owed.envelope


@inline_callbacks
async def test_what_a_reply_may_refer_to(store: Store) -> None:
    came, sent = arrival(conversation_id="c"), submission(conversation_id="c")
    await store.accept(came)
    await store.submit(sent)
    for known in (came, sent):
        assert await store.knows("XU", "c", known.message_id)
        assert not await store.knows("XU", "d", known.message_id)
        assert not await store.knows("YY", "c", known.message_id)
    assert not await store.knows("XU", "c", "unknown")
