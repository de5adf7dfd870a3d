"""Good input: what is stored, in which order it is handed off, and that repeats change nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from gateway.app import Gateway, utc_now
from gateway.audit import verify_running
from gateway.store.case_views import Wanted
from protocol.as4.values import Property
from protocol.convention.lifecycle.states import State
from tests.convention.second_version import in_second, living
from tests.gateway.ground import Partner, example_document, renamed
from tests.gateway.test_refusals import code_of, kept

FOR_SSS = (Property("originalSender", "XU-POC247"), Property("finalRecipient", "AZ-SSS"))


@pytest_twisted.ensureDeferred
async def test_the_more_urgent_request_is_handed_off_first(az: Gateway, xu: Partner) -> None:
    routine = xu.craft(
        [("application/xml", example_document("MlaRequest", "XU"))], action="MlaRequest"
    )
    urgent = xu.preservation()
    for crafted in (routine, urgent):
        assert code_of(await xu.send(crafted)) == "receipt"
    leased = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert [one.message_id for one in leased] == [urgent.unit.message_id, routine.unit.message_id]


@pytest_twisted.ensureDeferred
async def test_a_document_of_a_second_version_moves_a_case_like_one_of_the_first(
    az: Gateway, xu: Partner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = renamed(example_document("PreservationRequest", "XU"))
    refused = await xu.send(xu.craft([("application/xml", in_second(document))]))
    assert code_of(refused) == "EBMS:0004"
    assert b"no version of the documents with the namespace urn:uncc:doc:2" in refused.body
    with living(tmp_path / "second", monkeypatch):
        crafted = xu.craft([("application/xml", in_second(document, added=True))])
        assert code_of(await xu.send(crafted)) == "receipt"
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert leased.message_id == crafted.unit.message_id
    (view,) = await az.store.cases.of("AZ-SSS", Wanted())
    assert (view.case.kind, view.case.state) == ("PreservationRequest", State.PR_REQUESTED)
    assert view.case.urgency == "URGENT"


@pytest_twisted.ensureDeferred
async def test_a_contact_check_needs_no_document(az: Gateway, xu: Partner) -> None:
    crafted = xu.craft(
        [], action="ContactCheck", change=lambda unit: replace(unit, properties=FOR_SSS)
    )
    assert code_of(await xu.send(crafted)) == "receipt"
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert leased.message_id == crafted.unit.message_id


@pytest_twisted.ensureDeferred
async def test_fifty_copies_at_once_are_one_message_with_one_receipt(
    az: Gateway, xu: Partner
) -> None:
    crafted = xu.preservation()
    before = await kept(az)
    answers = await gatherResults(
        [Deferred.fromCoroutine(xu.send(crafted)) for _ in range(50)], consumeErrors=True
    )
    assert len({answer.body for answer in answers}) == 1
    assert code_of(answers[0]) == "receipt"
    after = await kept(az)
    assert after.rows["message"] == before.rows["message"] + 1
    assert after.rows["queue_entry"] == before.rows["queue_entry"] + 1
    case = ["CASE_STEP", "CASE_STEP"]  # it began, and it is here
    assert after.evidence == [*before.evidence, "RECEIVED", "RECEIPT_SENT", *case]
    assert after.files == before.files


@pytest_twisted.ensureDeferred
async def test_an_empty_attachment_and_a_plain_one_arrive(az: Gateway, xu: Partner) -> None:
    document = example_document("PreservationRequest", "XU")
    parts = [("application/xml", document), ("image/png", b""), ("text/plain", b"a\nb\n")]
    for compress in (True, False):
        crafted = xu.craft(parts, compress=compress)
        assert code_of(await xu.send(crafted)) == "receipt"
        view = await az.store.message_for("AZ-SSS", crafted.unit.message_id)
        assert view is not None
        assert [part.blob.size_bytes for part in view.parts] == [len(document), 0, 4]


@pytest_twisted.ensureDeferred
async def test_the_first_and_the_last_moment_of_the_window(az: Gateway, xu: Partner) -> None:
    window = az._node.pmodes[0].window
    now = utc_now()
    for seconds, code in (
        (-window.past_seconds + 30, "receipt"),
        (-window.past_seconds - 30, "EBMS:0003"),
        (window.future_seconds - 30, "receipt"),
        (window.future_seconds + 30, "EBMS:0003"),
    ):
        at = now + timedelta(seconds=seconds)
        crafted = xu.preservation(change=lambda unit, at=at: replace(unit, timestamp=at))
        assert code_of(await xu.send(crafted)) == code, seconds


@pytest_twisted.ensureDeferred
async def test_the_audit_follows_every_step_of_a_queue(az: Gateway, xu: Partner) -> None:
    """Leased, released, overdue, parked, let go again, rejected; and what was taken over."""
    store = az.store
    assert store is not None

    async def findings() -> list[object]:
        steps = await az._workers.run(
            lambda: list(verify_running(store, az._node, az._spool, utc_now))
        )
        return [step for step in steps if step["event"] == "finding"]

    crafted = xu.preservation()
    assert code_of(await xu.send(crafted)) == "receipt"
    now = utc_now()
    (lease,) = await store.lease("AZ-SSS", now, 60.0, 1)
    assert await findings() == []
    assert await store.release("AZ-SSS", lease.lease_id, now)
    assert await findings() == []
    while await store.lease("AZ-SSS", now, 60.0, 1):
        now += timedelta(seconds=61)  # nobody acknowledges, until it is parked
    assert await findings() == []
    assert await store.unpark("AZ-SSS", crafted.unit.message_id, now) == 1
    assert await findings() == []
    (lease,) = await store.lease("AZ-SSS", now, 60.0, 1)
    assert await store.reject("AZ-SSS", lease.lease_id, "not ours", now)
    assert code_of(await xu.send(xu.preservation())) == "receipt"
    (lease,) = await store.lease("AZ-SSS", now, 60.0, 1)
    assert await store.ack("AZ-SSS", lease.lease_id, now)
    assert await findings() == []
