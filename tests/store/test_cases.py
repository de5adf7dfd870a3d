"""Whatever happens to a message happens to its case, in one transaction or not at all."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import pytest_twisted

from gateway.store import Store
from gateway.store.case_views import CaseFile, Wanted
from gateway.store.cases import StepRefused
from gateway.store.values import Stored
from protocol.as4.errors import MISSING_RECEIPT, OTHER, Severity
from protocol.as4.exchange import Exchange, ExchangeState, PeerRefused, ReceiptHeld, step
from protocol.as4.values import EbmsError
from protocol.convention.lifecycle.case import FlagCode
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.states import State
from protocol.evidence.records import instant
from tests.lifecycle.making import TIMES
from tests.store.case_documents import REQUEST, came, goes, written
from tests.store.conftest import Opener
from tests.store.store_values import AT, kinds, later, records, submission

inline_callbacks = pytest_twisted.ensureDeferred


@pytest_twisted.async_fixture
async def store(open_store: Opener, url: str) -> Store:
    """An empty store that keeps cases."""
    return await open_store(url, times=TIMES)


async def case(store: Store, authority: str = "AZ-SSS", request_id: str = REQUEST) -> CaseFile:
    found = await store.cases.find(authority, request_id)
    assert found is not None
    return found


async def state(store: Store) -> State:
    return (await case(store)).view.case.state


async def flags(store: Store) -> list[FlagCode]:
    """Every flag in the case's history."""
    return [flag.code for step in (await case(store)).steps for flag in step.entry.flags]


async def send(store: Store, name: str, at_seconds: float = 0.0, **more) -> str:
    """The document is handed in and claimed; its MessageId."""
    handed_in = goes(name, later(at_seconds), **more)
    await store.submit(handed_in)
    await store.claim_due(later(at_seconds), 9, {"XU": 9})
    return handed_in.message_id


async def settle(store: Store, message_id: str, at_seconds: float, event=None) -> None:
    """The partner's answer: its receipt, or `event`."""
    receipt = {} if event else {"receipt_id": "r@xu", "receipt": b"<r/>", "receipt_signer": b"DER"}
    exchange = Exchange(ExchangeState.SENDING, 1)
    at = later(at_seconds)
    await store.settle(
        submission(message_id),
        step(exchange, event or ReceiptHeld(), at),
        kind="REFUSAL_RECEIVED" if event else "RECEIPT_RECEIVED",
        facts={},
        at=at,
        **receipt,
    )


def no_receipt() -> PeerRefused:
    return PeerRefused(EbmsError(MISSING_RECEIPT.code, Severity.FAILURE))


def refusal() -> PeerRefused:
    return PeerRefused(EbmsError(OTHER.code, Severity.FAILURE, detail="not here"))


def clock(found: CaseFile, kind: ClockKind):
    [one] = [one for one in found.clocks if one.clock.kind is kind]
    return one.clock


@inline_callbacks
async def test_a_request_that_comes_begins_a_case_with_its_clocks(store: Store) -> None:
    assert await store.accept(came("stored-data-request-xu-az")) == Stored("AZ-SSS")
    found = await case(store)
    assert found.view.case.state is State.DELIVERED
    assert [one.entry.after for one in found.steps] == [State.SUBMITTED, State.DELIVERED]
    assert clock(found, ClockKind.ACKNOWLEDGEMENT).starts_at == AT
    assert clock(found, ClockKind.ACKNOWLEDGEMENT).authority == "AZ-SSS"
    assert "Acknowledgement" in [one.kind for one in found.legal]
    assert (await kinds(store)) == ["RECEIVED", "RECEIPT_SENT", "CASE_STEP", "CASE_STEP"]
    facts = (await records(store))[3][1]
    assert (facts["request_id"], facts["before"], facts["after"]) == (
        REQUEST, "SUBMITTED", "DELIVERED",
    )  # fmt: skip
    (said,) = [one for one in facts["clocks"] if one["clock"] == "ACKNOWLEDGEMENT"]
    due = clock(found, ClockKind.ACKNOWLEDGEMENT).due_at
    assert due is not None
    assert (said["due_at"], said["acts"], said["running"]) == (instant(due), "REQUESTED", True)


