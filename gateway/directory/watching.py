"""Applies at once what the policy for its partner lets apply at once, and follows other nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from gateway.directory.keeping import Directories
from gateway.store.records_of_states import DIRECTORY, PendingUpdate
from protocol.convention.directory_update import UpdateRefused

POLICY: Final = "policy for {}"  # who vouches for a record that no person accepted


@dataclass(frozen=True, slots=True)
class Watching:
    """What watching needs. `at_once` are the partners whose updates wait for nobody."""

    directories: Directories
    at_once: Collection[str]
    news: Callable[[str], Deferred[None]]
    log: FilteringBoundLogger
    told: set[int] = field(default_factory=set)  # pending updates of which a person was told


class DirectoryWatch(Service):
    """Looks whenever something may have come, until it is stopped."""

    def __init__(self, watching: Watching) -> None:
        self._in = watching
        self._loop: Deferred[None] | None = None
        self._news: Deferred[None] | None = None

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Look for what came while nobody looked, and go on."""
        super().startService()
        self._loop = Deferred.fromCoroutine(self._watch())

    def stopService(self) -> Deferred[None] | None:  # noqa: N802 - Twisted's name
        """What is being applied is applied, and nothing more."""
        super().stopService()
        loop, self._loop = self._loop, None
        if self._news is not None:
            self._news.cancel()
        return loop

    async def _watch(self) -> None:
        while self.running:
            news = self._news = self._in.news(DIRECTORY)  # before looking, or some could be missed
            try:
                await self._look()
            except Exception:
                self._in.log.exception("directory.not_looked_after")
            if not self.running:
                news.cancel()
            await news

    async def _look(self) -> None:
        await self._in.directories.follow()
        for pending in await self._in.directories.pending():
            if pending.partner in self._in.at_once:
                await self._apply(pending)
            elif pending.number not in self._in.told:
                await self._in.directories.announce(pending)
                self._in.told.add(pending.number)
                self._in.log.warning(
                    "directory.update_pending",
                    partner=pending.partner,
                    message_id=pending.message_id,
                )

    async def _apply(self, pending: PendingUpdate) -> None:
        by = POLICY.format(pending.partner)
        try:
            await self._in.directories.accept(pending, by)
        except UpdateRefused as e:
            if pending in await self._in.directories.pending():
                await self._in.directories.refuse(pending, by, str(e))
