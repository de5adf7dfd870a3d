"""Split and Join: assertions of ours, since the official description has none for it.

Source: ebMS 3.0 Part 2, section 5; eDelivery AS4 1.15, Split and Join.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_twisted
from lxml import etree
from sqlalchemy import text

from gateway.app import Gateway, utc_now
from gateway.outbound.interpretation import PeerAnswer
from gateway.outbound.posting import Post, Unanswered
from gateway.store.values import Sealed
from protocol.as4.names import MF, WSU
from protocol.as4.pmode import PMode
from tests.as4.writing.independent import NS
from tests.conformance.sent import sealed_of
from tests.gateway.ground import Partner, started
from tests.gateway.pieces import in_pieces
from tests.gateway.test_fragments import (
    EVIDENCE,
    arrived,
    findings,
    groups,
    send_all,
    splitting,
    until,
)
from tests.gateway.test_refusals import code_of
from tests.gateway.test_splitting import stands, submit

__all__ = ["splitting"]


@pytest_twisted.async_yield_fixture
async def joins(splitting: dict[str, Path]) -> AsyncIterator[Gateway]:
    """AZ, which joins; XU is played by the test."""
    gateway = await started(splitting["AZ"])
    yield gateway
    await gateway.stop()


@pytest_twisted.async_yield_fixture
async def divides(splitting: dict[str, Path]) -> AsyncIterator[Gateway]:
    """XU, which divides what is large."""
    gateway = await started(splitting["XU"])
    yield gateway
    await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_sj_01_each_fragment_is_signed_and_encrypted(divides: Gateway) -> None:
    await submit(divides)
    names = await until(lambda: fragments(divides))
    envelopes = [etree.fromstring((await sealed_of(divides, name)).soap) for name in names]
    assert len(envelopes) > 2
    for envelope in envelopes:
        signed = envelope.xpath("//ds:Reference/@URI", namespaces=NS)
        (header,) = envelope.iter(f"{{{MF}}}MessageFragment")
        assert header.get(f"{{{WSU}}}Id") in {uri.removeprefix("#") for uri in signed}
        (content,) = envelope.xpath("//xenc:CipherReference/@URI", namespaces=NS)
        assert content in signed
        assert envelope.xpath("//xenc:EncryptedKey", namespaces=NS)


async def fragments(gateway: Gateway) -> list[str]:
    """The MessageIds of what goes out in fragments, once every one of them is sealed."""
    assert gateway.store is not None
    rows = await gateway.store._engine.run(
        lambda unit: unit.connection.execute(
            text(
                "SELECT m.message_id, m.envelope IS NULL FROM message m"
                " WHERE m.kind = 'MessageFragment' AND m.direction = 'out'"
            )
        ).all()
    )
    return [] if any(waits for _, waits in rows) else [name for name, _ in rows]


@pytest_twisted.ensureDeferred
async def test_sj_02_receipts_for_fragments_and_one_delivery(joins: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    await send_all(xu, pieces)  # asserts a receipt for each
    await arrived(joins, pieces)
    assert joins.store is not None
    leased = await joins.store.lease("AZ-SSS", utc_now(), 60.0, 10)
    assert [one.message_id for one in leased] == [pieces.unit.message_id]


@pytest_twisted.ensureDeferred
async def test_sj_03_the_whole_is_receipted_too(joins: Gateway, divides: Gateway) -> None:
    message_id = await submit(divides)
    view = await until(lambda: stands(divides, message_id, "ACKNOWLEDGED"))
    assert view.receipt_id is not None
    assert view.message_id == message_id
    for gateway in (joins, divides):
        assert await findings(gateway) == []  # the audit holds the receipt against the whole


@pytest_twisted.ensureDeferred
async def test_sj_04_only_what_has_no_receipt_is_sent_again(
    joins: Gateway, divides: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[tuple[str, bytes]] = []
    deliver = Post.deliver

    async def loses_the_second_receipt(self: Post, sealed: Sealed, pmode: PMode) -> PeerAnswer:
        found = re.search(rb"<eb:MessageId>([^<]+)<", sealed.soap)
        assert found is not None
        posted.append((found.group(1).decode(), sealed.soap))
        lost = len(posted) == 2
        answer = await deliver(self, sealed, pmode)
        if lost:
            raise Unanswered("the receipt was lost")
        return answer

    monkeypatch.setattr(Post, "deliver", loses_the_second_receipt)
    message_id = await submit(divides)
    await until(lambda: stands(divides, message_id, "ACKNOWLEDGED"))
    sent = [(name, soap) for name, soap in posted if b"MessageFragment" in soap]
    times = Counter(name for name, _ in sent)
    assert times == Counter({name: 2 if name == sent[1][0] else 1 for name in times})
    assert len({soap for name, soap in sent if name == sent[1][0]}) == 1


@pytest_twisted.ensureDeferred
async def test_sj_05_what_came_before_is_eliminated(joins: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    first = pieces.fragment(1)
    once, again = [await xu.send(first) for _ in range(2)]
    assert code_of(once) == "receipt"
    assert again.body == once.body
    await send_all(xu, pieces, 1)
    await arrived(joins, pieces)
    assert joins.store is not None
    assert len(await joins.store.lease("AZ-SSS", utc_now(), 60.0, 10)) == 1


@pytest_twisted.ensureDeferred
async def test_sj_06_a_fragment_of_another_group_is_refused(joins: Gateway, xu: Partner) -> None:
    pieces, stranger = in_pieces(xu, EVIDENCE), in_pieces(xu, EVIDENCE * 2)
    assert code_of(await xu.send(pieces.fragment(1))) == "receipt"
    stranger.group_id = pieces.group_id  # it says that it is of this group, and is not
    assert code_of(await xu.send(stranger.fragment(2))) == "EBMS:0053"
    await send_all(xu, pieces, 1)
    await arrived(joins, pieces)


@pytest_twisted.ensureDeferred
async def test_sj_07_an_incomplete_group_is_given_up(joins: Gateway, xu: Partner) -> None:
    pieces = in_pieces(xu, EVIDENCE)
    await send_all(xu, pieces, 2)
    late = utc_now() + timedelta(seconds=100001)
    object.__setattr__(joins._joiner._desk, "now", lambda: late)
    joins._joiner.wake()
    assert await until(lambda: given_up(joins)) == [(pieces.group_id, "FAILED", "EBMS:0051")]
    assert code_of(await xu.send(pieces.fragment(2))) == "EBMS:0051"


async def given_up(gateway: Gateway) -> list[tuple[str, str, str | None]]:
    found = await groups(gateway)
    return found if all(state == "FAILED" for _, state, _ in found) else []
