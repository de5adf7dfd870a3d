"""Fixtures: two nodes, the gateway of AZ running in this process, and XU played by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted

from config.node import load_node
from gateway.app import Gateway
from tests.gateway.ground import STARTED, Partner, copy_ground, make_ground, started


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def folders(ground: Path, tmp_path: Path) -> dict[str, Path]:
    return copy_ground(ground, tmp_path)


@pytest_twisted.async_yield_fixture(autouse=True)
async def nothing_runs_on() -> AsyncIterator[None]:
    """What a test started and left when it failed is stopped."""
    before = len(STARTED)
    yield
    for gateway in STARTED[before:]:
        await gateway.stop()
    del STARTED[before:]


@pytest_twisted.async_yield_fixture
async def az(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    gateway = await started(folders["AZ"])
    yield gateway
    await gateway.stop()


@pytest.fixture
def xu(folders: dict[str, Path]) -> Partner:
    """XU as a test plays it; its own gateway does not run."""
    return Partner(load_node(folders["XU"]))
