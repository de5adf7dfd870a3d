"""What an operator must look at, until it says that it has: alerts outlive restarts.

A refusal whose reason begins with ALERT raises one in its own transaction; so does an authority
that asks for a message of another, and an update of the directory that waits for a person. The
same sentence while it stands open is one alert, counted, so that nobody can bury the others.
Raising and acknowledging are evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, insert, or_, select, update

from gateway.store.tables import alert, message
from gateway.store.transaction import Transaction
from protocol.evidence.records import Json, Kind

MARK: Final = "ALERT: "  # how the reason of a refusal says that somebody must look
MAX_SHOWN: Final = 1000


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at. `times` counts how often it happened while it was open."""

    number: int
    sentence: str
    first_at: datetime
    last_at: datetime
    times: int


def note_txn(unit: Transaction, facts: Mapping[str, Json], at: datetime) -> None:
    """An alert, if the reason in `facts` asks for one."""
    reason = facts.get("reason")
    if isinstance(reason, str) and reason.startswith(MARK):
        raise_txn(unit, reason.removeprefix(MARK), at)


def raise_txn(unit: Transaction, sentence: str, at: datetime) -> None:
    """The alert is there, or counted once more."""
    again = (
        update(alert)
        .where(alert.c.sentence == sentence, alert.c.acknowledged_at.is_(None))
        .values(times=alert.c.times + 1, last_at=at)
    )
    if unit.connection.execute(again).rowcount:
        return
    new = {"sentence": sentence, "first_at": at, "last_at": at, "times": 1}
    number = unit.connection.execute(insert(alert).returning(alert.c.id), new).scalar_one()
    unit.record(Kind.ALERTED, at, {"alert": number, "reason": sentence})


def open_txn(unit: Transaction) -> list[Alert]:
    """What nobody has acknowledged yet, oldest first, MAX_SHOWN at most."""
    rows = unit.connection.execute(
        select(alert.c.id, alert.c.sentence, alert.c.first_at, alert.c.last_at, alert.c.times)
        .where(alert.c.acknowledged_at.is_(None))
        .order_by(alert.c.id)
        .limit(MAX_SHOWN)
    )
    return [Alert(*row) for row in rows]


def count_txn(unit: Transaction) -> int:
    """How many stand open."""
    return int(
        unit.connection.execute(
            select(func.count()).select_from(alert).where(alert.c.acknowledged_at.is_(None))
        ).scalar_one()
    )


def acknowledge_txn(unit: Transaction, number: int, at: datetime) -> bool:
    """An operator has seen it; False if no such alert stands open."""
    done = (
        update(alert)
        .where(alert.c.id == number, alert.c.acknowledged_at.is_(None))
        .values(acknowledged_at=at)
    )
    if not unit.connection.execute(done).rowcount:
        return False
    unit.record(Kind.ALERT_ACKNOWLEDGED, at, {"alert": number})
    return True


def settle_txn(unit: Transaction, sentence: str, at: datetime) -> None:
    """What an operator did shows that it has seen the alert `sentence`, if that stands open."""
    stands = select(alert.c.id).where(
        alert.c.sentence == sentence, alert.c.acknowledged_at.is_(None)
    )
    for number in unit.connection.execute(stands).scalars().all():
        acknowledge_txn(unit, number, at)


def somebody_elses_txn(unit: Transaction, authority: str, message_id: str, at: datetime) -> None:
    """`authority` asked for a message: an alert, if there is one and it is another's."""
    theirs = or_(
        message.c.requesting_authority == authority, message.c.receiving_authority == authority
    )
    found = unit.connection.execute(
        select(message.c.id).where(message.c.message_id == message_id, ~theirs).limit(1)
    ).first()
    if found is not None:
        raise_txn(unit, f"{authority} asked for {message_id}, a message of another authority", at)
