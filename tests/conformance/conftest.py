"""Fixtures of the conformance tests: two gateways with real keys, real TLS and real folders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted

from gateway.app import Gateway
from protocol.as4.suites import EDELIVERY_115
from tests.conformance.sent import Exchanged
from tests.gateway.conftest import az, folders, xu
from tests.gateway.ground import make_ground, started

__all__ = ["az", "exchanged", "folders", "ground", "xu", "xu_gateway"]


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both agree on the profile that the assertions are about."""
    return make_ground(tmp_path_factory.mktemp("ground"), EDELIVERY_115.id)


@pytest_twisted.async_yield_fixture
async def xu_gateway(folders: dict[str, Path]) -> AsyncIterator[Gateway]:
    """The gateway of XU, running."""
    gateway = await started(folders["XU"])
    yield gateway
    await gateway.stop()


@pytest_twisted.async_yield_fixture
async def exchanged(
    az: Gateway, xu_gateway: Gateway, folders: dict[str, Path], tmp_path: Path
) -> AsyncIterator[Exchanged]:
    """One request with two attachments from XU to AZ, as it was written and as it was delivered."""
    yield await Exchanged.make(az, xu_gateway, folders, tmp_path)
