"""`make bench-split`: resident memory of both gateways while a large file crosses in fragments.

Two gateways, two processes, [split] agreed as by default. Prints for each process the resident
memory after a warm-up message, the peak while the file crossed, and the growth; exits 1 if one grew
by LIMIT_MIB or more.

    python tests/bench/split.py [--mib 5120]
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.demo.nodes import make_nodes
from tests.bench.memory import LIMIT_MIB, MIB, reset_peak, send, status_mib

SPLIT = "\n[split]\n"  # every value as by default: 64 MiB fragments above 256 MiB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=5120, help="size of the file in MiB")
    mib = parser.parse_args().mib
    folder = Path(tempfile.mkdtemp(prefix="hanoi-split-"))
    nodes = make_nodes(folder / "nodes")
    origin, target = nodes
    worst = 0.0
    try:
        attachment = folder / "evidence.bin"
        with attachment.open("wb") as file:
            for _ in range(mib):
                file.write(secrets.token_bytes(MIB))
        for node in nodes:
            for path in (node.folder / "partners").glob("*.toml"):
                path.write_text(path.read_text() + SPLIT)
            node.start()
        send(origin, target, folder, None)
        warm = {}
        for node in nodes:
            reset_peak(node.process.pid)
            warm[node.state] = status_mib(node.process.pid, "VmRSS")
        seconds = send(origin, target, folder, attachment)
        print(f"one file of {mib} MiB of random octets from {origin.state} to {target.state}")
        print(f"in fragments, {seconds:.0f} seconds from submission to the receipt of the whole")
        print(f"{'gateway':<10}{'warm':>8}{'peak':>8}{'growth':>8}  MiB resident")
        for node in nodes:
            peak = status_mib(node.process.pid, "VmHWM")
            growth = peak - warm[node.state]
            worst = max(worst, growth)
            print(f"{node.state:<10}{warm[node.state]:>8.1f}{peak:>8.1f}{growth:>8.1f}")
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder)
    print(f"largest growth {worst:.1f} MiB; the limit is {LIMIT_MIB} MiB")
    return 0 if worst < LIMIT_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
