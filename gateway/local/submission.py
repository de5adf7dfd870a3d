"""From a form to a durable submission. The steps, in the order in which they are made:

1. The document holds to its form (XSD and rules); JSON becomes XML first.
2. The authority that the document speaks for is the one whose credential came with it.
3. Our own directory lets that authority send this kind.
4. The receiving State's directory names the competent authority.
5. There is an agreement with that State that carries this kind, and its size limits hold.
6. What the message refers to is known to the authority.
7. The document rests in the spool, and one transaction makes the submission durable.

Nothing before step 7 leaves a trace, and a failure in step 7 takes its trace away.
Source: docs/local-api.md, convention.competence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import uuid4

from gateway.local.form import Form
from gateway.local.names import safe_file_name
from gateway.local.ports import InThread, Now, Spool, Store
from gateway.local.problems import (
    ANOTHER_AUTHORITY,
    CONFLICT,
    DOCUMENT_REFUSED,
    MALFORMED,
    NO_PARTNER,
    NOT_COMPETENT,
    TOO_LARGE,
    UNKNOWN_REFERENCE,
    UNSUPPORTED_MEDIA,
    Problem,
)
from gateway.store.faults import CommitUncertain
from gateway.store.values import StoredBlob, StoredPart, Submission, Submitted
from protocol.as4.pmode import PMode
from protocol.convention.competence import (
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.directory import Directory
from protocol.convention.documents import Document, DocumentRefused, read_document
from protocol.convention.json_form import from_json

CONTACT_CHECK = "ContactCheck"  # article 41: is the point of contact reachable? Has no document.
MAX_ID_CHARACTERS = 255  # of a MessageId or ConversationId on the wire


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission that is durable, and the rule that chose its receiver."""

    submitted: Submitted
    submission: Submission
    routing: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A checked submission before anything is kept."""

    kind: str
    request_id: str | None
    document: bytes | None
    competent: Competent
    pmode: PMode


class Submissions:
    """Checks what authorities hand in and makes it durable."""

    def __init__(
        self,
        *,
        state: str,
        directory: Directory,
        pmodes: Sequence[PMode],
        store: Store,
        spool: Spool,
        in_thread: InThread,
        now: Now,
        wake_sender: Callable[[], None],
    ) -> None:
        self._state = state
        self._directory = directory
        self._pmodes = tuple(pmodes)
        self._store = store
        self._spool = spool
        self._in_thread = in_thread
        self._now = now
        self._wake_sender = wake_sender

    async def submit(self, authority: str, form: Form, key: str | None) -> Accepted:
        """The durable submission. Raises Problem; the caller still owns the form's attachments."""
        draft = await self._draft(authority, form)
        self._check_sizes(draft, form)
        conversation_id = await self._conversation(authority, form)
        blob = None
        if draft.document is not None:
            blob = await self._in_thread(self._rest, draft.document)
        submission = self._submission(authority, form, draft, conversation_id, blob, key)
        try:
            outcome = await self._store.submit(submission)
        except CommitUncertain:
            raise  # the row may be there after all, and must find its payload
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
        return Accepted(outcome, submission, _routing(draft.competent))

    async def _draft(self, authority: str, form: Form) -> _Draft:
        """Steps 1 to 5, without sizes."""
        if form.document is None:
            return self._contact_check(authority, form)
        if "action" in form.fields or "to" in form.fields:
            raise Problem(MALFORMED, "'action' and 'to' come from the document when there is one.")
        document = await self._in_thread(_read, form.document, form.document_type)
        if document.author != authority:
            raise Problem(
                ANOTHER_AUTHORITY,
                "The authority that writes the document is not the one of this credential.",
                documentAuthority=document.author,
                credentialAuthority=authority,
            )
        competent = self._competent(authority, document.kind, document.addressee)
        return _Draft(
            document.kind,
            document.request_id,
            document.octets,
            competent,
            self._pmode(competent.authority, document.kind),
        )

    def _contact_check(self, authority: str, form: Form) -> _Draft:
        to = form.fields.get("to")
        if form.fields.get("action") != CONTACT_CHECK or not to or form.attachments:
            raise Problem(
                MALFORMED,
                "A submission has a document, or action=ContactCheck, to=AUTHORITY and no more.",
            )
        competent = self._competent(authority, CONTACT_CHECK, to)
        return _Draft(
            CONTACT_CHECK, None, None, competent, self._pmode(competent.authority, CONTACT_CHECK)
        )

    def _competent(self, authority: str, kind: str, addressed_to: str) -> Competent:
        """The receiver's competent authority. Raises Problem where no rule covers it."""
        today = self._now().date()
        sender = sending_authority(self._directory, self._state, kind, authority, today)
        if isinstance(sender, NotCompetent):
            _not_competent(sender)
        state = _state_of(self._directory, addressed_to)
        receiver = receiving_authority(self._directory, state, kind, addressed_to, today)
        if isinstance(receiver, NotCompetent):
            _not_competent(receiver)
        return receiver

    def _pmode(self, receiver: str, kind: str) -> PMode:
        """The agreement with the receiver's State that carries `kind`."""
        state = _state_of(self._directory, receiver)
        partner = [pmode for pmode in self._pmodes if pmode.partner_state == state]
        if not partner:
            raise Problem(NO_PARTNER, f"There is no agreement with the State {state}.")
        carrying = next((pmode for pmode in partner if kind in pmode.actions_sent), None)
        if carrying is None:
            raise Problem(NO_PARTNER, f"The agreement with {state} does not carry {kind}.")
        return carrying

    def _check_sizes(self, draft: _Draft, form: Form) -> None:
        """The partner's limits, which may be lower than ours."""
        allowed = draft.pmode.limits
        sizes = [attachment.blob.size_bytes for attachment in form.attachments]
        sizes += [len(draft.document)] if draft.document is not None else []
        if len(sizes) > allowed.max_parts:
            _too_large("number of parts", allowed.max_parts)
        if max(sizes, default=0) > allowed.max_part_bytes:
            _too_large("size of a part in bytes", allowed.max_part_bytes)
        if sum(sizes) > allowed.max_message_bytes:
            _too_large("size of the message in bytes", allowed.max_message_bytes)

    async def _conversation(self, authority: str, form: Form) -> str:
        """The ConversationId: what the form says, that of the message referred to, or a new one."""
        claimed = form.fields.get("conversationId")
        reference = form.fields.get("refToMessageId")
        for name, value in (("conversationId", claimed), ("refToMessageId", reference)):
            if value is not None and not _wire_id(value):
                raise Problem(
                    MALFORMED, f"'{name}' is 1 to {MAX_ID_CHARACTERS} visible ASCII characters."
                )
        if reference is not None:
            view = await self._store.message_for(authority, reference)
            if view is None:
                raise Problem(UNKNOWN_REFERENCE, "'refToMessageId' names no message of yours.")
            return claimed or view.conversation_id
        return claimed or str(uuid4())

    def _rest(self, document: bytes) -> StoredBlob:
        """The document in the spool, or nothing of it."""
        writer = self._spool.writer()
        try:
            writer.write(document)
            return writer.finish()
        except BaseException:
            writer.discard()
            raise

    async def _remove(self, blob: StoredBlob | None) -> None:
        if blob is not None:
            await self._in_thread(self._spool.remove, blob)

    def _submission(
        self,
        authority: str,
        form: Form,
        draft: _Draft,
        conversation_id: str,
        blob: StoredBlob | None,
        key: str | None,
    ) -> Submission:
        domain = f"{self._state.lower()}.hanoi-gateway"
        parts = _parts(form, blob, domain)
        return Submission(
            authority=authority,
            partner=draft.pmode.partner_state,
            message_id=f"{uuid4()}@{domain}",
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
        )


