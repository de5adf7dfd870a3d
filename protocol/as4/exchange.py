"""Where one message on its way out stands: one table, one pure function.

The rules, from AS4 1.0 section 3.2 (reception awareness) and eDelivery AS4 1.15:

* A message keeps its MessageId and its signed bytes for life; every attempt sends the same.
* Only a receipt that was verified against the digests that we signed acknowledges.
* No answer, an unreadable answer, a bad receipt: try again later, up to the agreed number of
  retries, then FAILED with EBMS:0301 for the submitter.
* An eb:Error from the peer ends the matter, except the few that say "try again".
* A receipt that comes after EBMS:0301 was reported still counts: ACKNOWLEDGED, `late`.
* A message that the peer pulls, or whose receipt comes in a request of its own (ReplyPattern
  Callback), awaits that receipt; when it is overdue, the message is sent or may be pulled again.
* A message that goes in fragments waits for its own receipt meanwhile; only fragments are retried.
* What is told about an attempt that is no longer ours (another node took over) changes nothing.

`TABLE` names a rule for every state and every event; `step` applies it; the picture of it in
`docs/architecture.md` is drawn by `exchange_diagram`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from protocol.as4.errors import (
    CONNECTION_FAILURE,
    FRAGMENT_SIZE_EXCEEDED,
    MISSING_RECEIPT,
    Severity,
)
from protocol.as4.exchange_values import (
    Claimed,
    Event,
    Exchange,
    ExchangeState,
    FragmentsFailed,
    Interrupted,
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
)
from protocol.as4.pmode import Reliability

__all__ = [
    "DEFAULT_RELIABILITY",
    "FINAL_CODES",
    "RETRYABLE_CODES",
    "STATES",
    "TABLE",
    "Claimed",
    "Event",
    "Exchange",
    "ExchangeState",
    "FragmentsFailed",
    "Interrupted",
    "OutOfTurn",
    "PeerHasItAlready",
    "PeerRefused",
    "ReceiptHeld",
    "ReceiptInvalid",
    "ReceiptOverdue",
    "ReceiptToCome",
    "Resume",
    "Split",
    "Suspend",
    "TransportFailed",
    "retry_interval_seconds",
    "step",
]

#: Where the caller has no P-Mode at hand: AS4 1.0 leaves the values to the parties.
DEFAULT_RELIABILITY: Final = Reliability()

#: Errors of a peer that ask for another attempt: its hand-over failed and it forgot the MessageId.
RETRYABLE_CODES: Final = frozenset({"EBMS:0202"})


#: Warnings that no further attempt can mend: the fragment will not become smaller.
FINAL_CODES: Final = frozenset({FRAGMENT_SIZE_EXCEEDED.code})


class OutOfTurn(Exception):
    """The event cannot happen in this state: a fault of the caller, not of the peer."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a rule may look at."""

    exchange: Exchange
    event: Event
    now: datetime
    reliability: Reliability


def _keep(turn: _Turn) -> Exchange:
    return turn.exchange


def _refuse(turn: _Turn) -> Exchange:
    name, state = type(turn.event).__name__, turn.exchange.state.value
    raise OutOfTurn(f"{name} cannot happen to a message that is {state}")


def _send(turn: _Turn) -> Exchange:
    attempts = turn.exchange.attempts + 1
    return replace(
        turn.exchange, state=ExchangeState.SENDING, attempts=attempts, next_attempt_at=None
    )


def _defer(turn: _Turn) -> Exchange:
    """The peer has as long for its receipt as we would wait before the next attempt."""
    event, attempts, agreed = turn.event, turn.exchange.attempts, turn.reliability
    if not isinstance(event, ReceiptToCome):
        return _refuse(turn)
    wait_seconds = max(agreed.receipt_timeout_seconds, retry_interval_seconds(attempts, agreed))
    due = turn.now + timedelta(seconds=wait_seconds + event.transfer_seconds)
    return Exchange(ExchangeState.AWAITING_RECEIPT, attempts, due)


def _divide(turn: _Turn) -> Exchange:
    event = turn.event
    if not isinstance(event, Split):
        return _refuse(turn)
    return Exchange(ExchangeState.AWAITING_RECEIPT, turn.exchange.attempts, event.until)


def _abandon(turn: _Turn) -> Exchange:
    event = turn.event
    if not isinstance(event, FragmentsFailed):
        return _refuse(turn)
    return _fail(turn, event.code, event.sentence)


def _overdue(turn: _Turn) -> Exchange:
    if turn.exchange.attempts > turn.reliability.max_retries:
        return _fail_unreceipted(turn, "it was taken, and no receipt came in time")
    return replace(_send_again(turn), error_sentence="No receipt came in time.")


def _close(turn: _Turn) -> Exchange:
    return Exchange(ExchangeState.ACKNOWLEDGED, turn.exchange.attempts, None)


def _late(turn: _Turn) -> Exchange:
    """A refusal by the peer stays one; only a receipt that we missed may still come."""
    if turn.exchange.error_code != MISSING_RECEIPT.code:
        return turn.exchange
    return replace(_close(turn), late=True)


def _fail(turn: _Turn, code: str, sentence: str) -> Exchange:
    return Exchange(ExchangeState.FAILED, turn.exchange.attempts, None, code, sentence)


def _fail_unreceipted(turn: _Turn, sentence: str) -> Exchange:
    attempts = turn.exchange.attempts
    last_words = f"No receipt after {attempts} attempts; the last one: {sentence}"
    return _fail(turn, MISSING_RECEIPT.code, last_words)


