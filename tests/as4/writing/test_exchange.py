"""Every state meets every event; and whole lives of messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.as4.errors import Severity
from protocol.as4.exchange import (
    STATES,
    TABLE,
    Claimed,
    Event,
    Exchange,
    ExchangeState,
    Interrupted,
    OutOfTurn,
    PeerHasItAlready,
    PeerRefused,
    ReceiptHeld,
    ReceiptInvalid,
    ReceiptOverdue,
    ReceiptToCome,
    Resume,
    Suspend,
    TransportFailed,
    retry_interval_seconds,
    step,
)
from protocol.as4.exchange_picture import SAMPLES, as_mermaid
from protocol.as4.pmode import Reliability
from protocol.as4.values import EbmsError

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
TWO_RETRIES = Reliability(max_retries=2, first_interval_seconds=10, backoff=3)

READY, SENDING, ACKNOWLEDGED, WAITING, AWAITING, SUSPENDED, FAILED = (
    ExchangeState.READY,
    ExchangeState.SENDING,
    ExchangeState.ACKNOWLEDGED,
    ExchangeState.WAITING_FOR_RETRY,
    ExchangeState.AWAITING_RECEIPT,
    ExchangeState.SUSPENDED,
    ExchangeState.FAILED,
)

# What each event leads to from READY, SENDING, WAITING, AWAITING, SUSPENDED, ACKNOWLEDGED and
# FAILED(0301); None: cannot happen. Written out by hand, from AS4 1.0 section 3.2 and, for the
# receipt that is to come, eDelivery AS4 1.15 (pull: receipts by callback, unreceipted messages come
# again).
EXPECTED: dict[str, tuple[ExchangeState | None, ...]] = {
    "claimed": (SENDING, None, SENDING, None, None, None, None),
    "receipt to come": (READY, AWAITING, WAITING, AWAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "receipt overdue": (READY, SENDING, WAITING, WAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "receipt held": (ACKNOWLEDGED,) * 7,
    "peer refused": (READY, FAILED, WAITING, FAILED, SUSPENDED, ACKNOWLEDGED, FAILED),
    "peer asks to try again": (READY, WAITING, WAITING, WAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "peer has it already": (READY, FAILED, WAITING, FAILED, SUSPENDED, ACKNOWLEDGED, FAILED),
    "transport failed": (READY, WAITING, WAITING, WAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "transport failed for good": (
        *(READY, FAILED, WAITING, FAILED, SUSPENDED, ACKNOWLEDGED, FAILED),
    ),
    "receipt invalid": (READY, WAITING, WAITING, WAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "interrupted": (READY, WAITING, WAITING, AWAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "goes in fragments": (None, AWAITING, None, AWAITING, SUSPENDED, ACKNOWLEDGED, FAILED),
    "a fragment failed": (*(FAILED,) * 5, ACKNOWLEDGED, FAILED),
    "suspend": (SUSPENDED, None, SUSPENDED, SUSPENDED, SUSPENDED, None, None),
    "resume": (READY, SENDING, WAITING, AWAITING, WAITING, None, None),
}


def standing(state: ExchangeState, attempts: int = 1) -> Exchange:
    due = NOW if state in (WAITING, AWAITING) else None
    code = "EBMS:0301" if state is FAILED else None
    return Exchange(state, attempts, due, code, "because" if code else None)


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(product(ExchangeState, get_args(Event)))
    assert {type(event) for event in SAMPLES.values()} == set(get_args(Event))
    assert set(EXPECTED) == set(SAMPLES)


@pytest.mark.parametrize(("label", "state"), list(product(EXPECTED, STATES)))
def test_every_state_and_every_event(label: str, state: ExchangeState) -> None:
    before = standing(state)
    expected = EXPECTED[label][STATES.index(state)]
    if expected is None:
        with pytest.raises(OutOfTurn):
            step(before, SAMPLES[label], NOW, TWO_RETRIES)
        return
    after = step(before, SAMPLES[label], NOW, TWO_RETRIES)
    assert after.state is expected
    if after.state is state and label not in ("suspend",):
        assert after == before
    assert after.attempts == before.attempts + (label == "claimed")
    assert (after.next_attempt_at is None) == (after.state not in (WAITING, AWAITING))


def test_attempts_grow_apart_and_end_with_0301() -> None:
    exchange, now = Exchange(), NOW
    waits = []
    while exchange.state is not FAILED:
        exchange = step(exchange, Claimed(), now, TWO_RETRIES)
        exchange = step(exchange, TransportFailed("connection refused"), now, TWO_RETRIES)
        if exchange.next_attempt_at is not None:
            waits.append((exchange.next_attempt_at - now).total_seconds())
            now = exchange.next_attempt_at
    assert waits == [10, 30]
    assert exchange.attempts == 3
    assert exchange.error_code == "EBMS:0301"
    assert "connection refused" in (exchange.error_sentence or "")
    late = step(exchange, ReceiptHeld(), now, TWO_RETRIES)
    assert late == Exchange(ACKNOWLEDGED, 3, late=True)
    assert step(late, ReceiptHeld(), now, TWO_RETRIES) == late


def test_a_refusal_stays_one_even_if_a_receipt_follows() -> None:
    error = EbmsError("EBMS:0010", Severity.FAILURE, "ProcessingModeMismatch", detail="no P-Mode")
    failed = step(standing(SENDING), PeerRefused(error), NOW)
    assert failed == Exchange(FAILED, 1, None, "EBMS:0010", "no P-Mode")
    assert step(failed, ReceiptHeld(), NOW) == failed


def test_a_warning_does_not_end_the_wait() -> None:
    warning = PeerRefused(EbmsError("EBMS:0002", Severity.WARNING))
    assert step(standing(SENDING), warning, NOW).state is WAITING


def test_no_retry_left_whatever_went_wrong() -> None:
    for event in (
        TransportFailed("x"),
        ReceiptInvalid("x"),
        PeerRefused(EbmsError("EBMS:0202", Severity.FAILURE)),
    ):
        failed = step(standing(SENDING, 3), event, NOW, TWO_RETRIES)
        assert (failed.state, failed.error_code) == (FAILED, "EBMS:0301")
    assert step(standing(SENDING, 3), Interrupted(), NOW, TWO_RETRIES).state is WAITING


def test_the_peer_has_it_but_gives_no_receipt() -> None:
    failed = step(standing(SENDING), PeerHasItAlready(), NOW)
    assert (failed.state, failed.error_code) == (FAILED, "EBMS:0301")
    assert "EBMS:4001" in (failed.error_sentence or "")
    assert step(failed, ReceiptHeld(), NOW).late


def test_a_pulled_message_comes_again_until_it_was_pulled_often_enough() -> None:
    exchange, now = Exchange(), NOW
    waits = []
    agreed = Reliability(max_retries=1, first_interval_seconds=100, receipt_timeout_seconds=60)
    while exchange.state is not FAILED:
        exchange = step(exchange, Claimed(), now, agreed)
        exchange = step(exchange, ReceiptToCome(transfer_seconds=7), now, agreed)
        assert exchange.next_attempt_at is not None
        waits.append((exchange.next_attempt_at - now).total_seconds())
        now = exchange.next_attempt_at
        exchange = step(exchange, ReceiptOverdue(), now, agreed)
    assert waits == [107, 207]
    assert (exchange.attempts, exchange.error_code) == (2, "EBMS:0301")
    assert step(exchange, ReceiptHeld(), now, agreed) == Exchange(ACKNOWLEDGED, 2, late=True)


def test_a_receipt_that_is_to_come_has_the_agreed_time() -> None:
    agreed = Reliability(receipt_timeout_seconds=90, first_interval_seconds=10)
    waiting = step(standing(SENDING), ReceiptToCome(), NOW, agreed)
    assert waiting == Exchange(AWAITING, 1, NOW + timedelta(seconds=90))
    again = step(waiting, ReceiptOverdue(), NOW, agreed)
    assert (again.state, again.next_attempt_at) == (WAITING, NOW)
    assert again.error_sentence == "No receipt came in time."


def test_interrupted_is_sent_again_at_once() -> None:
    assert step(standing(SENDING), Interrupted(), NOW).next_attempt_at == NOW


def test_retry_after_is_heeded_within_reason() -> None:
    asked = step(standing(SENDING), TransportFailed("503", retry_after_seconds=90), NOW)
    assert asked.next_attempt_at == NOW + timedelta(seconds=90)
    asked = step(standing(SENDING), TransportFailed("503", retry_after_seconds=1e9), NOW)
    assert asked.next_attempt_at == NOW + timedelta(hours=1)
    asked = step(standing(SENDING), TransportFailed("503", retry_after_seconds=0), NOW)
    assert asked.next_attempt_at == NOW + timedelta(seconds=10)


def test_suspended_before_the_first_attempt_is_ready_again() -> None:
    held = step(Exchange(), Suspend(), NOW)
    assert step(held, Resume(), NOW) == Exchange(READY, 0, NOW)
    held = step(standing(WAITING), Suspend(), NOW)
    assert step(held, Resume(), NOW) == standing(WAITING)


@given(st.integers(1, 10_000), st.floats(1, 1e9), st.floats(1, 100))
def test_intervals_never_shrink_and_have_a_ceiling(
    attempts: int, first_seconds: float, backoff: float
) -> None:
    reliability = Reliability(first_interval_seconds=first_seconds, backoff=backoff)
    now, then = (retry_interval_seconds(n, reliability) for n in (attempts, attempts + 1))
    assert 0 < now <= then <= reliability.max_interval_seconds


@given(st.lists(st.sampled_from(sorted(SAMPLES))), st.integers(0, 4))
def test_any_history_keeps_its_promises(labels: list[str], max_retries: int) -> None:
    exchange = Exchange()
    reliability = Reliability(max_retries=max_retries)
    acknowledged = False
    for label in labels:
        try:
            exchange = step(exchange, SAMPLES[label], NOW, reliability)
        except OutOfTurn:
            continue
        assert not acknowledged or exchange.state is ACKNOWLEDGED
        acknowledged = exchange.state is ACKNOWLEDGED
        assert (exchange.error_code is not None) == (exchange.state is FAILED)
        assert not exchange.late or acknowledged


def test_the_picture_shows_the_table() -> None:
    picture = as_mermaid()
    assert "    SENDING --> WAITING_FOR_RETRY: transport failed\n" in picture
    assert "    SENDING --> FAILED: transport failed, no retry left\n" in picture
    assert "    FAILED --> ACKNOWLEDGED: receipt held\n" in picture
    assert "    AWAITING_RECEIPT --> FAILED: receipt overdue, no retry left\n" in picture
    assert picture.count("-->") == len(picture.splitlines()) - 1
