"""The command line against a local API on real sockets."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from twisted.internet.threads import deferToThread

from config.node import Node
from gateway.cli import main
from tests.local.conftest import Served, az, served, tokens

__all__ = ["az", "served", "tokens"]


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    """The gateway's log is not mixed into what a command prints: both run in this process."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@dataclass
class Said:
    """What one command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*words: object) -> Said:
    """Run one command in this thread."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as e:
            status = int(e.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


@dataclass
class Shell:
    """Runs commands about one node while its gateway answers in the reactor's thread."""

    folder: Path

    async def run(self, name: str, *words: object) -> Said:
        first, *rest = name.split()
        return await deferToThread(run, first, *rest, self.folder, *words)


@pytest.fixture(params=["tcp", "unix"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, az: Node, served: Served) -> Shell:
    """The node folder as the commands see it, pointing at the API that runs."""
    folder = tmp_path / "node"
    shutil.copytree(az.folder, folder)
    settings = folder / "gateway.toml"
    local = f"[local]\nport = {served.api.port if request.param == 'tcp' else 1}\n"
    if request.param == "unix":
        local += f'unix_socket = "{served.socket_path}"\n'
    text = settings.read_text()
    head, _, rest = text.partition("[local]\n")
    settings.write_text(head + local + rest[rest.index("lease_seconds") :])
    return Shell(folder)


@pytest.fixture
def quiet(tmp_path: Path, az: Node) -> Path:
    """A node folder whose gateway does not run."""
    folder = tmp_path / "quiet"
    shutil.copytree(az.folder, folder)
    text = (folder / "gateway.toml").read_text()
    (folder / "gateway.toml").write_text(text.replace("port = 8480", "port = 1"))
    return folder
