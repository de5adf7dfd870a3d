"""An admitted UserMessage becomes a durable one with its receipt, or the repetition of one."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509

from gateway.inbound.answers import NOTHING_TO_SAY, HttpAnswer, receipt_answer
from gateway.inbound.desk import Desk, Transmission
from gateway.inbound.gates import Admitted, Concluded
from gateway.inbound.parts import MessageParts
from gateway.store.faults import CommitUncertain
from gateway.store.received import same_signed
from gateway.store.values import AcceptOutcome, Arrival, Conflict, DuplicateOf, Received, Stored
from gateway.tls import der, fingerprint
from protocol.as4.errors import VALUE_INCONSISTENT, Refused, refused
from protocol.as4.lookup import is_ping
from protocol.as4.mime import MimeEvent, MimeReader
from protocol.as4.pmode import ReceiptReply
from protocol.as4.values import UserMessage

PING = "Ping"  # the kind of a message of the test service


class UserMessageReception:
    """Receives the parts of one admitted UserMessage and stores it with its receipt."""

    def __init__(
        self,
        desk: Desk,
        transmission: Transmission,
        admitted: Admitted,
        tls_certificate: x509.Certificate,
    ) -> None:
        self._desk = desk
        self._transmission = transmission
        self._admitted = admitted
        self._tls_certificate = tls_certificate
        self._parts = MessageParts(desk, admitted)
        self._call_back = (
            transmission.pulled_by is not None
            or admitted.pmode.receipt_reply is ReceiptReply.CALLBACK
        )

    async def answer(self, reader: MimeReader, begun: Iterable[MimeEvent]) -> HttpAnswer:
        """The receipt, once the message is durable. Raises Refused or BodyLost, nothing kept.

        Where the receipt goes in a request of its own, it is owed with the message, and nothing is
        said here. `begun` is what came of `reader` together with the SOAP part.
        """
        if not self._is_certainly_new():
            known = await self._desk.store.find_received(
                self._admitted.pmode.partner_state, self._admitted.unit.message_id
            )
            if known is not None:
                return await self._repeat(known)
        return await self._take(reader, begun)

    def _is_certainly_new(self) -> bool:
        """Whether the store need not be asked; the transaction that stores it looks again."""
        unit, pmode = self._admitted.unit, self._admitted.pmode
        return self._desk.lately.is_certainly_new(
            pmode.partner_state, unit.message_id, unit.timestamp, pmode.window.future_seconds
        )

    async def _take(self, reader: MimeReader, begun: Iterable[MimeEvent]) -> HttpAnswer:
        await self._check_reference()
        await self._check_before_parts()
        try:
            concluded = await self._parts.take(reader, begun, self._transmission.body)
            return await self._commit(concluded)
        except BaseException:
            self._parts.discard()
            raise

    async def _check_reference(self) -> None:
        """eb:RefToMessageId names a message of this conversation with this partner (Two-Way)."""
        unit, partner = self._admitted.unit, self._admitted.pmode.partner_state
        about = unit.ref_to_message_id
        if about is None or await self._desk.store.knows(partner, unit.conversation_id, about):
            return
        raise refused(
            VALUE_INCONSISTENT,
            "G9",
            f"eb:RefToMessageId {about!r} is no message in the conversation "
            f"{unit.conversation_id!r} with {partner}",
            "eb:RefToMessageId names no message of this conversation",
        )

    async def _check_before_parts(self) -> None:
        """What can be refused before the parts are read. Raises Refused."""

    async def _accept(self, arrival: Arrival) -> AcceptOutcome:
        return await self._desk.store.accept(arrival)

    async def _commit(self, concluded: Concluded) -> HttpAnswer:
        unit = self._admitted.unit
        arrival = self._arrival(concluded)
        try:
            outcome = await self._accept(arrival)
        except CommitUncertain:
            # Perhaps a row names what was spooled: nothing here may remove it any more. The next
            # start sweeps it if no row does.
            self._parts.release()
            raise
        match outcome:
            case Stored(authority):
                self._parts.release()  # they belong to the row now, whatever happens below
                self._desk.lately.note(arrival.partner, arrival.message_id, arrival.received_at)
                self._desk.count(self._transmission, "accepted")
                self._desk.log.info(
                    "receive.accepted",
                    message_id=unit.message_id,
                    conversation_id=unit.conversation_id,
                    kind=unit.action,
                    partner=self._admitted.pmode.partner_state,
                    authority=authority,
                    receipt_id=concluded.receipt_id,
                    parts=len(arrival.parts),
                )
                return self._answer_with(concluded.receipt)
            case DuplicateOf(receipt):
                self._parts.discard()
                return await self._repeated(receipt)
            case Conflict():
                raise _conflict(unit)

    def _arrival(self, concluded: Concluded) -> Arrival:
        admitted, unit, document = self._admitted, self._admitted.unit, concluded.document
        return Arrival(
            partner=admitted.pmode.partner_state,
            message_id=unit.message_id,
            conversation_id=unit.conversation_id,
            ref_to_message_id=unit.ref_to_message_id,
            action=unit.action,
            kind=PING if is_ping(unit) else unit.action,
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
            parts=self._parts.stored(),
            signer_certificate=der(admitted.signed.signer),
            tls_fingerprint=fingerprint(self._tls_certificate).hex(),
            claimed_at=unit.timestamp,
            received_at=self._desk.now(),
            routing=concluded.competent.because,
            call_back=self._call_back,
            docket=concluded.docket,
        )

    async def _repeat(self, known: Received) -> HttpAnswer:
        """The stored receipt for a message that signs the same; else a conflict."""
        if not same_signed(known.references, self._admitted.signed.references):
            raise _conflict(self._admitted.unit)
        await self._transmission.body.discard()
        return await self._repeated(known.receipt)

    async def _repeated(self, receipt: bytes) -> HttpAnswer:
        self._desk.count(self._transmission, "duplicate")
        self._desk.log.info(
            "receive.duplicate",
            message_id=self._admitted.unit.message_id,
            **self._transmission.facts(),
        )
        if self._call_back:
            partner, message_id = self._admitted.pmode.partner_state, self._admitted.unit.message_id
            await self._desk.store.owed.receipt(partner, message_id, self._desk.now())
        return self._answer_with(receipt)

    def _answer_with(self, receipt: bytes) -> HttpAnswer:
        if not self._call_back:
            return receipt_answer(receipt)
        self._desk.wake_callbacks()
        return NOTHING_TO_SAY


def _conflict(unit: UserMessage) -> Refused:
    return refused(
        VALUE_INCONSISTENT,
        "G9",
        f"ALERT: MessageId {unit.message_id} came before with other content",
        "this MessageId was used before for other content",
    )
