"""Pulls from one partner: at an agreed interval, at once again when a message came.

What comes goes the way of a pushed message: the same gates, the same transaction, and its receipt
or error is owed there and posted afterwards. A failure of any kind makes the pauses longer, up to
the longest interval that the P-Mode knows. Source: eDelivery AS4 1.15, Pull.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from structlog.typing import FilteringBoundLogger
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from gateway.inbound.body import BodyLost, BodyStream
from gateway.inbound.desk import Desk
from gateway.inbound.reception import Reception
from gateway.outbound.posting import Unanswered
from gateway.pulling.fetching import Fetched, Fetching
from protocol.as4.errors import EMPTY_MPC
from protocol.as4.limits import MAX_SOAP_BYTES
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.signals import build_pull_request
from protocol.as4.values import ErrorSignal, UserMessage

STOP_SECONDS: Final = 20.0  # how long a stop waits for a message that is being pulled
FAILED: Final = "failed"
EMPTY: Final = "empty"


@dataclass(frozen=True, slots=True)
class Pulling:
    """Everything that pulling from one partner needs."""

    desk: Desk
    pmode: PMode
    fetching: Fetching
    signer: Signer
    new_message_id: Callable[[], str]
    now: Callable[[], datetime]
    log: FilteringBoundLogger


class Puller(Service):
    """Pulls from one partner until it is stopped."""

    def __init__(self, pulling: Pulling, clock: IReactorTime) -> None:
        self._desk = pulling
        self._clock = clock
        self._pulling: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None
        self._body: Fetched | None = None
        self._failures = 0

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to pull."""
        super().startService()
        self._pulling = Deferred.fromCoroutine(self._pull_on())

    def stopService(self) -> Deferred[object]:  # noqa: N802 - Twisted's name
        """Ask for nothing more; a message that is arriving has STOP_SECONDS to be whole."""
        super().stopService()
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> object:
        if self._pulling is not None:
            limit = self._clock.callLater(STOP_SECONDS, self._give_up)
            await self._pulling
            if limit.active():
                limit.cancel()
        return await Deferred.fromCoroutine(self._desk.fetching.close())

    def _give_up(self) -> None:
        if self._body is not None:
            self._body.body.give_up("the gateway stops")
        elif self._pulling is not None:
            self._pulling.cancel()

    async def _pull_on(self) -> None:
        while self.running:
            try:
                outcome = await self._pull_once()
            except CancelledError:
                return
            except Exception:
                self._desk.log.exception("pull.failed", partner=self._desk.pmode.partner_state)
                outcome = FAILED
            self._failures = self._failures + 1 if outcome == FAILED else 0
            if self.running and outcome != "accepted":
                await self._wait(self._pause_seconds())

    def _pause_seconds(self) -> float:
        pulling, agreed = self._desk.pmode.pulling, self._desk.pmode.reliability
        interval_seconds = pulling.interval_seconds if pulling is not None else 0.0
        longest_seconds = max(interval_seconds, agreed.max_interval_seconds)
        seconds = interval_seconds
        for _ in range(self._failures):
            seconds = min(seconds * agreed.backoff, longest_seconds)
        return seconds

    async def _wait(self, seconds: float) -> None:
        pause = self._pause = Deferred()
        timer = self._clock.callLater(seconds, self._rise)
        try:
            await pause
        finally:
            if timer.active():
                timer.cancel()

    def _rise(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)

    async def _pull_once(self) -> str:
        """One PullRequest, and in one word what came of it."""
        partner = self._desk.pmode.partner_state
        request_id = self._desk.new_message_id()
        request = await self._desk.desk.workers.run(self._request, request_id)
        try:
            fetched = self._body = await self._desk.fetching.ask(request)
            outcome = await self._receive(fetched, request_id)
        except (Unanswered, BodyLost) as silence:
            self._desk.log.warning("pull.unanswered", partner=partner, reason=str(silence))
            return FAILED
        finally:
            taken, self._body = self._body, None
            if taken is not None:
                taken.body.give_up("nobody reads on")
        return outcome

    def _request(self, request_id: str) -> bytes:
        pmode = self._desk.pmode
        return build_pull_request(
            message_id=request_id,
            timestamp=self._desk.now(),
            mpc=pmode.channel_received or "",
            signer=self._desk.signer,
            suite=pmode.suite,
            token_form=pmode.signing_token,
        )

    async def _receive(self, fetched: Fetched, request_id: str) -> str:
        """What the answer means. A message in a multipart is streamed, all else is small."""
        if fetched.content_type.strip().lower().startswith("multipart/"):
            return await self._take(fetched, fetched.body.stream)
        octets = await _small(fetched.body.stream)
        read = await self._desk.desk.workers.run(
            read_response, fetched.http_status, fetched.content_type or None, octets
        )
        if isinstance(read, TransportFailure):
            raise Unanswered(read.reason)
        if isinstance(read.unit, UserMessage):
            return await self._take(fetched, _stream_of(octets))
        if isinstance(read.unit, ErrorSignal):
            return self._heed(read.unit, request_id)
        raise Unanswered(f"the answer to a PullRequest holds a {type(read.unit).__name__}")

    async def _take(self, fetched: Fetched, body: BodyStream) -> str:
        reception = Reception(
            self._desk.desk,
            fetched.certificate,
            fetched.host,
            fetched.content_type,
            body,
            self._desk.pmode,
        )
        await reception.answer()
        return reception.outcome or FAILED

    def _heed(self, signal: ErrorSignal, request_id: str) -> str:
        """An empty channel is nothing to speak of; whatever else the partner says, is."""
        if any(error.code == EMPTY_MPC.code for error in signal.errors):
            return EMPTY
        self._desk.log.warning(
            "pull.refused",
            partner=self._desk.pmode.partner_state,
            pull_request=request_id,
            codes=[error.code for error in signal.errors],
            details=[error.detail for error in signal.errors],
        )
        return FAILED


class _Still:
    """The source of octets that are all here."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing to hold back."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing held back."""


def _stream_of(octets: bytes) -> BodyStream:
    stream = BodyStream(_Still())
    stream.write(octets)
    stream.end()
    return stream


async def _small(stream: BodyStream) -> bytes:
    """All of a body that is no larger than a SOAP part may be. Raises Unanswered, BodyLost."""
    collected = bytearray()
    while octets := await stream.next_octets():
        collected += octets
        if len(collected) > MAX_SOAP_BYTES:
            raise Unanswered(f"the answer is larger than {MAX_SOAP_BYTES} bytes")
    return bytes(collected)
