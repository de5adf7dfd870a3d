"""What came for one purpose is known by its digest, until whoever sent it lets it go."""

from __future__ import annotations

from hashlib import sha256

import pytest_twisted

from gateway.store import Store
from gateway.store.use_limits import ASKED_AT_ONCE
from protocol.convention.use_limits import Limited
from tests.lifecycle.making import TIMES
from tests.store.case_documents import REQUEST, came, goes, written
from tests.store.conftest import Opener
from tests.store.store_values import later

inline_callbacks = pytest_twisted.ensureDeferred

DELIVERY = "evidence-delivery-xu-az"
ASKING = "onward-transfer-request-az-xu"
DELIVERY_ID = "4d0b7a60-7c1d-4a1e-8f6b-0000000000d1"
RULE = "<c:OnwardTransfer>{}</c:OnwardTransfer>"


def logs(name: str = DELIVERY) -> str:
    """The digest of item-1."""
    return written(name).decode().split("<c:Sha256>")[1].split("<")[0]


def subscriber() -> str:
    """The digest of item-2."""
    return written(DELIVERY).decode().split("<c:Sha256>")[2].split("<")[0]


def rule_in(name: str) -> str:
    text = written(name).decode()
    return RULE.format(text.split("<c:OnwardTransfer>")[1].split("<")[0])


@pytest_twisted.async_fixture
async def store(open_store: Opener, url: str) -> Store:
    """A store in which AZ has asked XU for data and got two items of evidence."""
    store = await open_store(url, times=TIMES)
    await store.submit(goes("stored-data-request-az-xu", message_id="asked"))
    await store.accept(came(DELIVERY, later(10), message_id="delivery"))
    return store


async def limits(store: Store, digest: str) -> tuple[Limited, ...]:
    return tuple((await store.use_limits.of([digest])).get(digest, ()))


def limited(*allowed: str) -> tuple[Limited, ...]:
    """Under the one limit of the example, with leave for the States that are named."""
    return (Limited("XU", REQUEST, frozenset(allowed), "WITH_CONSENT"),)


def decision(outcome: str, kind: str = "OnwardTransferRequest") -> bytes:
    """The decision of XU on what AZ asked for."""
    changes = {"UseConsentRequest": kind, ">GRANTED_CONDITIONAL<": f">{outcome}<"}
    return written("decision-notice-xu-az", **changes)


@inline_callbacks
async def test_every_item_and_the_document_itself_are_limited(store: Store) -> None:
    expected = limited()
    for digest in (logs(), subscriber(), sha256(written(DELIVERY)).hexdigest()):
        assert await limits(store, digest) == expected
        assert not expected[0].allows("XV")
        assert expected[0].allows("XU")
    assert await limits(store, "0" * 64) == ()


@inline_callbacks
async def test_what_we_send_limits_the_receiver_and_not_us(store: Store) -> None:
    name = "spontaneous-information-az-xu"
    told = goes(name, later(20), written(name, None), message_id="told")
    assert told.docket is not None
    assert told.docket.use is not None
    await store.submit(told)
    assert await limits(store, sha256(written(name, None)).hexdigest()) == ()


@inline_callbacks
async def test_information_that_nobody_asked_for_is_limited_too(store: Store) -> None:
    name = "spontaneous-information-xu-az"
    await store.accept(came(name, later(20), written(name, None), message_id="told"))
    (limit,) = await limits(store, sha256(written(name, None)).hexdigest())
    assert limit.state == "XU"
    assert not limit.allows("XV")


@inline_callbacks
async def test_who_is_listed_may_have_it(open_store: Opener, url: str) -> None:
    store = await open_store(url, times=TIMES)
    listed = "".join(
        f"<c:OnwardRecipient>{one}</c:OnwardRecipient>" for one in ("XV", "XW-CA", "Interpol")
    )
    changes = {rule_in(DELIVERY): RULE.format("LISTED") + listed}
    await store.accept(came(DELIVERY, octets=written(DELIVERY, **changes)))
    assert await limits(store, logs()) == (
        Limited("XU", REQUEST, frozenset({"XV", "XW"}), "LISTED", frozenset({"XV", "XW"})),
    )


@inline_callbacks
async def test_leave_counts_for_what_was_asked_and_for_the_states_that_were_named(
    store: Store,
) -> None:
    await store.submit(goes(ASKING, later(20), message_id="wish"))
    assert await limits(store, logs()) == limited()
    granted = came("decision-notice-xu-az", later(30), decision("GRANTED"), message_id="yes")
    await store.accept(granted)
    assert await limits(store, logs()) == limited("XV")
    assert await limits(store, subscriber()) == limited()  # item-2: not asked for


@inline_callbacks
async def test_a_wish_without_items_asks_for_the_whole_delivery(store: Store) -> None:
    whole = written(ASKING, **{"<d:ItemId>item-1</d:ItemId>": ""})
    await store.submit(goes(ASKING, later(20), whole, message_id="wish"))
    await store.accept(
        came("decision-notice-xu-az", later(30), decision("GRANTED_CONDITIONAL"), message_id="yes")
    )
    for digest in (logs(), subscriber()):
        assert await limits(store, digest) == limited("XV")


