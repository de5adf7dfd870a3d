"""Examples of documents as messages of one case, between XU and AZ."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from gateway.store.values import Arrival, Submission
from protocol.convention.documents import read_document
from protocol.convention.lifecycle.docket import Docket, docket_of
from schemas.catalogue import example
from tests.lifecycle.making import TIMES
from tests.store.store_values import AT, arrival, submission

REQUEST = "7e0c1f4a-2b61-4c0e-9d3a-00000000c0de"
AGREED = date(2026, 3, 2)


def written(name: str, request_id: str | None = REQUEST, **changes: str) -> bytes:
    """The example `name` in the case `request_id`; `changes` replace texts in it."""
    text = example(f"{name}.xml").decode()
    if request_id is not None:
        text = re.sub(r"(<c:RequestId>)[^<]*", rf"\g<1>{request_id}", text, count=1)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def docket(octets: bytes) -> Docket:
    """What the document does in its case, as AZ sees it."""
    found = docket_of(read_document(octets), own_state="AZ", times=TIMES, on=AGREED)
    assert found is not None
    return found


def came(name: str, at: datetime = AT, octets: bytes | None = None, **more: Any) -> Arrival:
    """The example `name` from XU, on its way into the store of AZ."""
    octets = octets or written(name)
    read = read_document(octets)
    return arrival(
        action=read.kind,
        kind=read.kind,
        authority=read.addressee,
        requesting_authority=read.author,
        request_id=read.request_id,
        priority=-read.priority,
        received_at=at,
        docket=docket(octets),
        **more,
    )


def goes(name: str, at: datetime = AT, octets: bytes | None = None, **more: Any) -> Submission:
    """The example `name` from AZ, handed in."""
    octets = octets or written(name)
    read = read_document(octets)
    return submission(
        authority=read.author,
        action=read.kind,
        kind=read.kind,
        receiving_authority=read.addressee,
        request_id=read.request_id,
        submitted_at=at,
        docket=docket(octets),
        **more,
    )
