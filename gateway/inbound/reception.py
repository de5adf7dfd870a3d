"""One message's way in: from the first octet to the answer.

The rule to remember: the receipt is signed before the commit and sent after it. A refusal leaves
one evidence record and one log line, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import ParamSpec, Protocol, TypeVar

from cryptography import x509
from structlog.typing import FilteringBoundLogger

from gateway.inbound.answers import (
    NOTHING_TO_SAY,
    TRY_LATER,
    Answers,
    HttpAnswer,
    receipt_answer,
)
from gateway.inbound.body import BodyLost, BodyStream
from gateway.inbound.gates import Admitted, Claims, Concluded, Gates
from gateway.inbound.intake import PartIntake
from gateway.metrics import Metrics
from gateway.spool import Spool
from gateway.store import Store
from gateway.store.faults import CommitUncertain
from gateway.store.values import Arrival, Conflict, DuplicateOf, Received, Stored
from gateway.tls import der, fingerprint
from protocol.as4.envelope import Envelope
from protocol.as4.errors import (
    FEATURE_NOT_SUPPORTED,
    MIME_INCONSISTENCY,
    POLICY_NONCOMPLIANCE,
    VALUE_INCONSISTENT,
    EbmsAnswer,
    Refused,
    StatusAnswer,
    refused,
)
from protocol.as4.mime import MimeEvent, MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.secrets import PartSecret
from protocol.as4.values import PullRequest, SignedReference, UserMessage

INLINE_WORK_BYTES = 64 * 1024  # less work than this costs less than a hop to another thread
LOGGED_ID_CHARACTERS = 255

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """Threads for work that would hold the reactor."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, computed in a worker thread."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that receiving a message needs; made once, shared by all receptions."""

    gates: Gates
    answers: Answers
    store: Store
    spool: Spool
    workers: Workers
    metrics: Metrics
    log: FilteringBoundLogger
    now: Callable[[], datetime]
    seconds: Callable[[], float]  # monotonic


class Reception:
    """Receives one message. `answer` is called once and always gives an answer."""

    def __init__(
        self,
        desk: Desk,
        tls_certificate: x509.Certificate | None,
        peer_ip: str,
        content_type: str,
        body: BodyStream,
    ) -> None:
        self._desk = desk
        self._tls_certificate = tls_certificate
        self._peer_ip = peer_ip
        self._content_type = content_type
        self._body = body
        self._claims = Claims()
        self._intakes: dict[int, PartIntake] = {}
        self._open_intake: PartIntake | None = None
        self._soap_digest = ""
        self._begun_seconds = desk.seconds()

    async def answer(self) -> HttpAnswer:
        """The answer to this message, after everything it promises is durable."""
        try:
            return await self._receive()
        except Refused as refusal:
            return await self._refuse(refusal)
        except BodyLost as lost:
            self._discard()
            self._desk.log.info("receive.lost", reason=str(lost), **self._facts())
            return HttpAnswer(408, close=True)
        except Exception:
            self._discard()
            self._desk.log.exception("receive.failed", **self._facts())
            self._count("failed")
            return TRY_LATER

    async def _receive(self) -> HttpAnswer:
        if self._tls_certificate is None:
            raise Refused(StatusAnswer(400), "G0", "no TLS client certificate on this connection")
        reader = MimeReader(self._content_type)
        soap, rest = await self._soap_part(reader)
        self._soap_digest = sha256(soap).hexdigest()
        admitted = await self._desk.workers.run(
            self._desk.gates.admit, soap, self._tls_certificate, self._claims
        )
        if isinstance(admitted, Envelope):
            return await self._take_signal(admitted)
        known = await self._desk.store.find_received(
            admitted.pmode.partner_state, admitted.unit.message_id
        )
        if known is not None:
            return await self._repeat(admitted, known.references, known)
        concluded = await self._take_parts(reader, rest, admitted)
        return await self._commit(admitted, concluded, self._tls_certificate)

    async def _soap_part(self, reader: MimeReader) -> tuple[bytes, list[MimeEvent]]:
        """The SOAP part, and the events that arrived with it but belong to what follows."""
        soap = bytearray()
        while True:
            octets = await self._body.next_octets()
            events = reader.receive(octets) if octets else reader.finish()
            for index, event in enumerate(events):
                if isinstance(event, PartContent):
                    soap += event.octets
                elif isinstance(event, PartEnded):
                    return bytes(soap), events[index + 1 :]
            if not octets:
                raise refused(MIME_INCONSISTENCY, "G2", "the body ended inside the SOAP part")

    async def _take_parts(
        self, reader: MimeReader, rest: list[MimeEvent], admitted: Admitted
    ) -> Concluded:
        secrets = (
            await self._desk.workers.run(self._desk.gates.open_parts, admitted)
            if admitted.unit.parts
            else {}
        )
        self._body.widen()
        self._consume(rest, admitted, secrets)
        while octets := await self._body.next_octets():
            if self._body.received_bytes > INLINE_WORK_BYTES:
                await self._desk.workers.run(
                    self._read_and_consume, reader, octets, admitted, secrets
                )
            else:
                self._read_and_consume(reader, octets, admitted, secrets)
        self._consume(reader.finish(), admitted, secrets)
        return await self._desk.workers.run(self._conclude, admitted)

    def _conclude(self, admitted: Admitted) -> Concluded:
        leading = self._intakes.get(0)
        document = leading.document if leading is not None else None
        parts = [intake.verified_part() for _, intake in sorted(self._intakes.items())]
        return self._desk.gates.conclude(admitted, parts, document)

    def _read_and_consume(
        self,
        reader: MimeReader,
        octets: bytes,
        admitted: Admitted,
        secrets: dict[str, PartSecret],
    ) -> None:
        self._consume(reader.receive(octets), admitted, secrets)

    def _consume(
        self, events: list[MimeEvent], admitted: Admitted, secrets: dict[str, PartSecret]
    ) -> None:
        for event in events:
            if isinstance(event, PartStarted):
                self._open_intake = self._intake_for(event, admitted, secrets)
            elif self._open_intake is None:
                continue
            elif isinstance(event, PartContent):
                self._open_intake.take(event.octets)
            elif isinstance(event, PartEnded):
                self._open_intake.finish()
                self._open_intake = None

    def _intake_for(
        self, started: PartStarted, admitted: Admitted, secrets: dict[str, PartSecret]
    ) -> PartIntake:
        parts = admitted.unit.parts
        content_id = started.content_id
        position = next((n for n, p in enumerate(parts) if p.content_id == content_id), None)
        reference = next(
            (r for r in admitted.signed.references if r.content_id == content_id), None
        )
        if content_id is None or position is None or reference is None:
            raise refused(
                POLICY_NONCOMPLIANCE,
                "G10",
                f"MIME part {content_id!r} is not in eb:PayloadInfo or not signed",
            )
        if position in self._intakes:
            raise refused(MIME_INCONSISTENCY, "G2", f"MIME part {content_id!r} comes twice")
        secret = secrets.get(content_id)
        intake = PartIntake(
            position,
            parts[position],
            reference,
            secret,
            secret.mime_type if secret is not None else started.content_type,
            admitted.pmode.limits,
            self._desk.spool,
            is_document=position == 0,
            delivered_before_bytes=sum(taken.size_bytes for taken in self._intakes.values()),
        )
        self._intakes[position] = intake
        return intake

    async def _commit(
        self, admitted: Admitted, concluded: Concluded, tls_certificate: x509.Certificate
    ) -> HttpAnswer:
        unit = admitted.unit
        arrival = self._arrival(admitted, concluded, tls_certificate)
        try:
            outcome = await self._desk.store.accept(arrival)
        except CommitUncertain:
            # Perhaps a row names what was spooled: nothing here may remove it any more. The next
            # start sweeps it if no row does.
            self._intakes.clear()
            raise
        match outcome:
            case Stored(authority):
                self._intakes.clear()  # they belong to the row now, whatever happens below
                self._count("accepted")
                self._desk.log.info(
                    "receive.accepted",
                    message_id=unit.message_id,
                    conversation_id=unit.conversation_id,
                    kind=unit.action,
                    partner=admitted.pmode.partner_state,
                    authority=authority,
                    receipt_id=concluded.receipt_id,
                    parts=len(arrival.parts),
                )
                return receipt_answer(concluded.receipt)
            case DuplicateOf(receipt):
                self._discard()
                return self._repeated(unit, receipt)
            case Conflict():
                raise _conflict(unit)

    def _arrival(
        self, admitted: Admitted, concluded: Concluded, tls_certificate: x509.Certificate
    ) -> Arrival:
        unit, document = admitted.unit, concluded.document
        return Arrival(
            partner=admitted.pmode.partner_state,
            message_id=unit.message_id,
            conversation_id=unit.conversation_id,
            ref_to_message_id=unit.ref_to_message_id,
            action=unit.action,
            kind=unit.action,
            authority=concluded.competent.authority,
            requesting_authority=concluded.requesting_authority,
            request_id=document.request_id if document is not None else None,
            # A queue takes the highest number first, a document's most urgent level is 0.
            priority=-document.priority if document is not None else 0,
            envelope=admitted.envelope,
            references=admitted.signed.references,
            receipt_id=concluded.receipt_id,
            receipt=concluded.receipt,
            receipt_signer=concluded.receipt_signer,
            parts=tuple(intake.stored_part() for _, intake in sorted(self._intakes.items())),
            signer_certificate=der(admitted.signed.signer),
            tls_fingerprint=fingerprint(tls_certificate).hex(),
            claimed_at=unit.timestamp,
            received_at=self._desk.now(),
            routing={
                "rule": concluded.competent.rule,
                "article": concluded.competent.article,
                "source": concluded.competent.source,
            },
        )

    async def _repeat(
        self, admitted: Admitted, references: tuple[SignedReference, ...], known: Received
    ) -> HttpAnswer:
        """The stored receipt for a message that signs the same; else a conflict."""
        if set(references) != set(admitted.signed.references):
            raise _conflict(admitted.unit)
        self._body.abandon()
        await self._body.drain()
        return self._repeated(admitted.unit, known.receipt)

    def _repeated(self, unit: UserMessage, receipt: bytes) -> HttpAnswer:
        self._count("duplicate")
        self._desk.log.info("receive.duplicate", message_id=unit.message_id, **self._facts())
        return receipt_answer(receipt)

    async def _take_signal(self, envelope: Envelope) -> HttpAnswer:
        """Signals that are pushed to us: noted, never believed; a PullRequest is not served yet."""
        if isinstance(envelope.unit, PullRequest):
            raise refused(FEATURE_NOT_SUPPORTED, "G6", "PullRequest: no pulling is agreed")
        self._desk.log.warning(
            "receive.signal_ignored", unit=type(envelope.unit).__name__, **self._facts()
        )
        self._body.abandon()
        await self._body.drain()
        return NOTHING_TO_SAY

    async def _refuse(self, refusal: Refused) -> HttpAnswer:
        self._discard()
        now = self._desk.now()
        code = (
            refusal.answer.error.code
            if isinstance(refusal.answer, EbmsAnswer)
            else f"HTTP {refusal.answer.http_status}"
        )
        facts = {
            "gate": refusal.gate,
            "code": code,
            "reason": refusal.reason,
            "soap_sha256": self._soap_digest,
            "received_bytes": self._body.received_bytes,
            **self._facts(),
        }
        try:
            await self._desk.store.record("REFUSED", facts, now)
        except Exception:
            self._desk.log.exception("receive.failed", **facts)
            return TRY_LATER
        self._count("refused")
        self._desk.metrics.refusal(refusal.gate, code)
        self._desk.log.warning("receive.refused", **facts)
        pmode = self._claims.pmode
        if pmode is None:
            return self._desk.answers.refusal(refusal, self._claims.message_id)
        return self._desk.answers.refusal(
            refusal,
            self._claims.message_id,
            suite=pmode.suite,
            token_form=pmode.signing_token,
        )

    def _count(self, outcome: str) -> None:
        pmode = self._claims.pmode
        partner = pmode.partner_state if pmode is not None else "unknown"
        self._desk.metrics.message_received(
            partner, outcome, self._desk.seconds() - self._begun_seconds
        )

    def _facts(self) -> dict[str, str | None]:
        certificate = self._tls_certificate
        claims = self._claims
        return {
            "peer_ip": self._peer_ip,
            "tls_fingerprint": fingerprint(certificate).hex() if certificate else None,
            "claimed_from": (claims.sender or "")[:LOGGED_ID_CHARACTERS] or None,
            "claimed_message_id": (claims.message_id or "")[:LOGGED_ID_CHARACTERS] or None,
        }

    def _discard(self) -> None:
        for intake in self._intakes.values():
            intake.discard()
        self._intakes.clear()


def _conflict(unit: UserMessage) -> Refused:
    return refused(
        VALUE_INCONSISTENT,
        "G9",
        f"ALERT: MessageId {unit.message_id} came before with other content",
        "this MessageId was used before for other content",
    )
