"""The cases of the authorities as the rest of the gateway asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.store import case_views
from gateway.store.case_views import CaseFile, CaseView, ClockView, Wanted
from gateway.store.engine import Engine


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
