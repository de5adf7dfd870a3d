"""What the local API needs from the rest of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred

from gateway.store.alerts import Alert
from gateway.store.case_handling import Flagged, Forwarded, Forwarding
from gateway.store.case_views import CaseFile, CaseView, ClockView, Wanted
from gateway.store.lines import PartnerLine
from gateway.store.values import (
    IdempotencyConflict,
    Leased,
    MessageView,
    StoredBlob,
    Submission,
    Submitted,
)
from protocol.as4.pmode import PMode
from protocol.convention.use_limits import Limited

P = ParamSpec("P")
T = TypeVar("T")


class SpoolWriter(Protocol):
    """One payload on its way to rest. All three methods block."""

    def write(self, octets: bytes) -> None:
        """Append `octets`."""

    def finish(self) -> StoredBlob:
        """Make the payload durable."""

    def discard(self) -> None:
        """Leave nothing behind; harmless when called twice."""


class SpoolReader(Protocol):
    """One payload at rest, in the clear again. Blocks."""

    def read(self, size_bytes: int) -> bytes:
        """The next octets, b"" at the end. Raises when the file was changed."""

    def close(self) -> None:
        """Let go of the file."""


class Spool(Protocol):
    """Where payloads rest, encrypted."""

    def writer(self) -> SpoolWriter:
        """Begin a payload."""

    def reader(self, blob: StoredBlob) -> SpoolReader:
        """Open a payload."""

    def remove(self, blob: StoredBlob) -> None:
        """Destroy a payload."""


class Store(Protocol):
    """The part of the store that authorities reach."""

    async def submit(self, submission: Submission) -> Submitted | IdempotencyConflict:
        """Make a submission durable, once for each idempotency key."""

    async def message_for(
        self,
        authority: str,
        message_id: str,
        partner: str | None = None,
        direction: str | None = None,
    ) -> MessageView | None:
        """The message as `authority` may see it; None if it is not theirs or not there."""

    async def lease(
        self, authority: str, now: datetime, lease_seconds: float, limit: int
    ) -> Sequence[Leased]:
        """At most `limit` entries of the authority's queue, under lease from now on."""

    async def ack(self, authority: str, lease_id: str, now: datetime) -> bool:
        """Record that the authority has the message; False if there is no such lease."""

    async def release(self, authority: str, lease_id: str, now: datetime) -> bool:
        """Put the entry back at once; False if there is no such lease."""

    async def reject(self, authority: str, lease_id: str, reason: str, now: datetime) -> bool:
        """Record that the authority refuses the message; False if there is no such lease."""

    def on_queue(self, authority: str) -> Deferred[None]:
        """Fires when something may have come into the authority's queue."""

    async def open_alerts(self) -> Sequence[Alert]:
        """What an operator has not acknowledged yet, oldest first."""

    async def count_alerts(self) -> int:
        """How many alerts stand open."""

    async def acknowledge_alert(self, number: int, at: datetime) -> bool:
        """An operator has looked at it; False if no such alert stands open."""

    async def alert_if_somebody_elses(self, authority: str, message_id: str, at: datetime) -> None:
        """`authority` asked in vain for a message: an alert, if it is another authority's."""

    async def check_writable(self) -> None:
        """Raises unless a transaction can be written now."""


class CaseFiles(Protocol):
    """The cases of authorities. An authority reaches only those that it is a party to."""

    async def of(self, authority: str, wanted: Wanted) -> Sequence[CaseView]:
        """The cases of `authority`, the newest first."""

    async def find(
        self, authority: str, request_id: str, partner: str | None = None
    ) -> CaseFile | None:
        """One case with everything about it; None if it is not theirs or not there."""

    async def deadlines(
        self, authority: str, before: datetime | None = None
    ) -> Sequence[ClockView]:
        """What runs in the cases of `authority`, what is due first comes first."""

    async def answer(self, authority: str, number: int, at: datetime) -> bool:
        """A person has answered a clock; False if it runs in no case of `authority`."""

    async def settle(self, authority: str, flagged: Flagged, at: datetime) -> bool:
        """A person has looked at a flagged step; False if there is none in a case of theirs."""

    async def forward(self, authority: str, wish: Forwarding, at: datetime) -> Forwarded | None:
        """The request waits in another authority's queue; None if it is no case of theirs."""


class UseLimits(Protocol):
    """What came to us for one purpose only."""

    async def of(self, digests: Collection[str]) -> Mapping[str, Sequence[Limited]]:
        """Under which limitations each of `digests` (SHA-256, hexadecimal) came to us."""


class Pings(Protocol):
    """Whether partners answer."""

    @property
    def pmodes(self) -> Mapping[str, PMode]:
        """What was agreed, by partner State."""

    async def ping(self, partner: str) -> PartnerLine:
        """Ask one partner now, and keep what it says."""

    async def lines(self) -> Mapping[str, PartnerLine]:
        """What is known of every partner that was ever asked."""


class Credentials(Protocol):
    """Who a token belongs to."""

    def authority_of(self, token: str) -> str | None:
        """The authority, or AUDITOR, whose token this is; compares in constant time."""


Now = Callable[[], datetime]  # aware
Audit = Callable[[], Iterator[Mapping[str, object]]]


class InThread(Protocol):
    """Runs blocking work beside the reactor, as `twisted.internet.threads.deferToThread` does."""

    def __call__(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """Fires with what `function` returns or raises."""
