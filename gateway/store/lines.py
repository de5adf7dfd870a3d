"""Whether each partner answered when it was last asked, and when it last did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select, update

from gateway.store.columns import Instant
from gateway.store.engine import Engine
from gateway.store.rows import insert_once
from gateway.store.tables import partner_line
from gateway.store.transaction import Transaction

_BEGIN: Final = {
    dialect: insert_once(partner_line, "partner_line_pk", ("partner",), dialect)
    for dialect in ("sqlite", "postgresql")
}
_MOVE: Final = (
    update(partner_line)
    .where(partner_line.c.partner == bindparam("name"))
    .values(
        answered_at=func.coalesce(
            bindparam("now_answered", type_=Instant()), partner_line.c.answered_at
        )
    )
)


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """What we know of the line to one partner; `code` and `sentence` are of the last time.

    `answered_at` is the last time that it answered well, None if it never did.
    """

    partner: str
    asked_at: datetime
    answered_at: datetime | None
    answers: bool
    code: str | None
    sentence: str


class PartnerLines:
    """The lines to all partners. Every method is one transaction, durable when it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def keep(self, line: PartnerLine) -> None:
        """The partner was asked; an earlier answer is not forgotten when it does not answer now."""
        await self._engine.run(lambda unit: _keep_txn(unit, line))

    async def all(self) -> Mapping[str, PartnerLine]:
        """What is known, by partner."""
        return await self._engine.run(_all_txn)


def _keep_txn(unit: Transaction, line: PartnerLine) -> None:
    found = {
        "asked_at": line.asked_at,
        "answers": line.answers,
        "code": line.code,
        "sentence": line.sentence,
    }
    begin = _BEGIN[unit.connection.dialect.name]
    unit.connection.execute(begin, {"partner": line.partner, **found})
    unit.connection.execute(
        _MOVE, {"name": line.partner, "now_answered": line.answered_at, **found}
    )


def _all_txn(unit: Transaction) -> Mapping[str, PartnerLine]:
    rows = unit.connection.execute(select(partner_line).order_by(partner_line.c.partner))
    return {
        row.partner: PartnerLine(
            row.partner, row.asked_at, row.answered_at, row.answers, row.code, row.sentence
        )
        for row in rows
    }
