"""kill -9 of either side of a pull, at every point of it: nothing lost, nothing doubled.

AZ is pulled from, XU pulls. One of the two dies at the point and is started again as it is. At the
end XU has handed the message off once, AZ holds one receipt that verifies, XU owes nothing any
more, and both audits find nothing.
"""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

from gateway.demo.nodes import RunningNode, command
from tests.chaos.killable import PULLED_POINTS, PULLING_POINTS
from tests.chaos.test_kill import ROUNDS, died, start_killable, wait_until
from tests.gateway.ground import copy_ground, example_document
from tests.gateway.patterns import change, xu_pulls

POINTS = [*(("AZ", point) for point in PULLED_POINTS), *(("XU", point) for point in PULLING_POINTS)]
LARGE_BYTES = 300_000  # a file of its own on both sides


@pytest.mark.parametrize(("state", "point"), POINTS)
def test_a_kill_loses_and_doubles_nothing(
    ground: Path, tmp_path: Path, state: str, point: str
) -> None:
    folders = copy_ground(ground, tmp_path)
    xu_pulls(folders)
    change(folders["AZ"], "XU", "receipt_timeout_seconds = 60.0", "receipt_timeout_seconds = 2.0")
    az, xu = RunningNode("AZ", folders["AZ"]), RunningNode("XU", folders["XU"])
    victim, other = (az, xu) if state == "AZ" else (xu, az)
    document, annex = tmp_path / "request.xml", tmp_path / "annex.bin"
    document.write_bytes(example_document("PreservationRequest", "AZ"))
    annex.write_bytes(bytes(LARGE_BYTES))
    sent: list[dict] = []
    other.start()
    try:
        for _ in range(ROUNDS):
            victim.log.unlink(missing_ok=True)  # start_killable waits for its own line
            dying = start_killable(victim, point)
            sent.append(
                command(
                    *("submit", str(az.folder), "--as", "AZ-SSS", "--document", str(document)),
                    *("--attach", str(annex), "--json"),
                )
            )
            wait_until(lambda p=dying: died(p), f"{state} dies at {point}")
            assert dying.returncode == -signal.SIGKILL
            victim.log.unlink()
            victim.start()
            wait_until(lambda: acknowledged(az, sent[-1]), "AZ has the receipt")
            if victim is az:  # it may have died with the receipt, before it answered
                wait_until(lambda: called_back(xu, sent[-1]), "XU knows that its receipt arrived")
            victim.stop()
    finally:
        az.stop()
        xu.stop()
    assert owed(xu) == 0
    assert [received(xu, one["messageId"]) for one in sent] == [1] * len(sent)
    assert count(az, "RECEIPT_RECEIVED") == len(sent)
    for node in (az, xu):
        command("audit", "verify", str(node.folder))


def acknowledged(az: RunningNode, said: dict) -> bool:
    words = ("status", str(az.folder), said["messageId"], "--as", "AZ-SSS", "--json")
    view = command(*words)
    assert view["state"] != "FAILED", view["error"]
    return view["state"] == "ACKNOWLEDGED"


def called_back(node: RunningNode, said: dict) -> bool:
    """Whether the log of a node that was not killed says that its receipt arrived."""
    lines = node.log.read_text().splitlines()
    return any('"callback.delivered"' in one and said["messageId"] in one for one in lines)


def asked(node: RunningNode, statement: str, *values: str) -> int:
    """What the database of a stopped node says."""
    database = sqlite3.connect(node.folder / "data" / "gateway.sqlite")
    try:
        found: int = database.execute(statement, values).fetchone()[0]
        return found
    finally:
        database.close()


def count(node: RunningNode, kind: str) -> int:
    return asked(node, "select count(*) from evidence where kind = ?", kind)


def received(node: RunningNode, message_id: str) -> int:
    """How often the message is in a queue, and in the table of messages, which must agree."""
    rows = asked(
        node, "select count(*) from message where direction = 'in' and message_id = ?", message_id
    )
    entries = asked(
        node,
        "select count(*) from queue_entry q join message m on m.id = q.message"
        " where m.direction = 'in' and m.message_id = ?",
        message_id,
    )
    assert rows == entries
    return rows


def owed(node: RunningNode) -> int:
    return asked(node, "select count(*) from callback")
