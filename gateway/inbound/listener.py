"""The HTTP side of the way in: one path, one method, a streamed body, no echo of what came.

`twisted.web` parses HTTP; this module only decides when an answer is written. A refusal that is
known before the body is whole lets at most DROPPED_BYTES more arrive, for REFUSED_SECONDS, and then
closes; CLOSE_SECONDS later the connection ends whether the sender agrees or not. Time in which we
ourselves do not read counts neither against the sender nor towards an idle connection.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.x509 import Certificate
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request

from gateway.http_channel import BoundedSite
from gateway.inbound.answer_stream import AnswerStream
from gateway.inbound.answers import TRY_LATER, HttpAnswer, raw_answer
from gateway.inbound.body import BodyStream
from gateway.inbound.desk import Desk
from gateway.inbound.doorway import As4Channel, Doorway
from gateway.inbound.reception import Reception
from gateway.inbound.valve import IDLE_SECONDS, Valve
from gateway.tls import fingerprint, peer_certificate

AS4_PATH = b"/as4"
DROPPED_BYTES = 64 * 1024  # how much of a refused message may still arrive before we close
REFUSED_SECONDS = 10.0  # ... and how long; most senders read an answer only when they have sent all
LAST_SECONDS = 5.0  # for those that were given up at a stop, to come to their end
CLOSE_SECONDS = 15.0  # how long a sender may take to agree that the connection is closed
GRACE_SECONDS = 30.0  # every message may take this long ...
SLOWEST_BYTES_PER_SECOND = 16 * 1024  # ... and its size at this rate on top
TOO_SLOW = "the body came too slowly"


class As4Request(Request):
    """One POST of a partner. Its reception starts with the first octet of the body."""

    _stream: BodyStream | None = None
    _valve: Valve | None = None
    _whole = False
    _given: HttpAnswer | None = None
    _early = False
    _watch: IDelayedCall | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Headers are here: open the stream and let a reception read from it."""
        clock = self._site().clock
        self._valve = Valve(self.channel, clock)
        self._stream = BodyStream(self._valve, self._dropped)
        self.content = self._stream
        self._watch = clock.callLater(GRACE_SECONDS, self._look)
        if self._site().stopping:
            self.give(TRY_LATER)
        if length == 0:
            self._given = HttpAnswer(HTTPStatus.BAD_REQUEST, close=True)
        if self._given is not None or self._headers_refuse():
            return
        reception = Reception(
            self._site().desk,
            self._site().certificate_of(self.channel.transport),
            str(getattr(self.channel.getPeer(), "host", "")),
            (self.requestHeaders.getRawHeaders(b"content-type") or [b""])[0].decode("latin-1"),
            self._stream,
        )
        self._site().begin(self, Deferred.fromCoroutine(reception.answer()))

    def parseCookies(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing: AS4 knows no cookies."""

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Pass octets on; a body that comes too slowly is given up."""
        if self._stream is not None:
            late = self._is_late(self._stream.received_bytes + len(data))
            self._stream.write(data)
            if late:
                self.give_up(TOO_SLOW)

    def _look(self) -> None:
        """What comes of a body need not be content: the end of a chunked one can drip for ever."""
        self._watch = None
        if self._stream is None or self._early or self._whole:
            return
        if self._is_late(self._stream.received_bytes):
            self.give_up(TOO_SLOW)
        self._watch = self._site().clock.callLater(GRACE_SECONDS, self._look)

    def _is_late(self, received_bytes: int) -> bool:
        took_seconds = self._valve.open_seconds if self._valve is not None else 0.0
        return took_seconds > GRACE_SECONDS + received_bytes / SLOWEST_BYTES_PER_SECOND

    def process(self) -> None:
        """The body is whole: now method and path are known, and the reception may end."""
        self._whole = True
        self._forget_watch()
        if self.method != b"POST":
            self._dismiss(HTTPStatus.METHOD_NOT_ALLOWED)
        elif self.path != AS4_PATH:
            self._dismiss(HTTPStatus.NOT_FOUND)
        elif self._given is not None:
            self._write(self._given)
        elif self._stream is not None:
            self._stream.end()

    def give(self, answer: HttpAnswer) -> None:
        """Write `answer` as soon as HTTP allows it."""
        if self._given is not None:
            return
        self._given = answer
        if self._whole:
            self._write(answer)
        elif self._stream is not None:
            self._stream.abandon()
            patience = 0.0 if self._stream.lost else REFUSED_SECONDS
            self._site().clock.callLater(patience, self._answer_early)

    def give_up(self, reason: str) -> None:
        """Whoever reads the body is told that it will not be whole."""
        if self._stream is not None:
            self._stream.lose(reason)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The sender went away: nothing more will come."""
        self.give_up("the connection was lost")
        self._forget_watch()
        if self._valve is not None:
            self._valve.forget()
        super().connectionLost(reason)

    def _forget_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and watch.active():
            watch.cancel()

    def _site(self) -> As4Site:
        site: As4Site = getattr(self.channel, "site")  # noqa: B009 - set by Site, unknown to types
        return site

    def _headers_refuse(self) -> bool:
        headers = self.requestHeaders
        types = headers.getRawHeaders(b"content-type") or []
        if headers.hasHeader(b"content-encoding") or len(types) != 1:
            self._say("a Content-Encoding, or not exactly one Content-Type", 415)
            self.give(HttpAnswer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, close=True))
        return self._given is not None

    def _say(self, reason: str, status: int) -> None:
        self._site().say(self.channel, reason, status)

    def _dismiss(self, status: HTTPStatus) -> None:
        self._say("wrong method or path", status)
        self._given = HttpAnswer(status, close=True)
        self.give_up("wrong method or path")
        self._write(self._given)

    def _dropped(self, dropped_bytes: int) -> None:
        if dropped_bytes > DROPPED_BYTES:
            self._answer_early()

    def _answer_early(self) -> None:
        """The answer goes out before the body is whole, and the connection ends."""
        if self._given is None or self._whole or self._early or self._disconnected:
            return
        self._early = True
        self.channel.write(raw_answer(self._given))
        _close(self.channel, self._site().clock)

    def _write(self, answer: HttpAnswer) -> None:
        if self._early or self._disconnected or self.finished:
            return
        channel, clock = self.channel, self._site().clock  # both are gone once this is finished
        self.setResponseCode(answer.status)
        self.responseHeaders.removeHeader(b"server")
        if answer.content_type is not None:
            self.setHeader(b"content-type", answer.content_type)
        if answer.retry_after_seconds is not None:
            self.setHeader("retry-after", str(answer.retry_after_seconds))
        if answer.close:
            self.setHeader("connection", "close")
        if answer.streamed is not None:
            self._site().stream(AnswerStream(self, answer.streamed, self._site().clock))
            return
        self.setHeader(b"content-length", b"%d" % len(answer.body))
        self.write(answer.body)
        self.finish()
        if answer.close:
            _close(channel, clock)


def _close(channel: HTTPChannel, clock: IReactorTime) -> None:
    """End the connection: in good order if the sender agrees, else without."""
    channel.loseConnection()
    clock.callLater(CLOSE_SECONDS, _abort, channel)


def _abort(channel: HTTPChannel) -> None:
    """End the connection whatever the other side does, if it is still there."""
    transport: Any = channel.transport
    if transport is not None and transport.connected:
        transport.abortConnection()


class As4Site(BoundedSite):
    """Serves AS4 on one path. `idle` fires when no reception is under way any more."""

    protocol: Any = As4Channel

    def __init__(self, desk: Desk, clock: IReactorTime) -> None:
        super().__init__(
            Resource(),
            requestFactory=As4Request,
            timeout=IDLE_SECONDS,
            parsePOSTFormSubmission=False,
        )
        self.desk = desk
        self.clock = clock
        self.doorway = Doorway()
        self.stopping = False
        self._under_way: set[As4Request | AnswerStream] = set()
        self._certificates: WeakKeyDictionary[object, Certificate] = WeakKeyDictionary()
        self._idle: list[Deferred[None]] = []

    def certificate_of(self, transport: object) -> Certificate | None:
        """The partner's certificate on this connection, for whose life it cannot change."""
        known = self._certificates.get(transport)
        if known is None:
            known = peer_certificate(transport)
            if known is not None:
                self._certificates[transport] = known
        return known

    def say(self, channel: HTTPChannel, reason: str, status: int) -> None:
        """What was no message leaves a line in the log: whoever connects a partner looks there."""
        certificate = self.certificate_of(channel.transport)
        self.desk.log.warning(
            "receive.refused",
            gate="G1",
            code=f"HTTP {status}",
            reason=reason,
            peer_ip=str(getattr(channel.getPeer(), "host", "")),
            tls_fingerprint=fingerprint(certificate).hex() if certificate else None,
        )

    def begin(self, request: As4Request, answer: Deferred[HttpAnswer]) -> None:
        """Hand `answer` to `request` when it is there."""
        self._under_way.add(request)

        def done(result: HttpAnswer | Failure) -> None:
            request.give(self._last_word(result))
            self._end(request)

        answer.addBoth(done)

    def log(self, request: http.Request) -> None:
        """Nothing: a reception writes its own line, and an access log would say less again."""

    def stream(self, stream: AnswerStream) -> None:
        """Write the body of an answer piece by piece; until its end we are not idle."""
        self._under_way.add(stream)
        stream.start().addBoth(lambda _: self._end(stream))

    def _end(self, one: As4Request | AnswerStream) -> None:
        self._under_way.discard(one)
        if not self._under_way:
            waiting, self._idle = self._idle, []
            for deferred in waiting:
                if not deferred.called:
                    deferred.callback(None)

    def _last_word(self, result: HttpAnswer | Failure) -> HttpAnswer:
        """Whoever was cut off by our stop is told to come again, not that it was too slow."""
        if isinstance(result, Failure):
            return TRY_LATER
        cut_off = self.stopping and result.status == HTTPStatus.REQUEST_TIMEOUT
        return TRY_LATER if cut_off else result

    async def finish(self, seconds: float) -> None:
        """Begin nothing new, and return when nothing is being received or given out any more.

        What is not whole after `seconds` is given up: its sender is told to try again later, and
        nothing of it is kept; whoever was being given something asks again.
        """
        self.stopping = True
        await self._idle_within(seconds)
        for one in list(self._under_way):
            one.give_up("the gateway stops")
        await self._idle_within(LAST_SECONDS)

    async def _idle_within(self, seconds: float) -> None:
        if self._under_way:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            idle.addTimeout(seconds, self.clock)
            idle.addErrback(lambda _: None)
            await idle
