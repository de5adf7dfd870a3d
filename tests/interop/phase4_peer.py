"""Drives the phase4 access point of tests/interop/phase4: its receiver, its sender, its keys."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keys.pki import Issued, ThrowAwayAuthority

PROJECT = Path(__file__).with_name("phase4")
JAR = PROJECT / "target" / "phase4-peer.jar"
HEAP = "-Xmx512m"  # two of them and the gateway fit a small machine
START_SECONDS = 60.0
LINE_SECONDS = 60.0
BUILD_SECONDS = 900.0
SEND_SECONDS = 600.0
PURPOSES = ("sign", "encrypt", "tls")

JsonLine = dict[str, Any]


class PeerFailed(Exception):
    """The peer did not start, or said nothing in time."""


def why_not() -> str | None:
    """Why phase4 cannot run here, or None when it can."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def build() -> Path:
    """The runnable jar, built by Maven when its sources are newer than it."""
    sources = [PROJECT / "pom.xml", *(PROJECT / "src").rglob("*.*")]
    newest = max(source.stat().st_mtime for source in sources)
    if not JAR.exists() or JAR.stat().st_mtime < newest:
        command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "package"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        if done.returncode != 0:
            raise PeerFailed(done.stdout[-2000:] + done.stderr[-2000:])
    return JAR


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """A folder with PURPOSE.key.pem and PURPOSE.cert.pem for sign, encrypt and tls."""

    folder: Path

    @classmethod
    def issue(cls, folder: Path, name: str) -> PartyKeys:
        """Fresh keys under a root of their own."""
        authority = ThrowAwayAuthority(name, datetime.now(UTC))
        issued: dict[str, Issued] = {
            "sign": authority.issue_signing(name),
            "encrypt": authority.issue_encryption(name),
            "tls": authority.issue_tls(name),
        }
        folder.mkdir(parents=True)
        for purpose, pair in issued.items():
            private_key = folder / f"{purpose}.key.pem"
            private_key.touch(mode=0o600)  # our own reader refuses a looser one
            private_key.write_bytes(pair.private_key_pem())
            (folder / f"{purpose}.cert.pem").write_bytes(pair.certificate_pem())
        return cls(folder)

    def certificate(self, purpose: str) -> Path:
        """The certificate file of `purpose`."""
        return self.folder / f"{purpose}.cert.pem"

    def private_key(self, purpose: str) -> Path:
        """The private key file of `purpose`."""
        return self.folder / f"{purpose}.key.pem"


@dataclass(frozen=True, slots=True)
class Side:
    """phase4's own keys and the folder with the partner's certificates."""

    own: PartyKeys
    partner: Path

    def options(self) -> list[str]:
        """The options both commands share."""
        return ["--keys", str(self.own.folder), "--partner", str(self.partner)]


class JsonLines:
    """What a running process says on standard output, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[JsonLine | None] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def next(self, seconds: float = LINE_SECONDS) -> JsonLine:
        """The next line; fails when there is none in time."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise PeerFailed(f"the peer said nothing for {seconds} seconds") from None
        if line is None:
            raise PeerFailed(f"the peer ended with status {self._process.wait()}")
        return line

    def _collect(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(json.loads(line))
        self._lines.put(None)


class Receiver:
    """A running phase4 receiver: where it listens and what it has said since."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._said = JsonLines(process)
        self.port = int(self._said.next(START_SECONDS)["port"])

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"https://localhost:{self.port}/as4"

    def next_line(self) -> JsonLine:
        """What the receiver says next: a message received or refused."""
        return self._said.next()


class Sender:
    """A running phase4 sender that takes one order after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said = JsonLines(process)

    def send(self, url: str, *options: str) -> JsonLine:
        """Sends a message to `url`; what came of it: "accepted" is true when its receipt holds."""
        words = ("--url", url, *options)
        if self._process.stdin is None or any("\t" in word or "\n" in word for word in words):
            raise PeerFailed(f"the peer cannot be told {words}")
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        return self._said.next()


@contextmanager
def receiving(
    side: Side, from_party: str, to_party: str, log: Path, *options: str
) -> Iterator[Receiver]:
    """phase4 listening as `to_party` for messages of `from_party`; its log goes to `log`."""
    with _running("receive", side, from_party, to_party, log, options) as process:
        yield Receiver(process)


@contextmanager
def sending(
    side: Side, from_party: str, to_party: str, log: Path, *options: str
) -> Iterator[Sender]:
    """phase4 ready to send as `from_party` to `to_party`; its log goes to `log`."""
    with _running("send-each", side, from_party, to_party, log, options) as process:
        yield Sender(process)


@contextmanager
def _running(
    command: str, side: Side, from_party: str, to_party: str, log: Path, options: Sequence[str]
) -> Iterator[subprocess.Popen[str]]:
    words = _java(command, side, from_party, to_party, options)
    pipe = subprocess.PIPE
    with (
        log.open("w") as stderr,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def pull(side: Side, from_party: str, to_party: str, url: str, mpc: str) -> JsonLine:
    """One PullRequest of phase4, and what it says of the answer."""
    done = subprocess.run(
        _java("pull", side, from_party, to_party, ("--url", url, "--mpc", mpc)),
        capture_output=True,
        text=True,
        timeout=SEND_SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        raise PeerFailed(done.stderr[-2000:])
    said: JsonLine = json.loads(lines[-1])
    return said


def load(side: Side, from_party: str, to_party: str, url: str, *options: str) -> JsonLine:
    """One run of `send --count`: the rate and how long each message waited for its receipt."""
    done = subprocess.run(
        _java("send", side, from_party, to_party, ("--url", url, *options)),
        capture_output=True,
        text=True,
        timeout=SEND_SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        raise PeerFailed(done.stderr[-2000:])
    held: JsonLine = json.loads(lines[-1])
    return held


def _java(
    command: str, side: Side, from_party: str, to_party: str, options: Sequence[str]
) -> list[str]:
    parties = ["--from-party", from_party, "--to-party", to_party]
    return java(command, [*side.options(), *parties, *options])


def java(command: str, options: Sequence[str]) -> list[str]:
    """The command line of the program in tests/interop/phase4."""
    return ["java", HEAP, "-jar", str(build()), command, *options]
