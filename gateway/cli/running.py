"""One gateway as a process: starts it, ends it in order on SIGTERM and Ctrl-C."""

from __future__ import annotations

import gc
import resource
from pathlib import Path
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from config.check_certificates import own_certificates_out_of_date
from config.faults import refuse_if
from config.node import load_node
from gateway.app import Gateway, utc_now
from gateway.cli.outcome import Outcome, refused
from gateway.lock import NodeInUse
from gateway.log import start_log

MAX_DESCRIPTORS = 16 * 1024  # far above what all partners need at once
GARBAGE_THRESHOLD = 10_000  # objects: a message makes some 3000, and few of them are in cycles


def run_node(folder: Path, reactor: Any = None) -> Outcome:
    """Return when the gateway has ended; REFUSED when it could not start.

    Raises ConfigRefused, also when a certificate of our own is not valid now.
    """
    node = load_node(folder)
    refuse_if(own_certificates_out_of_date(node, utc_now()))
    start_log(node.settings.log.level)
    _allow_connections()
    if reactor is None:
        from twisted.internet import reactor
    process = _Process(Gateway(node, reactor, structlog.get_logger("gateway")), reactor)
    reactor.callWhenRunning(process.start)
    reactor.run()
    return process.outcome()


def _allow_connections() -> None:
    """As many open files as this account may have: the usual 1024 are soon taken by strangers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Process:
    def __init__(self, gateway: Gateway, reactor: Any) -> None:
        self._gateway = gateway
        self._reactor = reactor
        self._failure: Failure | None = None

    def start(self) -> None:
        """The gateway serves, or the process ends."""
        started = Deferred.fromCoroutine(self._gateway.start())
        started.addCallbacks(self._started, self._failed)

    def outcome(self) -> Outcome:
        """How the process ended. Raises what kept the gateway from starting."""
        if self._failure is None:
            return Outcome.DONE
        if self._failure.check(NodeInUse) and self._failure.value is not None:
            raise refused(str(self._failure.value)) from self._failure.value
        structlog.get_logger("gateway").error("gateway.not_started", exc_info=self._failure.value)
        return Outcome.REFUSED

    def _started(self, _: None) -> None:
        gc.collect()
        gc.freeze()  # what serves until the end need not be looked through again and again
        gc.set_threshold(GARBAGE_THRESHOLD)
        self._reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._gateway.stop())
        )

    def _failed(self, failure: Failure) -> None:
        self._failure = failure
        self._reactor.stop()
