"""A PostgreSQL server for one test run: its own folder, a Unix socket in it, then gone."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

REQUIRED = "HANOI_REQUIRE_POSTGRESQL"  # "1": a missing server is a failure, not a skip
START_SECONDS = 60


class NoServer(Exception):
    """There is no PostgreSQL on this machine that a test can start; the sentence says why."""


class Cluster:
    """A running server. `database` makes an empty database and gives its address."""

    def __init__(self, folder: Path, binaries: Path, account: str | None) -> None:
        self._folder = folder
        self._binaries = binaries
        self._account = account
        self._count = 0

    def database(self) -> str:
        """The address of a fresh, empty database, as a store URL."""
        self._count += 1
        name = f"store{self._count}"
        self.run("createdb", "-h", str(self._folder), "-U", "gateway", name)
        return f"postgresql://gateway@/{name}?host={quote(str(self._folder))}"

    def execute(self, url: str, statement: str) -> str:
        """What `psql` answers to `statement`."""
        name = url.partition("@/")[2].partition("?")[0]
        return self.run(
            "psql", "-h", str(self._folder), "-U", "gateway", "-d", name, "-Atqc", statement
        )

    def run(self, program: str, *arguments: str) -> str:
        """The output of one of PostgreSQL's programs, run as an account that it accepts."""
        command: Sequence[str] = [str(self._binaries / program), *arguments]
        if self._account is not None:
            command = ["runuser", "-u", self._account, "--", *command]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_SECONDS, check=False, cwd="/"
        )
        if done.returncode:
            raise NoServer(f"{program} fails: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()


def binaries() -> Path:
    """Where the newest PostgreSQL of this machine has its programs. Raises NoServer."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=_version)
    if found:
        return Path(found[-1]).parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise NoServer("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return Path(on_path).parent


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server while the context lasts. Raises NoServer."""
    programs = binaries()
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="store-pg-", dir="/tmp"))  # a socket path must be short
    try:
        if account is not None:
            os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
        server = Cluster(folder, programs, account)
        data = str(folder / "cluster")
        server.run("initdb", "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "-N")
        options = f"-k {folder} -c listen_addresses='' -c max_connections=60"
        log = str(folder / "log")
        server.run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> str | None:
    """PostgreSQL refuses root: another account is needed then."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoServer("PostgreSQL refuses root, and there is no account postgres or nobody")


def _version(path: str) -> float:
    try:
        return float(path.split("/")[4])
    except ValueError:
        return 0.0


def install_if_possible() -> None:
    """PostgreSQL is installed, where this account may do that with Debian's package manager."""
    try:
        binaries()
    except NoServer:
        apt = shutil.which("apt-get")
        if apt is None or os.geteuid() != 0:
            print("postgresql: not installed, and not to be installed here; its tests are skipped")
            return
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (
            ["update", "-qq"],
            ["install", "-qq", "--no-install-recommends", "postgresql"],
        ):
            subprocess.run([apt, "-y", *words], env=quiet, check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    install_if_possible()
