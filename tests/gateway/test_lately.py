"""A message is called new without asking only where no earlier one can be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.lately import ReceivedLately

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FUTURE_SECONDS = 300.0


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def new(lately: ReceivedLately, message_id: str, signed_at: datetime, partner: str = "XU") -> bool:
    return lately.is_certainly_new(partner, message_id, signed_at, FUTURE_SECONDS)


def test_who_does_not_know_everything_is_never_certain() -> None:
    lately = ReceivedLately()
    lately.note("XU", "a", at(0))
    assert not new(lately, "b", at(3600))


def test_whatever_is_not_there_is_new_while_nothing_was_let_go() -> None:
    lately = ReceivedLately([("XU", "a", at(0))])
    assert not new(lately, "a", at(0))
    assert new(lately, "a", at(0), partner="XV")
    assert new(lately, "b", at(-1_000_000))
    lately.note("XU", "b", at(1))
    assert not new(lately, "b", at(1))


def test_what_may_be_older_than_all_that_is_held_is_asked_for() -> None:
    lately = ReceivedLately([("XU", "a", at(0)), ("XU", "b", at(10))], kept=1)
    assert not new(lately, "a", at(0))  # it was let go
    assert not new(lately, "c", at(FUTURE_SECONDS))
    assert new(lately, "c", at(FUTURE_SECONDS + 1))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.floats(-1000, 1000),  # the clock of the gateway may jump
            st.floats(-10_000, FUTURE_SECONDS),
        ),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_no_repetition_is_ever_called_new(came: list[tuple[str, float, float]], kept: int) -> None:
    lately = ReceivedLately([], kept)
    signed_at: dict[str, datetime] = {}
    for message_id, clock, ahead in came:
        if message_id in signed_at:
            assert not new(lately, message_id, signed_at[message_id])
            continue
        signed_at[message_id] = at(clock + ahead)
        lately.note("XU", message_id, at(clock))
