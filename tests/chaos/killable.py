"""Run a gateway that kills itself with SIGKILL at one named point of the way in.

Usage: python -m tests.chaos.killable NODE POINT. The points wrap functions of the real gateway from
outside; the gateway itself has no hook for this.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.cli.running import run_node
from gateway.inbound import gates, intake, listener, reception
from gateway.store import Store


def die(*_: object) -> None:
    """End as a power cut would: no handler runs, no buffer is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> Callable[[], None]:
    def install() -> None:
        setattr(owner, name, die)

    return install


def after(owner: Any, name: str) -> Callable[[], None]:
    def install() -> None:
        original = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            die()
            return result

        setattr(owner, name, wrapped)

    return install


def after_await(owner: Any, name: str) -> Callable[[], None]:
    def install() -> None:
        original = getattr(owner, name)

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = await original(*args, **kwargs)
            die()
            return result

        setattr(owner, name, wrapped)

    return install


POINTS: dict[str, Callable[[], None]] = {
    "headers-read": before(reception.Reception, "answer"),
    "soap-part-read": before(gates.Gates, "admit"),
    "entitled": after(gates.Gates, "admit"),
    "keys-opened": after(gates.Gates, "open_parts"),
    "in-an-attachment": after(intake.PartIntake, "take"),
    "part-durable": after(intake.PartIntake, "finish"),
    "receipt-signed": after(gates.Gates, "conclude"),
    "before-the-transaction": before(Store, "accept"),
    "after-the-commit": after_await(Store, "accept"),
    "answer-made": before(listener.As4Request, "give"),
    "answer-written": after(listener.As4Request, "give"),
    "handed-off": after_await(Store, "lease"),
    "acknowledged": after_await(Store, "ack"),
}
"""Every point, by name, with what makes the gateway die there."""

if __name__ == "__main__":
    POINTS[sys.argv[2]]()
    sys.exit(run_node(Path(sys.argv[1])).value)
