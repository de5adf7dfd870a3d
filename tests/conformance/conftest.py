"""Fixtures of the conformance tests: two gateways with real keys, real TLS and real folders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from gateway.app import Gateway
from tests.conformance.sent import Exchanged
from tests.gateway.conftest import az, folders, ground, xu
from tests.gateway.ground import started

__all__ = ["az", "exchanged", "folders", "ground", "xu", "xu_gateway"]


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
