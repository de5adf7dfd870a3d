"""`init`, `partner add`, `check`, `version`, `openapi`, and the node's lock."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted

from config.new_node import DEFAULT_AS4_PORT, DEFAULT_LOCAL_PORT
from gateway.cli import node
from gateway.local.openapi import openapi_text
from gateway.lock import NodeInUse, NodeLock
from tests.cli.conftest import Shell, run


def test_a_new_node_is_tight_and_has_no_fault(tmp_path: Path) -> None:
    az, xu = tmp_path / "az", tmp_path / "xu"
    made = run("init", az, "--state", "AZ", "--as4-port", "9443", "--local-port", "9480")
    assert made.status == 0, made.err
    assert "AZ-SSS" in made.out
    assert run("init", xu, "--state", "XU").status == 0
    added = run("partner", "add", az, xu / "card.toml")
    assert added.status == 0, added.err
    assert "signing" in added.out
    checked = run("check", az)
    assert (checked.status, checked.out.splitlines()[-1]) == (0, "0 errors, 0 warnings.")
    for path in az.rglob("*"):
        if path.name != "card.toml" and not (path.suffix == ".pem" and ".key." not in path.name):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    again = run("init", az, "--state", "AZ")
    assert again.status == 1
    assert "never overwritten" in again.err
    twice = run("partner", "add", az, xu / "card.toml")
    assert "--replace" in twice.err
    assert run("partner", "add", az, xu / "card.toml", "--replace").status == 0


def test_check_names_every_fault_at_once(quiet: Path) -> None:
    settings = quiet / "gateway.toml"
    text = settings.read_text()
    text = text.replace("lease_seconds = 300", 'leese_seconds = 300\nhost = "x"')
    settings.write_text(text.replace('\nhost = "127.0.0.1"\nport = 1', "\nport = 1"))
    (quiet / "keys" / "sign.key.pem").chmod(0o644)
    said = run("check", quiet)
    assert said.status == 1
    assert "leese_seconds" in said.out
    assert "local.host" in said.out
    assert run("run", quiet).status == 1


def test_the_ports_in_the_help_are_those_of_the_configuration() -> None:
    assert (node.AS4_PORT, node.LOCAL_PORT) == (DEFAULT_AS4_PORT, DEFAULT_LOCAL_PORT)


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_is_a_port(tmp_path: Path, port: str) -> None:
    said = run("init", tmp_path / "n", "--state", "AZ", "--as4-port", port)
    assert (said.status, "invalid" in said.err) == (2, True)


def test_version_and_openapi() -> None:
    assert run("version").out.startswith("hanoi-gateway 0.")
    assert run("openapi").out == openapi_text()


def test_help_needs_neither_keys_nor_a_reactor() -> None:
    code = (
        "import sys; from gateway.cli.parser import build_parser; build_parser();"
        "print([m for m in ('twisted.internet.reactor','sqlalchemy','lxml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_one_process_only(quiet: Path) -> None:
    with NodeLock(quiet), pytest.raises(NodeInUse) as refusal:
        NodeLock(quiet).take()
    assert refusal.value.pid is not None
    with NodeLock(quiet):
        pass


def test_a_lock_ends_with_its_process(quiet: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from gateway.lock import NodeLock;"
        f"NodeLock(Path({str(quiet)!r})).take(); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(NodeInUse) as refusal:
            NodeLock(quiet).take()
        assert refusal.value.pid == holder.pid
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
    with NodeLock(quiet):
        pass


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    line = f"{sys.executable} -m gateway openapi | head -c 10"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("openapi: 3", "")


@pytest_twisted.ensureDeferred
async def test_a_partner_that_does_not_answer_is_told_everywhere(shell: Shell) -> None:
    """Nobody listens where the partner would be."""
    never = await shell.run("partner status")
    assert (never.status, "not asked" in never.out) == (0, True)
    asked = await shell.run("partner ping", "XU")
    assert asked.status == 1
    assert asked.out.startswith("XU does not answer: ")
    assert "compare address" in asked.out
    checked = await shell.run("check", "--partner", "XU")
    assert checked.status == 1
    assert "error: XU does not answer: " in checked.out
    told = await shell.run("partner status", "--json")
    (line,) = told.json["partners"]
    assert (told.status, line["answers"], line["answeredAt"]) == (1, False, None)
    assert line["sentence"] in asked.out
    unknown = await shell.run("partner ping", "ZZ")
    assert (unknown.status, "Nothing is known" in unknown.err) == (1, True)


def test_a_partner_is_asked_by_a_gateway_that_runs(quiet: Path) -> None:
    assert run("partner", "ping", quiet, "XU").status == 3
    assert run("check", quiet, "--partner", "XU").status == 3
