"""The same two gateways as everywhere."""

from __future__ import annotations

from tests.conformance.conftest import az, exchanged, folders, ground, xu, xu_gateway

__all__ = ["az", "exchanged", "folders", "ground", "xu", "xu_gateway"]