@inline_callbacks
async def test_a_repeated_message_moves_nothing_twice(store: Store) -> None:
    first = came("stored-data-request-xu-az")
    await store.accept(first)
    await store.accept(first)
    assert len((await case(store)).steps) == 2


@inline_callbacks
async def test_cases_of_others_are_not_there(store: Store) -> None:
    await store.accept(came("stored-data-request-xu-az"))
    assert await store.cases.find("AZ-MOJ", REQUEST) is None
    assert await store.cases.of("AZ-MOJ", Wanted()) == []
    assert await store.cases.deadlines("AZ-MOJ") == []
    assert await store.cases.find("AZ-SSS", REQUEST, "XV") is None
    assert len(await store.cases.of("AZ-SSS", Wanted(only_open=True, partner="XU"))) == 1
    assert await store.cases.of("AZ-SSS", Wanted(state="CLOSED")) == []
    assert await store.cases.of("AZ-SSS", Wanted(only_flagged=True)) == []


@inline_callbacks
async def test_our_own_illegal_step_is_refused_and_leaves_nothing(store: Store) -> None:
    await store.accept(came("stored-data-request-xu-az"))
    before = await records(store)
    handed_in = goes("execution-report-az-xu", idempotency_key="k")
    with pytest.raises(StepRefused) as refused:
        await store.submit(handed_in)
    assert refused.value.step.state is State.DELIVERED
    assert {"Acknowledgement", "ReturnNotice"} <= {one.kind for one in refused.value.step.legal}
    assert await store.message_for("AZ-SSS", handed_in.message_id) is None
    assert await records(store) == before
    await store.submit(goes("acknowledgement-az-to-xu", idempotency_key="k"))  # the key is free
    assert await state(store) is State.REGISTERED


@inline_callbacks
async def test_nobody_of_ours_writes_in_a_case_of_another_authority(store: Store) -> None:
    await store.accept(came("stored-data-request-xu-az"))
    octets = written("acknowledgement-az-to-xu").replace(b'"AZ-SSS"', b'"AZ-MOJ"')
    with pytest.raises(StepRefused) as refused:
        await store.submit(goes("", octets=octets))
    unknown = octets.replace(REQUEST.encode(), REQUEST[:-1].encode() + b"f")
    with pytest.raises(StepRefused) as nobodys:
        await store.submit(goes("", octets=unknown))
    assert refused.value.step == nobodys.value.step  # what is another's cannot be told from nothing


@inline_callbacks
async def test_a_partners_irregular_document_is_taken_and_flagged(store: Store) -> None:
    await store.accept(came("stored-data-request-xu-az"))
    report = came("additional-information-xu-az", later(60))
    assert await store.accept(report) == Stored("AZ-SSS")
    assert await state(store) is State.DELIVERED
    assert await flags(store) == [FlagCode.OUT_OF_TURN]
    [one] = await store.cases.of("AZ-SSS", Wanted(only_flagged=True))
    assert one.flagged == 1
    [lease, *_] = await store.lease("AZ-SSS", later(60), 60, 9)
    assert lease.message_id  # it is in the queue as any other


@inline_callbacks
async def test_a_document_without_a_case_is_flagged_in_one_of_its_own(store: Store) -> None:
    await store.accept(came("additional-information-xu-az"))
    assert await state(store) is State.UNFILED
    assert await flags(store) == [FlagCode.NO_SUCH_CASE]


@inline_callbacks
async def test_a_partner_takes_no_step_of_ours(store: Store) -> None:
    message_id = await send(store, "stored-data-request-az-xu")
    await settle(store, message_id, 5)
    turned = written("withdrawal-xu-az")  # in our case: XU would be the one that asked
    await store.accept(came("", later(9), octets=turned))
    assert await state(store) is State.DELIVERED
    assert await flags(store) == [FlagCode.WRONG_PARTY]


