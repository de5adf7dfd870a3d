"""What becomes of a request's body, decided from its headers before its first octet is read."""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from config.credentials import AUDITOR
from gateway.inbound.body import BodyLost, BodyStream
from gateway.local import limits
from gateway.local.form import Form, FormLimits, FormReader, boundary_of
from gateway.local.ports import Credentials, InThread, Spool
from gateway.local.problems import (
    FORBIDDEN,
    HEADERS_TOO_LARGE,
    MALFORMED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA,
    Problem,
    too_many,
    unauthorized,
    unavailable,
)

_BEARER = "bearer "


class Intake:
    """A body that is dropped: there is none, or it is refused with `problem`."""

    def __init__(
        self, authority: str | None, body: BodyStream, problem: Problem | None = None
    ) -> None:
        self.authority = authority
        self.problem = problem
        self._body = body
        if problem is not None:
            body.abandon()

    async def octets(self) -> bytes:
        """The whole body of a small request. Raises Problem."""
        return b""

    async def form(self) -> Form:
        """The whole form. Raises Problem."""
        raise Problem(UNSUPPORTED_MEDIA, "This address takes multipart/form-data.")

    async def discard(self) -> None:
        """Leave nothing of the body behind."""

    async def let_go(self) -> None:
        """The request is answered: what nobody asked for is discarded."""

    def refuse(self, problem: Problem) -> None:
        """Drop the rest of the body; `problem` is the answer."""
        self.problem = problem
        self._body.abandon()


class SmallIntake(Intake):
    """A JSON body, held in memory up to a small limit."""

    async def octets(self) -> bytes:
        collected = bytearray()
        try:
            while octets := await self._body.next_octets():
                collected += octets
                if len(collected) > limits.MAX_SMALL_BODY_BYTES:
                    self.refuse(_small_body_too_large())
                    raise _small_body_too_large()
        except BodyLost as e:
            raise Problem(MALFORMED, "The body did not come whole.") from e
        return bytes(collected)


class UploadIntake(Intake):
    """A form that goes into the spool while it arrives, in batches, in a worker thread."""

    def __init__(
        self, authority: str, body: BodyStream, reader: FormReader, in_thread: InThread
    ) -> None:
        super().__init__(authority, body)
        self._reader = reader
        self._in_thread = in_thread
        self._outcome: Form | Failure | None = None
        self._asked_for = False
        self._waiting: Deferred[None] | None = None
        self.reading: Deferred[None] = Deferred.fromCoroutine(self._read())

    async def form(self) -> Form:
        self._asked_for = True
        await self._ended()
        match self._outcome:
            case Form() as form:
                return form
            case Failure() as failure:
                failure.raiseException()
        raise Problem(MALFORMED, "The body did not come whole.")

    async def let_go(self) -> None:
        if not self._asked_for:
            await self._ended()
            await self.discard()

    async def discard(self) -> None:
        """Destroy what was taken; for a form that is not going to be submitted."""
        await self._in_thread(self._reader.discard)

    async def _ended(self) -> None:
        """The whole form was taken, or nothing of it."""
        if self._outcome is None:
            self._waiting = Deferred()
            await self._waiting

    async def _read(self) -> None:
        """Take the whole form, or nothing of it. Never fails: the outcome is for `form`."""
        try:
            while octets := await self._body.next_octets():
                await self._in_thread(self._reader.receive, octets)
            self._outcome = await self._in_thread(self._reader.finish)
        except BodyLost as e:
            await self._fail(Problem(MALFORMED, f"The body did not come whole: {e}."))
        except Problem as e:
            await self._fail(e)
        except Exception:  # noqa: BLE001 - whatever the disk does; `form` raises it again
            self._outcome = Failure()
            self._body.abandon()
            await self.discard()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def _fail(self, problem: Problem) -> None:
        self._outcome = Failure(problem)
        self.refuse(problem)
        await self.discard()


