"""What the local API stands on, small and in memory; each fake is named by what it plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from twisted.internet.defer import Deferred

from gateway.spool import Spool, SpoolWriter
from gateway.store.values import (
    IdempotencyConflict,
    Leased,
    MessageView,
    StoredPart,
    Submission,
    Submitted,
)


class FullDisk(Spool):
    """A spool on a disk that is full from some moment on."""

    full = False

    def writer(self) -> SpoolWriter:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().writer()


@dataclass
class _Entry:
    authority: str
    message_id: str
    lease_id: str | None = None
    deliveries: int = 0
    notice: str | None = None
    decision: str | None = None


@dataclass
class MemoryStore:
    """The queue and the messages of every authority, with the rules of the real one."""

    submissions: dict[str, Submission] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    views: dict[tuple[str, str], MessageView] = field(default_factory=dict)
    entries: list[_Entry] = field(default_factory=list)
    waiting: list[tuple[str, Deferred[None]]] = field(default_factory=list)
    failure: Exception | None = None

    async def submit(self, submission: Submission) -> Submitted | IdempotencyConflict:
        if self.failure is not None:
            raise self.failure
        key = (submission.authority, submission.idempotency_key or str(uuid4()))
        if key in self.keys:
            first = self.submissions[self.keys[key]]
            if first.content_digest != submission.content_digest:
                return IdempotencyConflict()
            return Submitted(first.message_id, first.conversation_id, "READY", repeated=True)
        self.keys[key] = submission.message_id
        self.submissions[submission.message_id] = submission
        self.views[submission.authority, submission.message_id] = MessageView(
            "out",
            submission.message_id,
            submission.conversation_id,
            submission.ref_to_message_id,
            submission.kind,
            submission.partner,
            submission.authority,
            submission.receiving_authority,
            submission.request_id,
            "READY",
            submission.submitted_at,
            submission.parts,
        )
        return Submitted(submission.message_id, submission.conversation_id, "READY")

    async def message_for(self, authority: str, message_id: str) -> MessageView | None:
        return self.views.get((authority, message_id))

    def put(self, authority: str, view: MessageView, notice: str | None = None) -> None:
        self.views[authority, view.message_id] = view
        self.entries.append(_Entry(authority, view.message_id, notice=notice))
        for waiting_authority, waiting in list(self.waiting):
            if waiting_authority == authority:
                waiting.callback(None)

    async def lease(
        self, authority: str, now: datetime, lease_seconds: float, limit: int
    ) -> Sequence[Leased]:
        if self.failure is not None:
            raise self.failure
        free = [e for e in self.entries if e.authority == authority and not e.lease_id]
        leased = []
        for entry in [e for e in free if e.decision is None][:limit]:
            entry.lease_id = uuid4().hex
            entry.deliveries += 1
            leased.append(
                Leased(
                    entry.lease_id,
                    entry.message_id,
                    now + timedelta(seconds=lease_seconds),
                    entry.deliveries,
                    entry.notice,
                )
            )
        return leased

    async def ack(self, authority: str, lease_id: str, now: datetime) -> bool:
        return self._decide(authority, lease_id, "ack")

    async def release(self, authority: str, lease_id: str, now: datetime) -> bool:
        return self._decide(authority, lease_id, None)

    async def reject(self, authority: str, lease_id: str, reason: str, now: datetime) -> bool:
        return self._decide(authority, lease_id, f"reject: {reason}")

    def _decide(self, authority: str, lease_id: str, decision: str | None) -> bool:
        for entry in self.entries:
            if entry.authority == authority and entry.lease_id == lease_id:
                entry.lease_id, entry.decision = None, decision
                return True
        return False

    def on_queue(self, authority: str) -> Deferred[None]:
        waiting: Deferred[None] = Deferred(lambda _: self.waiting.remove((authority, waiting)))
        self.waiting.append((authority, waiting))
        waiting.addBoth(self._forget, authority, waiting)
        return waiting

    def _forget(self, outcome: object, authority: str, waiting: Deferred[None]) -> object:
        if (authority, waiting) in self.waiting:
            self.waiting.remove((authority, waiting))
        return outcome

    async def check_writable(self) -> None:
        if self.failure is not None:
            raise self.failure


def received(message_id: str, parts: tuple[StoredPart, ...], at: datetime) -> MessageView:
    """A message from Utopia for AZ-SSS."""
    return MessageView(
        "in",
        message_id,
        "conversation-1",
        None,
        "PreservationRequest",
        "XU",
        "XU-CA",
        "AZ-SSS",
        "XU-1",
        "QUEUED",
        at,
        parts,
        routing={"article": "42"},
    )
