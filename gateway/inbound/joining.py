"""Joins one complete group of fragments into a message, or gives it up.

Truth is in the store: what is complete is found there, the joined message with its receipt, its
evidence and its queue entry is one transaction, and a crash in the middle leaves a complete group
that the next start joins again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from gateway.inbound.gates import ConcludedSource, Gates
from gateway.inbound.lately import ReceivedLately
from gateway.inbound.source_package import SourceMessage, SourcePackage
from gateway.spool import BlobDamaged, Spool
from gateway.store import Store
from gateway.store.faults import CommitUncertain
from gateway.store.joining import Ending, Failure, HeldGroup
from gateway.store.values import Arrival, Conflict, DuplicateOf, OwedSignal, Stored, StoredBlob
from gateway.whole_message import signed_whole, source_reference
from gateway.workers import Workers
from protocol.as4.errors import (
    OTHER,
    RECEIVE_INTERVAL_EXCEEDED,
    VALUE_INCONSISTENT,
    EbmsAnswer,
    ErrorCode,
    Refused,
    refused,
)
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.signals import build_error
from protocol.as4.suites import Suite
from protocol.as4.values import UserMessage
from protocol.convention.delivery import Came
from protocol.evidence.records import Kind
from protocol.evidence.whole import Piece, Whole


@dataclass(frozen=True, slots=True)
class Joining:
    """Everything that joining needs."""

    gates: Gates
    store: Store
    spool: Spool
    signer_for: Callable[[Suite], Signer]
    pmodes: Mapping[str, PMode]  # by partner State
    workers: Workers
    log: FilteringBoundLogger
    now: Callable[[], datetime]
    new_message_id: Callable[[], str]
    wake_callbacks: Callable[[], None]
    lately: ReceivedLately


class JoiningGroup:
    """One group on its way to a message, or to its failure."""

    def __init__(self, desk: Joining, held: HeldGroup, pmode: PMode) -> None:
        self._desk = desk
        self._held = held
        self._pmode = pmode
        self._package = SourcePackage(held, pmode, desk.spool)

    async def join(self, may_go_on: Callable[[], bool]) -> None:
        """The message is stored and queued, or the group has failed for a reason that is told.

        When it may not go on, nothing has happened; the group is joined at the next start.
        """
        try:
            message = await self._whole(may_go_on)
            if message is not None:
                await self._store(message)
        except Refused as refusal:
            self._package.discard()
            await self._refuse(refusal)
        except BlobDamaged as damage:
            self._package.discard()
            self._desk.log.exception("join.damaged", group_id=self._group_id)
            await self._fail(OTHER, f"a fragment was damaged at rest: {damage}", "")
        except CommitUncertain:
            raise  # perhaps a row names the parts: the next start sweeps them if none does
        except BaseException:
            self._package.discard()
            raise

    async def expire(self) -> None:
        """The group is given up: not all of its fragments came in time."""
        held = self._held.group
        count = held.terms.fragment_count
        sentence = f"{len(held.held)} of {count or 'an unknown number of'} fragments came in time"
        await self._fail(RECEIVE_INTERVAL_EXCEEDED, sentence, sentence)

    async def _whole(self, may_go_on: Callable[[], bool]) -> SourceMessage | None:
        message = None
        while message is None:
            if not may_go_on():
                self._package.discard()
                return None
            message = await self._desk.workers.run(self._package.advance)
        return message

    async def _store(self, message: SourceMessage) -> None:
        workers, gates = self._desk.workers, self._desk.gates
        await self._check_reference(message.unit)
        came = [Came(part.blob.sha256.hex(), part.blob.size_bytes) for part in message.parts[1:]]
        concluded = await workers.run(
            gates.conclude_source, message.unit, self._pmode, message.document, came
        )
        ending = await workers.run(self._ending, message)
        arrival = self._arrival(message, concluded)
        outcome, blobs = await self._desk.store.fragments.join(self._held, arrival, ending)
        match outcome:
            case Stored(authority):
                self._desk.lately.note(arrival.partner, arrival.message_id, arrival.received_at)
                self._desk.wake_callbacks()
                await workers.run(self._remove, blobs)
                self._desk.log.info(
                    "join.accepted",
                    message_id=arrival.message_id,
                    group_id=self._group_id,
                    partner=self._held.partner,
                    authority=authority,
                    fragments=len(self._held.pieces),
                    size_bytes=message.size_bytes,
                )
            case DuplicateOf():
                self._package.discard()
                await self._repeat(arrival.message_id)
            case Conflict():
                self._package.discard()
                sentence = "this MessageId was used before for other content"
                await self._fail(VALUE_INCONSISTENT, f"ALERT: {sentence}", sentence)

    async def _refuse(self, refusal: Refused) -> None:
        answer = refusal.answer
        error = answer.error if isinstance(answer, EbmsAnswer) else OTHER
        await self._fail(error, refusal.reason, refusal.detail)

    async def _check_reference(self, unit: UserMessage) -> None:
        """eb:RefToMessageId names a message of this conversation, as in any other message."""
        about, partner = unit.ref_to_message_id, self._held.partner
        known = self._desk.store.knows
        if about is None or await known(partner, unit.conversation_id, about):
            return
        sentence = "eb:RefToMessageId names no message of this conversation"
        raise refused(VALUE_INCONSISTENT, "G9", sentence, sentence)

    async def _repeat(self, message_id: str) -> None:
        """The message came before in other fragments: its receipt goes to the partner again."""
        sentence = "the same message was joined before; its receipt goes again"
        failure = Failure(OTHER.code, sentence, self._desk.now(), receipted=message_id)
        await self._end(failure)

    async def _fail(self, error: ErrorCode, sentence: str, detail: str) -> None:
        """The group has failed, and its partner is owed the error."""
        owed = await self._desk.workers.run(self._owed, error, detail)
        await self._end(Failure(error.code, sentence, self._desk.now(), owed))

    async def _end(self, failure: Failure) -> None:
        blobs = await self._desk.store.fragments.fail(self._held, failure)
        self._desk.wake_callbacks()
        await self._desk.workers.run(self._remove, blobs)
        self._desk.log.warning(
            "join.group_failed",
            group_id=self._group_id,
            partner=self._held.partner,
            code=failure.code,
            reason=failure.sentence,
        )

    def _owed(self, error: ErrorCode, detail: str) -> OwedSignal:
        """The signed error about the group, by the MessageId of a fragment that is held."""
        signal_id, at = self._desk.new_message_id(), self._desk.now()
        about = self._held.pieces[0].message_id
        envelope = build_error(
            message_id=signal_id,
            timestamp=at,
            ref_to_message_id=about,
            error=error,
            detail=detail,
            signer=self._desk.signer_for(self._pmode.suite),
            suite=self._pmode.suite,
            token_form=self._pmode.signing_token,
        )
        return OwedSignal(self._held.partner, signal_id, about, envelope, at)

    def _remove(self, blobs: Sequence[StoredBlob]) -> None:
        for blob in blobs:
            self._desk.spool.remove(blob)

    @property
    def _group_id(self) -> str:
        return self._held.group.group_id

    def _ending(self, message: SourceMessage) -> Ending:
        """What is recorded of the joining, with our signature over the digest of the whole."""
        signer = self._desk.signer_for(self._pmode.suite)
        pieces = [Piece(one.number, one.message_id, one.blob.sha256) for one in self._held.pieces]
        whole = Whole(
            partner=self._held.partner,
            message_id=message.unit.message_id,
            group_id=self._group_id,
            size_bytes=message.size_bytes,
            sha256=message.sha256,
            pieces=pieces,
        )
        return Ending(
            Kind.JOINED,
            signed_whole(whole, message.envelope, signer, self._pmode),
            self._desk.now(),
        )

    def _arrival(self, message: SourceMessage, concluded: ConcludedSource) -> Arrival:
        unit, document, competent = message.unit, concluded.document, concluded.competent
        return Arrival(
            partner=self._held.partner,
            message_id=unit.message_id,
            conversation_id=unit.conversation_id,
            ref_to_message_id=unit.ref_to_message_id,
            action=unit.action,
            kind=unit.action,
            authority=competent.authority,
            requesting_authority=concluded.requesting_authority,
            request_id=document.request_id if document is not None else None,
            priority=-document.priority if document is not None else 0,
            envelope=message.envelope,
            references=(source_reference(message.sha256),),
            receipt_id=concluded.receipt_id,
            receipt=concluded.receipt,
            receipt_signer=concluded.receipt_signer,
            parts=message.parts,
            call_back=True,
            signer_certificate=self._held.signer_certificate,
            tls_fingerprint=self._held.tls_fingerprint,
            claimed_at=unit.timestamp,
            received_at=self._desk.now(),
            routing=competent.because,
            docket=concluded.docket,
        )
