"""The running gateway pulls from phase4: AZ is ours, XU is phase4, whom nobody calls but to ask.

phase4 verifies our signed PullRequest and answers it. What it gives out is neither signed nor
encrypted, so all that can be seen of a message is that we do not take it. The error with which we
say so, in a request of our own, phase4 4.4.1 cannot read: it knows no P-Mode for a signal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import phase4_peer
from tests.interop.gateway_process import NodeFolder, free_port, running
from tests.interop.matrix import INBOUND, OUTBOUND, PROFILE_1_15, PULL
from tests.interop.phase4_peer import Receiver, Side

pytestmark = pytest.mark.slow

MANY_LINES = 20
CHANNEL = "urn:uncc:mpc:xu-az"
AZ_PARTY, XU_PARTY = "az-gateway", "xu-gateway"


@contextmanager
def pulled(folder: Path, log: Path, *options: str) -> Iterator[Receiver]:
    """phase4 as XU, from which AZ pulls every second; the gateway's log goes to `log`."""
    port = free_port()
    az = NodeFolder.make(folder / "AZ", "AZ", free_port())
    xu = NodeFolder.make(folder / "XU", "XU", port)
    az.add_partner(xu)
    pmode = az.path / "partners" / "XU.toml"
    agreed = f'\n[pull]\nby = "us"\nmpc = "{CHANNEL}"\ninterval_seconds = 1.0\n'
    pmode.write_text(pmode.read_text() + agreed)
    side, words = Side(xu.keys, az.keys.folder), ("--port", str(port), *options)
    with (
        phase4_peer.receiving(side, AZ_PARTY, XU_PARTY, folder / "phase4.log", *words) as peer,
        running(az, log),
    ):
        yield peer
    az.verify()


def next_event(peer: Receiver, event: str) -> dict[str, Any]:
    """What phase4 says of the next `event`; it is asked every second, so it says other things."""
    for _ in range(MANY_LINES):
        line = peer.next_line()
        if line["event"] == event:
            return line
    raise AssertionError(f"phase4 says nothing of {event!r}")


def logged(log: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.exchange("phase4", PROFILE_1_15, PULL, OUTBOUND)
def test_phase4_believes_our_pull_request(phase4: None, tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with pulled(tmp_path, log, "--mpc", CHANNEL) as peer:
        asked = [next_event(peer, "asked") for _ in range(2)]
        refused = next_event(peer, "refused")
    assert [(one["mpc"], one["faults"]) for one in asked] == [(CHANNEL, [])] * 2
    assert asked[0]["message_id"] != asked[1]["message_id"]
    assert [error["code"] for error in refused["errors"]] == ["EBMS:0006"]
    assert logged(log, "pull.refused") == [], "an empty channel is nothing to speak of"
    assert logged(log, "pull.unanswered") == []


@pytest.mark.exchange("phase4", PROFILE_1_15, PULL, INBOUND)
def test_we_heed_that_phase4_knows_no_such_channel(phase4: None, tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with pulled(tmp_path, log, "--mpc", "urn:uncc:mpc:other") as peer:
        next_event(peer, "refused")
        next_event(peer, "refused")  # by now the first answer has been read
    assert {code for line in logged(log, "pull.refused") for code in line["codes"]} == {"EBMS:0001"}


@pytest.mark.exchange("phase4", PROFILE_1_15, PULL, INBOUND)
def test_we_refuse_what_phase4_gives_out_unsigned(phase4: None, tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with pulled(tmp_path, log, "--mpc", CHANNEL, "--hand-out") as peer:
        first, _ = next_event(peer, "asked"), next_event(peer, "asked")  # so one was answered
    assert first["faults"] == []
    assert logged(log, "receive.accepted") == []
    assert {line["code"] for line in logged(log, "receive.refused")} == {"EBMS:0103"}
