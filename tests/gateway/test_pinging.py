"""Whether a partner answers: pings between two nodes, and what each difference makes them say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater

from gateway.app import Gateway
from gateway.conformance.drafts import ping
from gateway.pinging.advice import advice
from gateway.pinging.asking import ANSWERS
from gateway.pinging.pinger import Pinger
from keys.pki import IssuedKind, ThrowAwayAuthority
from protocol.as4.response import read_response
from tests.gateway.ground import Partner, free_ports, started
from tests.gateway.odd_partner import http, listening
from tests.gateway.test_refusals import code_of, kept, stranger_signer


@pytest_twisted.ensureDeferred
async def test_a_partner_that_answers_is_known_to_and_no_authority_hears_of_it(
    folders: dict[str, Path],
) -> None:
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        before = await kept(az)
        line = await xu.pinger.ping("AZ")
        assert (line.answers, line.sentence, line.code) == (True, ANSWERS, None)
        after = await kept(az)
        assert after.rows["queue_entry"] == before.rows["queue_entry"]
        assert after.evidence == [*before.evidence, "RECEIVED", "RECEIPT_SENT"]
        exposed = xu._metrics.exposition().decode()
        assert 'gateway_partner_answers{partner="AZ"} 1.0' in exposed
        assert 'gateway_pings_total{outcome="answered",partner="AZ"} 1.0' in exposed
    finally:
        await xu.stop()
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_when_it_last_answered_survives_its_silence_and_our_restart(
    folders: dict[str, Path],
) -> None:
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    answered = await xu.pinger.ping("AZ")
    await az.stop()
    silent = await xu.pinger.ping("AZ")
    assert (silent.answers, silent.answered_at) == (False, None)
    assert "compare address" in silent.sentence
    await xu.stop()
    xu = await started(folders["XU"])
    try:
        known = (await xu.pinger.lines())["AZ"]
        assert known.answered_at == answered.answered_at
        assert (known.asked_at, known.answers) == (silent.asked_at, False)
        assert known.sentence == silent.sentence
    finally:
        await xu.stop()


def value(name: str, new: str) -> Callable[[dict[str, Path]], None]:
    """XU's agreement with AZ says `new` for `name`."""

    def change(folders: dict[str, Path]) -> None:
        path = folders["XU"] / "partners/AZ.toml"
        text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {new}", path.read_text(), count=1)
        assert found == 1
        path.write_text(text)

    return change


def agreement(folders: dict[str, Path]) -> None:
    path = folders["XU"] / "partners/AZ.toml"
    text = path.read_text()
    assert "urn:uncc:agreement:az-xu:1" in text
    path.write_text(text.replace("urn:uncc:agreement:az-xu:1", "urn:uncc:agreement:az-xu:2"))


def certificates_of(state: str, other: str, use: str) -> Callable[[dict[str, Path]], None]:
    """What `state` has as certificates of `other` for `use` are those of a stranger."""

    def change(folders: dict[str, Path]) -> None:
        authority = ThrowAwayAuthority("Other", datetime.now(UTC))
        issued = {
            "tls": lambda: authority.issue_tls("other"),
            "signing": lambda: authority.issue_signing("other", IssuedKind.ED25519),
            "encryption": lambda: authority.issue_encryption("other", IssuedKind.X25519),
        }
        found = list((folders[state] / "partners").glob(f"{other}.{use}.*pem"))
        assert found
        for path in found:
            path.write_bytes(issued[use]().certificate_pem())

    return change


