"""The one door to everything durable. Every method is one transaction, durable when it returns."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import make_url, update
from sqlalchemy.exc import ArgumentError
from twisted.internet.defer import Deferred

from gateway.store import alerts, content, dispatching, queue, received, sent, views
from gateway.store.awaited import Awaited
from gateway.store.case_files import CaseFiles
from gateway.store.engine import Engine, Opened, Opening, T, Wake
from gateway.store.faults import StoreRefused
from gateway.store.fragments import Fragments
from gateway.store.lines import PartnerLines
from gateway.store.owed import Owed
from gateway.store.ports import KeyWrap
from gateway.store.postgresql import open_postgresql
from gateway.store.pulls import Pulls
from gateway.store.records_of_states import StateRecords
from gateway.store.rows import keep_certificates_txn
from gateway.store.splits import Splits
from gateway.store.sqlite import open_sqlite
from gateway.store.tables import evidence_head
from gateway.store.transaction import Transaction
from gateway.store.use_limits import UseLimits
from gateway.store.values import (
    AcceptOutcome,
    Arrival,
    Dispatch,
    IdempotencyConflict,
    Leased,
    MessageView,
    Received,
    Sealed,
    StoredBlob,
    Submission,
    Submitted,
)
from gateway.store.wakeups import WakeUps
from protocol.as4.exchange import Exchange
from protocol.convention.lifecycle.policy import Times
from protocol.evidence.chain import Head
from protocol.evidence.records import Json, Kind


@dataclass(frozen=True, slots=True)
class Terms:
    """Who this gateway is among those that share a store, and on what terms it works."""

    node: str
    max_deliveries: int
    now: Callable[[], datetime]


class Store:
    """Messages, queues, exchanges and evidence of one State. Made by `Store.open`."""

    def __init__(
        self,
        engine: Engine,
        wakeups: WakeUps,
        terms: Terms,
        reactor: Any,
        doubts: tuple[str, ...] = (),
    ) -> None:
        self.doubts = doubts
        self.owed = Owed(engine, terms.node)
        self.lines = PartnerLines(engine)
        self.awaited = Awaited(engine)
        self.pulls = Pulls(engine, terms.node)
        self.fragments = Fragments(engine)
        self.splits = Splits(engine)
        self.cases = CaseFiles(engine)
        self.records = StateRecords(engine)
        self.use_limits = UseLimits(engine)
        self._engine = engine
        self._wakeups = wakeups
        self._terms = terms
        self._reactor = reactor

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        reactor: Any,
        storage_key: KeyWrap,
        witness: Path,
        now: Callable[[], datetime],
        node: str | None = None,
        max_deliveries: int = queue.MAX_DELIVERIES,
        declare_new_epoch: bool = False,
        for_audit: bool = False,
        times: Times | None = None,
    ) -> Self:
        """The store at `url`, its schema current, durable, and not older than its witness saw it.

        `witness` is a file of this node beside the database; `node` names this gateway among those
        that share a PostgreSQL. `for_audit` opens also what must be refused, and says in `doubts`
        why; such a store is only to be read. Without `times` no cases are kept. Raises
        StoreRefused.
        """
        wakeups = WakeUps(reactor)
        opening = Opening(storage_key, witness, declare_new_epoch, for_audit, times)
        engine, opened = await _open_engine(url, opening, reactor, wakeups.wake)
        if not for_audit:
            await engine.run(lambda unit: _note_opening_txn(unit, opened, now()))
        terms = Terms(node or platform.node(), max_deliveries, now)
        return cls(engine, wakeups, terms, reactor, opened.doubts)

    async def close(self) -> None:
        """Everything asked for is done, and the database is closed."""
        self._wakeups.close()
        await self._engine.close()

    def run_blocking(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns from its own transaction; for threads that are not the reactor's."""
        answer: Future[T] = Future()

        def ask() -> None:
            done = self._engine.run(work)
            done.addCallbacks(answer.set_result, lambda why: answer.set_exception(why.value))

        self._reactor.callFromThread(ask)
        return answer.result()

    # Evidence, and the store itself.

    async def record(self, kind: str, facts: Mapping[str, Json], at: datetime) -> None:
        """A record of its own. Raises ValueError for an unknown kind or facts without a form."""
        known = Kind(kind)

        def record_txn(unit: Transaction) -> None:
            unit.record(known, at, facts)
            alerts.note_txn(unit, facts, at)

        await self._engine.run(record_txn)

    async def open_alerts(self) -> list[alerts.Alert]:
        """What an operator has not acknowledged yet, oldest first."""
        return await self._engine.run(alerts.open_txn)

    async def count_alerts(self) -> int:
        """How many alerts stand open."""
        return await self._engine.run(alerts.count_txn)

    async def acknowledge_alert(self, number: int, at: datetime) -> bool:
        """An operator has looked at it; False if no such alert stands open."""
        return await self._engine.run(lambda unit: alerts.acknowledge_txn(unit, number, at))

    async def alert_if_somebody_elses(self, authority: str, message_id: str, at: datetime) -> None:
        """`authority` asked in vain for a message: an alert, if it is another authority's."""
        await self._engine.run(
            lambda unit: alerts.somebody_elses_txn(unit, authority, message_id, at)
        )

    async def keep_certificates(self, ders: Sequence[bytes]) -> None:
        """Certificates (DER) that evidence will name: our own, and those of the partners."""
        await self._engine.run(lambda unit: keep_certificates_txn(unit, ders))

    async def check_writable(self) -> None:
        """Raises unless a transaction can be made durable now."""
        await self._engine.run(_touch_txn)

    # The way in.

    async def find_received(self, partner: str, message_id: str) -> Received | None:
        """What we hold from `partner` under this MessageId."""
        return await self._engine.read(
            lambda unit: received.find_received_txn(unit, partner, message_id)
        )

    async def received_lately(self, limit: int) -> list[received.Came] | None:
        """The newest `limit` messages that we hold, the oldest of them first.

        None where other nodes receive into the same store meanwhile.
        """
        if self._engine.shared:
            return None
        return await self._engine.read(lambda unit: received.received_lately_txn(unit, limit))

    async def knows(self, partner: str, conversation_id: str, message_id: str) -> bool:
        """Whether this message went to or came from `partner` in this conversation."""
        return await self._engine.run(
            lambda unit: received.knows_txn(unit, partner, conversation_id, message_id)
        )

    async def accept(self, arrival: Arrival) -> AcceptOutcome:
        """Stored with receipt, evidence and queue entry; or a duplicate; or a conflict.

        Raises CommitUncertain when the commit itself failed: keep the spool files then.
        """
        return await self._engine.run(lambda unit: received.accept_txn(unit, arrival))

    # The way out.

    async def submit(self, submission: Submission) -> Submitted | IdempotencyConflict:
        """The submission is durable and due, once for each idempotency key of its authority.

        Raises StepRefused where its case does not allow the document now.
        """
        return await self._engine.run(lambda unit: sent.submit_txn(unit, submission))

    async def claim_due(
        self, now: datetime, limit: int, max_in_flight: Mapping[str, int]
    ) -> list[Dispatch]:
        """At most `limit` due messages are ours to send, no partner beyond its limit in flight."""
        return await self._engine.run(
            lambda unit: dispatching.claim_due_txn(
                unit, now, limit, max_in_flight, self._terms.node
            )
        )

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next message is due that is not due yet at `now`; None if none waits."""
        return await self._engine.run(lambda unit: dispatching.next_due_txn(unit, now))

    async def keep_sealed(self, message_id: str, sealed: Sealed) -> None:
        """The signed bytes are durable before the first of them leaves."""
        at = self._terms.now()
        await self._engine.run(lambda unit: sent.keep_sealed_txn(unit, message_id, sealed, at))

    async def find_sealed(self, message_id: str) -> Sealed | None:
        """The signed bytes of a message of ours, as far as they are kept."""
        return await self._engine.run(lambda unit: sent.sealed_txn(unit, message_id))

    async def settle(
        self,
        submission: Submission,
        exchange: Exchange,
        *,
        kind: str,
        facts: Mapping[str, Json],
        at: datetime,
        receipt_id: str | None = None,
        receipt: bytes | None = None,
        receipt_signer: bytes = b"",
    ) -> Exchange:
        """Where the message stands now that the outcome of the attempt is durable.

        On FAILED its submitter gets a notice in its queue, and another if a receipt comes late.
        """
        outcome = dispatching.Outcome(Kind(kind), facts, at, receipt_id, receipt, receipt_signer)
        return await self._engine.run(
            lambda unit: dispatching.settle_txn(unit, submission, exchange, outcome)
        )

    async def forget_wire(self, message_id: str) -> tuple[StoredBlob, ...]:
        """The sealed parts are no longer kept; returns them, so that their files can be removed."""
        return await self._engine.run(lambda unit: sent.forget_wire_txn(unit, message_id))

    async def recover_interrupted(
        self, now: datetime, under_way: Collection[str] = ()
    ) -> list[str]:
        """Attempts of this node that nobody makes any more are due again; their MessageIds."""
        return await self._engine.run(
            lambda unit: dispatching.recover_txn(unit, now, self._terms.node, under_way)
        )

    async def suspend(self, message_id: str, now: datetime) -> Exchange:
        """An operator holds a message back. Raises OutOfTurn while it is being sent."""
        return await self._engine.run(lambda unit: dispatching.suspend_txn(unit, message_id, now))

    async def resume(self, message_id: str, now: datetime) -> Exchange:
        """An operator lets a message go on."""
        return await self._engine.run(lambda unit: dispatching.resume_txn(unit, message_id, now))

    # The queues of the authorities.

    async def lease(
        self, authority: str, now: datetime, lease_seconds: float, limit: int
    ) -> list[Leased]:
        """At most `limit` entries of the authority's queue are under lease."""
        terms = queue.Terms(now, lease_seconds, self._terms.max_deliveries)
        return await self._engine.run(lambda unit: queue.lease_txn(unit, authority, terms, limit))

    async def ack(self, authority: str, lease_id: str, now: datetime) -> bool:
        """The authority has taken the message over; False if it has no such lease."""
        return await self._engine.run(lambda unit: queue.ack_txn(unit, authority, lease_id, now))

    async def release(self, authority: str, lease_id: str, now: datetime) -> bool:
        """The entry waits again; False if the authority has no such lease."""
        return await self._engine.run(
            lambda unit: queue.release_txn(unit, authority, lease_id, now)
        )

    async def reject(self, authority: str, lease_id: str, reason: str, now: datetime) -> bool:
        """The authority refuses the message; False if it has no such lease."""
        return await self._engine.run(
            lambda unit: queue.reject_txn(unit, authority, lease_id, reason, now)
        )

    async def unpark(self, authority: str, message_id: str, now: datetime) -> int:
        """Parked entries with this MessageId wait again; returns how many there were."""
        return await self._engine.run(
            lambda unit: queue.unpark_txn(unit, authority, message_id, now)
        )

    async def depths(self) -> Mapping[tuple[str, str], int]:
        """How many entries are QUEUED, LEASED and PARKED, by authority and state."""
        return await self._engine.run(queue.depths_txn)

    def on_queue(self, authority: str) -> Deferred[None]:
        """Fires when something may have come into the authority's queue; cancel it at will."""
        return self._wakeups.wait(authority)

    async def message_for(
        self,
        authority: str,
        message_id: str,
        partner: str | None = None,
        direction: str | None = None,
    ) -> MessageView | None:
        """The message as `authority` may see it; None if it is not theirs or not there."""
        return await self._engine.run(
            lambda unit: views.message_for_txn(unit, authority, message_id, partner, direction)
        )

    # Payloads at rest.

    async def spool_names(self) -> set[str]:
        """Every file that the payload spool must keep."""
        return await self._engine.run(content.spool_names_txn)

    async def wire_names(self) -> set[str]:
        """Every file that the wire spool must keep."""
        return await self._engine.run(content.wire_names_txn)

    async def destroy_content(
        self, direction: str, partner: str, message_id: str, reason: str, at: datetime
    ) -> tuple[StoredBlob, ...]:
        """The message's payloads cannot be opened any more; returns them, to remove their files."""
        return await self._engine.run(
            lambda unit: content.destroy_content_txn(
                unit, direction, partner, message_id, reason, at
            )
        )


async def _open_engine(
    url: str, opening: Opening, reactor: Any, wake: Wake
) -> tuple[Engine, Opened]:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except ArgumentError as e:
        raise StoreRefused(f"store.url: {e}") from e
    if backend == "sqlite":
        return await open_sqlite(address, opening, reactor, wake)
    if backend == "postgresql":
        return await open_postgresql(address, opening, reactor, wake)
    raise StoreRefused("store.url: begins with sqlite:/// or postgresql://")


def _touch_txn(unit: Transaction) -> None:
    unit.connection.execute(update(evidence_head).values(id=1))


def _note_opening_txn(unit: Transaction, opened: Opened, at: datetime) -> None:
    """A witness that begins, and an epoch that was declared, are in evidence themselves."""
    if opened.regressed_from is not None:
        told = {"found": _seen(opened.head), "witness_saw": _seen(opened.regressed_from)}
        unit.record(Kind.EPOCH_DECLARED, at, told)
    if opened.witness_missing:
        unit.record(Kind.WITNESS_BEGUN, at, {"found": _seen(opened.head), "process": os.getpid()})


def _seen(head: Head) -> Mapping[str, Json]:
    return {"sequence": head.sequence, "chain_hash": head.chain_hash.hex()}