@inline_callbacks
async def test_the_receipt_starts_the_clocks(store: Store) -> None:
    message_id = await send(store, "stored-data-request-az-xu")
    assert await state(store) is State.SUBMITTED
    await settle(store, message_id, 90)
    found = await case(store)
    assert found.view.case.state is State.DELIVERED
    assert clock(found, ClockKind.ACKNOWLEDGEMENT).starts_at == later(90)
    assert [one.clock.kind for one in found.clocks if one.own] == []


@inline_callbacks
async def test_a_request_that_the_partner_refuses_is_returned(store: Store) -> None:
    message_id = await send(store, "stored-data-request-az-xu")
    await settle(store, message_id, 5, refusal())
    found = await case(store)
    assert found.view.case.state is State.RETURNED
    assert found.clocks == ()


@inline_callbacks
async def test_a_request_without_a_receipt_waits_for_a_person(store: Store) -> None:
    message_id = await send(store, "stored-data-request-az-xu")
    await settle(store, message_id, 5, no_receipt())
    assert await state(store) is State.SUBMITTED
    assert await flags(store) == [FlagCode.UNDELIVERED]
    await settle(store, message_id, 60)  # the receipt comes after all
    assert await state(store) is State.DELIVERED


@inline_callbacks
async def test_an_answer_that_never_arrived_did_not_happen(store: Store) -> None:
    await store.accept(came("stored-data-request-xu-az"))
    message_id = await send(store, "acknowledgement-az-to-xu", 60)
    assert await state(store) is State.REGISTERED
    await settle(store, message_id, 90, no_receipt())
    assert await state(store) is State.DELIVERED
    assert await flags(store) == [FlagCode.UNDELIVERED]
    await settle(store, message_id, 120)
    assert await state(store) is State.REGISTERED


@inline_callbacks
async def test_an_answer_may_come_before_the_receipt(store: Store) -> None:
    message_id = await send(store, "stored-data-request-az-xu")
    octets = written("acknowledgement-xu-to-az").replace(b'"XU-POC247"', b'"XU-CA"')
    await store.accept(came("", later(1), octets=octets))
    assert await state(store) is State.REGISTERED
    await settle(store, message_id, 2)
    assert await state(store) is State.REGISTERED
    assert await flags(store) == []


@inline_callbacks
async def test_a_request_for_the_data_holds_their_preservation(store: Store) -> None:
    kept = "7e0c1f4a-2b61-4c0e-9d3a-000000000001"
    await store.accept(came("", octets=written("preservation-request-xu-az", None)))
    for name in ("acknowledgement-az-to-xu", "preservation-confirmation-az-xu"):
        await store.submit(goes("", octets=written(name, kept)))
    found = await case(store, request_id=kept)
    assert found.view.case.state is State.PR_IN_FORCE
    expiry = clock(found, ClockKind.PRESERVATION_EXPIRY)
    assert expiry.set_by_document
    await store.accept(came("stored-data-request-xu-az", later(60)))
    found = await case(store, request_id=kept)
    assert found.view.case.state is State.PR_HELD
    assert clock(found, ClockKind.PRESERVATION_EXPIRY).paused_at == later(60)
    assert [(one.request_id, one.is_earlier) for one in found.links] == [(REQUEST, False)]
    assert [(one.request_id, one.is_earlier) for one in (await case(store)).links] == [(kept, True)]


@inline_callbacks
async def test_a_rule_that_refuses_nothing_on_arrival_is_shown(store: Store) -> None:
    await send(store, "preservation-request-az-xu")
    octets = written("acknowledgement-xu-to-az")
    await store.accept(came("", later(1), octets=octets))
    short = re.sub(
        rb"(<d:Until>)[^<]*", rb"\g<1>2026-03-20", written("preservation-confirmation-xu-az")
    )
    await store.accept(came("", later(2), octets=short))
    assert FlagCode.RULE in await flags(store)


@inline_callbacks
async def test_cases_outlive_a_restart(open_store: Opener, url: str) -> None:
    store = await open_store(url, times=TIMES)
    await store.accept(came("stored-data-request-xu-az"))
    before = await case(store)
    await store.close()
    again = await open_store(url, times=TIMES)
    assert await case(again) == before
    await again.submit(goes("acknowledgement-az-to-xu", AT + timedelta(hours=1)))
    assert await state(again) is State.REGISTERED
