"""A gateway as its operator runs it: node folder, process, command line. Nothing is imported."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.phase4_peer import PartyKeys

START_SECONDS = 60.0
COMMAND_SECONDS = 120.0
RECEIPT_SECONDS = 60
GATEWAY = (sys.executable, "-m", "gateway")


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The folder of one State's node."""

    state: str
    path: Path

    @classmethod
    def make(cls, path: Path, state: str, as4_port: int, *options: str) -> NodeFolder:
        """A new node that partners reach at `as4_port`."""
        ports = ("--as4-port", str(as4_port), "--local-port", str(free_port()))
        url = ("--public-url", f"https://localhost:{as4_port}/as4")
        command("init", str(path), "--state", state, *ports, *url, *options)
        return cls(state, path)

    @property
    def keys(self) -> PartyKeys:
        """Its keys, in the file names that the phase4 peer reads too."""
        return PartyKeys(self.path / "keys")

    def add_partner(self, other: NodeFolder, suite: str | None = "edelivery-as4-1.15") -> None:
        """Take in the card of `other`, and send again soon, for tests that wait for it.

        Without `suite`, the two agree as any two new nodes do.
        """
        card = str(other.path / "card.toml")
        command("partner", "add", str(self.path), card, *(("--suite", suite) if suite else ()))
        pmode = self.path / "partners" / f"{other.state}.toml"
        patient = "first_interval_seconds = 10.0"
        text = pmode.read_text()
        assert patient in text
        pmode.write_text(text.replace(patient, "first_interval_seconds = 0.5"))

    def submit(self, authority: str, document: Path, *attachments: Path) -> dict[str, Any]:
        """Hand in `document` and wait for the partner's receipt: where it stands then."""
        return self._told(*self._submission(authority, document, attachments))

    def submit_refused(self, authority: str, document: Path, *attachments: Path) -> dict[str, Any]:
        """Hand in `document` and wait until it has failed: where it stands then."""
        words = self._submission(authority, document, attachments)
        told: dict[str, Any] = json.loads(command(*words, succeeds=False))
        return told

    def _submission(
        self, authority: str, document: Path, attachments: tuple[Path, ...]
    ) -> tuple[str, ...]:
        words = [word for file in attachments for word in ("--attach", str(file))]
        who = ("--as", authority, "--document", str(document))
        wait = ("--wait", str(RECEIPT_SECONDS), "--json")
        return ("submit", str(self.path), *who, *words, *wait)

    def take(self, authority: str, into: Path) -> tuple[dict[str, Any], Path]:
        """The next message of `authority` and the folder with its files; acknowledged."""
        who = ("--as", authority, "--into", str(into), "--wait", "20", "--ack", "--json")
        told = self._told("take", str(self.path), *who)
        return told["message"], Path(told["folder"])

    def verify(self) -> str:
        """What the audit of its evidence says. Fails when it finds anything."""
        return command("audit", "verify", str(self.path))

    def _told(self, *words: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(command(*words))
        return told


def command(*words: str, succeeds: bool = True) -> str:
    """The standard output of `hanoi-gateway WORDS`, which must succeed, or must not."""
    done = subprocess.run(
        [*GATEWAY, *words], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    assert (done.returncode == 0) is succeeds, (words, done.stdout, done.stderr)
    return done.stdout


@contextmanager
def running(node: NodeFolder, log: Path) -> Iterator[NodeFolder]:
    """`node` as a process that serves; its log goes to `log`."""
    with (
        log.open("w") as stderr,
        subprocess.Popen([*GATEWAY, "run", str(node.path)], stderr=stderr) as process,
    ):
        try:
            _wait_until_started(process, log)
            yield node
        finally:
            process.terminate()


def _wait_until_started(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while '"gateway.started"' not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
