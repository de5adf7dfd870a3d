"""Cases and deadlines for the authority that asks, and for nobody else."""

from __future__ import annotations

import pytest_twisted

from schemas.catalogue import example
from tests.local.casework import (
    PRESERVATION,
    REQUEST,
    acknowledgement,
    forward,
    hand_in,
    post,
    request_came,
    written,
)
from tests.local.conftest import XML, Served, form

inline_callbacks = pytest_twisted.ensureDeferred


async def registered(served: Served) -> None:
    await request_came(served, written("mla-request-xu-az.xml"), "mla@xu")
    assert (await hand_in(served, acknowledgement())).status == 202


async def queue_of(served: Served, authority: str) -> list:
    reply = await served.ask("POST", "/v1/inbox/lease?limit=10", authority=authority)
    return reply.json["leases"]


@inline_callbacks
async def test_a_case_says_where_it_stands_and_what_may_be_sent(served: Served) -> None:
    await registered(served)
    (one,) = (await served.ask("GET", "/v1/cases")).json["cases"]
    assert (one["requestId"], one["state"], one["flagged"]) == (REQUEST, "REGISTERED", 0)
    file = (await served.ask("GET", f"/v1/cases/{REQUEST}")).json
    assert [step["after"] for step in file["steps"]] == ["SUBMITTED", "DELIVERED", "REGISTERED"]
    assert {"ProgressReport", "ReferralNotice"} <= {legal["kind"] for legal in file["legal"]}
    clocks = {clock["clock"]: clock for clock in file["deadlines"]}
    assert "REVIEW" in clocks
    assert clocks["REVIEW"]["own"] is True


@inline_callbacks
async def test_the_cases_of_others_are_not_there(served: Served) -> None:
    await registered(served)
    assert (await served.ask("GET", "/v1/cases", authority="AZ-MOJ")).json == {"cases": []}
    listed = await served.ask("GET", "/v1/deadlines", authority="AZ-MOJ")
    assert listed.json == {"deadlines": []}
    path = f"/v1/cases/{REQUEST}"
    assert (await served.ask("GET", path, authority="AZ-MOJ")).status == 404
    settled = await post(served, f"{path}/steps/1/settle", {"accept": True}, "AZ-MOJ")
    assert settled.status == 404
    (number, *_) = [
        one["number"] for one in (await served.ask("GET", "/v1/deadlines")).json["deadlines"]
    ]
    theirs = await served.ask("POST", f"/v1/deadlines/{number}/answer", authority="AZ-MOJ")
    assert theirs.status == 404


@inline_callbacks
async def test_what_is_flagged_waits_for_a_person(served: Served) -> None:
    await request_came(served, written("mla-request-xu-az.xml"), "mla@xu")
    closed = written("closure-notice-xu-az.xml", StoredDataRequest="MlaRequest")
    await served.arrive("closure@xu", written=closed)
    (one,) = (await served.ask("GET", "/v1/cases?flagged=true")).json["cases"]
    assert (one["flagged"], one["state"]) == (1, "DELIVERED")
    path = f"/v1/cases/{REQUEST}"
    step = (await served.ask("GET", path)).json["steps"][-1]
    assert [flag["code"] for flag in step["flags"]] == ["OUT_OF_TURN"]
    settle = f"{path}/steps/{step['number']}/settle"
    for _ in range(2):  # said again, it is still true
        assert (await post(served, settle, {"accept": False})).status == 204
    assert (await served.ask("GET", "/v1/cases?flagged=true")).json == {"cases": []}
    after = (await served.ask("GET", path)).json
    assert (after["state"], after["steps"][-1]["settledBy"]) == ("DELIVERED", "AZ-SSS")