@inline_callbacks
async def test_another_delivery_another_case_or_another_wish_is_none(store: Store) -> None:
    other = written(ASKING, **{DELIVERY_ID: "4d0b7a60-7c1d-4a1e-8f6b-0000000000d2"})
    await store.submit(goes(ASKING, later(20), other, message_id="other-delivery"))
    await store.accept(
        came("decision-notice-xu-az", later(30), decision("GRANTED"), message_id="yes")
    )
    assert await limits(store, logs()) == limited()
    await store.submit(goes(ASKING, later(40), message_id="wish"))
    use = came(
        "decision-notice-xu-az",
        later(50),
        decision("GRANTED", "UseConsentRequest"),
        message_id="use",
    )
    await store.accept(use)
    assert await limits(store, logs()) == limited()


@inline_callbacks
async def test_the_message_that_a_decision_names_is_decided_and_a_later_one_prevails(
    store: Store,
) -> None:
    for number, state in enumerate(("XV", "XW")):
        octets = written(ASKING, **{"<d:State>XV</d:State>": f"<d:State>{state}</d:State>"})
        await store.submit(goes(ASKING, later(20 + number), octets, message_id=f"wish-{state}"))
    first = came(
        "decision-notice-xu-az",
        later(30),
        decision("GRANTED"),
        message_id="yes",
        ref_to_message_id="wish-XV",
    )
    await store.accept(first)
    assert (await limits(store, logs()))[0].allowed == {"XV"}
    await store.accept(
        came("decision-notice-xu-az", later(40), decision("GRANTED"), message_id="yes-too")
    )
    assert (await limits(store, logs()))[0].allowed == {"XV", "XW"}
    taken_back = came(
        "decision-notice-xu-az",
        later(50),
        decision("ANSWERED"),
        message_id="no",
        ref_to_message_id="wish-XV",
    )
    await store.accept(taken_back)
    assert (await limits(store, logs()))[0].allowed == {"XW"}


def wish_for(state: str, minute: int) -> bytes:
    text = written(ASKING, **{"<d:State>XV</d:State>": f"<d:State>{state}</d:State>"}).decode()
    issued = text.split("<c:IssuedAt>")[1].split("<")[0]
    return text.replace(issued, f"2026-06-20T09:{minute:02}:00+04:00").encode()


@inline_callbacks
async def test_leave_that_may_be_for_several_wishes_opens_nothing(store: Store) -> None:
    for minute, state in enumerate(("XV", "XW")):
        asked = goes(ASKING, later(20 + minute), wish_for(state, minute), message_id=state)
        await store.submit(asked)
    unnamed = came("decision-notice-xu-az", later(30), decision("GRANTED"), message_id="for-one")
    await store.accept(unnamed)
    assert await limits(store, logs()) == limited()
    of_second = (
        "<c:Kind>OnwardTransferRequest</c:Kind><c:IssuedAt>2026-06-20T05:01:00Z</c:IssuedAt>"
    )
    text = decision("GRANTED").decode()
    named = text.replace("<c:Kind>OnwardTransferRequest</c:Kind>", of_second).encode()
    await store.accept(came("decision-notice-xu-az", later(40), named, message_id="for-second"))
    assert await limits(store, logs()) == limited("XW")
    other = named.replace(b"05:01:00Z", b"05:09:00Z")
    await store.accept(came("decision-notice-xu-az", later(50), other, message_id="for-another"))
    assert await limits(store, logs()) == limited("XW")


@inline_callbacks
async def test_a_refusal_that_may_be_of_several_wishes_is_of_all(store: Store) -> None:
    for minute, state in enumerate(("XV", "XW")):
        asked = goes(ASKING, later(20 + minute), wish_for(state, minute), message_id=state)
        await store.submit(asked)
        answer = came(
            "decision-notice-xu-az", later(30 + minute), decision("GRANTED"), message_id=f"r{state}"
        )
        await store.accept(answer)
    assert await limits(store, logs()) == limited("XV", "XW")
    taken_back = came("decision-notice-xu-az", later(50), decision("ANSWERED"), message_id="no")
    await store.accept(taken_back)
    assert await limits(store, logs()) == limited()


@inline_callbacks
async def test_the_same_octets_from_two_states_are_under_both_limits(store: Store) -> None:
    await store.accept(came(DELIVERY, later(20), message_id="delivery", partner="XV"))
    assert {one.state for one in await limits(store, logs())} == {"XU", "XV"}


@inline_callbacks
async def test_more_digests_than_one_statement_takes(store: Store) -> None:
    many = [f"{number:064x}" for number in range(2 * ASKED_AT_ONCE)]
    found = await store.use_limits.of([*many, logs()])
    assert list(found) == [logs()]


@inline_callbacks
async def test_a_document_without_a_limitation_leaves_no_row(open_store: Opener, url: str) -> None:
    store = await open_store(url, times=TIMES)
    request = came("mla-request-xu-az")
    assert request.docket is not None
    assert request.docket.use is None
    await store.accept(request)
    assert await limits(store, sha256(written("mla-request-xu-az")).hexdigest()) == ()
