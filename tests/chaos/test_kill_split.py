"""kill -9 of either side while a large message crosses in fragments: nothing lost or doubled."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gateway.demo.nodes import RunningNode, command
from tests.chaos.killable import JOINING_POINTS, SPLITTING_POINTS
from tests.chaos.test_kill import ROUNDS, died, settled, start_killable, wait_until
from tests.chaos.test_kill_pull import count, received
from tests.gateway.ground import copy_ground, example_document
from tests.gateway.pieces import with_split

SHORT = {"fragment-after-the-commit", "joined", "divided", "fragment-settled"}  # else: make chaos
POINTS = [
    (state, point)
    for state, points in (("AZ", JOINING_POINTS), ("XU", SPLITTING_POINTS))
    for point in points
    if ROUNDS > 1 or point in SHORT
]
EVIDENCE_BYTES = 400_000  # five fragments


@pytest.mark.parametrize(("state", "point"), POINTS)
def test_a_kill_loses_and_doubles_nothing(
    ground: Path, tmp_path: Path, state: str, point: str
) -> None:
    folders = copy_ground(ground, tmp_path)
    for folder in folders.values():
        for path in (folder / "partners").glob("*.toml"):
            path.write_text(with_split(path.read_text()))
    az, xu = RunningNode("AZ", folders["AZ"]), RunningNode("XU", folders["XU"])
    victim, other = (az, xu) if state == "AZ" else (xu, az)
    document, evidence = tmp_path / "request.xml", tmp_path / "evidence.bin"
    evidence.write_bytes(os.urandom(EVIDENCE_BYTES))
    sent: list[str] = []
    other.start()
    try:
        for _ in range(ROUNDS):
            victim.log.unlink(missing_ok=True)  # start_killable waits for its own line
            dying = start_killable(victim, point)
            document.write_bytes(example_document("PreservationRequest", "XU"))
            words = ("submit", str(xu.folder), "--as", "XU-POC247", "--document", str(document))
            sent.append(command(*words, "--attach", str(evidence), "--json")["messageId"])
            wait_until(lambda p=dying: died(p), f"{state} dies at {point}")
            assert dying.returncode == -signal.SIGKILL
            victim.log.unlink()
            victim.start()
            wait_until(lambda: settled(xu, sent[-1]), "XU has the receipt of the whole")
            victim.stop()
    finally:
        az.stop()
        xu.stop()
    assert [received(az, one) for one in sent] == [1] * len(sent)
    assert count(az, "JOINED") == len(sent)
    assert count(xu, "SPLIT") == len(sent)
    for node in (az, xu):
        command("audit", "verify", str(node.folder))
