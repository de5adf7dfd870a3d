"""Asks every partner at its interval whether it answers, and keeps what came of it.

The pauses are irregular on purpose, so that gateways that started together do not ask together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from gateway.metrics import Metrics
from gateway.pinging.asking import Asking
from gateway.store import Store
from gateway.store.lines import PartnerLine
from protocol.as4.pmode import PMode

#: Of an interval: how long the first pause after a start is, and every later one.
FIRST_PAUSE: Final = (0.1, 1.0)
PAUSE: Final = (0.75, 1.25)


@dataclass(frozen=True, slots=True)
class Pinging:
    """Everything that asking partners needs."""

    asking: Asking
    store: Store
    pmodes: Mapping[str, PMode]  # by partner State
    metrics: Metrics
    log: FilteringBoundLogger
    uniform: Callable[[float, float], float] = SystemRandom().uniform


class Pinger(Service):
    """Pings until it is stopped; `ping` asks one partner at once."""

    def __init__(self, pinging: Pinging, clock: IReactorTime) -> None:
        self._desk = pinging
        self._clock = clock
        self._loops: list[Deferred[None]] = []

    @property
    def pmodes(self) -> Mapping[str, PMode]:
        """What was agreed, by partner State."""
        return self._desk.pmodes

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to ask those that are to be asked."""
        super().startService()
        for pmode in self._desk.pmodes.values():
            if pmode.can_be_pinged and pmode.ping_interval_seconds is not None:
                loop = self._ask_on(pmode, pmode.ping_interval_seconds)
                self._loops.append(Deferred.fromCoroutine(loop))

    def stopService(self) -> Deferred[object]:  # noqa: N802 - Twisted's name
        """Ask nobody any more; an answer that is under way is of no use to anybody."""
        super().stopService()
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        return DeferredList(loops, consumeErrors=True).addCallback(lambda _: None)

    async def ping(self, partner: str) -> PartnerLine:
        """What `partner` says now, which is kept. Raises KeyError for one that is not agreed."""
        line = await self._desk.asking.ask(self._desk.pmodes[partner])
        await self._desk.store.lines.keep(line)
        self._desk.metrics.partner_asked(partner, answers=line.answers, at=line.asked_at)
        tell = self._desk.log.info if line.answers else self._desk.log.warning
        tell("ping.answered" if line.answers else "ping.failed", partner=partner, **_told(line))
        return line

    async def lines(self) -> Mapping[str, PartnerLine]:
        """What is known of every partner that was ever asked."""
        return await self._desk.store.lines.all()

    async def _ask_on(self, pmode: PMode, interval_seconds: float) -> None:
        pause = FIRST_PAUSE
        try:
            while self.running:
                await self._wait(interval_seconds * self._desk.uniform(*pause))
                pause = PAUSE
                await self._ping_once(pmode.partner_state)
        except CancelledError:
            return

    async def _ping_once(self, partner: str) -> None:
        try:
            await self.ping(partner)
        except CancelledError:
            raise
        except Exception:
            self._desk.log.exception("ping.broke_off", partner=partner)

    async def _wait(self, seconds: float) -> None:
        over: Deferred[None] = Deferred()
        timer = self._clock.callLater(seconds, over.callback, None)
        try:
            await over
        finally:
            if timer.active():
                timer.cancel()


def _told(line: PartnerLine) -> dict[str, str | None]:
    return {} if line.answers else {"code": line.code, "reason": line.sentence}
