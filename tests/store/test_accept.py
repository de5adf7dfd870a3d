"""A message is stored once, whole, with its receipt and its evidence; or nothing of it is there."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from gateway.store import Store
from gateway.store.values import Conflict, DuplicateOf, Stored
from tests.store.store_values import AT, arrival, kinds, later, records, reference, stored_part

inline_callbacks = pytest_twisted.ensureDeferred


@inline_callbacks
async def test_what_was_accepted_is_found(store: Store) -> None:
    came = arrival()
    assert await store.accept(came) == Stored("AZ-SSS")
    known = await store.find_received("XU", came.message_id)
    assert known is not None
    assert known.receipt == came.receipt
    assert set(known.references) == set(came.references)
    view = await store.message_for("AZ-SSS", came.message_id)
    assert view is not None
    assert view.parts == came.parts
    assert (view.direction, view.state, view.at) == ("in", "QUEUED", AT)
    assert view.routing == came.routing
    assert await store.find_received("XU", "unknown") is None
    assert await store.find_received("YY", came.message_id) is None


@inline_callbacks
async def test_the_evidence_can_be_checked_without_the_store(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    [(first, received), (second, receipt)] = await records(store)
    assert (first, second) == ("RECEIVED", "RECEIPT_SENT")
    assert received["envelope_sha256"] == sha256(came.envelope).hexdigest()
    assert received["signer_sha256"] == sha256(came.signer_certificate).hexdigest()
    assert received["tls_sha256"] == came.tls_fingerprint
    assert [r["digest"] for r in received["references"]] == [
        r.digest.hex() for r in came.references
    ]
    assert received["parts"][0]["sha256"] == sha256(b"content").hexdigest()
    assert receipt["receipt_sha256"] == sha256(came.receipt).hexdigest()


@inline_callbacks
async def test_a_repetition_gets_the_stored_receipt(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    again = replace(
        came,
        receipt=b"another receipt",
        envelope=b"encrypted again",
        references=tuple(reversed(came.references)),
    )
    assert await store.accept(again) == DuplicateOf(came.receipt)
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"]


@inline_callbacks
async def test_other_content_under_the_same_id_is_a_conflict(store: Store) -> None:
    came = arrival()
    await store.accept(came)
    one, two = came.references
    for references in (
        (one,),
        (one, replace(two, digest=bytes(32))),
        (one, replace(two, digest_algorithm="sha512")),
        (one, two, reference("cid:more")),
    ):
        assert await store.accept(replace(came, references=references)) == Conflict()
    known = await store.find_received("XU", came.message_id)
    assert known is not None
    assert known.receipt == came.receipt
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"]


@inline_callbacks
async def test_two_partners_may_use_one_id(store: Store) -> None:
    came = arrival()
    other = arrival(came.message_id, partner="YY", envelope=b"of another partner")
    assert await store.accept(came) == Stored("AZ-SSS")
    assert await store.accept(other) == Stored("AZ-SSS")
    first = await store.message_for("AZ-SSS", came.message_id)
    second = await store.message_for("AZ-SSS", came.message_id, "YY", "in")
    assert first is not None
    assert second is not None
    assert (first.partner, second.partner) == ("XU", "YY")


@inline_callbacks
async def test_fifty_at_once_are_one(store: Store) -> None:
    came = arrival()
    copies = [replace(came, receipt=f"<receipt {n}/>".encode()) for n in range(50)]
    outcomes = await gatherResults(
        [Deferred.fromCoroutine(store.accept(copy)) for copy in copies], consumeErrors=True
    )
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    receipts = {outcome.receipt for outcome in outcomes if isinstance(outcome, DuplicateOf)}
    assert len(stored) == 1
    assert len(outcomes) == 50
    known = await store.find_received("XU", came.message_id)
    assert known is not None
    assert receipts == {known.receipt}
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"]
    assert await store.depths() == {("AZ-SSS", "QUEUED"): 1}


@inline_callbacks
async def test_fifty_different_ones_at_once_are_fifty(store: Store) -> None:
    outcomes = await gatherResults(
        [Deferred.fromCoroutine(store.accept(arrival())) for _ in range(50)], consumeErrors=True
    )
    assert outcomes == [Stored("AZ-SSS")] * 50
    assert len(await kinds(store)) == 100
    assert await store.depths() == {("AZ-SSS", "QUEUED"): 50}


@inline_callbacks
async def test_another_violated_constraint_is_a_failure_and_leaves_nothing(store: Store) -> None:
    came = arrival(parts=(stored_part(0), stored_part(0)))  # two parts at one position
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.accept(came)
    assert await store.find_received("XU", came.message_id) is None
    assert await kinds(store) == []
    assert await store.depths() == {}
    assert await store.accept(replace(came, parts=(stored_part(0),))) == Stored("AZ-SSS")


@inline_callbacks
async def test_a_failure_takes_only_itself_along(store: Store) -> None:
    good = [arrival() for _ in range(10)]
    bad = [arrival(parts=(stored_part(1), stored_part(1))) for _ in range(10)]
    asked = [came for pair in zip(good, bad, strict=True) for came in pair]
    waiting = [Deferred.fromCoroutine(store.accept(came)) for came in asked]
    outcomes = []
    for deferred in waiting:
        try:
            outcomes.append(await deferred)
        except Exception as e:  # noqa: BLE001 - the test looks at what it was
            outcomes.append(type(e).__name__)
    assert outcomes == [Stored("AZ-SSS"), "IntegrityError"] * 10
    assert await kinds(store) == ["RECEIVED", "RECEIPT_SENT"] * 10


@inline_callbacks
async def test_facts_without_a_form_in_evidence_store_nothing(store: Store) -> None:
    came = arrival(request_id="\ud800")
    with pytest.raises(ValueError):  # noqa: PT011 - the encoders have their own words
        await store.accept(came)
    assert await store.find_received("XU", came.message_id) is None
    assert await kinds(store) == []


@inline_callbacks
async def test_a_refusal_is_recorded(store: Store) -> None:
    await store.record("REFUSED", {"gate": "G7", "reason": "the digest does not match"}, AT)
    assert await records(store) == [
        ("REFUSED", {"gate": "G7", "reason": "the digest does not match"})
    ]
    with pytest.raises(ValueError, match="INVENTED"):
        await store.record("INVENTED", {}, AT)


@inline_callbacks
async def test_the_store_says_whether_it_can_be_written(store: Store) -> None:
    await store.check_writable()


@inline_callbacks
async def test_the_newest_messages_are_told_the_oldest_first(store: Store, url: str) -> None:
    for number in range(3):
        await store.accept(arrival(message_id=f"m{number}", received_at=later(number)))
    newest = await store.received_lately(2)
    if url.startswith("sqlite"):
        assert newest == [("XU", "m1", later(1)), ("XU", "m2", later(2))]
    else:
        assert newest is None  # other nodes may receive into it