class Intakes:
    """Opens the intake of every request; counts uploads so that one authority cannot take all."""

    def __init__(
        self,
        credentials: Credentials,
        spool: Spool,
        form_limits: FormLimits,
        in_thread: InThread,
    ) -> None:
        self._credentials = credentials
        self._spool = spool
        self._limits = form_limits
        self._in_thread = in_thread
        self._uploads: Counter[str] = Counter()
        self._stopping = False

    @property
    def reading(self) -> int:
        """How many forms are arriving."""
        return self._uploads.total()

    def refuse_new(self) -> None:
        """From now on new requests hear that the gateway is stopping; begun ones go on."""
        self._stopping = True

    def open(self, headers: Headers, length: int | None, body: BodyStream) -> Intake:
        """What becomes of the body of a request with these headers; `length` None if unknown."""
        if _headers_too_large(headers):
            return Intake(None, body, _headers_problem())
        if self._stopping:
            return Intake(None, body, unavailable("The gateway is stopping."))
        authority = self._authority(headers)
        if length == 0:
            return Intake(authority, body)
        content_type = (header_values(headers, "Content-Type") or [""])[0]
        if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
            return self._upload(authority, content_type, length, body)
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return Intake(
                authority, body, Problem(UNSUPPORTED_MEDIA, "Bodies are forms or JSON here.")
            )
        if (length or 0) > limits.MAX_SMALL_BODY_BYTES:
            return Intake(authority, body, _small_body_too_large())
        return SmallIntake(authority, body)

    def _upload(
        self, authority: str | None, content_type: str, length: int | None, body: BodyStream
    ) -> Intake:
        problem = self._objection(authority, length)
        boundary = boundary_of(content_type)
        if problem is None and boundary is None:
            problem = Problem(MALFORMED, "The Content-Type names no boundary.")
        if problem is not None or authority is None or boundary is None:
            return Intake(authority, body, problem)
        try:
            reader = FormReader(boundary, self._spool, self._limits)
        except Problem as e:
            return Intake(authority, body, e)
        self._uploads[authority] += 1
        intake = UploadIntake(authority, body, reader, self._in_thread)
        intake.reading.addBoth(lambda _: self._uploads.subtract({authority: 1}))
        return intake

    def _objection(self, authority: str | None, length: int | None) -> Problem | None:
        if authority is None:
            return unauthorized()
        if authority == AUDITOR:
            return Problem(FORBIDDEN, "The auditor's credential reads evidence and sends nothing.")
        if self._uploads[authority] >= limits.MAX_UPLOADS_PER_AUTHORITY:
            return too_many(
                f"At most {limits.MAX_UPLOADS_PER_AUTHORITY} submissions arrive at once."
            )
        if length is not None and length > self._limits.max_total_bytes:
            return Problem(
                TOO_LARGE,
                f"The message is larger than {self._limits.max_total_bytes} bytes.",
                limit=self._limits.max_total_bytes,
            )
        return None

    def _authority(self, headers: Headers) -> str | None:
        values = header_values(headers, "Authorization")
        if len(values) != 1 or not values[0].lower().startswith(_BEARER):
            return None
        return self._credentials.authority_of(values[0][len(_BEARER) :].strip())


def header_values(headers: Headers, name: str) -> list[str]:
    """Every value of this header, each octet one character: whatever came can be looked at."""
    found = headers.getRawHeaders(name.encode("ascii")) or []
    return [octets.decode("latin-1") for octets in found]


def _headers_too_large(headers: Headers) -> bool:
    pairs = [(name, value) for name, values in headers.getAllRawHeaders() for value in values]
    size_bytes = sum(len(name) + len(value) + 4 for name, value in pairs)
    return len(pairs) > limits.MAX_HEADERS or size_bytes > limits.MAX_HEADERS_BYTES


def _headers_problem() -> Problem:
    return Problem(
        HEADERS_TOO_LARGE,
        f"At most {limits.MAX_HEADERS} headers of {limits.MAX_HEADERS_BYTES} bytes together.",
    )


def _small_body_too_large() -> Problem:
    return Problem(
        TOO_LARGE,
        f"A JSON body has at most {limits.MAX_SMALL_BODY_BYTES} bytes.",
        limit=limits.MAX_SMALL_BODY_BYTES,
    )
