"""The state table of `exchange` as a picture, for docs/architecture.md.

The picture is drawn by asking `step`, so it shows what the code does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from protocol.as4.errors import MISSING_RECEIPT, Severity
from protocol.as4.exchange import (
    STATES,
    Claimed,
    Event,
    Exchange,
    ExchangeState,
    FragmentsFailed,
    Interrupted,
    OutOfTurn,
    PeerHasItAlready,
    PeerRefused,
    ReceiptHeld,
    ReceiptInvalid,
    ReceiptOverdue,
    ReceiptToCome,
    Resume,
    Split,
    Suspend,
    TransportFailed,
    step,
)
from protocol.as4.pmode import Reliability
from protocol.as4.values import EbmsError

#: One event of each kind, and of a kind that can end in two ways one for each; by its label.
SAMPLES: Final[dict[str, Event]] = {
    "claimed": Claimed(),
    "receipt to come": ReceiptToCome(),
    "receipt overdue": ReceiptOverdue(),
    "receipt held": ReceiptHeld(),
    "peer refused": PeerRefused(EbmsError("EBMS:0004", Severity.FAILURE)),
    "peer asks to try again": PeerRefused(EbmsError("EBMS:0202", Severity.FAILURE)),
    "peer has it already": PeerHasItAlready(),
    "transport failed": TransportFailed("no answer"),
    "transport failed for good": TransportFailed("HTTP 404", retryable=False),
    "receipt invalid": ReceiptInvalid("other digests"),
    "interrupted": Interrupted(),
    "goes in fragments": Split(datetime(2026, 1, 2, tzinfo=UTC)),
    "a fragment failed": FragmentsFailed("EBMS:0046", "refused"),
    "suspend": Suspend(),
    "resume": Resume(),
}

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_RELIABILITY: Final = Reliability(max_retries=1)


def as_mermaid() -> str:
    """A Mermaid state diagram of every change of state; events that change nothing are left out."""
    lines = ["stateDiagram-v2", "    [*] --> READY"]
    for state in STATES:
        for label, event in SAMPLES.items():
            lines += _arrows(state, label, event)
    lines += ["    ACKNOWLEDGED --> [*]", "    FAILED --> [*]"]
    return "\n".join(lines) + "\n"


_NOTES: Final = {0: ", before the first attempt", 1: "", 2: ", no retry left"}


def _arrows(state: ExchangeState, label: str, event: Event) -> list[str]:
    """One arrow; more where it matters how many attempts were made."""
    possible: tuple[int, ...] = (0,) if state is ExchangeState.READY else (1, 2)
    possible = (0, 1, 2) if state is ExchangeState.SUSPENDED else possible
    ends = {attempts: _end(state, event, attempts) for attempts in possible}
    by_end = {end: _NOTES[attempts] for attempts, end in reversed(ends.items())}
    return [
        f"    {state.value} --> {end.value}: {label}{'' if len(by_end) == 1 else note}"
        for end, note in by_end.items()
        if end not in (None, state)
    ]


def _end(state: ExchangeState, event: Event, attempts: int) -> ExchangeState | None:
    code = MISSING_RECEIPT.code if state is ExchangeState.FAILED else None
    try:
        return step(Exchange(state, attempts, None, code), event, _NOW, _RELIABILITY).state
    except OutOfTurn:
        return None
