"""What is due is told once, to whom it concerns, and an alarm until a person answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_twisted
import structlog
from twisted.internet.task import Clock

from gateway.metrics import Metrics
from gateway.reminding.reminder import LOOK_SECONDS, Reminder
from gateway.store import Store
from gateway.store.case_views import ClockView
from protocol.convention.lifecycle.policy import ClockKind
from protocol.convention.lifecycle.states import State, Trigger
from tests.lifecycle.making import TIMES
from tests.store.case_documents import came, goes
from tests.store.conftest import Opener
from tests.store.store_values import AT, kinds
from tests.store.test_cases import case, settle, state

inline_callbacks = pytest_twisted.ensureDeferred
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest_twisted.async_fixture
async def store(open_store: Opener, url: str) -> Store:
    """An empty store that keeps cases."""
    return await open_store(url, times=TIMES)


async def notices(store: Store, at=AT + 400 * DAY, authority: str = "AZ-SSS") -> list[str]:
    """Kind and clock of every notice in the queue, which is emptied."""
    leased = await store.lease(authority, at, 60.0, 100)
    for one in leased:
        await store.ack(authority, one.lease_id, at)
    told = [one for one in leased if one.about is not None]
    return [f"{(one.notice or '').partition('-')[0]} {one.about['clock']}" for one in told]


async def clock(store: Store, kind: ClockKind) -> ClockView:
    found = [one for one in await store.cases.deadlines("AZ-SSS") if one.clock.kind is kind]
    return found[-1]


async def emergency(store: Store) -> None:
    await store.accept(came("emergency-data-request-xu-az"))


@inline_callbacks
async def test_an_emergency_rings_at_once_and_again_until_a_person_answers(store: Store) -> None:
    await emergency(store)
    assert await store.cases.next_due() == AT
    assert len(await store.cases.tell_due(AT)) == 1
    assert await store.cases.tell_due(AT + MINUTE) == []
    assert await notices(store) == ["ALARM EMERGENCY_ANSWER"]
    for minutes in (3, 6, 9):
        assert len(await store.cases.tell_due(AT + minutes * MINUTE)) == 1
        assert await notices(store) == ["ALARM EMERGENCY_ANSWER"]
    assert await store.cases.count_clocks(AT + 9 * MINUTE) == (1, 0)
    ringing = await clock(store, ClockKind.EMERGENCY_ANSWER)
    for _ in range(2):  # said again, it is still true
        assert await store.cases.answer("AZ-SSS", ringing.number, AT + 10 * MINUTE)
    assert await store.cases.tell_due(AT + 12 * MINUTE) == []
    assert await store.cases.count_clocks(AT + 12 * MINUTE) == (0, 0)
    assert (await kinds(store)).count("CLOCK_ANSWERED") == 1
    answered = await clock(store, ClockKind.EMERGENCY_ANSWER)
    assert (answered.answered_by, answered.answered_at) == ("AZ-SSS", AT + 10 * MINUTE)


@inline_callbacks
async def test_an_alarm_that_nobody_took_is_not_heaped_up(store: Store) -> None:
    await emergency(store)
    for minutes in (0, 3, 6):
        assert len(await store.cases.tell_due(AT + minutes * MINUTE)) == 1  # it rings in the log
    assert await notices(store) == ["ALARM EMERGENCY_ANSWER"]
    assert (await kinds(store)).count("CLOCK_TOLD") == 3


@inline_callbacks
async def test_what_ran_out_is_told_after_an_answer_too(store: Store) -> None:
    await emergency(store)
    await store.cases.tell_due(AT)
    ringing = await clock(store, ClockKind.EMERGENCY_ANSWER)
    await store.cases.answer("AZ-SSS", ringing.number, AT + MINUTE)
    await store.cases.tell_due(AT + 15 * MINUTE)
    assert "LAPSED EMERGENCY_ANSWER" in await notices(store)


@inline_callbacks
async def test_nobody_answers_for_another_authority(store: Store) -> None:
    await emergency(store)
    ringing = await clock(store, ClockKind.EMERGENCY_ANSWER)
    assert not await store.cases.answer("AZ-MOJ", ringing.number, AT)
    assert not await store.cases.answer("AZ-SSS", 9999, AT)
    assert "CLOCK_ANSWERED" not in await kinds(store)


@inline_callbacks
async def test_preservation_is_warned_of_and_expires(store: Store) -> None:
    """AZ asked; the partner holds the data for us until a day that must not be missed."""
    await settle(store, await _sent(store, "preservation-request-az-xu"), 1)
    await store.accept(came("acknowledgement-xu-to-az", AT + MINUTE))
    await store.accept(came("preservation-confirmation-xu-az", AT + 2 * MINUTE))
    assert await state(store) is State.PR_IN_FORCE
    expiry = (await clock(store, ClockKind.PRESERVATION_EXPIRY)).clock
    assert expiry.due_at is not None
    await notices(store)
    for warned in expiry.warn_at:
        await store.cases.tell_due(warned)
        assert await notices(store) == ["WARNING PRESERVATION_EXPIRY"]
        assert await store.cases.tell_due(warned) == []
    await store.cases.tell_due(expiry.due_at)
    assert await notices(store) == ["LAPSED PRESERVATION_EXPIRY"]
    assert await state(store) is State.PR_EXPIRED
    assert (await case(store)).clocks == ()


@inline_callbacks
async def test_that_time_ran_out_is_told_after_the_gateway_was_away(store: Store) -> None:
    """Alarms that were missed are not made up for; what fell due meanwhile is."""
    await emergency(store)
    await store.cases.tell_due(AT)
    await notices(store)
    back = AT + 20 * MINUTE
    while await store.cases.tell_due(back):
        pass
    told = await notices(store)
    assert told.count("LAPSED EMERGENCY_ANSWER") == 1
    assert 1 <= told.count("ALARM EMERGENCY_ANSWER") <= 2
    ringing = await clock(store, ClockKind.EMERGENCY_ANSWER)
    assert ringing.told_until == back


@inline_callbacks
async def test_the_first_warning_of_an_arrest_says_that_the_request_is_due(store: Store) -> None:
    """Article 37(10): AZ asked for the arrest, and must send its request before the limit."""
    await settle(store, await _sent(store, "provisional-arrest-request-az-xu"), 1)
    decided = came("extradition-decision-xu-az", AT + MINUTE)
    assert decided.docket is not None
    filing = decided.docket.filing
    arrested = Trigger("ExtraditionDecision", "PROVISIONALLY_ARRESTED")
    event = replace(filing.event, trigger=arrested, until=AT + 40 * DAY)
    docket = replace(decided.docket, filing=replace(filing, event=event))
    await store.accept(replace(decided, docket=docket))

    async def stands() -> State:
        return (await case(store, "AZ-MOJ")).view.case.state

    assert await stands() is State.PA_DETAINED
    await store.cases.tell_due(AT + 29 * DAY)
    assert await stands() is State.PA_DETAINED
    await store.cases.tell_due(AT + 31 * DAY)
    assert await stands() is State.FORMAL_DUE
    await store.cases.tell_due(AT + 40 * DAY)
    while await store.cases.tell_due(AT + 40 * DAY):
        pass
    assert await stands() is State.PA_LAPSED


async def _sent(store: Store, name: str) -> str:
    handed_in = goes(name)
    await store.submit(handed_in)
    await store.claim_due(AT, 9, {"XU": 9})
    return handed_in.message_id


@inline_callbacks
async def test_the_gateway_looks_by_itself_and_goes_on_when_a_look_fails(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emergency(store)
    clock, at = Clock(), [AT]
    reminder = Reminder(store, Metrics(), structlog.get_logger(), lambda: at[0], clock)

    async def broken() -> None:
        raise RuntimeError("no store")

    monkeypatch.setattr(type(store.cases), "next_due", lambda _: broken())
    reminder.startService()
    await reminder.at_rest()
    monkeypatch.undo()
    for minutes in (0, 3):
        at[0] = AT + minutes * MINUTE
        clock.advance(LOOK_SECONDS)
        await reminder.at_rest()
    assert (await kinds(store)).count("CLOCK_TOLD") == 2
    await reminder.stopService()
    assert clock.getDelayedCalls() == []
