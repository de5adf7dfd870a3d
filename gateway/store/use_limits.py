"""What came under a limitation of use, and what its sender let go onward; kept with the message.

use_limit       octets, by their digest, that a message brought for one purpose
onward_request  what we asked leave to hand on, and what was decided

Most messages have neither and cost no statement. The rule that asks is UNCC-R13; what it asks for
is worked out in `protocol.convention.use_limits`. Source: Convention articles 36(3) and 40(19).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from gateway.store.columns import JsonText, RowNumber
from gateway.store.engine import Engine
from gateway.store.rows import AnyRow
from gateway.store.tables import INBOUND, OUTBOUND, message, metadata
from gateway.store.transaction import Transaction
from protocol.convention.use_limits import Limited, Named, OnwardDecision, OnwardWish, Use
from protocol.evidence.records import Json, Kind

ASKED_AT_ONCE: Final = 500  # digests in one statement; a delivery may name thousands

use_limit = Table(
    "use_limit",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),
    Column("item", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("onward", String(16), nullable=False),
    Column("listed", JsonText, nullable=False),  # States
    PrimaryKeyConstraint("message", "item", "digest"),
    Index("use_limit_digest", "digest"),
)

onward_request = Table(
    "onward_request",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("recipients", JsonText, nullable=False),  # States
    Column("data", JsonText, nullable=False),  # [[delivery id or "", [item, ...]], ...]
    Column("issued_at", Text, nullable=False),
    Column("granted", Boolean(create_constraint=False)),
    Column("decided_by", RowNumber, ForeignKey("message.id")),
    PrimaryKeyConstraint("message"),
    Index("onward_request_case", "request_id"),
)

_SAID: Final = ("item", "digest", "delivery_id", "onward", "listed")
_ASKED: Final = ("request_id", "recipients", "data", "issued_at")
_LIMITS: Final = (
    select(use_limit, message.c.partner, message.c.request_id)
    .join_from(use_limit, message)
    .where(use_limit.c.digest.in_(bindparam("digests", expanding=True)))
    .where(message.c.direction == INBOUND)
)
_WISHES: Final = (
    select(onward_request, message.c.message_id)
    .join_from(onward_request, message, message.c.id == onward_request.c.message)
    .where(
        onward_request.c.request_id == bindparam("case"),
        message.c.partner == bindparam("from_partner"),
        message.c.direction == OUTBOUND,
    )
    .order_by(onward_request.c.message)
)
_DECIDE: Final = update(onward_request).where(onward_request.c.message == bindparam("wish"))


@dataclass(frozen=True, slots=True)
class Matter:
    """The message of a document, its case, and what it answers, where its envelope says so."""

    number: int  # of the message's row
    partner: str
    message_id: str
    request_id: str
    about: str | None
    at: datetime

    @property
    def facts(self) -> dict[str, Json]:
        """What every record of evidence about it begins with."""
        return {"partner": self.partner, "message_id": self.message_id}


def keep_use_txn(unit: Transaction, use: Use, matter: Matter, *, ours: bool) -> None:
    """What a document says about use is kept with its message, and so is the evidence of it.

    What we send limits the receiver, what we get limits us; only our own wishes and the decisions
    of partners on them count here.
    """
    if ours and use.wish is not None:
        _ask_txn(unit, use.wish, matter)
    if not ours and (rows := list(_rows(use, matter.number))):
        unit.connection.execute(insert(use_limit), rows)
        facts = {**matter.facts, "rows": len(rows), "sha256": digest_of(rows)}
        unit.record(Kind.USE_LIMITED, matter.at, facts, matter.number)
    if not ours and use.decision is not None:
        _decide_txn(unit, matter, use.decision)


def digest_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, in hexadecimal, over what the rows of one message in `use_limit` say."""
    said = sorted([[row[name] for name in _SAID] for row in rows])
    return sha256(json.dumps(said).encode()).hexdigest()


