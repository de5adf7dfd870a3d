"""[pull] and [receipts] of a P-Mode: who calls whom, and what of it cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from config.faults import Fault
from config.partner_settings import PartnerSettings
from config.reading import place
from protocol.as4.pmode import PMode, Puller, Pulling, ReceiptReply

DEFAULT_INTERVAL_SECONDS = 30.0
DEFAULT_PING_SECONDS = 900.0  # a partner that went away is noticed within a quarter of an hour
SHORTEST_PING_SECONDS = 10.0  # every ping leaves a record in the partner's evidence


def pulling(read: PartnerSettings) -> Pulling | None:
    """What [pull] agrees; None where both sides push."""
    if read.pull is None:
        return None
    interval_seconds = read.pull.interval_seconds or DEFAULT_INTERVAL_SECONDS
    return Pulling(read.pull.by, read.pull.mpc, interval_seconds)


def ping_interval(read: PartnerSettings) -> float | None:
    """How often we ask whether the partner answers; None where it cannot be asked or shall not."""
    if read.ping is not None:
        return read.ping.interval_seconds or None
    return None if _answers_later(read) else DEFAULT_PING_SECONDS


def _answers_later(read: PartnerSettings) -> bool:
    pulled = read.pull is not None and read.pull.by is Puller.PARTNER
    return pulled or read.receipts.reply is ReceiptReply.CALLBACK


def _ping_faults(read: PartnerSettings, path: Path) -> Iterator[Fault]:
    seconds = 0.0 if read.ping is None else read.ping.interval_seconds
    where = place(path, "ping", "interval_seconds")
    if seconds and _answers_later(read):
        yield Fault(
            where,
            "asks a partner that cannot answer at once ([pull] by the partner, or receipts by "
            "callback); set it to 0, or remove [ping]",
        )
    if 0 < seconds < SHORTEST_PING_SECONDS:
        yield Fault(where, f"is less than {SHORTEST_PING_SECONDS:g}; 0 is never")


def pattern_faults(read: PartnerSettings, path: Path) -> Iterator[Fault]:
    """Contradictions between [pull], [receipts] and the rest of the P-Mode in the file `path`."""
    yield from _ping_faults(read, path)
    calls_back = read.receipts.reply is ReceiptReply.CALLBACK
    if read.pull is not None:
        yield from _pull_faults(read, path, calls_back=calls_back)
    waits_for_call = calls_back or (read.pull is not None and read.pull.by is Puller.PARTNER)
    timing = read.reliability
    if waits_for_call and timing.receipt_timeout_seconds < timing.first_interval_seconds:
        yield Fault(
            place(path, "reliability", "receipt_timeout_seconds"),
            f"is {timing.receipt_timeout_seconds:g}, but a receipt that comes in a request of its "
            f"own and is lost comes again after {timing.first_interval_seconds:g} seconds "
            "(first_interval_seconds) at the soonest; make it at least as long",
        )


def _pull_faults(read: PartnerSettings, path: Path, *, calls_back: bool) -> Iterator[Fault]:
    pull = read.pull
    if pull is None:
        return
    if calls_back:
        yield Fault(
            place(path, "receipts", "reply"),
            "is callback, but with [pull] one side cannot be called; what that side pushes is "
            'receipted in the response, so set it to "response"',
        )
    if pull.by is Puller.PARTNER and pull.interval_seconds is not None:
        yield Fault(
            place(path, "pull", "interval_seconds"),
            "is for the side that pulls, which is the partner; remove it here",
        )
    if pull.by is Puller.PARTNER and not read.actions.sent:
        yield Fault(place(path, "pull"), "lets the partner pull, but actions.sent allows nothing")
    if pull.by is Puller.US and not read.actions.received:
        yield Fault(place(path, "pull"), "lets us pull, but actions.received allows nothing")


def shared_channels(pmodes: Sequence[PMode]) -> Iterator[str]:
    """A sentence for each channel that two partners have in common: one could pull the other's."""
    first: dict[str, PMode] = {}
    for pmode in pmodes:
        if pmode.pulling is None:
            continue
        other = first.setdefault(pmode.pulling.mpc, pmode)
        if other is not pmode:
            yield (
                f"{other.partner_state} and {pmode.partner_state} have the same pull.mpc "
                f"{pmode.pulling.mpc!r}; each partner needs a channel of its own"
            )
