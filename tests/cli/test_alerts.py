"""`alerts` as a watchdog and an operator use it."""

from __future__ import annotations

from pathlib import Path

import pytest_twisted

from tests.cli.conftest import Shell
from tests.local.conftest import Served, document


@pytest_twisted.ensureDeferred
async def test_an_authority_that_snoops_is_listed_until_acknowledged(
    shell: Shell, served: Served, tmp_path: Path
) -> None:
    form = tmp_path / "request.xml"
    form.write_bytes(document())
    none = await shell.run("alerts")
    assert (none.status, none.out) == (0, "No alert stands open.\n")
    sent = await shell.run("submit", "--as", "AZ-SSS", "--document", form, "--json")
    assert (await shell.run("status", sent.json["messageId"], "--as", "AZ-MOJ")).status == 1
    listed = await shell.run("alerts", "--json")
    assert listed.status == 1
    (alert,) = listed.json
    assert alert["times"] == 1
    assert alert["sentence"].startswith("AZ-MOJ asked for " + sent.json["messageId"])
    table = await shell.run("alerts")
    assert (table.status, alert["sentence"] in table.out) == (1, True)
    wrong = await shell.run("alerts", "--ack", 99)
    assert (wrong.status, "no such thing" in wrong.err) == (1, True)
    done = await shell.run("alerts", "--ack", alert["number"])
    assert (done.status, done.out) == (0, "No alert stands open.\n")
    assert (await shell.run("alerts")).status == 0
