"""A submission checked before anything of it is kept. The steps, in the order they are made:

1. The document holds to its form (XSD and rules); JSON becomes XML first.
2. The authority that writes the document is the one whose credential came with it.
3. Our own directory lets that authority send this kind.
4. The receiving State's directory names the competent authority.
5. There is an agreement with that State that carries this kind, and its size limits hold.
6. The document keeps the rules that ask the directory, and takes nothing onward that came to us
   for one purpose only. Whether its case allows it now, the store
   says, in the transaction that keeps it.

Nothing here leaves a trace. Source: protocol.convention; docs/connect-a-domestic-system.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from gateway.local.form import Form
from gateway.local.ports import InThread, Now, UseLimits
from gateway.local.problems import (
    ANOTHER_AUTHORITY,
    DOCUMENT_REFUSED,
    MALFORMED,
    NO_PARTNER,
    NOT_COMPETENT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA,
    Problem,
)
from protocol.as4.pmode import PMode
from protocol.convention.canonical import canonical
from protocol.convention.competence import (
    CONTACT_CHECK,
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.directory import Directory
from protocol.convention.documents import Document, DocumentRefused, Finding, read_document
from protocol.convention.json_form import from_json
from protocol.convention.lifecycle.docket import Docket, docket_of
from protocol.convention.lifecycle.policy import Times
from protocol.convention.use_limits import Limited, digests_in


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked submission before anything is kept."""

    kind: str
    request_id: str | None
    document: bytes | None = field(repr=False)
    competent: Competent
    pmode: PMode
    docket: Docket | None = None


class Drafts:
    """Makes a draft of what an authority hands in, or says what is wrong with it."""

    def __init__(
        self,
        state: str,
        times: Times,
        pmodes: Sequence[PMode],
        use_limits: UseLimits,
        in_thread: InThread,
        now: Now,
    ) -> None:
        self._use_limits = use_limits
        self._state = state
        self._times = times
        self._directory = times.directory
        self._pmodes = tuple(pmodes)
        self._in_thread = in_thread
        self._now = now

    async def draft(self, authority: str, form: Form) -> Draft:
        """The checked submission of `authority`. Raises Problem."""
        draft = await self._unsized(authority, form)
        _check_sizes(draft, form)
        return draft

    async def _unsized(self, authority: str, form: Form) -> Draft:
        """Every step, without sizes."""
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
        return Draft(
            document.kind,
            document.request_id,
            document.octets,
            competent,
            self._pmode(competent.authority, document.kind),
            await self._docket(document, form),
        )

    async def _docket(self, document: Document, form: Form) -> Docket | None:
        """Step 6. Raises Problem with every finding."""
        carried = frozenset(one.blob.sha256.hex() for one in form.attachments)
        digests = carried | await self._in_thread(_named, document)
        limited = await self._use_limits.of(digests) if digests else {}
        return await self._in_thread(self._docket_where, document, limited, carried)

    def _docket_where(
        self,
        document: Document,
        limited: Mapping[str, Sequence[Limited]],
        carried: frozenset[str],
    ) -> Docket | None:
        """The same, where that came to us under limitations of use."""
        try:
            return docket_of(
                document,
                own_state=self._state,
                times=self._times,
                on=self._now().date(),
                limited=limited,
                carried=carried,
            )
        except DocumentRefused as e:
            raise document_refused(e) from e

    def _contact_check(self, authority: str, form: Form) -> Draft:
        to = form.fields.get("to")
        if form.fields.get("action") != CONTACT_CHECK or not to or form.attachments:
            raise Problem(
                MALFORMED,
                "A submission has a document, or action=ContactCheck, to=AUTHORITY and no more.",
            )
        competent = self._competent(authority, CONTACT_CHECK, to)
        return Draft(
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


def _check_sizes(draft: Draft, form: Form) -> None:
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


def _named(document: Document) -> frozenset[str]:
    """The digests that the document names."""
    return digests_in(canonical(document.root))


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
        raise document_refused(e) from e


def document_refused(e: DocumentRefused) -> Problem:
    """The refusal of a document, with every finding."""
    return Problem(
        DOCUMENT_REFUSED,
        f"The document has {len(e.findings)} faults.",
        findings=[_finding(finding) for finding in e.findings],
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "expected": finding.expected,
        "article": finding.article,
    }


def _state_of(directory: Directory, authority: str) -> str:
    """The State of `authority`; what its id says where the directory does not know it."""
    return directory.state_of(authority) or authority.partition("-")[0]


def _not_competent(verdict: NotCompetent) -> NoReturn:
    raise Problem(NOT_COMPETENT, verdict.reason, rightAddress=verdict.right_address)


def _too_large(what: str, limit: int) -> NoReturn:
    raise Problem(TOO_LARGE, f"The {what} is above what the partner takes: {limit}.", limit=limit)