DIFFERENCES = {
    "agreement": (agreement, "EBMS:0010", "party (id and type), roles and agreement"),
    "path": (value("address", '"https://127.0.0.1:{port}/as5"'), None, "under this path"),
    "closed port": (value("address", '"https://127.0.0.1:{closed}/as4"'), None, "compare address"),
    "our signature": (certificates_of("AZ", "XU", "signing"), "EBMS:0101", "our signing"),
    "their key": (
        certificates_of("XU", "AZ", "encryption"),
        "EBMS:0102",
        "certificates.encryption",
    ),
    "their receipt": (certificates_of("XU", "AZ", "signing"), "EBMS:0302", "certificates.signing"),
    "their TLS": (certificates_of("XU", "AZ", "tls"), None, "certificates.tls and address"),
    "our TLS": (certificates_of("AZ", "XU", "tls"), None, "our TLS certificate"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
@pytest_twisted.ensureDeferred
async def test_a_ping_says_which_value_differs(folders: dict[str, Path], name: str) -> None:
    change, code, words = DIFFERENCES[name]
    change(folders)
    path = folders["XU"] / "partners/AZ.toml"
    (closed,) = free_ports(1)
    port = re.search(r"(?m)^port = (\d+)", (folders["AZ"] / "gateway.toml").read_text()).group(1)
    text = path.read_text().replace("{port}", port).replace("{closed}", str(closed))
    path.write_text(text)
    az, xu = await started(folders["AZ"]), await started(folders["XU"])
    try:
        line = await xu.pinger.ping("AZ")
        assert not line.answers
        assert line.code == code, line.sentence
        assert words in line.sentence
    finally:
        await xu.stop()
        await az.stop()


@pytest.mark.parametrize(
    ("code", "sentence", "words"),
    [
        ("EBMS:0103", "PolicyNoncompliance", "security.suite"),
        (None, "HTTP 503 without a message", "trouble of its own"),
        (None, "HTTP 200 without a message", None),
        ("EBMS:0004", "Other", None),
    ],
)
def test_where_the_answer_tells_nothing_nothing_is_made_up(code, sentence, words) -> None:
    found = advice(code, sentence)
    assert found is None if words is None else words in found


@pytest_twisted.ensureDeferred
async def test_partners_are_asked_at_their_interval_and_after_a_failure_too(
    folders: dict[str, Path],
) -> None:
    xu = await started(folders["XU"])
    odd = await listening(folders["AZ"], http(502, "text/html", b"<h1>Bad gateway</h1>"))
    clock, pauses = Clock(), []

    def uniform(low: float, high: float) -> float:
        pauses.append((low, high))
        return low

    try:
        pmodes = {"AZ": replace(xu._pmodes["AZ"], ping_interval_seconds=100.0)}
        desk = replace(xu.pinger._desk, pmodes=pmodes, uniform=uniform)
        pinger = Pinger(desk, clock)
        pinger.startService()
        for asked, seconds in enumerate((10.0, 75.0, 75.0), 1):
            clock.advance(seconds - 0.001)
            assert len(odd.requests) == asked - 1
            clock.advance(0.001)
            while len(pauses) == asked:
                await deferLater(reactor, 0.01, lambda: None)
            assert len(odd.requests) == asked
        assert (await xu.pinger.lines())["AZ"].sentence.startswith("HTTP 502, not SOAP")
        await pinger.stopService()
        clock.advance(1000.0)
        assert len(odd.requests) == 3
        assert not clock.getDelayedCalls()
    finally:
        await odd.close()
        await xu.stop()


@pytest.mark.parametrize("change", ["pull", "callback", "never"])
@pytest_twisted.ensureDeferred
async def test_who_cannot_be_asked_or_shall_not_is_not_asked(
    folders: dict[str, Path], change: str
) -> None:
    text = {
        "pull": '\n[pull]\nby = "partner"\nmpc = "urn:x:y"\n',
        "callback": "",
        "never": "\n[ping]\ninterval_seconds = 0\n",
    }[change]
    path = folders["XU"] / "partners/AZ.toml"
    partner = path.read_text()
    if change == "callback":
        partner = partner.replace('reply = "response"', 'reply = "callback"')
    path.write_text(partner + text)
    xu = await started(folders["XU"])
    try:
        assert xu.pinger._loops == []
        assert xu._pmodes["AZ"].can_be_pinged is (change == "never")
    finally:
        await xu.stop()


@pytest_twisted.ensureDeferred
async def test_a_stranger_learns_nothing_from_a_ping(az: Gateway, xu: Partner) -> None:
    """Signed by a key that nobody agreed on: the same answer as for any other message."""
    signer = stranger_signer()
    draft = ping(xu.pmode, signer)
    answer = await xu.post(draft.content_type, draft.body)
    other = await xu.send(xu.preservation(signer=signer))
    assert code_of(answer) == code_of(other) == "EBMS:0101"
    told = [read_response(one.http_status, one.content_type, one.body) for one in (answer, other)]
    first, second = (one.unit.errors[0] for one in told)
    assert (first.description, first.detail) == (second.description, second.detail)
