"""The State records that are in force: the one thing of a node that changes while it runs.

Everybody who asks the directory holds this mapping, so that an update of a partner counts from the
next question on, without a restart. One assignment changes a record; threads may ask meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config.signed_directory import SignedRecord
from protocol.convention.directory import StateRecord


class RecordsInForce(Mapping[str, StateRecord]):
    """The records by State; `signed` has them with who vouches for them."""

    def __init__(self, signed: Mapping[str, SignedRecord]) -> None:
        self.signed: Mapping[str, SignedRecord] = dict(signed)

    def put(self, signed: SignedRecord) -> None:
        """From now on `signed` is the record of its State."""
        self.signed = {**self.signed, signed.record.code: signed}

    def take_out(self, state: str) -> None:
        """From now on nothing is known of `state`."""
        self.signed = {code: one for code, one in self.signed.items() if code != state}

    def __getitem__(self, state: str) -> StateRecord:
        return self.signed[state].record

    def __iter__(self) -> Iterator[str]:
        return iter(self.signed)

    def __len__(self) -> int:
        return len(self.signed)
