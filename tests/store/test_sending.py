"""A submission becomes one message, every attempt sends the same bytes, and the end is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from gateway.store import Store
from gateway.store.faults import OutOfStep
from gateway.store.values import MESSAGE_FRAGMENT, Dispatch, IdempotencyConflict, Submitted
from protocol.as4.errors import MISSING_RECEIPT, Severity
from protocol.as4.exchange import (
    ExchangeState,
    OutOfTurn,
    PeerHasItAlready,
    PeerRefused,
    ReceiptHeld,
    TransportFailed,
    step,
)
from protocol.as4.values import EbmsError
from tests.store.conftest import Opener
from tests.store.store_values import AT, kinds, later, records, sealed, submission

inline_callbacks = pytest_twisted.ensureDeferred
FOUR = {"XU": 4}


async def claim_one(store: Store, at_seconds: float = 0.0) -> Dispatch:
    [dispatch] = await store.claim_due(later(at_seconds), 1, FOUR)
    return dispatch


async def acknowledge(store: Store, dispatch: Dispatch, at_seconds: float = 1.0):
    after = step(dispatch.exchange, ReceiptHeld(), later(at_seconds))
    return await store.settle(
        dispatch.submission,
        after,
        kind="RECEIPT_RECEIVED",
        facts={"http_status": 200},
        at=later(at_seconds),
        receipt_id="r1@xu",
        receipt=b"<receipt/>",
        receipt_signer=b"DER of the partner",
    )


async def fail(store: Store, dispatch: Dispatch, at_seconds: float = 1.0):
    after = step(dispatch.exchange, PeerHasItAlready(), later(at_seconds))
    return await store.settle(
        dispatch.submission,
        after,
        kind="REFUSAL_RECEIVED",
        facts={"code": "EBMS:4001"},
        at=later(at_seconds),
    )


@inline_callbacks
async def test_a_submission_is_durable_and_due(store: Store) -> None:
    handed_in = submission()
    assert await store.submit(handed_in) == Submitted(handed_in.message_id, "c1@az", "READY")
    assert await store.next_due(later(-1)) == AT
    dispatch = await claim_one(store)
    assert dispatch.submission == handed_in
    assert dispatch.sealed is None
    assert (dispatch.exchange.state, dispatch.exchange.attempts) == (ExchangeState.SENDING, 1)
    assert await store.claim_due(AT, 10, FOUR) == []
    assert await store.next_due(AT) is None
    [(kind, facts)] = await records(store)
    assert kind == "SUBMITTED"
    assert facts["parts"][0]["sha256"] == sha256(b"content").hexdigest()


@inline_callbacks
async def test_a_request_does_not_wait_behind_fragments(store: Store) -> None:
    pieces = [submission(kind=MESSAGE_FRAGMENT) for _ in range(3)]
    small = submission()
    for number, handed_in in enumerate((*pieces, small)):
        await store.submit(replace(handed_in, submitted_at=later(number)))
    claimed = await claim_one(store, 10.0)
    assert claimed.submission.message_id == small.message_id


@inline_callbacks
async def test_an_idempotency_key_gives_the_first_message_again(store: Store) -> None:
    first = submission(idempotency_key="key")
    await store.submit(first)
    again = submission(idempotency_key="key")
    assert await store.submit(again) == Submitted(first.message_id, "c1@az", "READY", repeated=True)
    other = replace(again, content_digest=bytes(32))
    assert await store.submit(other) == IdempotencyConflict()
    another_authority = replace(again, authority="AZ-MOJ")
    assert (await store.submit(another_authority)).message_id == again.message_id
    await claim_one(store)
    assert (await store.submit(submission(idempotency_key="key"))).state == "SENDING"
    assert await kinds(store) == ["SUBMITTED", "SUBMITTED"]


@inline_callbacks
async def test_one_key_at_once_is_one_message(store: Store) -> None:
    waiting = [
        Deferred.fromCoroutine(store.submit(submission(idempotency_key="key"))) for _ in range(20)
    ]
    answers = await gatherResults(waiting, consumeErrors=True)
    assert len({answer.message_id for answer in answers}) == 1
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 19
    assert await kinds(store) == ["SUBMITTED"]


@inline_callbacks
async def test_every_attempt_sends_the_same_bytes(store: Store) -> None:
    await store.submit(submission())
    dispatch = await claim_one(store)
    message_id = dispatch.submission.message_id
    await store.keep_sealed(message_id, sealed())
    await store.keep_sealed(message_id, sealed())  # the same again changes nothing
    with pytest.raises(OutOfStep, match="other bytes"):
        await store.keep_sealed(message_id, sealed(b"other"))
    with pytest.raises(OutOfStep, match="no message"):
        await store.keep_sealed("unknown@az", sealed())
    after = step(dispatch.exchange, TransportFailed("no answer"), AT)
    await store.settle(
        dispatch.submission, after, kind="ATTEMPT_FAILED", facts={"reason": "no answer"}, at=AT
    )
    assert after.next_attempt_at is not None
    assert await store.next_due(AT) == after.next_attempt_at
    assert await store.claim_due(after.next_attempt_at - timedelta(microseconds=1), 1, FOUR) == []
    [again] = await store.claim_due(after.next_attempt_at, 1, FOUR)
    assert again.sealed == replace(sealed(), signer_certificate=b"")
    assert again.sealed is not None
    assert again.sealed.references[0].octets == b"<ds:Reference/>"
    assert again.exchange.attempts == 2
    found = await records(store)
    assert [kind for kind, _ in found] == ["SUBMITTED", "SENT", "ATTEMPT_FAILED"]
    assert found[1][1]["envelope_sha256"] == sha256(sealed().soap).hexdigest()
    assert found[2][1]["state"] == "WAITING_FOR_RETRY"


@inline_callbacks
async def test_a_receipt_ends_it(store: Store) -> None:
    await store.submit(submission())
    dispatch = await claim_one(store)
    message_id = dispatch.submission.message_id
    await store.keep_sealed(message_id, sealed())
    assert (await acknowledge(store, dispatch)).state is ExchangeState.ACKNOWLEDGED
    view = await store.message_for("AZ-SSS", message_id)
    assert view is not None
    assert (view.state, view.receipt_id, view.receipt_at) == ("ACKNOWLEDGED", "r1@xu", later(1))
    kind, facts = (await records(store))[-1]
    assert kind == "RECEIPT_RECEIVED"
    assert facts["receipt_sha256"] == sha256(b"<receipt/>").hexdigest()
    assert facts["signer_sha256"] == sha256(b"DER of the partner").hexdigest()
    assert await store.lease("AZ-SSS", AT, 30, 10) == []  # no notice: nothing went wrong
    [blob] = await store.forget_wire(message_id)
    assert blob.inline == b"wire"
    assert await store.forget_wire(message_id) == ()
    assert await store.find_sealed(message_id) is not None


@inline_callbacks
async def test_a_failure_is_told_to_the_submitter_and_to_nobody_else(store: Store) -> None:
    await store.submit(submission())
    dispatch = await claim_one(store)
    await store.keep_sealed(dispatch.submission.message_id, sealed())
    error = EbmsError("EBMS:0004", Severity.FAILURE, "Other", "no such authority")
    after = step(dispatch.exchange, PeerRefused(error), AT)
    news = store.on_queue("AZ-SSS")
    await store.settle(
        dispatch.submission, after, kind="REFUSAL_RECEIVED", facts={"code": "EBMS:0004"}, at=AT
    )
    assert news.called
    assert await store.lease("AZ-MOJ", AT, 30, 10) == []
    [notice] = await store.lease("AZ-SSS", AT, 30, 10)
    assert (notice.notice, notice.direction) == ("FAILED", "out")
    view = await store.message_for("AZ-SSS", notice.message_id, notice.partner, notice.direction)
    assert view is not None
    assert (view.state, view.error_code) == ("FAILED", "EBMS:0004")
    assert await store.ack("AZ-SSS", notice.lease_id, AT)
    assert (await kinds(store))[-4:] == ["REFUSAL_RECEIVED", "FAILED", "HANDED_OFF", "ACKNOWLEDGED"]


@inline_callbacks
async def test_a_receipt_after_the_failure_still_counts_and_is_told(store: Store) -> None:
    await store.submit(submission())
    dispatch = await claim_one(store)
    await store.keep_sealed(dispatch.submission.message_id, sealed())
    failed = await fail(store, dispatch)
    assert (failed.state, failed.error_code) == (ExchangeState.FAILED, MISSING_RECEIPT.code)
    late = await acknowledge(store, dispatch, 60)
    assert (late.state, late.late) == (ExchangeState.ACKNOWLEDGED, True)
    assert await acknowledge(store, dispatch, 61) == late
    notices = await store.lease("AZ-SSS", AT, 30, 10)
    assert [notice.notice for notice in notices] == ["FAILED", "ACKNOWLEDGED_LATE"]


@inline_callbacks
async def test_an_outcome_of_an_attempt_that_is_no_longer_ours_changes_nothing(
    store: Store,
) -> None:
    await store.submit(submission())
    first = await claim_one(store)
    await store.keep_sealed(first.submission.message_id, sealed())
    assert await store.recover_interrupted(later(1)) == [first.submission.message_id]
    second = await claim_one(store, 2)
    assert second.exchange.attempts == 2
    settled = await fail(store, first, 3)
    assert (settled.state, settled.attempts) == (ExchangeState.SENDING, 2)
    assert (await kinds(store))[-1] == "REFUSAL_RECEIVED"
    settled = await acknowledge(store, first, 4)  # but a receipt is a receipt
    assert settled.state is ExchangeState.ACKNOWLEDGED
    assert (await fail(store, second, 5)).state is ExchangeState.ACKNOWLEDGED


@inline_callbacks
async def test_what_was_under_way_when_the_gateway_died_is_sent_again(
    open_store: Opener, url: str
) -> None:
    store = await open_store(url)
    await store.submit(submission())
    dispatch = await claim_one(store)
    await store.keep_sealed(dispatch.submission.message_id, sealed())
    await store.close()
    again = await open_store(url)
    assert await again.claim_due(later(5), 10, FOUR) == []
    assert await again.recover_interrupted(later(5)) == [dispatch.submission.message_id]
    assert await again.recover_interrupted(later(5)) == []
    repeated = await claim_one(again, 5)
    assert repeated.sealed is not None
    assert repeated.sealed.soap == sealed().soap
    assert repeated.exchange.attempts == 2
    assert (await records(again))[-1][1]["reason"].startswith("the gateway stopped")


@inline_callbacks
async def test_another_nodes_attempts_are_left_alone(open_store: Opener, url: str) -> None:
    store = await open_store(url)
    await store.submit(submission())
    await claim_one(store)
    await store.close()
    other = await open_store(url, node="two")
    assert await other.recover_interrupted(later(5)) == []


@inline_callbacks
async def test_no_partner_gets_more_than_was_agreed_at_once(store: Store) -> None:
    for n in range(6):
        await store.submit(submission(submitted_at=later(n)))
        await store.submit(submission(partner="YY", submitted_at=later(n)))
    await store.submit(submission(partner="ZZ"))
    limits = {"XU": 2, "YY": 3}
    claimed = await store.claim_due(later(100), 32, limits)
    partners = [dispatch.submission.partner for dispatch in claimed]
    assert sorted(partners) == ["XU", "XU", "YY", "YY", "YY"]
    assert [d.submission.submitted_at for d in claimed if d.submission.partner == "YY"] == [
        later(0),
        later(1),
        later(2),
    ]
    assert await store.claim_due(later(100), 32, limits) == []
    await acknowledge(store, claimed[partners.index("XU")])
    [more] = await store.claim_due(later(100), 32, limits)
    assert more.submission.partner == "XU"
    assert len(await store.claim_due(later(100), 1, {"XU": 9, "YY": 9, "ZZ": 9})) == 1


@inline_callbacks
async def test_claims_at_once_take_each_message_once(store: Store) -> None:
    for _ in range(20):
        await store.submit(submission())
    waiting = [Deferred.fromCoroutine(store.claim_due(AT, 5, {"XU": 12})) for _ in range(8)]
    claimed = [dispatch for some in await gatherResults(waiting) for dispatch in some]
    message_ids = [dispatch.submission.message_id for dispatch in claimed]
    assert len(message_ids) == len(set(message_ids)) == 12


@inline_callbacks
async def test_an_operator_holds_a_message_back_and_lets_it_go(store: Store) -> None:
    handed_in = submission()
    await store.submit(handed_in)
    assert (await store.suspend(handed_in.message_id, AT)).state is ExchangeState.SUSPENDED
    assert await store.claim_due(later(5), 10, FOUR) == []
    assert (await store.resume(handed_in.message_id, later(6))).state is ExchangeState.READY
    dispatch = await claim_one(store, 7)
    with pytest.raises(OutOfTurn):
        await store.suspend(dispatch.submission.message_id, AT)
    assert await kinds(store) == ["SUBMITTED", "SUSPENDED", "RESUMED"]
