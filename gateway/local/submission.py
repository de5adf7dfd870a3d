"""From a form to a durable submission: nothing of it is kept before it was checked (`drafts`).

What the message refers to must be known to its authority and belong to the same partner. Then the
document rests in the spool, and one transaction makes the submission durable; a failure on the way
takes away what was written, unless the commit itself is in doubt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from gateway.local.case_json import legal_json
from gateway.local.drafts import Draft, Drafts
from gateway.local.form import Form
from gateway.local.names import safe_file_name
from gateway.local.ports import InThread, Now, Spool, Store
from gateway.local.problems import CONFLICT, ILLEGAL_STEP, MALFORMED, UNKNOWN_REFERENCE, Problem
from gateway.store.cases import StepRefused
from gateway.store.faults import CommitUncertain
from gateway.store.values import StoredBlob, StoredPart, Submission, Submitted
from protocol.convention.lifecycle.machine import IllegalStep

MAX_ID_CHARACTERS = 255  # of a MessageId or ConversationId on the wire


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission that is durable, and the rule that chose its receiver."""

    submitted: Submitted
    submission: Submission
    routing: Mapping[str, str]


class Submissions:
    """Makes durable what authorities hand in."""

    def __init__(
        self,
        *,
        domain: str,
        drafts: Drafts,
        store: Store,
        spool: Spool,
        in_thread: InThread,
        now: Now,
        wake_sender: Callable[[], None],
    ) -> None:
        self._domain = domain
        self._drafts = drafts
        self._store = store
        self._spool = spool
        self._in_thread = in_thread
        self._now = now
        self._wake_sender = wake_sender

    async def submit(self, authority: str, form: Form, key: str | None) -> Accepted:
        """The durable submission. Raises Problem; the caller still owns the form's attachments."""
        draft = await self._drafts.draft(authority, form)
        conversation_id = await self._conversation(authority, form, draft)
        blob = await self._rest(draft.document)
        submission = self._submission(authority, form, draft, conversation_id, blob, key)
        try:
            outcome = await self._store.submit(submission)
        except CommitUncertain:
            raise  # the row may be there after all, and must find its payload
        except StepRefused as e:
            await self._remove(blob)
            raise _illegal(e.step) from e
        except BaseException:
            await self._remove(blob)
            raise
        if not isinstance(outcome, Submitted):
            await self._remove(blob)
            raise Problem(CONFLICT, "This Idempotency-Key was used before for other content.")
        if outcome.repeated:
            await self._remove(blob)
        else:
            self._wake_sender()
        return Accepted(outcome, submission, draft.competent.because)

    async def _conversation(self, authority: str, form: Form, draft: Draft) -> str:
        """The ConversationId: what the form says, that of the message referred to, or a new one."""
        claimed = form.fields.get("conversationId")
        reference = form.fields.get("refToMessageId")
        for name, value in (("conversationId", claimed), ("refToMessageId", reference)):
            if value is not None and not _wire_id(value):
                raise Problem(
                    MALFORMED, f"'{name}' is 1 to {MAX_ID_CHARACTERS} visible ASCII characters."
                )
        known = None
        if reference is not None:
            known = await self._known(authority, reference, draft.pmode.partner_state)
            if claimed not in (None, known):
                raise Problem(
                    UNKNOWN_REFERENCE,
                    "'refToMessageId' names a message of another conversation than "
                    "'conversationId'; leave that out, and the reply goes into the same one.",
                )
        return claimed or known or str(uuid4())

    async def _known(self, authority: str, reference: str, partner: str) -> str:
        """The conversation of the message referred to, which went to or came from `partner`:
        the ids of one partner's messages are not told to another."""
        for direction in ("in", "out"):
            view = await self._store.message_for(authority, reference, partner, direction)
            if view is not None:
                return view.conversation_id
        raise Problem(
            UNKNOWN_REFERENCE, f"'refToMessageId' names no message of yours with {partner}."
        )

    async def _rest(self, document: bytes | None) -> StoredBlob | None:
        if document is None:
            return None
        return await self._in_thread(_kept, self._spool, document)

    async def _remove(self, blob: StoredBlob | None) -> None:
        if blob is not None:
            await self._in_thread(self._spool.remove, blob)

    def _submission(
        self,
        authority: str,
        form: Form,
        draft: Draft,
        conversation_id: str,
        blob: StoredBlob | None,
        key: str | None,
    ) -> Submission:
        parts = _parts(form, blob, self._domain)
        return Submission(
            authority=authority,
            partner=draft.pmode.partner_state,
            message_id=f"{uuid4()}@{self._domain}",
            conversation_id=conversation_id,
            ref_to_message_id=form.fields.get("refToMessageId"),
            action=draft.kind,
            kind=draft.kind,
            receiving_authority=draft.competent.authority,
            request_id=draft.request_id,
            parts=parts,
            idempotency_key=key,
            content_digest=_content_digest(draft, form, parts),
            submitted_at=self._now(),
            docket=draft.docket,
        )


def _kept(spool: Spool, octets: bytes) -> StoredBlob:
    """`octets` at rest, or nothing of them."""
    writer = spool.writer()
    try:
        writer.write(octets)
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


def _parts(form: Form, blob: StoredBlob | None, domain: str) -> tuple[StoredPart, ...]:
    parts = []
    if blob is not None:
        parts.append(StoredPart(0, _content_id(domain), "application/xml", blob))
    for position, attachment in enumerate(form.attachments, start=1):
        parts.append(
            StoredPart(
                position,
                _content_id(domain),
                attachment.mime_type,
                attachment.blob,
                safe_file_name(attachment.file_name),
                attachment.character_set,
            )
        )
    return tuple(parts)


def _content_id(domain: str) -> str:
    return f"{uuid4().hex}@{domain}"


def _content_digest(draft: Draft, form: Form, parts: Sequence[StoredPart]) -> bytes:
    """SHA-256 over all that the submitter chose; what we generated stays out of it."""
    digest = hashlib.sha256()
    chosen = [
        draft.kind,
        draft.competent.authority,
        form.fields.get("conversationId", ""),
        form.fields.get("refToMessageId", ""),
    ]
    for part in parts:
        chosen += [part.mime_type, part.file_name or "", part.blob.sha256.hex()]
    for text in chosen:
        octets = text.encode()
        digest.update(len(octets).to_bytes(4, "big") + octets)
    return digest.digest()


def _illegal(step: IllegalStep) -> Problem:
    """What may not be sent now, and every document that may."""
    return Problem(
        ILLEGAL_STEP,
        f"{step.reason}: {step.remedy}.",
        caseState=step.state.value,
        article=step.article or None,
        legal=[legal_json(one) for one in step.legal],
    )


def _wire_id(text: str) -> bool:
    return 1 <= len(text) <= MAX_ID_CHARACTERS and all("!" <= c <= "~" for c in text)
