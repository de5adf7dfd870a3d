"""`make bench-memory`: resident memory of both gateways while a large file crosses, both ways.

Prints, for each direction and gateway, the resident memory after a warm-up message, the peak while
the file crossed, and the growth; exits 1 if a gateway grew by LIMIT_MIB or more.

    python tests/bench/memory.py [--mib 1024]
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.demo.nodes import RunningNode, command, make_nodes
from protocol.convention.documents import read_document
from schemas.catalogue import example, example_names
from tests.gateway.ground import renamed

LIMIT_MIB = 64
MIB = 1024 * 1024
KIND = "MlaRequest"


def status_mib(pid: int, field: str) -> float:
    """VmRSS or VmHWM of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def reset_peak(pid: int) -> None:
    """VmHWM begins again at the present resident size (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def document_of(origin: str, folder: Path) -> tuple[Path, str, str]:
    """An example that `origin` sends, with its sender and its addressee."""
    for name in example_names():
        octets = example(name)
        document = read_document(octets)
        if document.kind == KIND and document.requesting_authority.startswith(origin):
            path = folder / f"{origin}.xml"
            path.write_bytes(renamed(octets))
            return path, document.requesting_authority, document.requested_authority
    raise LookupError(f"no example of {KIND} from {origin}")


def send(origin: RunningNode, target: RunningNode, folder: Path, attachment: Path | None) -> float:
    """Send one request, take it on the other side, compare; the seconds until the receipt."""
    document, requesting, requested = document_of(origin.state, folder)
    words = ["submit", str(origin.folder), "--as", requesting, "--document", str(document)]
    if attachment is not None:
        words += ["--attach", str(attachment)]
    begun = time.monotonic()
    view = command(*words, "--wait", "600", "--json")
    seconds = time.monotonic() - begun
    if view["state"] != "ACKNOWLEDGED":
        raise SystemExit(f"the message is {view['state']}: {view['error']}")
    into = folder / "taken"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    taken = command(
        *("take", str(target.folder), "--as", requested, "--into", str(into)),
        *("--wait", "20", "--ack", "--json"),
    )
    if attachment is not None:
        wanted = digest(attachment)
        if wanted not in {digest(path) for path in Path(taken["folder"]).iterdir()}:
            raise SystemExit("the file that arrived is not the one that was sent")
    return seconds


def digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file in MiB")
    mib = parser.parse_args().mib
    folder = Path(tempfile.mkdtemp(prefix="hanoi-memory-"))
    attachment = folder / "evidence.bin"
    with attachment.open("wb") as file:
        for _ in range(mib):
            file.write(secrets.token_bytes(MIB))
    nodes = make_nodes(folder / "nodes")
    worst = 0.0
    print(f"one file of {mib} MiB of random octets in each direction; resident memory in MiB")
    print(f"{'direction':<12}{'gateway':<10}{'warm':>8}{'peak':>8}{'growth':>8}{'seconds':>9}")
    try:
        for node in nodes:
            node.start()
        for origin, target in (nodes, nodes[::-1]):
            send(origin, target, folder, None)
        for origin, target in (nodes, nodes[::-1]):
            warm = {}
            for node in nodes:
                reset_peak(node.process.pid)
                warm[node.state] = status_mib(node.process.pid, "VmRSS")
            seconds = send(origin, target, folder, attachment)
            for node in nodes:
                peak = status_mib(node.process.pid, "VmHWM")
                growth = peak - warm[node.state]
                worst = max(worst, growth)
                print(
                    f"{origin.state + ' -> ' + target.state:<12}{node.state:<10}"
                    f"{warm[node.state]:>8.1f}{peak:>8.1f}{growth:>8.1f}{seconds:>9.1f}"
                )
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder)
    print(f"largest growth {worst:.1f} MiB; the limit is {LIMIT_MIB} MiB")
    return 0 if worst < LIMIT_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
