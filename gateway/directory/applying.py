"""From a partner's update to the record that is to be in force: read, changed, checked, signed.

Everything here blocks and touches neither the store nor a file of the directory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from config.directory import record_in
from config.directory_text import record_text
from config.faults import ConfigRefused
from config.node import STATES_FOLDER, Node
from config.signed_directory import SignedRecord, signing
from gateway.spool import BlobDamaged, ContentDestroyed, Spool
from gateway.store.records_of_states import NewRecord, PendingUpdate
from gateway.store.values import StoredBlob
from protocol.as4.suites import SUITES
from protocol.convention.directory import StateRecord
from protocol.convention.directory_update import Update, UpdateRefused, read_update, updated
from protocol.convention.findings import DocumentRefused

_CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that an update makes, signed; and the row that it is to be."""

    update: Update
    signed: SignedRecord
    row: NewRecord


class Applying:
    """Makes records of updates with the key of this node."""

    def __init__(self, node: Node, spool: Spool, now: Callable[[], datetime]) -> None:
        self._node = node
        self._spool = spool
        self._now = now
        suite = next(suite for suite in SUITES.values() if suite.id in node.suite_keys)
        self._sign = signing(node.signer_for(suite), suite)

    def read(self, pending: PendingUpdate) -> Update:
        """What the update says. Raises UpdateRefused when its content cannot be read any more."""
        if pending.document is None:
            raise UpdateRefused("the message has no document")
        try:
            return read_update(_content(self._spool, pending.document))
        except (BlobDamaged, ContentDestroyed, DocumentRefused, OSError) as e:
            raise UpdateRefused(f"its document cannot be read any more: {e}") from e

    def changed(self, pending: PendingUpdate, update: Update) -> tuple[StateRecord, bytes]:
        """The record after the update, and its file. Raises UpdateRefused.

        Only the State that sent it: the message's signature held for that State when it came.
        """
        state = pending.partner
        before = self._node.records.get(state)
        if update.party != state:
            raise UpdateRefused(f"{state} sent it, and it speaks of {update.party}")
        if before is None:
            sentence = f"the directory has no record of {state} to change"
            raise UpdateRefused(f"{sentence}; add {STATES_FOLDER}/{state}.toml, and sign it")
        remark = (
            f"State record of {state}, changed by its {update.source}\n"
            f"(message {pending.message_id}). Written by hanoi-gateway."
        )
        octets = record_text(updated(before, update), remark).encode()
        try:
            return record_in(octets, Path(STATES_FOLDER) / f"{state}.toml"), octets
        except ConfigRefused as e:
            sentences = "; ".join(fault.sentence for fault in e.faults)
            raise UpdateRefused(f"no right record comes of it: {sentences}") from e

    def prepared(self, pending: PendingUpdate, by: str) -> Prepared:
        """The next record of the partner, for which `by` vouches. Raises UpdateRefused."""
        update = self.read(pending)
        record, octets = self.changed(pending, update)
        now = self._now()
        signature = self._sign(record.code, octets, by, now)
        row = NewRecord(
            record.code,
            signature.sha256,
            octets,
            asdict(signature),
            self._node.records.signed[record.code].sha256,
            now,
        )
        return Prepared(update, SignedRecord(record, octets, signature), row)


def _content(spool: Spool, blob: StoredBlob) -> bytes:
    reader = spool.reader(blob)
    try:
        return b"".join(iter(lambda: reader.read(_CHUNK_BYTES), b""))
    finally:
        reader.close()