def _rows(use: Use, number: int) -> Iterator[dict[str, Any]]:
    for limit in use.limits:
        for digest in sorted(limit.digests):
            yield {
                "message": number,
                "item": limit.item,
                "digest": digest,
                "delivery_id": limit.delivery_id,
                "onward": limit.onward,
                "listed": sorted(limit.listed),
            }


def _ask_txn(unit: Transaction, wish: OnwardWish, matter: Matter) -> None:
    columns = {
        "message": matter.number,
        "request_id": matter.request_id,
        "recipients": sorted(wish.recipients),
        "data": [[one.delivery_id, sorted(one.items)] for one in wish.data],
        "issued_at": wish.issued_at,
    }
    unit.connection.execute(insert(onward_request), columns)
    facts = {**matter.facts, "sha256": digest_of_wish(columns)}
    unit.record(Kind.ONWARD_ASKED, matter.at, facts, matter.number)


def digest_of_wish(row: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, over what a row in `onward_request` asks for."""
    return sha256(json.dumps([row[name] for name in _ASKED]).encode()).hexdigest()


def _decide_txn(unit: Transaction, matter: Matter, decision: OnwardDecision) -> None:
    wanted = {"case": matter.request_id, "from_partner": matter.partner}
    wishes = unit.connection.execute(_WISHES, wanted).all()
    for wish in _answered(wishes, matter.about, decision):
        decided = {"granted": decision.granted, "decided_by": matter.number}
        unit.connection.execute(_DECIDE.values(decided), {"wish": wish.message})
        facts = {**matter.facts, "wish": wish.message_id, "granted": decision.granted}
        unit.record(Kind.ONWARD_DECIDED, matter.at, facts, matter.number)


def _answered(
    wishes: Sequence[AnyRow], about: str | None, decision: OnwardDecision
) -> Sequence[AnyRow]:
    """The wishes that are decided: what is named by its message, by its time, or stands alone.

    What cannot be told apart opens nothing: such leave counts for none, such a refusal for all.
    """
    named = [wish for wish in wishes if wish.message_id == about]
    named = named or [wish for wish in wishes if wish.issued_at == decision.issued_at]
    if named:
        return named
    meant = [wish for wish in wishes if wish.granted is None] or wishes
    alone = len(meant) == 1 and not decision.issued_at
    return meant if alone or not decision.granted else ()


def limited_txn(unit: Transaction, digests: Collection[str]) -> dict[str, tuple[Limited, ...]]:
    """Under which limitations each of `digests` came to us; those that came under none are left
    out."""
    found: dict[str, list[Limited]] = {}
    wishes: dict[tuple[str, str], Sequence[AnyRow]] = {}
    for some in _batches(sorted(digests)):
        for row in unit.connection.execute(_LIMITS, {"digests": some}).all():
            of_case = row.request_id or "", row.partner
            if of_case not in wishes:
                wanted = {"case": of_case[0], "from_partner": row.partner}
                wishes[of_case] = unit.connection.execute(_WISHES, wanted).all()
            found.setdefault(row.digest, []).append(_limited(row, wishes[of_case]))
    return {digest: tuple(limits) for digest, limits in found.items()}


def _limited(row: AnyRow, wishes: Sequence[AnyRow]) -> Limited:
    allowed = set(row.listed)
    for wish in wishes:
        named = [Named(delivery_id, frozenset(items)) for delivery_id, items in wish.data]
        if wish.granted and any(one.covers(row.item, row.delivery_id) for one in named):
            allowed.update(wish.recipients)
    return Limited(
        row.partner, row.request_id or "", frozenset(allowed), row.onward, frozenset(row.listed)
    )


def _batches(digests: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(digests)
    while some := list(islice(rest, ASKED_AT_ONCE)):
        yield some


@dataclass(frozen=True, slots=True)
class UseLimits:
    """The limitations of use as the rest of the gateway asks for them."""

    engine: Engine

    async def of(self, digests: Collection[str]) -> Mapping[str, Sequence[Limited]]:
        """Under which limitations each of `digests` (SHA-256, hexadecimal) came to us."""
        return await self.engine.run(lambda unit: limited_txn(unit, digests))
