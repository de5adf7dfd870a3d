"""`make bench-profile`: what a received message costs, in which thread, and in which function.

A gateway receives sealed messages as in `make bench`; after each round the floor does its work with
the same messages, so that noise meets both. Processor time is counted, never the time on the clock:
that holds on a machine which others use too. Needs neither phase4 nor Java.

    python tests/bench/cost.py [--size "1 MiB"] [--messages 200] [--rounds 4] [--connections 1]
                                  [--against FOLDER] [--lines 40]

`--against` names another checkout of this repository; its gateway, with the same keys, takes turns
with ours. `--lines 0` leaves the profile out, which slows Python code down two- or threefold and is
therefore a run of its own: believe its order more than its figures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import pstats
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.node import load_node
from gateway.demo.nodes import free_ports, make_nodes
from tests.bench.sender import SIZES, SUITE, Folders, Sender, bare

HOME = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
NANOSECONDS_PER_MS = 1e6


@dataclass(slots=True)
class Measured:
    """One gateway process and what its threads spent, in nanoseconds."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    messages: int = 0
    spent: Counter[str] = field(default_factory=Counter)

    @property
    def cpu_ms(self) -> float:
        return self.spent.total() / self.messages / NANOSECONDS_PER_MS

    def receive(self, sender: Sender, crafted: list, connections: int) -> None:
        """All of `crafted` is received and counted."""
        before = spent_by_thread(self.process.pid)
        sender.post(crafted, self.port, connections)
        after = spent_by_thread(self.process.pid)
        after.subtract(before)
        self.spent += after
        self.messages += len(crafted)

    def told(self) -> str:
        threads = ", ".join(
            f"{name} {spent / self.messages / NANOSECONDS_PER_MS:.2f}"
            for name, spent in sorted(self.spent.items())
        )
        return f"{self.name:<12}{self.cpu_ms:>8.2f} ms    {threads}"


def spent_by_thread(pid: int) -> Counter[str]:
    """Nanoseconds on a processor: the first thread, and all others by their number."""
    spent: Counter[str] = Counter()
    threads = sorted(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    for number, thread in enumerate(threads):
        fields = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()
        spent["reactor" if thread == pid else f"thread {number}"] += int(fields[0])
    return spent


def started(
    name: str, folder: Path, checkout: Path, stack: ExitStack, words: Sequence[str]
) -> Measured:
    """The gateway of `folder`, by the code in `checkout`, serves."""
    log = folder.with_name(f"{folder.name}-{len(words)}.log")
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *words], cwd=checkout, stdout=file, stderr=file)
    stack.callback(stopped, process)
    deadline = time.monotonic() + START_SECONDS
    while b'"gateway.started"' not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the gateway did not start: {log.read_text()}")
        time.sleep(0.1)
    return Measured(name, process, load_node(folder).settings.as4.port)


def stopped(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def copied(folder: Path) -> Path:
    """The same node with ports of its own; the keys are the same, so the messages are, too."""
    copy = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, copy, symlinks=True)
    settings = copy / "gateway.toml"
    text = settings.read_text()
    old = load_node(folder).settings
    for port, free in zip((old.as4.port, old.local.port), free_ports(2), strict=True):
        text = re.sub(rf"\b{port}\b", str(free), text)
    settings.write_text(text)
    return copy


def compare(sender: Sender, gateways: list[Measured], words: argparse.Namespace) -> None:
    """Print what each gateway and the floor spend on the same messages."""
    floor, costs = sender.floor(), []
    for number in range(words.rounds + 1):  # the first one warms up
        crafted = sender.craft(SIZES[words.size], words.messages)
        for gateway in gateways if number % 2 else reversed(gateways):
            gateway.receive(sender, crafted, words.connections)
            if number == 0:
                gateway.messages, gateway.spent = 0, Counter()
        costs.append(floor.run(bare(crafted)).cpu_ms)
    floor_ms = statistics.median(costs[1:])
    print(f"{words.size}, {words.connections} connections, CPU for a message:")
    for gateway in gateways:
        print(f"{gateway.told()}    {gateway.cpu_ms / floor_ms:.2f} times the floor")
    print(f"{'floor':<12}{floor_ms:>8.2f} ms", flush=True)


def profile(sender: Sender, folder: Path, words: argparse.Namespace) -> None:
    """Print the functions that take most, in milliseconds for 1000 messages: seconds as printed."""
    report = folder.with_name("report")
    program = ["tests/bench/profiled.py", str(folder), str(report)]
    with ExitStack() as stack:
        gateway = started("profiled", folder, HOME, stack, program)
        sender.post(sender.craft(SIZES[words.size], 50), gateway.port, words.connections)
        gateway.process.send_signal(signal.SIGUSR1)
        crafted = sender.craft(SIZES[words.size], words.messages)
        sender.post(crafted, gateway.port, words.connections)
    for order in ("tottime", "cumulative"):
        printed = io.StringIO()
        stats = pstats.Stats(str(report), stream=printed)
        stats.strip_dirs().sort_stats(order).print_stats(words.lines)
        print(f"\nby {order}, seconds for {words.messages} messages")
        print(printed.getvalue().partition("ncalls")[2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="10 KiB")
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--against", type=Path)
    words = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hanoi-profile-"))
    try:
        az, xu = make_nodes(folder / "nodes", [SUITE])
        sender = Sender(Folders(az.folder, xu.folder, folder))
        places = {"gateway": (az.folder, HOME)}
        if words.against is not None:
            places["against"] = (copied(az.folder), words.against.resolve())
        with ExitStack() as stack:
            gateways = [
                started(name, node, checkout, stack, ["-m", "gateway", "run", str(node)])
                for name, (node, checkout) in places.items()
            ]
            compare(sender, gateways, words)
        if words.lines:
            profile(sender, az.folder, words)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
