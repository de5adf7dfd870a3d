"""A commit of which nobody knows whether it happened: nothing that a row may name is removed."""

from __future__ import annotations

import os

import pytest
import pytest_twisted

from gateway.app import Gateway, utc_now
from gateway.store import Store
from gateway.store.faults import CommitUncertain
from tests.gateway.ground import Partner, example_document
from tests.gateway.test_refusals import code_of, kept

LARGE_BYTES = 300_000  # more than is kept in a row: a spool file


@pytest_twisted.ensureDeferred
async def test_content_survives_a_commit_that_failed_and_happened(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = Store.accept

    async def uncertain(self, arrival):
        await accept(self, arrival)
        raise CommitUncertain("the connection was lost during COMMIT")

    monkeypatch.setattr(Store, "accept", uncertain)
    document = example_document("PreservationRequest", "XU")
    annex = os.urandom(LARGE_BYTES)
    crafted = xu.craft([("application/xml", document), ("image/png", annex)])
    assert (await xu.send(crafted)).http_status == 503
    monkeypatch.undo()
    assert (await kept(az)).files == 1
    assert code_of(await xu.send(crafted)) == "receipt"
    (leased,) = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    view = await az.store.message_for("AZ-SSS", leased.message_id)
    assert view is not None
    reader = az._spool.reader(view.parts[1].blob)
    assert b"".join(reader) == annex
    reader.close()
