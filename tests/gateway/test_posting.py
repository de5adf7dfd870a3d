"""Partners who answer badly: nothing of ours waits for them longer than agreed, nothing leaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from config.node import load_node
from gateway.outbound.posting import MAX_ANSWER_BYTES, Post, Unanswered
from gateway.spool import WireSpool
from gateway.store.values import Sealed
from tests.gateway.odd_partner import OddPartner, http, listening


async def answered(folders: dict[str, Path], partner: OddPartner, seconds: float) -> None:
    """XU posts one message to `partner` and waits for `seconds`."""
    node = load_node(folders["XU"])
    (pmode,) = node.pmodes
    pmode = replace(pmode, reliability=replace(pmode.reliability, receipt_timeout_seconds=seconds))
    post = Post(reactor, node, WireSpool(node.settings.wire_folder(node.folder)))
    try:
        await post.deliver(Sealed(b"<soap/>", (), ()), pmode)
    finally:
        await post.close()


@pytest_twisted.ensureDeferred
async def test_an_answer_that_stalls_after_its_head_ends_with_its_connection(
    folders: dict[str, Path],
) -> None:
    """It would be kept for ever by a partner who says nothing and does not heed our goodbye."""
    partner = await listening(folders["AZ"], http(200, "text/xml", b"x" * 10)[:-1])
    try:
        with pytest.raises(Unanswered, match="did not end within 1 seconds"):
            await answered(folders, partner, 0.6)
        await partner.lost
    finally:
        await partner.close()


@pytest_twisted.ensureDeferred
async def test_an_answer_that_does_not_begin_is_told_in_a_sentence(
    folders: dict[str, Path],
) -> None:
    partner = await listening(folders["AZ"], b"")
    try:
        with pytest.raises(Unanswered, match="no answer within 1 seconds"):
            await answered(folders, partner, 0.6)
        await partner.lost
    finally:
        await partner.close()


@pytest.mark.parametrize("line", [b"X-Odd: x\r\n", b"HTTP/1.1 100 Go on\r\n\r\n", b"x" * 20_000])
@pytest_twisted.ensureDeferred
async def test_a_head_without_end_is_cut(folders: dict[str, Path], line: bytes) -> None:
    """Every line of it would be kept, until the memory is full."""
    beginning = b"" if line.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    partner = await listening(folders["AZ"], beginning + line * (2_000_000 // len(line)))
    try:
        with pytest.raises(Unanswered, match="the head of the answer is larger than 65536 bytes"):
            await answered(folders, partner, 30.0)
        await partner.lost
    finally:
        await partner.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest_twisted.ensureDeferred
async def test_an_answer_without_end_is_cut(folders: dict[str, Path], chunked: bool) -> None:
    much = b"x" * (MAX_ANSWER_BYTES + 1)
    answer = http(200, "text/xml", much + much)
    if chunked:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = head + f"{len(much):x}\r\n".encode() + much
    partner = await listening(folders["AZ"], answer)
    try:
        with pytest.raises(Unanswered, match=f"larger than {MAX_ANSWER_BYTES} bytes"):
            await answered(folders, partner, 30.0)
        await partner.lost
    finally:
        await partner.close()
