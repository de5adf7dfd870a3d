"""Everything that is wrong with a node, or soon will be, all at once: what `check` prints.

An error keeps the gateway from running, or a partner from being served; a warning does not yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from config.check_certificates import certificate_faults
from config.check_directory import directory_gaps
from config.check_machine import clock_faults, folder_faults
from config.credentials import FOLDER, Credentials, load_credentials, token_digest
from config.faults import ConfigRefused, Fault, Weight
from config.node import load_node
from keys.files import read_tight
from keys.refusal import KeyRefused


def check_node(folder: Path, now: datetime | None = None) -> list[Fault]:
    """Every fault of the node in `folder`, errors first, each said once. `now` is for tests."""
    now = now or datetime.now(UTC)
    folder = folder.absolute()
    if not folder.is_dir():
        return [Fault(str(folder), "is no folder; make a node with: hanoi-gateway init")]
    faults = [
        *clock_faults(folder, now),
        *folder_faults(folder),
        *_token_faults(folder),
        *_node_faults(folder, now),
    ]
    once = dict.fromkeys(faults)
    return sorted(once, key=lambda fault: fault.severity is not Weight.ERROR)


def _node_faults(folder: Path, now: datetime) -> Iterator[Fault]:
    try:
        node = load_node(folder)
    except ConfigRefused as refused:
        yield from refused.faults
        return
    if now.tzinfo is not None:
        yield from certificate_faults(node, now)
    yield from directory_gaps(node, now.date())


def _token_faults(folder: Path) -> Iterator[Fault]:
    """Token files that are open to others, or that nobody would accept."""
    try:
        accepted = load_credentials(folder)
    except ConfigRefused:
        return  # said already by load_node, with its place
    for path in sorted((folder / FOLDER).glob("*.token")):
        yield from _token_fault(path, accepted)


def _token_fault(path: Path, accepted: Credentials) -> Iterator[Fault]:
    try:
        token = read_tight(path).decode("utf-8", "replace").strip()
    except KeyRefused as e:
        yield Fault(str(e.path), e.sentence)
        return
    holder = accepted.authority_of(token)
    if holder is None:
        yield Fault(
            str(path),
            "credentials.toml does not accept this token; add token_sha256 = "
            f'"{token_digest(token)}" for its holder there, or delete the file',
        )
    elif holder != path.stem:
        yield Fault(
            str(path), f"is the token of {holder}; rename it to {holder}.token", Weight.WARNING
        )
