"""The cases of the authorities as the rest of the gateway asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.store import case_clocks, case_handling, case_views
from gateway.store.case_handling import Flagged, Forwarded, Forwarding
from gateway.store.case_views import CaseFile, CaseView, ClockView, Wanted
from gateway.store.engine import Engine
from protocol.evidence.records import Json


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """Every method is one transaction. An authority reaches only cases that it is a party to."""

    engine: Engine

    async def of(self, authority: str, wanted: Wanted) -> list[CaseView]:
        """The cases of `authority`, the newest first."""
        return await self.engine.run(lambda unit: case_views.cases_txn(unit, authority, wanted))

    async def find(
        self, authority: str, request_id: str, partner: str | None = None
    ) -> CaseFile | None:
        """The case with its history, its clocks and its links; None if it is not theirs."""
        return await self.engine.run(
            lambda unit: case_views.case_txn(unit, authority, request_id, partner)
        )

    async def deadlines(self, authority: str, before: datetime | None = None) -> list[ClockView]:
        """What runs in the cases of `authority`, what is due first comes first."""
        return await self.engine.run(lambda unit: case_views.deadlines_txn(unit, authority, before))

    async def tell_due(self, now: datetime) -> list[dict[str, Json]]:
        """What is due by `now` is in the queues of those whom it concerns; what was told."""
        return await self.engine.run(lambda unit: case_clocks.tell_due_txn(unit, now))

    async def next_due(self) -> datetime | None:
        """When something is to be told next."""
        return await self.engine.run(case_clocks.next_due_txn)

    async def count_clocks(self, now: datetime) -> tuple[int, int]:
        """How many clocks ring until a person answers, and how many have run out."""
        return await self.engine.run(lambda unit: case_clocks.counts_txn(unit, now))

    async def answer(self, authority: str, number: int, at: datetime) -> bool:
        """A person has answered the clock; False if it runs in no case of `authority`."""
        return await self.engine.run(
            lambda unit: case_clocks.answer_txn(unit, authority, number, at)
        )

    async def settle(self, authority: str, flagged: Flagged, at: datetime) -> bool:
        """A person has looked at a flagged step; False if there is none in a case of theirs."""
        return await self.engine.run(
            lambda unit: case_handling.settle_txn(unit, authority, flagged, at)
        )

    async def forward(self, authority: str, wish: Forwarding, at: datetime) -> Forwarded | None:
        """The request is in the queue of another authority too; None if it is no case of theirs."""
        return await self.engine.run(
            lambda unit: case_handling.forward_txn(unit, authority, wish, at)
        )
