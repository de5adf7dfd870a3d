"""Tells partners our own State record: a DirectoryUpdate for each, in the name of an authority."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from config.directory import record_in
from config.faults import ConfigRefused
from config.node import Node
from gateway.store.records_of_states import StateRecords
from gateway.workers import Workers
from protocol.convention.competence import NotCompetent, receiving_authority
from protocol.convention.directory import Authority, StateRecord
from protocol.convention.directory_statement import KIND, NothingToSay, statement
from protocol.convention.drafting import Beginning
from protocol.convention.json_form import from_json
from protocol.convention.vocabulary import KINDS


@dataclass(frozen=True, slots=True)
class Statement:
    """What a partner is told, as the document; or why it cannot be."""

    partner: str
    document: bytes | None = None
    problem: str | None = None


class Publishing:
    """Writes the updates that tell our record."""

    def __init__(
        self,
        node: Node,
        records: StateRecords,
        workers: Workers,
        now: Callable[[], datetime],
    ) -> None:
        self._node = node
        self._records = records
        self._workers = workers
        self._now = now

    @property
    def partners(self) -> tuple[str, ...]:
        """The States with which we have an agreement that carries updates."""
        return tuple(
            pmode.partner_state for pmode in self._node.pmodes if KIND.name in pmode.actions_sent
        )

    async def statement(self, authority: str, partner: str) -> Statement:
        """What `partner` is told by `authority`, today."""
        own = self._node.settings.state
        history = await self._records.history(own)
        return await self._workers.run(self._written, authority, partner, history)

    def _written(self, authority: str, partner: str, history: list[bytes]) -> Statement:
        record = self._node.directory.states[self._node.settings.state]
        try:
            addressee = self._addressee(partner)
            known = Beginning(
                KIND, record.authorities.get(authority), addressee, str(uuid4()), self._now()
            )
            said = statement(record, known, self._readable(history))
        except NothingToSay as e:
            return Statement(partner, problem=str(e))
        return Statement(partner, from_json(json.dumps(said).encode()))

    def _addressee(self, partner: str) -> Authority:
        """Who receives requests for assistance there. Raises NothingToSay."""
        today, directory = self._now().date(), self._node.directory
        record = directory.states.get(partner)
        for kind in _ADDRESSED if record is not None else ():
            found = receiving_authority(directory, partner, kind, "", today)
            name = found.right_address if isinstance(found, NotCompetent) else found.authority
            if record is not None and name is not None:
                return record.authorities[name]
        raise NothingToSay(
            f"the directory names no authority of {partner} that receives requests on {today}"
        )

    def _readable(self, history: list[bytes]) -> list[StateRecord]:
        """Earlier records; one that this version cannot read any more tells nothing."""
        path = Path(f"{self._node.settings.state}.toml")
        found = []
        for octets in history:
            try:
                found.append(record_in(octets, path))
            except ConfigRefused:
                continue
        return found


_ADDRESSED = ("MlaRequest", *(name for name in KINDS if KINDS[name].matter is not None))
