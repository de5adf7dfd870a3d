"""Threads for arithmetic: signatures, decryption, compression, validation.

Two for each direction are enough for one process: most of this work releases the interpreter lock,
and more processes (on PostgreSQL) are the way to more processors. See docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2


class Workers(Protocol):
    """Threads for work that would hold the reactor."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, computed in a worker thread."""


class ThreadWorkers:
    """Runs functions in a small named pool of threads."""

    def __init__(self, reactor: IReactorFromThreads, name: str, threads: int = THREADS) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(threads, threads, name)

    def start(self) -> None:
        """The threads run."""
        self._pool.start()

    def stop(self) -> None:
        """The threads have ended, after what they were doing."""
        self._pool.stop()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, computed in one of the threads."""
        result: T = await deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)
        return result
