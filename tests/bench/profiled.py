"""The gateway of a node folder, with a profile of every thread: for `cost.py` only.

    python tests/bench/profiled.py FOLDER REPORT

From SIGUSR1 on everything is counted; on SIGTERM the sum of all threads is in the file REPORT, in
the form that `pstats` reads.
"""

from __future__ import annotations

import cProfile
import pstats
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.cli.running import run_node

_profiles: list[cProfile.Profile] = []


def _begin_thread(*_event: Any) -> None:
    """Called with the first event of a new thread: its own profile takes over."""
    profile = cProfile.Profile(time.thread_time_ns, 1e-9)  # waiting is no work
    _profiles.append(profile)
    profile.enable()


def _begin_counting(*_signal: Any) -> None:
    for profile in _profiles:
        profile.clear()  # what the start cost is of no interest
    _begin_thread()


def main(folder: Path, report: Path) -> None:
    threading.setprofile(_begin_thread)
    signal.signal(signal.SIGUSR1, _begin_counting)
    run_node(folder)
    stats = pstats.Stats(_profiles[0])
    for profile in _profiles[1:]:
        stats.add(profile)
    stats.dump_stats(report)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