def _try_again(turn: _Turn, sentence: str, not_before_seconds: float = 0.0) -> Exchange:
    attempts = turn.exchange.attempts
    if attempts > turn.reliability.max_retries:
        return _fail_unreceipted(turn, sentence)
    wait_seconds = max(retry_interval_seconds(attempts, turn.reliability), not_before_seconds)
    wait_seconds = min(wait_seconds, turn.reliability.max_interval_seconds)
    due = turn.now + timedelta(seconds=wait_seconds)
    return Exchange(ExchangeState.WAITING_FOR_RETRY, attempts, due, None, sentence)


def _silence(turn: _Turn) -> Exchange:
    event = turn.event
    if not isinstance(event, TransportFailed):
        return _refuse(turn)
    if not event.retryable:
        return _fail(turn, CONNECTION_FAILURE.code, event.reason)
    return _try_again(turn, event.reason, event.retry_after_seconds or 0.0)


def _ask_again(turn: _Turn) -> Exchange:
    event = turn.event
    if not isinstance(event, ReceiptInvalid):
        return _refuse(turn)
    return _try_again(turn, f"EBMS:0302 {event.reason}")


def _error(turn: _Turn) -> Exchange:
    event = turn.event
    if not isinstance(event, PeerRefused):
        return _refuse(turn)
    error = event.error
    sentence = error.detail or error.description or error.short_description or error.code
    retryable = error.severity is Severity.WARNING and error.code not in FINAL_CODES
    if retryable or error.code in RETRYABLE_CODES:
        return _try_again(turn, f"{error.code} {sentence}")
    return _fail(turn, error.code, sentence)


def _give_up(turn: _Turn) -> Exchange:
    sentence = "The partner holds this message (EBMS:4001); its receipt is missing."
    return _fail(turn, MISSING_RECEIPT.code, sentence)


def _send_again(turn: _Turn) -> Exchange:
    return replace(turn.exchange, state=ExchangeState.WAITING_FOR_RETRY, next_attempt_at=turn.now)


def _hold(turn: _Turn) -> Exchange:
    return replace(turn.exchange, state=ExchangeState.SUSPENDED, next_attempt_at=None)


def _resume(turn: _Turn) -> Exchange:
    if turn.exchange.attempts:
        return _send_again(turn)
    return replace(turn.exchange, state=ExchangeState.READY, next_attempt_at=turn.now)


_Rule = Callable[[_Turn], Exchange]

#: The columns of the table, in this order.
STATES: Final = (
    ExchangeState.READY,
    ExchangeState.SENDING,
    ExchangeState.WAITING_FOR_RETRY,
    ExchangeState.AWAITING_RECEIPT,
    ExchangeState.SUSPENDED,
    ExchangeState.ACKNOWLEDGED,
    ExchangeState.FAILED,
)

# fmt: off
_ROWS: Final[dict[type[Event], tuple[_Rule, ...]]] = {
    #                 READY    SENDING      WAITING   AWAITING    SUSPENDED ACKNOWLEDGED FAILED
    Claimed:          (_send,   _refuse,     _send,    _refuse,    _refuse,  _refuse,     _refuse),
    ReceiptToCome:    (_keep,   _defer,      _keep,    _keep,      _keep,    _keep,       _keep),
    ReceiptOverdue:   (_keep,   _keep,       _keep,    _overdue,   _keep,    _keep,       _keep),
    ReceiptHeld:      (_close,  _close,      _close,   _close,     _close,   _keep,       _late),
    PeerRefused:      (_keep,   _error,      _keep,    _error,     _keep,    _keep,       _keep),
    PeerHasItAlready: (_keep,   _give_up,    _keep,    _give_up,   _keep,    _keep,       _keep),
    TransportFailed:  (_keep,   _silence,    _keep,    _silence,   _keep,    _keep,       _keep),
    ReceiptInvalid:   (_keep,   _ask_again,  _keep,    _ask_again, _keep,    _keep,       _keep),
    Interrupted:      (_keep,   _send_again, _keep,    _keep,      _keep,    _keep,       _keep),
    Split:            (_refuse, _divide,     _refuse,  _keep,      _keep,    _keep,       _keep),
    FragmentsFailed:  (_abandon, _abandon,   _abandon, _abandon,   _abandon, _keep,       _keep),
    Suspend:          (_hold,   _refuse,     _hold,    _hold,      _keep,    _refuse,     _refuse),
    Resume:           (_keep,   _keep,       _keep,    _keep,      _resume,  _refuse,     _refuse),
}
# fmt: on

TABLE: Final[dict[tuple[ExchangeState, type[Event]], _Rule]] = {
    (state, event): rule
    for event, rules in _ROWS.items()
    for state, rule in zip(STATES, rules, strict=True)
}


def step(
    exchange: Exchange,
    event: Event,
    now: datetime,
    reliability: Reliability = DEFAULT_RELIABILITY,
) -> Exchange:
    """Where `exchange` stands after `event`, by the P-Mode's `reliability`.

    `now` is aware. Raises OutOfTurn when the caller reports what cannot have happened.
    """
    return TABLE[exchange.state, type(event)](_Turn(exchange, event, now, reliability))


def retry_interval_seconds(attempts: int, reliability: Reliability) -> float:
    """How long to wait after attempt number `attempts` (1 for the first): grows, then stays."""
    seconds = reliability.first_interval_seconds
    for _ in range(attempts - 1):
        if seconds >= reliability.max_interval_seconds:
            break
        seconds *= reliability.backoff
    return min(seconds, reliability.max_interval_seconds)