@inline_callbacks
async def test_what_a_flagged_document_claims_can_be_accepted(served: Served) -> None:
    await request_came(served, written("mla-request-xu-az.xml"), "mla@xu")
    closed = written("closure-notice-xu-az.xml", StoredDataRequest="MlaRequest")
    await served.arrive("closure@xu", written=closed)
    path = f"/v1/cases/{REQUEST}"
    step = (await served.ask("GET", path)).json["steps"][-1]
    assert step["asserts"] == "CLOSED"
    await post(served, f"{path}/steps/{step['number']}/settle", {"accept": True})
    after = (await served.ask("GET", path)).json
    assert (after["state"], after["ended"], after["legal"]) == ("CLOSED", True, after["legal"])


@inline_callbacks
async def test_a_request_is_forwarded_once_and_the_other_state_is_told(served: Served) -> None:
    await registered(served)
    done = await forward(served)
    assert (done.status, done.json["again"]) == (200, False)
    notice = (await served.ask("GET", f"/v1/messages/{done.json['notice']}")).json
    assert (notice["kind"], notice["receivingAuthority"]) == ("ReferralNotice", "XU-CA")
    again = await forward(served)
    assert (again.status, again.json["again"], again.json["notice"]) == (
        200,
        True,
        done.json["notice"],
    )
    (lease,) = await queue_of(served, "AZ-MOJ")
    assert (lease["notice"], lease["message"]["messageId"]) == ("FORWARDED", "mla@xu")
    assert lease["about"]["by"] == "AZ-SSS"
    document = await served.ask("GET", "/v1/messages/mla@xu/document", authority="AZ-MOJ")
    assert document.body == written("mla-request-xu-az.xml")
    mine = (await served.ask("GET", f"/v1/cases/{REQUEST}", authority="AZ-MOJ")).json
    assert mine["state"] == "REFERRED"
    assert await served.store.open_alerts() == []


@inline_callbacks
async def test_who_may_not_forward_is_told_so_and_nothing_happens(served: Served) -> None:
    octets = written("preservation-request-xu-az.xml", PRESERVATION)
    await request_came(served, octets, "preservation@xu")
    refused = await forward(served, PRESERVATION)
    assert refused.problem == "not-competent"
    assert await queue_of(served, "AZ-MOJ") == []
    early = await served.ask("GET", f"/v1/cases/{PRESERVATION}", authority="AZ-MOJ")
    assert early.status == 404


async def delivered_by(served: Served, partner: str) -> bytes:
    """What the partner delivered for one purpose, and AZ has now."""
    delivery = written("evidence-delivery-xu-az.xml")
    await served.arrive(f"delivery@{partner}", partner=partner, written=delivery)
    return delivery


@inline_callbacks
async def test_what_came_for_one_purpose_is_not_handed_on_without_leave(served: Served) -> None:
    """The file is known by its digest, also where the document says nothing of it."""
    delivery = await delivered_by(served, "XV")
    request = example("spontaneous-information-az-xu.xml")
    octets = {"filename": "delivery.xml", "type": "application/octet-stream"}
    body, content_type = form(("document", request, XML), ("attachment", delivery, octets))
    reply = await served.ask("POST", "/v1/messages", body=body, Content_Type=content_type)
    assert (reply.status, reply.problem) == (422, "document-refused")
    (finding,) = reply.json["findings"]
    assert (finding["rule"], finding["article"]) == ("UNCC-R13", "40(19)")
    assert "came from XV" in finding["message"]
    assert finding["expected"] == "leave of XV: OnwardTransferRequest that names XU, granted"
    assert served.woken == []
    body, content_type = form(("document", request, XML), ("attachment", b"our own", octets))
    reply = await served.ask("POST", "/v1/messages", body=body, Content_Type=content_type)
    assert reply.status == 202


@inline_callbacks
async def test_what_came_for_one_purpose_goes_back_to_whoever_sent_it(served: Served) -> None:
    delivery = await delivered_by(served, "XU")
    octets = {"filename": "delivery.xml", "type": "application/octet-stream"}
    request = example("spontaneous-information-az-xu.xml")
    body, content_type = form(("document", request, XML), ("attachment", delivery, octets))
    reply = await served.ask("POST", "/v1/messages", body=body, Content_Type=content_type)
    assert reply.status == 202
