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
from gateway.inbound import answer_stream, gates, intake, listener, reception
from gateway.outbound.posting import Post
from gateway.store import Store
from gateway.store.awaited import Awaited
from gateway.store.fragments import Fragments
from gateway.store.owed import Owed
from gateway.store.pulls import Pulls
from gateway.store.splits import Splits


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


def after_await_found(owner: Any, name: str) -> Callable[[], None]:
    """Where it found something: both sides also look when there is nothing."""

    def install() -> None:
        original = getattr(owner, name)

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = await original(*args, **kwargs)
            if result:
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

PULLED_POINTS: dict[str, Callable[[], None]] = {
    "pull-claimed": after_await_found(Pulls, "next"),
    "pull-sealed": after_await(Store, "keep_sealed"),
    "pull-settled": after_await(Store, "settle"),
    "pull-streaming": after(answer_stream.AnswerStream, "start"),
    "receipt-settled": after_await(Awaited, "heed"),
}
"""The same on the side that is pulled from."""

PULLING_POINTS: dict[str, Callable[[], None]] = {
    "pulled-begins": before(reception.Reception, "answer"),
    "pulled-concluded": after(gates.Gates, "conclude"),
    "pulled-before-the-transaction": before(Store, "accept"),
    "pulled-after-the-commit": after_await(Store, "accept"),
    "callback-claimed": after_await_found(Owed, "claim"),
    "callback-posted": after_await(Post, "deliver"),
    "callback-before-its-record": before(Owed, "delivered"),
    "callback-recorded": after_await(Owed, "delivered"),
}
"""The same on the side that pulls."""

JOINING_POINTS: dict[str, Callable[[], None]] = {
    "fragment-before-the-transaction": before(Fragments, "accept"),
    "fragment-after-the-commit": after_await(Fragments, "accept"),
    "before-the-join": before(Fragments, "join"),
    "joined": after_await(Fragments, "join"),
}
"""Where fragments are received and joined."""

SPLITTING_POINTS: dict[str, Callable[[], None]] = {
    "before-the-division": before(Splits, "keep"),
    "divided": after_await(Splits, "keep"),
    "fragment-settled": after_await(Store, "settle"),
}
"""Where a large message is divided and sent."""

POINTS_BY_NAME = {
    **POINTS,
    **PULLED_POINTS,
    **PULLING_POINTS,
    **JOINING_POINTS,
    **SPLITTING_POINTS,
}

if __name__ == "__main__":
    POINTS_BY_NAME[sys.argv[2]]()
    sys.exit(run_node(Path(sys.argv[1])).value)
