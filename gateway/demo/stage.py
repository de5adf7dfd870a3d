"""Two running gateways, and every document that crosses between their authorities.

Each crossing is what people would do at both ends: one writes a document with `new`, submits it and
waits for the receipt; the other takes it from its queue, and every octet that arrived is compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.cli import main as run_command
from gateway.demo.nodes import DemoFailed, RunningNode
from gateway.demo.papers import Content
from gateway.demo.report import Row

PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.2
TAKE_SECONDS: Final = "20"
LONG_TAKE_SECONDS: Final = "60"  # for an alarm that rings again; the most that one call waits


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that crossed: as its author has it, and the folder of who took it."""

    kind: str
    message_id: str
    document: Path
    taken: Path


@dataclass(slots=True)
class Stage:
    """What has crossed so far, in `rows`."""

    nodes: Sequence[RunningNode]
    folder: Path
    rows: list[Row] = field(default_factory=list)

    def node_of(self, authority: str) -> RunningNode:
        """The gateway of the State that `authority` is of."""
        return next(node for node in self.nodes if authority.startswith(node.state))

    def write(
        self,
        kind: str,
        writer: str,
        reader: str,
        said: Content,
        concerns: Path | None = None,
        *words: str,
    ) -> Path:
        """A new document of `kind`, in a file; `words` are further options of `new`."""
        number = len(self.rows) + 1
        answers = self.folder / f"{number:02}-{kind}.json"
        document = answers.with_suffix(".xml")
        answers.write_text(json.dumps(said, ensure_ascii=False, indent=2))
        about = () if concerns is None else ("--concerns", str(concerns))
        node = self.node_of(writer).folder
        ask(
            *("new", kind, "--node", str(node), "--as", writer, "--to", reader, *about, *words),
            *("--answers", str(answers), "--into", str(document)),
        )
        return document

    def cross(
        self, kind: str, writer: str, reader: str, document: Path, files: Sequence[Path] = ()
    ) -> Paper:
        """The document went from `writer` to `reader`, who has it. Raises DemoFailed."""
        size = sum(path.stat().st_size for path in files)
        extent = f", with {size / 2**20:.3g} MiB in {len(files)} files" if files else ""
        say(f"{kind:<28} {writer} -> {reader}{extent}")
        node = str(self.node_of(writer).folder)
        attached = [word for path in files for word in ("--attach", str(path))]
        words = ("submit", node, "--as", writer, "--document", str(document), *attached)
        message_id = ask_json(*words)["messageId"]
        sent = self._receipted(writer, message_id)
        taken = self.take(reader, message_id)
        compare(taken, (document, *files))
        receipt = sent["receipt"]["receiptId"]
        state = self.node_of(reader).state
        self.rows.append(Row(message_id, kind, writer, reader, state, receipt, "acknowledged"))
        return Paper(kind, message_id, document, taken)

    def take(self, authority: str, message_id: str, notice: str | None = None) -> Path:
        """The folder in which `authority` now has that message; notices before it are shown."""
        while True:
            taken = self.next_of(authority)
            if taken["message"]["messageId"] == message_id and taken["notice"] == notice:
                return Path(taken["folder"])
            if taken["notice"] is None:
                other = taken["message"]["messageId"]
                raise DemoFailed(f"{authority} took {other}, not {message_id}")

    def until_told(self, authority: str, notice: str) -> None:
        """`authority` has taken such a notice. Raises DemoFailed if none comes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.next_of(authority, patient=True)["notice"] == notice:
                return
        raise DemoFailed(f"{authority} was never told {notice}")

    def next_of(self, authority: str, *, patient: bool = False) -> Any:
        """What `authority` takes next from its queue, acknowledged; a notice is shown."""
        into = self.folder / "taken"
        into.mkdir(exist_ok=True)
        words = ("take", str(self.node_of(authority).folder), "--as", authority, "--ack")
        wait = LONG_TAKE_SECONDS if patient else TAKE_SECONDS
        taken = ask_json(*words, "--wait", wait, "--into", str(into))
        if taken is None:
            raise DemoFailed(f"the queue of {authority} is empty")
        if taken["notice"] is not None:
            clock = (taken["about"] or {}).get("clock") or taken["message"]["kind"]
            say(f"  {authority} is told: {taken['notice']}, {clock}")
        return taken

    def note(self, taken: Any) -> None:
        """A message that the gateway wrote itself has crossed, too."""
        message = taken["message"]
        kind, by, to = (message[n] for n in ("kind", "requestingAuthority", "receivingAuthority"))
        say(f"{kind:<28} {by} -> {to}")
        receipt = message["receipt"]["receiptId"]
        state = self.node_of(to).state
        self.rows.append(Row(message["messageId"], kind, by, to, state, receipt, "acknowledged"))

    def _receipted(self, writer: str, message_id: str) -> dict[str, Any]:
        """What the writer's gateway says of the message once it holds the receipt."""
        words = ("status", str(self.node_of(writer).folder), message_id, "--as", writer)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            view: dict[str, Any] = ask_json(*words)
            if view["state"] == "ACKNOWLEDGED":
                return view
            if view["state"] == "FAILED" or time.monotonic() > deadline:
                raise DemoFailed(f"{message_id} is {view['state']}: {view['error']}")
            time.sleep(LOOK_SECONDS)


def ask(*words: str, may_ring: bool = False) -> str:
    """What `hanoi-gateway words...` printed. Raises DemoFailed with what it complained of.

    `deadlines` ends with 1 while an alarm rings; whoever expects that says `may_ring`.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_command(words)
    if status != 0 and not (may_ring and status == 1 and not err.getvalue()):
        raise DemoFailed(f"hanoi-gateway {' '.join(words)}: {err.getvalue() or out.getvalue()}")
    return out.getvalue()


def ask_json(*words: str, may_ring: bool = False) -> Any:
    """What the command printed with --json, as a value. Raises DemoFailed."""
    return json.loads(ask(*words, "--json", may_ring=may_ring))


def compare(taken: Path, sent: Sequence[Path]) -> None:
    """Every octet that was sent is what the authority has now. Raises DemoFailed."""
    arrived = {_digest(path) for path in taken.iterdir() if path.is_file()}
    for path in sent:
        if _digest(path) not in arrived:
            raise DemoFailed(f"{path.name} is not among the files in {taken}")


def say(sentence: str) -> None:
    """A line for the person who watches, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
