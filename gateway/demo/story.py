"""What the two gateways do: three kinds of request both ways, then a story."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.policy import POLICY_FILE
from gateway.demo.nodes import DemoFailed, RunningNode, make_nodes
from gateway.demo.plot import play
from gateway.demo.report import print_table, print_talk
from gateway.demo.stage import Stage, ask, say
from protocol.convention.documents import Document, read_document
from schemas.catalogue import example, example_names

KINDS: Final = ("PreservationRequest", "MlaRequest", "ExtraditionRequest")
EVIDENCE_BYTES: Final = 64 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024


#: So that nobody who watches has to wait for three minutes.
RINGS_OFTEN: Final = """\
[[limits]]
clock = "EMERGENCY_ANSWER"
length = "15 minutes"
alarm_every = "1 minute"
article = "41(3)(e)"
legal = false
trust = "fictional"
source = "For the demonstration"
"""


def main(folder: Path, *, stay: bool = False) -> int:
    """Run the demonstration in `folder`; 0 if everything held, 1 with the reason if not."""
    try:
        return _run(folder, stay)
    except DemoFailed as failure:
        print(f"\nThe demonstration failed: {failure}")
        return 1


def _run(folder: Path, stay: bool) -> int:
    say("making two nodes with throw-away keys: AZ (Azerbaijan) and XU (Utopia)")
    nodes = make_nodes(folder)
    try:
        for node in nodes:
            (node.folder / POLICY_FILE).write_text(RINGS_OFTEN)
            node.start()
            say(f"the gateway of {node.state} runs (process {node.process and node.process.pid})")
        stage = Stage(nodes, folder)
        _both_ways(stage)
        play(stage)
        _show(stage)
        if stay:
            print_talk(nodes)
            nodes = []
    finally:
        for node in nodes:
            node.stop()
    if nodes:
        say("both gateways have stopped")
    return 0


def _both_ways(stage: Stage) -> None:
    say("Before the story: three kinds of request in both directions, one with a large file")
    evidence = _evidence(stage.folder)
    for name, document in _requests():
        path = stage.folder / name
        path.write_bytes(document.octets)
        large = document.kind == "MlaRequest" and document.requesting_authority.startswith("XU")
        stage.cross(
            document.kind,
            document.requesting_authority,
            document.requested_authority,
            path,
            (evidence,) if large else (),
        )


def _requests() -> Iterator[tuple[str, Document]]:
    """One example of each kind in each direction, with its name."""
    seen = set()
    for name in example_names():
        document = read_document(example(name))
        way = (document.kind, document.requesting_authority[:2])
        if document.kind in KINDS and way not in seen:
            seen.add(way)
            yield name, document


def _evidence(folder: Path) -> Path:
    path = folder / "disk-image.bin"
    say(f"making an evidence file of {EVIDENCE_BYTES // 2**20} MiB")
    with path.open("wb") as file:
        for _ in range(EVIDENCE_BYTES // PIECE_BYTES):
            file.write(secrets.token_bytes(PIECE_BYTES))
    return path


def _show(stage: Stage) -> None:
    """Cases, deadlines and evidence of both sides, and every message that crossed."""
    for node in stage.nodes:
        for authority in sorted(path.stem for path in _tokens(node)):
            print(f"\n{authority}: its cases, and what is due\n")
            print(ask("cases", str(node.folder), "--as", authority))
            print(ask("deadlines", str(node.folder), "--as", authority, may_ring=True))
    verified = {node.state: _audit(node) for node in stage.nodes}
    print_table([row.with_evidence(verified[row.to_state]) for row in stage.rows])


def _tokens(node: RunningNode) -> Iterator[Path]:
    return (one for one in (node.folder / "credentials").glob("*.token") if one.stem != "auditor")


def _audit(node: RunningNode) -> str:
    print(f"\nThe evidence of {node.state}\n")
    print(ask("audit", "verify", str(node.folder)))
    return "verified"
