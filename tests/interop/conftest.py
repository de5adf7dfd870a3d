"""The peers of the interoperability tests, started once for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import matrix, own_environment, phase4_peer
from tests.interop.matrix import Row
from tests.interop.phase4_peer import PartyKeys, Receiver, Sender, Side

REQUIRED = "HANOI_REQUIRE_PEERS"  # set by `make interop`: what cannot run is a failure there
MATRIX_FILE = Path("build", "interop-matrix.json")
ROWS = pytest.StashKey[list[Row]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that meets a peer says in its marker what is exchanged."""
    for item in items:
        here = item.path.parent == matrix.HERE
        if here and matrix.peer_of_module(item.path.name) and _where(item) is None:
            raise pytest.UsageError(f"{item.nodeid} needs a marker `exchange`: see matrix.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep a row for each exchange: its result, or that it was never reached."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    where = _where(item)
    if where is not None and (report.when == "call" or report.outcome != "passed"):
        row = Row.of(where, item.name, report.outcome).with_properties(report.user_properties)
        item.config.stash.setdefault(ROWS, []).append(row)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The matrix, where peers are required; elsewhere it would only be half of it."""
    rows = config.stash.get(ROWS, [])
    if not rows or not os.environ.get(REQUIRED):
        return
    terminalreporter.section("exchanges with peers")
    for line in [*matrix.table(rows), "", *matrix.totals(rows)]:
        terminalreporter.write_line(line)
    matrix.write(rows, config.rootpath / MATRIX_FILE)


def _where(item: pytest.Item) -> tuple[str, ...] | None:
    marker = item.get_closest_marker("exchange")
    return None if marker is None else marker.args


@dataclass(frozen=True, slots=True)
class Parties:
    """The keys of both States, AZ and XU."""

    az: PartyKeys
    xu: PartyKeys


@dataclass(frozen=True, slots=True)
class Payloads:
    """Two files to send."""

    xml: Path
    binary: Path

    def options(self, count: int) -> list[str]:
        """The options that send the first `count` of them."""
        both = [f"{self.xml}:application/xml", f"{self.binary}:application/octet-stream"]
        return [word for name in both[:count] for word in ("--payload", name)]


@pytest.fixture(scope="session")
def phase4() -> None:
    """phase4 is built, or the test does not run, or, where peers are required, fails."""
    reason = phase4_peer.why_not()
    if reason is None:
        try:
            phase4_peer.build()
        except phase4_peer.PeerFailed as e:
            reason = f"phase4 could not be built: {e}"
    need(reason)


@pytest.fixture(scope="session")
def as4() -> None:
    """The environment of the package `as4` is there."""
    need(own_environment.why_not("as4"))


@pytest.fixture(scope="session")
def xml_security() -> None:
    """The environment of xmlsec1 and Bergshamra is there."""
    need(own_environment.why_not("xmlsec"))


def need(reason: str | None) -> None:
    """Skip for `reason`, or fail for it where peers are required; without one, nothing."""
    if reason is None:
        return
    if os.environ.get(REQUIRED):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    """Fresh keys for both sides."""
    folder = tmp_path_factory.mktemp("keys")
    return Parties(PartyKeys.issue(folder / "az", "AZ"), PartyKeys.issue(folder / "xu", "XU"))


@pytest.fixture(scope="session")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Payloads:
    """An XML file that compresses well and a binary one."""
    folder = tmp_path_factory.mktemp("payloads")
    held = Payloads(folder / "request.xml", folder / "annex.bin")
    held.xml.write_bytes(b'<?xml version="1.0" encoding="UTF-8"?>\n<r>' + b"x" * 3000 + b"</r>\n")
    held.binary.write_bytes(bytes(range(256)) * 40)
    return held


@pytest.fixture(scope="session")
def phase4_receiver(
    phase4: None, parties: Parties, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """phase4 listening as XU for messages from AZ, keeping what it receives on disk."""
    folder = tmp_path_factory.mktemp("phase4")
    side = Side(parties.xu, parties.az.folder)
    store = ("--store", str(folder / "store"))
    with phase4_peer.receiving(side, "AZ", "XU", folder / "receiver.log", *store) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def phase4_sender(
    phase4: None, parties: Parties, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sender]:
    """phase4 ready to send PreservationRequests as AZ to XU."""
    side = Side(parties.az, parties.xu.folder)
    log = tmp_path_factory.mktemp("phase4") / "sender.log"
    action = ("--action", "PreservationRequest")
    with phase4_peer.sending(side, "AZ", "XU", log, *action) as sender:
        yield sender
