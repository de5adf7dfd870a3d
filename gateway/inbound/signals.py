"""Signals that a partner sends in a request of its own: receipts, errors, pull requests."""

from __future__ import annotations

from gateway.inbound.answers import NOTHING_TO_SAY, HttpAnswer
from gateway.inbound.desk import Desk, Transmission
from protocol.as4.errors import FEATURE_NOT_SUPPORTED, refused
from protocol.as4.values import ErrorSignal, PullRequest, Receipt


async def take_pushed_signal(
    desk: Desk, transmission: Transmission, unit: Receipt | ErrorSignal
) -> HttpAnswer:
    """A receipt or an error that is pushed to us: noted, never believed, never answered."""
    desk.log.warning("receive.signal_ignored", unit=type(unit).__name__, **transmission.facts())
    await transmission.body.discard()
    return NOTHING_TO_SAY


async def take_pull_request(unit: PullRequest) -> HttpAnswer:
    """A PullRequest is not served yet. Raises Refused."""
    raise refused(
        FEATURE_NOT_SUPPORTED, "G6", f"PullRequest {unit.message_id}: no pulling is agreed"
    )
