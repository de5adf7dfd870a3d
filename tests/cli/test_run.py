"""`run` and `audit verify` as processes of their own: the lock, the signals, the audit."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.new_node import write_node
from gateway.cli.connection import Address
from gateway.cli.place import local_address
from gateway.lock import NodeLock

START_SECONDS = 30


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh node on free ports."""
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    as4, local = (one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    made = command(
        "init", tmp_path / "az", "--state", "AZ", "--as4-port", as4, "--local-port", local
    )
    assert made.returncode == 0, made.stderr
    return tmp_path / "az"


@pytest.fixture
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The gateway of the node, serving; its log is read to the end by a thread."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", str(folder)], stderr=subprocess.PIPE, text=True
    )
    stderr, events, started = process.stderr, [], threading.Event()
    assert stderr is not None

    def follow() -> None:
        for line in stderr:
            events.append(json.loads(line)["event"])
            if events[-1] == "gateway.started":
                started.set()

    reading = threading.Thread(target=follow)
    reading.start()
    try:
        assert started.wait(START_SECONDS), events
        yield process
    finally:
        process.kill()
        process.wait()
        reading.join()
        stderr.close()
        assert "gateway.stopped" in events or process.returncode != 0


def test_a_gateway_runs_alone_and_ends_in_order(
    folder: Path, running: subprocess.Popen[str]
) -> None:
    second = command("run", folder)
    assert second.returncode == 1
    assert f"process {running.pid} is using this node" in second.stderr
    asked = command("audit", "verify", folder, "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout.splitlines()[-1])["event"] == "end"
    waiting = subprocess.Popen(
        [sys.executable, "-m", "gateway", "take", str(folder), "--as", "AZ-SSS", "--wait", "50"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until_polling(local_address(folder))
    running.send_signal(signal.SIGTERM)
    out, _ = waiting.communicate(timeout=20)
    assert (waiting.returncode, out) == (0, "The queue is empty.\n")
    assert running.wait(20) == 0
    assert command("take", folder, "--as", "AZ-SSS").returncode == 3


def wait_until_polling(address: Address) -> None:
    """Return when somebody is connected to the gateway, and half a second more to ask."""
    for _ in range(200):
        # The gateway's end of a connection to the socket bears its path, in state 03 (connected).
        lines = Path("/proc/net/unix").read_text().splitlines()
        if any(line.endswith(f" {address.unix_socket}") and " 0001 03 " in line for line in lines):
            threading.Event().wait(0.5)
            return
        threading.Event().wait(0.05)
    pytest.fail("nobody polls")


def test_the_audit_of_a_node_that_does_not_run(folder: Path) -> None:
    verified = command("audit", "verify", folder, "--json")
    assert verified.returncode == 0, verified.stderr
    assert "checking the store itself" in verified.stderr
    last = json.loads(verified.stdout.splitlines()[-1])
    assert (last["event"], last["findings"]) == ("end", 0)
    with NodeLock(folder):
        refused = command("audit", "verify", folder)
    assert refused.returncode == 1
    assert "is using this node" in refused.stderr


def test_a_node_with_faults_does_not_run(folder: Path) -> None:
    (folder / "keys" / "sign.key.pem").unlink()
    refused = command("run", folder)
    assert refused.returncode == 1
    assert "sign.key.pem" in refused.stderr


def test_a_gateway_whose_own_certificates_have_expired_does_not_start(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=500)
    write_node(tmp_path / "az", "AZ", now=long_ago)
    done = command("run", tmp_path / "az")
    assert done.returncode == 1
    assert "expired on" in done.stderr
    assert "exchange it" in done.stderr
