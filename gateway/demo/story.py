"""What the two gateways do: three kinds of request in both directions, one with a large file."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.demo.nodes import DemoFailed, RunningNode, command, make_nodes
from gateway.demo.report import Row, print_table, print_talk
from protocol.convention.documents import read_document
from schemas.catalogue import example, example_names

KINDS: Final = ("PreservationRequest", "MlaRequest", "ExtraditionRequest")
EVIDENCE_BYTES: Final = 64 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """One request to send: who asks whom, for what, with which files."""

    kind: str
    origin: RunningNode
    target: RunningNode
    requesting: str
    requested: str
    document: Path
    attachments: tuple[Path, ...]


def main(folder: Path, *, stay: bool = False) -> int:
    """Run the demonstration in `folder`; 0 if everything held, 1 with the reason if not."""
    try:
        return _run(folder, stay)
    except DemoFailed as failure:
        print(f"\nThe demonstration failed: {failure}")
        return 1


def _run(folder: Path, stay: bool) -> int:
    _say("making two nodes with throw-away keys: AZ (Azerbaijan) and XU (Utopia)")
    nodes = make_nodes(folder)
    try:
        for node in nodes:
            node.start()
            _say(f"the gateway of {node.state} runs (process {node.process and node.process.pid})")
        rows = [_send(case, folder) for case in _cases(nodes, folder)]
        verified = {node.state: _audit(node) for node in nodes}
        rows = [row.with_evidence(verified[row.to_state]) for row in rows]
        print_table(rows)
        if stay:
            print_talk(nodes)
            nodes = []
    finally:
        for node in nodes:
            node.stop()
    if nodes:
        _say("both gateways have stopped")
    return 0


def _cases(nodes: list[RunningNode], folder: Path) -> Iterator[Case]:
    by_state = {node.state: node for node in nodes}
    evidence = _evidence(folder)
    for octets in (example(name) for name in example_names()):
        document = read_document(octets)
        origin = by_state.get(document.requesting_authority[:2])
        target = by_state.get(document.requested_authority[:2])
        if document.kind not in KINDS or origin is None or target is None:
            continue
        path = folder / f"{document.kind}-{origin.state}-{target.state}.xml"
        if path.exists():
            continue  # a second example of the same kind and direction
        path.write_bytes(octets)
        with_evidence = document.kind == "MlaRequest" and origin.state == "XU"
        yield Case(
            document.kind,
            origin,
            target,
            document.requesting_authority,
            document.requested_authority,
            path,
            (evidence,) if with_evidence else (),
        )


def _evidence(folder: Path) -> Path:
    path = folder / "disk-image.bin"
    _say(f"making an evidence file of {EVIDENCE_BYTES // 2**20} MiB")
    with path.open("wb") as file:
        for _ in range(EVIDENCE_BYTES // PIECE_BYTES):
            file.write(secrets.token_bytes(PIECE_BYTES))
    return path


def _send(case: Case, folder: Path) -> Row:
    what = f"{case.kind} {case.requesting} -> {case.requested}"
    size = sum(path.stat().st_size for path in case.attachments)
    _say(f"{what}{f', with {size // 2**20} MiB of evidence' if size else ''}")
    words = ["submit", str(case.origin.folder), "--as", case.requesting, "--json"]
    words += ["--document", str(case.document)]
    for path in case.attachments:
        words += ["--attach", str(path)]
    message_id = command(*words)["messageId"]
    sent = _wait_for_receipt(case, message_id)
    _say("  receipt held; the authority takes the message from its queue")
    taken = _take(case, folder)
    if taken["message"]["messageId"] != message_id:
        raise DemoFailed(f"{case.requested} took {taken['message']['messageId']}, not {message_id}")
    _compare(case, Path(taken["folder"]))
    return Row(
        message_id,
        case.kind,
        case.requesting,
        case.requested,
        case.target.state,
        sent["receipt"]["receiptId"],
        "acknowledged" if taken["acknowledged"] else "leased",
    )


def _wait_for_receipt(case: Case, message_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    shown = ""
    while True:
        words = ("status", str(case.origin.folder), message_id, "--as", case.requesting, "--json")
        view: dict[str, Any] = command(*words)
        if view["state"] != shown:
            shown = view["state"]
            _say(f"  {shown}")
        if shown == "ACKNOWLEDGED":
            return view
        if shown == "FAILED" or time.monotonic() > deadline:
            raise DemoFailed(f"{message_id} is {shown}: {view['error']}")
        time.sleep(LOOK_SECONDS)


def _take(case: Case, folder: Path) -> dict[str, Any]:
    words = ["take", str(case.target.folder), "--as", case.requested, "--wait", "20", "--ack"]
    into = folder / "taken"
    into.mkdir(exist_ok=True)
    taken: dict[str, Any] | None = command(*words, "--into", str(into), "--json")
    if taken is None:
        raise DemoFailed(f"the queue of {case.requested} is empty")
    return taken


def _compare(case: Case, taken: Path) -> None:
    """Every octet that was sent is what the authority has now."""
    arrived = {_digest(path) for path in taken.iterdir() if path.is_file()}
    for path in (case.document, *case.attachments):
        if _digest(path) not in arrived:
            raise DemoFailed(f"{path.name} is not among the files in {taken}")


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _audit(node: RunningNode) -> str:
    _say(f"verifying the evidence of {node.state}")
    command("audit", "verify", str(node.folder))
    return "verified"


def _say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)
