"""phase4 pulls from the running gateway: AZ is ours, XU is phase4, which cannot be called.

phase4's client asks with a signed PullRequest, verifies and decrypts what comes, and leaves the
receipt by callback to whoever uses it: the message stays AWAITING_RECEIPT here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import example
from tests.gateway.ground import renamed
from tests.interop import phase4_peer
from tests.interop.gateway_process import NodeFolder, command, free_port, running
from tests.interop.matrix import OUTBOUND, PROFILE_1_15, PULL
from tests.interop.phase4_peer import Side

pytestmark = pytest.mark.slow

CHANNEL = "urn:uncc:mpc:az-xu"
AZ_PARTY, XU_PARTY = "az-gateway", "xu-gateway"


@pytest.mark.exchange("phase4", PROFILE_1_15, PULL, OUTBOUND)
def test_phase4_pulls_what_waits_for_it(phase4: None, tmp_path: Path) -> None:
    port = free_port()
    az = NodeFolder.make(tmp_path / "AZ", "AZ", port)
    xu = NodeFolder.make(tmp_path / "XU", "XU", free_port())
    az.add_partner(xu)
    pmode = az.path / "partners" / "XU.toml"
    pmode.write_text(pmode.read_text() + f'\n[pull]\nby = "partner"\nmpc = "{CHANNEL}"\n')
    side, url = Side(xu.keys, az.keys.folder), f"https://localhost:{port}/as4"
    with running(az, tmp_path / "gateway.log"):

        def pulled(channel: str) -> dict[str, Any]:
            return phase4_peer.pull(side, AZ_PARTY, XU_PARTY, url, channel)

        empty = pulled(CHANNEL)
        assert [error["code"] for error in empty["errors"]] == ["EBMS:0006"]
        assert empty["ref_to_message_id"] == empty["request_id"]
        unknown = pulled("urn:uncc:mpc:nobody")
        assert [error["code"] for error in unknown["errors"]] == ["EBMS:0001"]
        sent = handed_in(az, tmp_path)
        found = pulled(CHANNEL)
        assert (found["message_id"], found["faults"]) == (sent, [])
        assert (found["mpc"], found["parts"]) == (CHANNEL, 2)
        shown = command("status", str(az.path), sent, "--as", "AZ-SSS", "--json")
        assert json.loads(shown)["state"] == "AWAITING_RECEIPT"


def handed_in(az: NodeFolder, folder: Path) -> str:
    """The id of a request of AZ with an attachment, which nobody pushes."""
    document, annex = folder / "request.xml", folder / "annex.bin"
    document.write_bytes(renamed(example("preservation-request-az-xu.xml")))
    annex.write_bytes(bytes(range(256)) * 500)
    words = ("--document", str(document), "--attach", str(annex), "--json")
    said = command("submit", str(az.path), "--as", "AZ-SSS", *words)
    message_id: str = json.loads(said)["messageId"]
    return message_id
