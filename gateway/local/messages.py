"""The addresses under /v1/messages: hand in, look up, fetch."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.local.answers import Answer, Streamed, as_json
from gateway.local.calls import Call
from gateway.local.limits import STREAM_CHUNK_BYTES
from gateway.local.names import content_disposition, safe_file_name
from gateway.local.ports import InThread, Now, Spool, Store
from gateway.local.problems import MALFORMED, Problem, not_found
from gateway.local.submission import Submissions
from gateway.local.views import message_view, submitted_view
from gateway.store.faults import CommitUncertain
from gateway.store.values import MessageView, StoredPart


class Messages:
    """Endpoints about messages of the caller; those of others are not there."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        submissions: Submissions,
        in_thread: InThread,
        now: Now,
    ) -> None:
        self._now = now
        self._store = store
        self._spool = spool
        self._submissions = submissions
        self._in_thread = in_thread

    async def submit(self, call: Call) -> Answer:
        """POST /v1/messages."""
        form = await call.intake.form()
        try:
            accepted = await self._submissions.submit(call.authority, form, call.idempotency_key)
        except CommitUncertain:
            raise  # what a row may name stays; the sweep at the next start knows more
        except BaseException:
            await call.intake.discard()
            raise
        if accepted.submitted.repeated:
            await call.intake.discard()
        return as_json(
            202, submitted_view(accepted.submitted, accepted.submission, accepted.routing)
        )

    async def look_up(self, call: Call) -> Answer:
        """GET /v1/messages/{messageId}."""
        return as_json(200, message_view(await self._view(call)))

    async def document(self, call: Call) -> Answer:
        """GET /v1/messages/{messageId}/document."""
        return await self._part(await self._view(call), 0)

    async def attachment(self, call: Call) -> Answer:
        """GET /v1/messages/{messageId}/attachments/{n}."""
        n = call.values["n"]
        if not (n.isascii() and n.isdigit() and len(n) <= 3) or int(n) == 0:
            raise not_found()
        return await self._part(await self._view(call), int(n))

    async def _view(self, call: Call) -> MessageView:
        partner, direction = call.query.get("partner"), call.query.get("direction")
        if (partner is None) is not (direction is None):
            raise Problem(MALFORMED, "'partner' and 'direction' go together.")
        view = await self._store.message_for(
            call.authority, call.values["messageId"], partner, direction
        )
        if view is None:
            # Not waited for: the answer must take as long for what is not there at all.
            asked = self._store.alert_if_somebody_elses(
                call.authority, call.values["messageId"], self._now()
            )
            Deferred.fromCoroutine(asked).addErrback(_not_kept)
            raise not_found()
        return view

    async def _part(self, view: MessageView, position: int) -> Answer:
        part = next((part for part in view.parts if part.position == position), None)
        if part is None:
            raise not_found()
        reader = await self._in_thread(self._spool.reader, part.blob)
        read: Callable[[], bytes] = lambda: reader.read(STREAM_CHUNK_BYTES)  # noqa: E731 - bound here
        return Streamed(
            _content_type(part),
            read,
            reader.close,
            part.blob.size_bytes,
            {
                "Content-Disposition": content_disposition(_file_name(part)),
                "X-Content-SHA256": part.blob.sha256.hex(),
            },
        )


def _content_type(part: StoredPart) -> str:
    """A neutral type for attachments: what their sender says of them is not to be trusted."""
    return "application/xml" if part.position == 0 else "application/octet-stream"


def _file_name(part: StoredPart) -> str:
    if part.position == 0:
        return "document.xml"
    return safe_file_name(part.file_name) or f"attachment-{part.position}"


def _not_kept(failure: Failure) -> None:
    structlog.get_logger("gateway.local").error("alert.not_kept", because=str(failure.value))