def _read(octets: bytes, media_type: str | None) -> Document:
    """Step 1. Raises Problem with every finding."""
    try:
        match media_type:
            case "application/xml" | "text/xml":
                return read_document(octets)
            case "application/json":
                return read_document(from_json(octets))
            case _:
                raise Problem(
                    UNSUPPORTED_MEDIA, "A document is application/xml or application/json."
                )
    except DocumentRefused as e:
        findings = [
            {
                "rule": finding.rule,
                "path": finding.path,
                "line": finding.line,
                "message": finding.message,
                "expected": finding.expected,
                "article": finding.article,
            }
            for finding in e.findings
        ]
        raise Problem(
            DOCUMENT_REFUSED, f"The document has {len(findings)} faults.", findings=findings
        ) from e


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


def _state_of(directory: Directory, authority: str) -> str:
    """The State of `authority`; what its id says where the directory does not know it."""
    return directory.state_of(authority) or authority.partition("-")[0]


def _content_id(domain: str) -> str:
    return f"{uuid4().hex}@{domain}"


def _content_digest(draft: _Draft, form: Form, parts: Sequence[StoredPart]) -> bytes:
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


def _routing(competent: Competent) -> Mapping[str, str]:
    return {
        "rule": competent.rule,
        "article": competent.article,
        "source": competent.source,
    }


def _not_competent(verdict: NotCompetent) -> NoReturn:
    raise Problem(NOT_COMPETENT, verdict.reason, rightAddress=verdict.right_address)


def _too_large(what: str, limit: int) -> NoReturn:
    raise Problem(TOO_LARGE, f"The {what} is above what the partner takes: {limit}.", limit=limit)


def _wire_id(text: str) -> bool:
    return 1 <= len(text) <= MAX_ID_CHARACTERS and all("!" <= c <= "~" for c in text)
