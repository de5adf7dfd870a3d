"""Every test of the store runs on both engines."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from gateway.audit.cases import CasesAudit
from gateway.audit.clocks import ClocksAudit
from gateway.audit.pages import evidence_pages
from gateway.store import Store
from gateway.store.faults import StoreClosed
from protocol.evidence.chain import Finding
from tests.postgresql import REQUIRED, Cluster, NoServer, cluster
from tests.store.store_values import AT, Wrap

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

Opener = Callable[..., Awaitable[Store]]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A throw-away server for the whole run."""
    try:
        running = cluster()
        server = running.__enter__()
    except NoServer as e:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, but: {e}")
        pytest.skip(str(e))
    yield server
    running.__exit__(None, None, None)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: Cluster = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an empty store on SQLite."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest_twisted.async_yield_fixture
async def open_store(tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens stores with settings of the test's own, and closes them at its end.

    Whatever is done with them, their cases are those of the evidence.
    """
    opened: list[Store] = []

    async def open_it(url: str, **settings: Any) -> Store:
        chosen: dict[str, Any] = {
            "reactor": reactor,
            "storage_key": Wrap(),
            "witness": tmp_path / "evidence.witness",
            "now": lambda: AT,
            "node": "one",
            **settings,
        }
        store = await Store.open(url, **chosen)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        try:
            with suppress(StoreClosed):  # where the test closed it
                assert await deferToThread(case_findings, store) == []
        finally:
            await store.close()


@pytest_twisted.async_fixture
async def store(open_store: Opener, url: str) -> Store:
    """An open, empty store."""
    return await open_store(url)


def case_findings(store: Store) -> list[Finding]:
    """What the audit finds in cases and clocks."""
    cases, clocks = CasesAudit(store), ClocksAudit(store)
    found: list[Finding] = []
    for page in evidence_pages(store):
        found += cases.take(page)
        clocks.take(page)
    return [*found, *cases.findings(), *clocks.findings()]
