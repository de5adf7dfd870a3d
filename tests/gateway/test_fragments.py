"""Large messages come in fragments over real TLS: joined, and each wrong one its own error."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_twisted
from sqlalchemy import text
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from config.node import load_node
from gateway.app import Gateway, utc_now
from gateway.audit import verify_running
from protocol.as4.errors import CATALOGUE
from protocol.as4.fragment import MessageFragment, SourceHeader
from protocol.as4.values import UserMessage
from tests.gateway.ground import Partner, started
from tests.gateway.pieces import Pieces, in_pieces, with_split
from tests.gateway.test_refusals import code_of

EVIDENCE = os.urandom(300_000)


@pytest.fixture
def splitting(folders: dict[str, Path]) -> dict[str, Path]:
    """Both nodes, which agreed to split and join."""
    for folder in folders.values():
        for path in (folder / "partners").glob("*.toml"):
            path.write_text(with_split(path.read_text()))
    return folders


@pytest_twisted.async_yield_fixture
async def az(splitting: dict[str, Path]) -> AsyncIterator[Gateway]:
    gateway = await started(splitting["AZ"])
    yield gateway
    await gateway.stop()


@pytest.fixture
def xu(splitting: dict[str, Path]) -> Partner:
    return Partner(load_node(splitting["XU"]))


async def until(condition: Callable[[], Any], tries: int = 400) -> Any:
    """What the awaited `condition` gives as soon as it gives something."""
    for _ in range(tries):
        found = await condition()
        if found:
            return found
        await deferLater(reactor, 0.05, lambda: None)
    raise AssertionError("it did not happen")


async def arrived(az: Gateway, pieces: Pieces) -> Any:
    """The joined message, once AZ-SSS has it."""
    assert az.store is not None
    return await until(lambda: az.store.message_for("AZ-SSS", pieces.unit.message_id))


async def send_all(xu: Partner, pieces: Pieces, *but: int) -> None:
    for number in range(1, len(pieces.cut) + 1):
        if number not in but:
            assert code_of(await xu.send(pieces.fragment(number))) == "receipt"


async def groups(az: Gateway) -> list[tuple[str, str, str | None]]:
    assert az.store is not None
    rows = await az.store._engine.run(
        lambda unit: unit.connection.execute(
            text("SELECT group_id, state, error_code FROM fragment_group ORDER BY id")
        ).all()
    )
    return [tuple(row) for row in rows]


async def findings(az: Gateway) -> list[object]:
    store = az.store
    assert store is not None
    steps = await az._workers.run(lambda: list(verify_running(store, az._node, az._spool, utc_now)))
    return [step for step in steps if step["event"] == "finding"]


def files(az: Gateway) -> int:
    return sum(path.is_file() for path in az._spool.folder.rglob("*"))


@pytest.mark.parametrize("pack", [None, gzip.compress], ids=["plain", "gzip"])
@pytest_twisted.ensureDeferred
async def test_a_message_in_fragments_is_joined(az: Gateway, xu: Partner, pack: Any) -> None:
    pieces = in_pieces(xu, EVIDENCE, pack=pack)
    assert len(pieces.cut) > 2
    await gatherResults(
        [
            Deferred.fromCoroutine(xu.send(pieces.fragment(number)))
            for number in reversed(range(1, len(pieces.cut) + 1))
        ]
    )
    view = await arrived(az, pieces)
    assert [part.blob.size_bytes for part in view.parts][1] == len(EVIDENCE)
    assert view.parts[1].blob.sha256 == sha256(EVIDENCE).digest()
    assert az.store is not None
    leased = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert [one.message_id for one in leased] == [pieces.unit.message_id]
    assert await groups(az) == [(pieces.group_id, "JOINED", None)]
    assert await findings(az) == []
    await until(lambda: _is(files(az), 1))  # the evidence; the document is in its row


async def _is(found: object, wanted: object) -> bool:
    return found == wanted


@pytest_twisted.ensureDeferred
async def test_a_fragment_without_an_agreed_split_is_refused(
    folders: dict[str, Path], splitting: dict[str, Path], az: Gateway, xu: Partner
) -> None:
    # A P-Mode that agrees to none is what every other test of the gateway has.
    az._node.pmodes[0]
    pieces = in_pieces(xu, EVIDENCE)
    without = replace(az._node.pmodes[0], splitting=None)
    object.__setattr__(az._node, "pmodes", (without,))
    assert code_of(await xu.send(pieces.fragment(1))) == "EBMS:0010"


def _number(number: int) -> Callable[[MessageFragment], MessageFragment]:
    return lambda fragment: replace(fragment, number=number)


def _terms(**changes: object) -> Callable[[MessageFragment], MessageFragment]:
    return lambda fragment: replace(
        fragment,
        terms=replace(fragment.terms, **changes),  # type: ignore[arg-type]  # real fields
    )


STRAYS: dict[str, dict[str, Any]] = {
    "EBMS:0041": {"change": _terms(message_bytes=12345)},
    "EBMS:0042": {"change": _terms(fragment_count=99)},
    "EBMS:0043": {"change": _terms(header=SourceHeader("b", "root@xu", "application/soap+xml"))},
    "EBMS:0044": {"change": _terms(action="urn:other")},
    "EBMS:0046": {"change": _number(1)},
    "EBMS:0048": {"change": _number(77)},
    "EBMS:0049": {"change": _terms(fragment_count=1_000_000)},
    "EBMS:0050": {"content": bytes(98305)},
    "EBMS:0053": {"unit": lambda unit: replace(unit, conversation_id="another")},
}


@pytest.mark.parametrize("code", STRAYS)
@pytest_twisted.ensureDeferred
async def test_a_wrong_fragment_gets_its_own_error_and_harms_nobody(
    az: Gateway, xu: Partner, code: str
) -> None:
    good, other = in_pieces(xu, EVIDENCE), in_pieces(xu, EVIDENCE[::-1])
    for pieces in (good, other):
        assert code_of(await xu.send(pieces.fragment(1))) == "receipt"
    before = files(az)
    refusal = await xu.send(good.fragment(2, **STRAYS[code]))
    assert code_of(refusal) == code
    assert CATALOGUE[code].short_description.encode() in refusal.body
    assert files(az) == before
    for pieces in (good, other):
        await send_all(xu, pieces, 1)
        await arrived(az, pieces)
    assert await findings(az) == []


@pytest_twisted.ensureDeferred
async def test_far_too_much_is_refused_while_it_comes(az: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    answer = await xu.send(pieces.fragment(1, content=bytes(4 * 1024 * 1024)))
    assert code_of(answer) == "EBMS:0050"
    assert await groups(az) == []


@pytest_twisted.ensureDeferred
async def test_a_fragment_that_comes_again_gets_its_receipt_again(az: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    first = pieces.fragment(1)
    answers = [await xu.send(first) for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert code_of(answers[0]) == "receipt"
    await send_all(xu, pieces, 1)
    await arrived(az, pieces)
    assert (await xu.send(first)).body == answers[0].body


@pytest_twisted.ensureDeferred
async def test_a_tampered_fragment_fails_authentication(az: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    crafted = pieces.fragment(1)
    soap = crafted.sealed.soap.replace(b"<mf:FragmentNum>1<", b"<mf:FragmentNum>2<")
    assert code_of(await xu.post(*crafted.body(soap))) == "EBMS:0101"
    assert await groups(az) == []


@pytest_twisted.ensureDeferred
async def test_groups_are_bounded(az: Gateway, xu: Partner) -> None:
    two = [in_pieces(xu, EVIDENCE) for _ in range(2)]
    for pieces in two:
        assert code_of(await xu.send(pieces.fragment(1))) == "receipt"
    third = in_pieces(xu, EVIDENCE)
    assert code_of(await xu.send(third.fragment(1))) == "EBMS:0054"
    await send_all(xu, two[0], 1)
    await arrived(az, two[0])
    await send_all(xu, third)
    await arrived(az, third)


@pytest_twisted.ensureDeferred
async def test_a_message_that_comes_as_another_group_gets_its_receipt_again(
    az: Gateway, xu: Partner
) -> None:
    """Its sender missed the receipt of the whole and began anew: that is a repeat, no fault."""
    pieces = in_pieces(xu, EVIDENCE)
    await send_all(xu, pieces)
    await arrived(az, pieces)
    pieces.group_id = f"{uuid4()}@test.example"
    await send_all(xu, pieces)
    await until(lambda: _failed(az))
    assert az.store is not None
    owed = await az.store._engine.run(
        lambda unit: unit.connection.execute(
            text(
                "SELECT c.ref_to_message_id, c.envelope = m.receipt FROM callback c, message m"
                " WHERE m.message_id = c.ref_to_message_id"
            )
        ).all()
    )
    assert [tuple(row) for row in owed] == [(pieces.unit.message_id, 1)]
    leased = await az.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert [one.message_id for one in leased] == [pieces.unit.message_id]
    assert await findings(az) == []
    await until(lambda: _is(files(az), 1))


@pytest_twisted.ensureDeferred
async def test_a_group_that_stays_incomplete_fails_and_frees_its_disk(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    await send_all(xu, pieces, 2)
    assert files(az) > 0
    late = utc_now() + timedelta(seconds=100001)
    for desk in (az._joiner._desk,):
        object.__setattr__(desk, "now", lambda: late)
    az._joiner.wake()
    assert await until(lambda: _failed(az)) == [(pieces.group_id, "FAILED", "EBMS:0051")]
    await until(lambda: _is(files(az), 0))
    assert code_of(await xu.send(pieces.fragment(2))) == "EBMS:0051"
    assert await findings(az) == []


@pytest_twisted.ensureDeferred
async def test_a_group_that_cannot_be_joined_now_keeps_nobody_waiting(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = in_pieces(xu, EVIDENCE), in_pieces(xu, EVIDENCE)
    gates = az._joiner._desk.gates
    conclude = gates.conclude_source

    def full_disk(unit: UserMessage, *rest: Any) -> Any:
        if unit.message_id == stuck.unit.message_id:
            raise OSError(28, "No space left on device")
        return conclude(unit, *rest)

    monkeypatch.setattr(gates, "conclude_source", full_disk)
    await send_all(xu, stuck)
    await send_all(xu, other)
    await arrived(az, other)
    assert [state for _, state, _ in await groups(az)] == ["COMPLETE", "JOINED"]
    monkeypatch.undo()
    az._joiner.wake()
    await arrived(az, stuck)


@pytest_twisted.ensureDeferred
async def test_groups_of_a_partner_that_is_gone_stand_before_nobody(
    az: Gateway, xu: Partner
) -> None:
    await send_all(xu, in_pieces(xu, EVIDENCE), 2)
    assert az.store is not None
    late = utc_now() + timedelta(seconds=100001)
    assert await az.store.fragments.overdue(late, ["XU"]) == [1]
    assert await az.store.fragments.overdue(late, ["XX"]) == []


async def _failed(az: Gateway) -> Any:
    found = await groups(az)
    return found if found and found[-1][1] == "FAILED" else None


def _damaged(octets: bytes) -> bytes:
    return octets[:40] + bytes(8) + octets[48:]


JOIN_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "not gzip": ("EBMS:0055", {"pack": lambda octets: octets}),
    "damaged gzip": ("EBMS:0055", {"pack": lambda octets: _damaged(gzip.compress(octets))}),
    "no document": ("EBMS:0004", {"document": b"<nothing/>"}),
}


@pytest.mark.parametrize("fault", JOIN_FAULTS)
@pytest_twisted.ensureDeferred
async def test_a_message_that_does_not_hold_fails_its_group(
    az: Gateway, xu: Partner, fault: str
) -> None:
    code, levers = JOIN_FAULTS[fault]
    pieces = in_pieces(xu, EVIDENCE, **levers)
    await send_all(xu, pieces)
    assert await until(lambda: _failed(az)) == [(pieces.group_id, "FAILED", code)]
    await until(lambda: _is(files(az), 0))
    assert code_of(await xu.send(pieces.fragment(1))) == "EBMS:0040"
    assert await findings(az) == []


@pytest_twisted.ensureDeferred
async def test_a_source_message_of_another_conversation_fails_its_group(
    az: Gateway, xu: Partner
) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    pieces.unit = replace(pieces.unit, conversation_id="another")
    await send_all(xu, pieces)
    assert await until(lambda: _failed(az)) == [(pieces.group_id, "FAILED", "EBMS:0053")]


@pytest_twisted.ensureDeferred
async def test_a_package_that_is_not_what_its_header_says_fails_its_group(
    az: Gateway, xu: Partner
) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    pieces.terms = replace(
        pieces.terms, header=SourceHeader("another", "root@xu", "application/soap+xml")
    )
    await send_all(xu, pieces)
    assert await until(lambda: _failed(az)) == [(pieces.group_id, "FAILED", "EBMS:0007")]


@pytest_twisted.ensureDeferred
async def test_a_restart_in_the_middle_goes_on_where_it_was(
    splitting: dict[str, Path], xu: Partner
) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    gateway = await started(splitting["AZ"])
    await send_all(xu, pieces, 2)
    await gateway.stop()
    gateway = await started(splitting["AZ"])
    assert code_of(await xu.send(pieces.fragment(2))) == "receipt"
    await arrived(gateway, pieces)
    assert await findings(gateway) == []
    await gateway.stop()
