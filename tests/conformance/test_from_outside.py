"""Every assertion that can be asked from outside, asked of our own gateway: it must hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from gateway.app import Gateway, utc_now
from gateway.conformance.assertions import ASSERTIONS
from gateway.conformance.drafts import XML, Payload
from gateway.conformance.line import Line, NoAnswer
from gateway.conformance.probes import PROBES, Target, seen_by
from gateway.conformance.run import run_probes
from gateway.demo.nodes import command
from tests.gateway.ground import Partner


def target(xu: Partner) -> Target:
    return Target(xu.pmode, xu.node.signer_for(xu.pmode.suite), Line(reactor, xu.node, xu.pmode))


@pytest.mark.parametrize("assertion", sorted(PROBES))
@pytest_twisted.ensureDeferred
async def test_our_gateway_conforms(assertion: str, az: Gateway, xu: Partner) -> None:
    seen = await PROBES[assertion](target(xu))
    assert seen.holds, seen.sentence


@pytest_twisted.ensureDeferred
async def test_a_probe_reaches_no_authority(az: Gateway, xu: Partner) -> None:
    """CP_TA17, the half that only the inside can see."""
    assert (await target(xu).accepts(Payload(XML, "application/xml"))).holds
    assert az.store is not None
    for authority in ("AZ-SSS", "AZ-MOJ"):
        assert await az.store.lease(authority, utc_now(), 60.0, 10) == []
    printed = await deferToThread(command, "audit", "verify", str(az._node.folder))
    assert "findings: 0 " in printed


@pytest_twisted.ensureDeferred
async def test_the_command_prints_and_writes_the_report(
    az: Gateway, folders: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    printed = await deferToThread(
        command, "conformance", str(folders["XU"]), "--partner", "AZ", "--report", str(path)
    )
    assert "AZ conforms" in printed
    told = json.loads(path.read_text())
    assert told["conforms"] is True
    results = {line["id"]: line["result"] for line in told["assertions"]}
    assert list(results) == [assertion.id for assertion in ASSERTIONS]
    assert {key for key, result in results.items() if result == "holds"} == set(PROBES)


@pytest_twisted.ensureDeferred
async def test_an_access_point_that_accepts_everything_does_not_conform(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes can fail: here the receiver forgets to check what it decompresses."""
    monkeypatch.setattr("protocol.as4.attachments.InboundPart._check_digest", lambda _: None)
    report = await run_probes(reactor, xu.node, xu.pmode)
    assert not report.conforms
    failed = {line.assertion.id for line in report.lines if line.result == "fails"}
    assert {"CP_TA35"} <= failed


@pytest_twisted.ensureDeferred
async def test_silence_holds_nothing(xu: Partner) -> None:
    """Nobody listens at AZ's address."""
    report = await run_probes(reactor, xu.node, xu.pmode)
    assert {line.result for line in report.lines} == {"fails", "not run"}
    with pytest.raises(NoAnswer):
        await target(xu).line.post("text/plain", b"")
    assert not (await seen_by(PROBES["CP_TA01"], target(xu))).holds
