"""What came for one purpose, and the leave to hand it on, are held against the evidence."""

from __future__ import annotations

import pytest_twisted
from sqlalchemy import Executable, Table, delete, insert, select, text, update

from gateway.app import Gateway, utc_now
from gateway.audit import verify_running
from gateway.store.use_limits import onward_request, use_limit
from tests.gateway.ground import Partner
from tests.gateway.test_refusals import code_of, kept
from tests.store.case_documents import goes, written

DELIVERY = "evidence-delivery-xu-az"


async def arrives(az: Gateway, xu: Partner, kind: str, octets: bytes) -> None:
    crafted = xu.craft([("application/xml", octets)], action=kind)
    assert code_of(await xu.send(crafted)) == "receipt"


OURS = ("limits of use", "leave asked for")


async def findings(az: Gateway) -> set[str]:
    """What the audit says of limits and leave; the made-up messages give it more to say."""
    store = az.store
    assert store is not None
    steps = await az._workers.run(lambda: list(verify_running(store, az._node, az._spool, utc_now)))
    found = {str(step["where"]) for step in steps if step["event"] == "finding"}
    return {where for where in found if where.startswith(OURS)}


async def tamper(az: Gateway, statement: Executable) -> None:
    assert az.store is not None
    await az.store._engine.run(lambda unit: unit.connection.execute(statement))


@pytest_twisted.async_fixture
async def limited(az: Gateway, xu: Partner) -> Gateway:
    """AZ got evidence from XU, asked leave to hand it on, and has the answer."""
    assert az.store is not None
    await az.store.submit(goes("stored-data-request-az-xu", utc_now(), message_id="asked@az"))
    await arrives(az, xu, "EvidenceDelivery", written(DELIVERY))
    wish = goes("onward-transfer-request-az-xu", utc_now(), message_id="wish@az")
    await az.store.submit(wish)
    decided = written("decision-notice-xu-az", UseConsentRequest="OnwardTransferRequest")
    await arrives(az, xu, "DecisionNotice", decided)
    return az


@pytest_twisted.ensureDeferred
async def test_limits_and_leave_are_in_evidence(limited: Gateway) -> None:
    evidence = (await kept(limited)).evidence
    for kind in ("USE_LIMITED", "ONWARD_ASKED", "ONWARD_DECIDED"):
        assert evidence.count(kind) == 1
    assert await findings(limited) == set()


LIFTED = delete(use_limit).where(use_limit.c.item == "")
FIRST = update(use_limit).where(use_limit.c.item == "")
TAMPERED = {
    "limit lifted": (LIFTED, "limits of use"),
    "all limits lifted": (delete(use_limit), "limits of use"),
    "limit loosened": (FIRST.values(onward="LISTED", listed=["XW"]), "limits of use"),
    "limit of other octets": (FIRST.values(digest="0" * 64), "limits of use"),
    "no JSON for a limit": (text("update use_limit set listed = '{'"), "limits of use"),
    "another State in the wish": (
        update(onward_request).values(recipients=["XV", "XW"]),
        "leave asked for with wish@az",
    ),
    "everything in the wish": (update(onward_request).values(data=[["", []]]), "leave asked"),
    "wish deleted": (delete(onward_request), "leave asked"),
    "leave taken back quietly": (update(onward_request).values(granted=False), "leave asked"),
    "leave forgotten": (update(onward_request).values(granted=None), "leave asked"),
    "wish made up": (
        text(
            "insert into onward_request "
            "(message, request_id, recipients, data, issued_at, granted) "
            "select min(id), 'x', '[\"XW\"]', '[]', '', true from message"
        ),
        "leave asked",
    ),
}


@pytest_twisted.ensureDeferred
async def test_what_was_changed_is_named(limited: Gateway) -> None:
    before = {table: await rows_of(limited, table) for table in (use_limit, onward_request)}
    for name, (statement, named) in TAMPERED.items():
        await tamper(limited, statement)
        found = await findings(limited)
        assert any(where.startswith(named) for where in found), name
        for table, rows in before.items():
            await tamper(limited, delete(table))
            await tamper(limited, insert(table).values(rows))
        assert await findings(limited) == set(), name


async def rows_of(az: Gateway, table: Table) -> list[dict[str, object]]:
    assert az.store is not None
    return await az.store._engine.run(
        lambda unit: [row._asdict() for row in unit.connection.execute(select(table))]
    )
