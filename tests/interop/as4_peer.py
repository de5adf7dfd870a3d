"""Drives the Python package `as4` in its own environment, in the words of the phase4 peer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.own_environment import python_of
from tests.interop.phase4_peer import Receiver, Sender, Side

SCRIPT = Path(__file__).with_name("as4") / "peer.py"


@contextmanager
def receiving(
    side: Side, from_party: str, to_party: str, log: Path, *options: str
) -> Iterator[Receiver]:
    """The package listening as `to_party` for messages of `from_party`."""
    with _running("receive", side, from_party, to_party, log, options) as process:
        yield Receiver(process)


@contextmanager
def sending(
    side: Side, from_party: str, to_party: str, log: Path, *options: str
) -> Iterator[Sender]:
    """The package ready to send as `from_party` to `to_party`."""
    with _running("send-each", side, from_party, to_party, log, options) as process:
        yield Sender(process)


@contextmanager
def _running(
    command: str, side: Side, from_party: str, to_party: str, log: Path, options: tuple[str, ...]
) -> Iterator[subprocess.Popen[str]]:
    parties = ("--from-party", from_party, "--to-party", to_party)
    words = [str(python_of("as4")), str(SCRIPT), command, *side.options(), *parties, *options]
    pipe = subprocess.PIPE
    with (
        log.open("w") as stderr,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
