"""The nodes that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.ground import make_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ground(tmp_path_factory.mktemp("ground"))
