"""Two node folders, each with the other's card, and a process for each."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STATES: Final = ("AZ", "XU")
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
MARK: Final = ".hanoi-gateway-demo"  # only a folder that bears it is ever removed


class DemoFailed(Exception):
    """A step of the demonstration did not do what it should; the sentence says which."""


def command(*words: str) -> Any:
    """What `hanoi-gateway words... --json` printed, as a value. Raises DemoFailed."""
    done = subprocess.run(  # noqa: S603 - our own program with our own words
        [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoFailed(f"hanoi-gateway {' '.join(words)}: {done.stderr or done.stdout}")
    return json.loads(done.stdout) if "--json" in words else done.stdout


@dataclass(slots=True)
class RunningNode:
    """One gateway of the demonstration."""

    state: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return self.folder.parent / f"{self.state.lower()}.log"

    def start(self) -> None:
        """The gateway runs and answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "gateway", "run", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._started():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(f"the gateway of {self.state} did not start; see {self.log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """The gateway has finished what was in flight and ended."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise DemoFailed(f"the gateway of {self.state} did not stop; see {self.log}") from None

    def _started(self) -> bool:
        return b'"gateway.started"' in self.log.read_bytes()


def make_nodes(folder: Path, suites: Sequence[str] = ()) -> list[RunningNode]:
    """Fresh node folders for AZ and XU in `folder`, which is emptied if a demonstration made it.

    They have keys for `suites`, by id, or for those that a new node has by itself.
    """
    if folder.exists():
        if not (folder / MARK).exists():
            raise DemoFailed(f"{folder} exists and no demonstration made it; choose --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    nodes = [RunningNode(state, folder / state.lower()) for state in STATES]
    ports = free_ports(2 * len(nodes))
    for node in nodes:
        command(
            *("init", str(node.folder), "--state", node.state),
            *("--as4-port", str(ports.pop()), "--local-port", str(ports.pop())),
            *(word for suite in suites for word in ("--suite", suite)),
        )
    for node, other in zip(nodes, reversed(nodes), strict=True):
        command("partner", "add", str(node.folder), str(other.folder / "card.toml"))
    return nodes


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on just now."""
    sockets: Sequence[socket.socket] = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
