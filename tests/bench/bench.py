"""`make bench`: rate, latency and processor time of a durably receipted message.

For 10 KiB and 1 MiB of payload and 1 and 4 kept connections (mutual TLS 1.3, RSA-3072): gateway,
phase4 receiving the very same octets with the same keys, and the floor, the bare operations in one
Python process. Messages are sealed beforehand; the load is a process of its own. Gateway and phase4
take turns, so that noise meets both; phase4's virtual machine is warmed up first.

    python tests/bench/bench.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography.hazmat.backends.openssl import backend

from config.node import load_node
from gateway.demo.nodes import RunningNode, make_nodes
from tests.bench.floor import Cost, Floor
from tests.bench.load import Timed
from tests.bench.sender import SIZES, SUITE, Folders, Sender, bare
from tests.gateway.ground import Crafted
from tests.interop import phase4_peer
from tests.interop.phase4_peer import Side

CONCURRENCIES = (1, 4)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
AIM_RATE, AIM_CPU = 2.0, 2.0  # times phase4's rate at least; times the floor's CPU at most


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent: messages of a round by size, rounds, and messages to warm up with."""

    counts: dict[str, int]
    rounds: int
    warm_up: int


FULL = Plan({"10 KiB": 400, "1 MiB": 100}, rounds=3, warm_up=600)
QUICK = Plan({"10 KiB": 100, "1 MiB": 25}, rounds=1, warm_up=300)


@dataclass(frozen=True, slots=True)
class Server:
    """Something that receives: its name, process and port."""

    name: str
    pid: int
    port: int


@dataclass(slots=True)
class Sums:
    """All rounds of one server at one size and concurrency."""

    messages: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def add(self, timed: Timed, cpu_seconds: float) -> None:
        self.messages += len(timed.latencies)
        self.seconds += timed.seconds
        self.cpu_seconds += cpu_seconds
        self.latencies += timed.latencies

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.messages

    def percentile_ms(self, percent: int) -> float:
        return 1000 * statistics.quantiles(self.latencies, n=100)[percent - 1]


class Ground:
    """AZ's gateway and phase4 with AZ's keys, both for messages that XU sealed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._az, xu = make_nodes(folder / "nodes", [SUITE])
        self.sender = Sender(Folders(self._az.folder, xu.folder, folder))
        self.servers = [self._gateway(self._az, stack), self._phase4(stack)]

    def _gateway(self, node: RunningNode, stack: ExitStack) -> Server:
        node.start()
        stack.callback(node.stop)
        port = load_node(node.folder).settings.as4.port
        assert node.process is not None
        return Server("gateway", node.process.pid, port)

    def _phase4(self, stack: ExitStack) -> Server:
        options = ("--store", str(self.folder / "store"), "--log", str(self.folder / "phase4.json"))
        sender, receiver = self.sender.partner.pmode.sending_parties
        parties = (sender.party_id.value, receiver.party_id.value)
        side, log = Side(self.sender.keys, self.sender.own.folder), self.folder / "phase4.log"
        running = stack.enter_context(phase4_peer.receiving(side, *parties, log, *options))
        return Server("phase4", running._said._process.pid, running.port)

    def measure(self, server: Server, crafted: list[Crafted], concurrency: int, into: Sums) -> None:
        """Send them all to `server`."""
        before = cpu_seconds(server.pid)
        timed = self.sender.post(crafted, server.port, concurrency)
        into.add(timed, cpu_seconds(server.pid) - before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def machine() -> str:
    """What the figures were measured on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    runtime = next((line for line in java.splitlines() if "Runtime" in line), "no JDK")
    return (
        f"{len(models)} x {models[0]}; Python {platform.python_version()}; gateway's "
        f"{backend.openssl_version_text()}; load's {ssl.OPENSSL_VERSION}; {runtime}"
    )


def compare(ground: Ground, floor: Floor, size: str, plan: Plan) -> None:
    """Print the rows of one size."""
    count = plan.counts[size]
    costs: list[Cost] = []
    for concurrency in CONCURRENCIES:
        sums = {server.name: Sums() for server in ground.servers}
        for _ in range(plan.rounds):
            crafted = ground.sender.craft(SIZES[size], count)
            for server in ground.servers:
                ground.measure(server, crafted, concurrency, sums[server.name])
            costs.append(floor.run(bare(crafted)))
        for name, held in sums.items():
            print(
                f"{size:<8}{name:<9}{concurrency:>3}{held.rate:>9.1f}{held.percentile_ms(50):>9.2f}"
                f"{held.percentile_ms(99):>9.2f}{held.cpu_ms:>9.2f}",
                flush=True,
            )
        floor_cpu = statistics.median(cost.cpu_ms for cost in costs)
        say_ratios(size, sums["gateway"], sums["phase4"], floor_cpu)
    wall = statistics.median(cost.wall_ms for cost in costs)
    print(
        f"{size:<8}{'floor':<9}{1:>3}{1000 / wall:>9.1f}{wall:>9.2f}{'':>9}{floor_cpu:>9.2f}",
        flush=True,
    )


def say_ratios(size: str, gateway: Sums, phase4: Sums, floor_cpu_ms: float) -> None:
    rate, cpu = gateway.rate / phase4.rate, gateway.cpu_ms / floor_cpu_ms
    print(
        f"{size:<8}ratios: rate to phase4 {rate:.2f} (aim: at least {AIM_RATE:g}), "
        f"CPU to the floor {cpu:.2f} (aim: at most {AIM_CPU:g}), "
        f"CPU to phase4 {gateway.cpu_ms / phase4.cpu_ms:.2f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form, for a first look")
    plan = QUICK if parser.parse_args().quick else FULL
    folder = Path(tempfile.mkdtemp(prefix="hanoi-bench-"))
    try:
        with ExitStack() as stack:
            ground = Ground(folder, stack)
            print(machine())
            print(f"{plan.rounds} rounds of {plan.counts}; warm-up of {plan.warm_up} each")
            warm = ground.sender.craft(SIZES["10 KiB"], plan.warm_up)
            for server in ground.servers:
                ground.measure(server, warm, CONCURRENCIES[-1], Sums())
            floor = ground.sender.floor()
            print(f"{'size':<8}{'server':<9}{'c':>3}{'msg/s':>9}{'p50 ms':>9}", end="")
            print(f"{'p99 ms':>9}{'CPU ms':>9}", flush=True)
            for size in SIZES:
                compare(ground, floor, size, plan)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
