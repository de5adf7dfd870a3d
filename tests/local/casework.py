"""Two requests of Utopia in the queue of AZ-SSS, and all that may be done with their cases."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from gateway.store.values import StoredPart
from schemas.catalogue import example
from tests.local.conftest import NOW, XML, Reply, Served, form

REQUEST = "7e0c1f4a-2b61-4c0e-9d3a-00000000aaaa"
PRESERVATION = "7e0c1f4a-2b61-4c0e-9d3a-00000000bbbb"
LATER = "7e0c1f4a-2b61-4c0e-9d3a-00000000cccc"


def written(name: str, request_id: str = REQUEST, **changes: str) -> bytes:
    """The example `name` in the case `request_id`; `changes` replace texts in it."""
    text = re.sub(r"(<c:RequestId>)[^<]*", rf"\g<1>{request_id}", example(name).decode(), count=1)
    for old, new in changes.items():
        text = text.replace(old.replace("_", "-"), new)
    return text.encode()


def acknowledgement() -> bytes:
    """AZ-SSS registers the request for assistance."""
    return written(
        "acknowledgement-az-to-xu.xml", PreservationRequest="MlaRequest", XU_POC247="XU-CA"
    )


async def request_came(served: Served, octets: bytes, message_id: str) -> None:
    """The request with its document at rest is in the queue of AZ-SSS."""
    writer = served.spool.writer()
    writer.write(octets)
    part = StoredPart(0, "document@xu", "application/xml", writer.finish())
    await served.arrive(message_id, written=octets, parts=(part,))


async def hand_in(served: Served, octets: bytes) -> Reply:
    body, content_type = form(("document", octets, XML))
    return await served.ask("POST", "/v1/messages", body=body, Content_Type=content_type)


async def post(served: Served, path: str, said: object, authority: str = "AZ-SSS") -> Reply:
    """`said` as JSON."""
    body = json.dumps(said).encode()
    return await served.ask(
        "POST", path, body=body, Content_Type="application/json", authority=authority
    )


async def forward(served: Served, request_id: str = REQUEST, to: str = "AZ-MOJ") -> Reply:
    said = {"authority": to, "reference": "SSS-2026-0130", "reason": "holds the register"}
    return await post(served, f"/v1/cases/{request_id}/forward", said)


async def handle_cases(served: Served) -> None:
    """Every answer about cases that a caller alone can bring about."""
    await request_came(served, written("mla-request-xu-az.xml"), "mla@xu")
    await request_came(
        served, written("preservation-request-xu-az.xml", PRESERVATION), "preservation@xu"
    )
    closed = written("closure-notice-xu-az.xml", StoredDataRequest="MlaRequest")
    await served.arrive("closure@xu", written=closed)  # out of turn: flagged
    assert (await forward(served)).problem == "illegal-step"
    assert (await hand_in(served, acknowledgement())).status == 202
    assert (await forward(served)).status == 200
    assert (await forward(served, PRESERVATION)).problem == "not-competent"
    await forward(served, "nothing")
    await forward(served, to="XU-CA")
    for path in ("/v1/cases", f"/v1/cases/{REQUEST}", "/v1/deadlines", "/v1/cases/nothing"):
        await served.ask("GET", path)
    for path in ("/v1/cases?open=perhaps", "/v1/deadlines?before=noon", "/v1/cases/a?x=1"):
        await served.ask("GET", path)
    await post(served, f"/v1/cases/{REQUEST}/steps/3/settle", {"accept": "x"})
    await post(served, f"/v1/cases/{REQUEST}/steps/3/settle", {"accept": False})
    await post(served, f"/v1/cases/{REQUEST}/steps/99/settle", {"accept": True})
    (number, *_) = [
        one["number"] for one in (await served.ask("GET", "/v1/deadlines")).json["deadlines"]
    ]
    await served.ask("POST", f"/v1/deadlines/{number}/answer")
    await served.ask("POST", "/v1/deadlines/9999/answer")
    await served.store.cases.tell_due(NOW + timedelta(days=30))
    for authority in ("AZ-SSS", "AZ-MOJ"):
        await served.ask("POST", "/v1/inbox/lease?limit=10", authority=authority)
    text = written("stored-data-request-xu-az.xml", LATER).decode()
    cites = text.replace("7e0c1f4a-2b61-4c0e-9d3a-000000000001", PRESERVATION)
    await request_came(served, cites.encode(), "stored@xu")
    assert (await served.ask("GET", f"/v1/cases/{LATER}")).json["links"]
