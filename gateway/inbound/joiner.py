"""Looks for groups of fragments that are complete or overdue, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gateway.inbound.joining import Joining, JoiningGroup
from gateway.store.joining import HeldGroup
from protocol.as4.pmode import PMode

LOOK_SECONDS: Final = 5.0  # another node may have received the last fragment; groups grow overdue
_Work = Callable[[HeldGroup, PMode], Awaitable[None]]


class Joiner(Service):
    """Joins one group after the other until it is stopped; `wake` makes it look at once."""

    def __init__(self, joining: Joining, clock: IReactorTime) -> None:
        self._desk = joining
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._look_again = False
        self._left_alone: set[int] = set()

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin with what a crash left complete."""
        super().startService()
        self.wake()

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Begin nothing more; fires when the step that is under way has ended."""
        super().stopService()
        self._cancel_timer()
        stopped: Deferred[None] = Deferred()
        if self._looking is None:
            stopped.callback(None)
        else:
            self._looking.addBoth(lambda _: stopped.callback(None))
        return stopped

    def wake(self) -> None:
        """Look at once for something to join."""
        if not self.running:
            return
        if self._looking is not None:
            self._look_again = True
            return
        self._cancel_timer()
        self._looking = Deferred.fromCoroutine(self._look())
        self._looking.addBoth(self._looked)

    def _looked(self, result: object) -> None:
        self._looking = None
        if isinstance(result, Failure):
            self._desk.log.error("join.failed", reason=result.getErrorMessage())
        again, self._look_again = self._look_again, False
        if self.running:
            seconds = 0.0 if again and not isinstance(result, Failure) else LOOK_SECONDS
            self._timer = self._clock.callLater(seconds, self._rise)

    def _rise(self) -> None:
        self._timer = None
        self.wake()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    async def _look(self) -> None:
        store = self._desk.store
        for row in await store.fragments.complete():
            await self._try(row, self._join)
        for row in await store.fragments.overdue(self._desk.now(), self._desk.pmodes):
            await self._try(row, self._expire)

    async def _try(self, row: int, work: _Work) -> None:
        """A group that cannot be dealt with now does not keep the others waiting."""
        try:
            await self._with_group(row, work)
        except Exception:
            self._desk.log.exception("join.failed", group=row)

    async def _join(self, held: HeldGroup, pmode: PMode) -> None:
        await JoiningGroup(self._desk, held, pmode).join(lambda: bool(self.running))

    async def _expire(self, held: HeldGroup, pmode: PMode) -> None:
        await JoiningGroup(self._desk, held, pmode).expire()

    async def _with_group(self, row: int, work: _Work) -> None:
        held = await self._desk.store.fragments.held(row) if self.running else None
        if held is None:
            return
        pmode = self._desk.pmodes.get(held.partner)
        if pmode is None:
            if row not in self._left_alone:  # said once, not at every look
                self._desk.log.warning("join.no_partner", partner=held.partner, group=row)
                self._left_alone.add(row)
            return
        await work(held, pmode)
