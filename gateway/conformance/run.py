"""Run every probe against one partner, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from config.node import Node
from gateway.conformance.assertions import ASSERTIONS, Assertion
from gateway.conformance.line import Line as Wire
from gateway.conformance.probes import PROBES, Target, seen_by
from gateway.conformance.report import Line, Report
from protocol.as4.pmode import PMode

Progress = Callable[[Assertion], None]


async def run_probes(
    reactor: Any, node: Node, pmode: PMode, progress: Progress = lambda _: None
) -> Report:
    """What the access point of `pmode` answers to every probe. `progress` is told each in turn."""
    target = Target(pmode, node.signer_for(pmode.suite), Wire(reactor, node, pmode))
    begun = datetime.now(UTC)
    lines = []
    for assertion in ASSERTIONS:
        probe = PROBES.get(assertion.id)
        if probe is not None:
            progress(assertion)
        seen = await seen_by(probe, target) if probe is not None else None
        lines.append(Line(assertion, seen))
    return Report(pmode, begun, version("hanoi-gateway"), tuple(lines))
