"""The real store and spool, watched and made to fail; each is named by what it plays."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gateway.spool import Spool, SpoolWriter
from gateway.store import Store
from gateway.store.values import IdempotencyConflict, Leased, Submission, Submitted


class FullDisk(Spool):
    """A spool on a disk that is full from some moment on."""

    full = False

    def writer(self) -> SpoolWriter:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().writer()


class WatchedStore(Store):
    """A store that may fail, and that shows who waits for a queue."""

    failure: Exception | None = None

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.waiting: list[Deferred[None]] = []

    def on_queue(self, authority: str) -> Deferred[None]:
        news = super().on_queue(authority)
        self.waiting.append(news)
        news.addBoth(lambda _: self.waiting.remove(news))
        return news

    async def submit(self, submission: Submission) -> Submitted | IdempotencyConflict:
        self._fail()
        return await super().submit(submission)

    async def lease(self, *terms: Any) -> list[Leased]:
        self._fail()
        return await super().lease(*terms)

    async def check_writable(self) -> None:
        self._fail()
        await super().check_writable()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
