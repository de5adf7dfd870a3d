"""kill -9 of the receiving gateway at every point of the way in: nothing lost, nothing doubled.

Two real processes. The receiver dies at the point and is started again as it is; the sender
retries by itself. At the end each message was handed off exactly once, the sender holds one receipt
that verifies, and both audits find nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.demo.nodes import RunningNode, command
from tests.chaos.killable import POINTS
from tests.gateway.ground import copy_ground, example_document

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
ROUNDS = int(os.environ.get("HANOI_KILL_ROUNDS", "1"))  # kills at each point; make chaos: 20
HAND_OFF_POINTS = {"handed-off", "acknowledged"}


def start_killable(node: RunningNode, point: str) -> subprocess.Popen[bytes]:
    with node.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.killable", str(node.folder), point],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    wait_until(lambda: b'"gateway.started"' in node.log.read_bytes(), "the gateway starts")
    return process


def wait_until(holds, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s until {what}"
        time.sleep(0.05)


def died(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def take_all(node: RunningNode, into: Path) -> list[str]:
    """Every message of AZ-SSS, acknowledged one by one, until its queue stays empty."""
    taken = []
    while True:
        got = command(
            *("take", str(node.folder), "--as", "AZ-SSS", "--into", str(into)),
            *("--wait", "1", "--ack", "--json"),
        )
        if got is None:
            return taken
        taken.append(got["message"]["messageId"])


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_loses_and_doubles_nothing(ground: Path, tmp_path: Path, point: str) -> None:
    folders = copy_ground(ground, tmp_path)
    short_leases(folders["AZ"] / "gateway.toml")
    az, xu = RunningNode("AZ", folders["AZ"]), RunningNode("XU", folders["XU"])
    document = tmp_path / "request.xml"
    document.write_bytes(example_document("PreservationRequest", "XU"))
    evidence = tmp_path / "evidence.bin"
    evidence.write_bytes(os.urandom(300_000))
    sent: list[str] = []
    acknowledged: list[str] = []
    xu.start()
    try:
        for _ in range(ROUNDS):
            az.log.unlink(missing_ok=True)
            dying = start_killable(az, point)
            sent.append(
                command(
                    *("submit", str(xu.folder), "--as", "XU-POC247", "--document", str(document)),
                    *("--attach", str(evidence), "--json"),
                )["messageId"]
            )
            if point in HAND_OFF_POINTS:
                wait_until(lambda: settled(xu, sent[-1]), "the receipt is there")
                acknowledged += try_to_take(az, tmp_path)
            wait_until(lambda p=dying: died(p), f"the gateway dies at {point}")
            assert dying.returncode == -signal.SIGKILL
            az.log.unlink()
            az.start()
            wait_until(lambda: settled(xu, sent[-1]), "the receipt is there")
            acknowledged += take_all(az, tmp_path)
            az.stop()
    finally:
        az.stop()
        xu.stop()
    if point == "acknowledged":
        # The acknowledgement was durable; only its answer was lost with the process.
        assert acknowledged == []
    else:
        assert acknowledged == sent
    for node in (az, xu):
        assert_audited(node, len(sent))


def settled(xu: RunningNode, message_id: str) -> bool:
    words = ("status", str(xu.folder), message_id, "--as", "XU-POC247", "--json")
    view = command(*words)
    assert view["state"] != "FAILED", view["error"]
    return view["state"] == "ACKNOWLEDGED" and view["receipt"]["receiptId"] is not None


def try_to_take(az: RunningNode, into: Path) -> list[str]:
    """Take from a gateway that dies meanwhile: only what the command line confirmed counts."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gateway", "take", str(az.folder), "--as", "AZ-SSS"),
            *("--into", str(into), "--wait", "5", "--ack", "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return [json.loads(done.stdout)["message"]["messageId"]] if done.returncode == 0 else []


def short_leases(settings: Path) -> None:
    text = settings.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("lease_seconds")]
    lines.insert(lines.index("[local]") + 1, "lease_seconds = 0.5")
    settings.write_text("\n".join(lines) + "\n")


def assert_audited(node: RunningNode, messages: int) -> None:
    """The stopped node's evidence verifies and holds each hand-over exactly once."""
    command("audit", "verify", str(node.folder))
    database = sqlite3.connect(node.folder / "data" / "gateway.sqlite")
    try:
        kinds = [row[0] for row in database.execute("select kind from evidence")]
        states = [row[0] for row in database.execute("select state from queue_entry")]
    finally:
        database.close()
    if node.state == "AZ":
        assert kinds.count("RECEIVED") == messages
        assert kinds.count("RECEIPT_SENT") == messages
        assert kinds.count("ACKNOWLEDGED") == messages
        assert len(states) == messages
    else:
        assert kinds.count("RECEIPT_RECEIVED") == messages
