"""Sends a large message in fragments: divided once, in one transaction; then each goes by itself.

A crash before that transaction leaves files that the next start sweeps, and the message is divided
again; after it, the fragments are messages that are due like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from structlog.typing import FilteringBoundLogger

from gateway.outbound.cutting import Cutting
from gateway.outbound.packing import user_message
from gateway.spool import Spool
from gateway.store import Store
from gateway.store.faults import CommitUncertain
from gateway.store.splits import Divided, DividedPiece
from gateway.store.values import Dispatch, StoredBlob, Submission
from gateway.tls import der
from gateway.whole_message import signed_whole, source_reference
from gateway.workers import Workers
from protocol.as4.fragment_group import header_of
from protocol.as4.pmode import PMode, Splitting
from protocol.as4.ports import Signer
from protocol.as4.signing import unsigned_envelope
from protocol.as4.suites import Suite
from protocol.as4.values import PartInfo, Property, UserMessage
from protocol.as4.writing import user_message as written
from protocol.evidence.whole import Piece, Whole


@dataclass(frozen=True, slots=True)
class Splitter:
    """Divides messages that are larger than what was agreed for one piece."""

    state: str
    store: Store
    spool: Spool
    wire_spool: Spool
    workers: Workers
    signer_for: Callable[[Suite], Signer]
    new_message_id: Callable[[], str]
    now: Callable[[], datetime]
    log: FilteringBoundLogger

    def applies(self, dispatch: Dispatch, pmode: PMode) -> bool:
        """Whether this message goes in fragments; what a partner pulls never does."""
        if pmode.splitting is None or pmode.channel_sent is not None or dispatch.fragment:
            return False
        size_bytes = sum(part.blob.size_bytes for part in dispatch.submission.parts)
        return not dispatch.divided and size_bytes > pmode.splitting.threshold_bytes

    async def divide(
        self, submission: Submission, pmode: PMode, agreed: Splitting, may_go_on: Callable[[], bool]
    ) -> bool:
        """Every fragment is due; False if it may not go on: then nothing has happened."""
        unit = _source_unit(submission, pmode, self.now())
        soap = unsigned_envelope(written(unit), message_id=unit.message_id)
        domain = f"{self.state.lower()}.hanoi-gateway"
        cutting = Cutting(soap, submission.parts, agreed, self.spool, domain)
        try:
            while not await self.workers.run(cutting.advance):
                if not may_go_on():
                    await self.workers.run(cutting.discard)
                    return False
            divided = await self.workers.run(self._divided, unit, soap, cutting, pmode, agreed)
            await self.store.splits.keep(submission, divided)
        except CommitUncertain:
            raise  # perhaps rows name the pieces: the next start sweeps them if none does
        except BaseException:
            cutting.discard()
            raise
        self.log.info(
            "send.divided",
            message_id=unit.message_id,
            partner=pmode.partner_state,
            fragments=len(divided.pieces),
            size_bytes=cutting.size_bytes,
        )
        return True

    async def release(self, message_id: str | None = None) -> None:
        """What ended fragments left on the disk is gone; what cannot be removed is swept later."""
        try:
            plain, sealed = await self.store.splits.release(self.now(), message_id)
            await self.workers.run(_remove, self.spool, plain)
            await self.workers.run(_remove, self.wire_spool, sealed)
        except Exception:
            self.log.exception("send.left_over", message_id=message_id)

    def _divided(
        self, unit: UserMessage, soap: bytes, cutting: Cutting, pmode: PMode, agreed: Splitting
    ) -> Divided:
        signer, at = self.signer_for(pmode.suite), self.now()
        pieces = tuple(
            DividedPiece(self.new_message_id(), self.new_message_id(), blob)
            for blob in cutting.blobs
        )
        whole = Whole(
            partner=pmode.partner_state,
            message_id=unit.message_id,
            group_id=self.new_message_id(),
            size_bytes=cutting.size_bytes,
            sha256=cutting.sha256,
            pieces=[
                Piece(number, piece.message_id, piece.blob.sha256)
                for number, piece in enumerate(pieces, 1)
            ],
        )
        patience = agreed.join_seconds + pmode.reliability.max_interval_seconds
        return Divided(
            group_id=whole.group_id,
            header=header_of(unit),
            terms=cutting.terms,
            pieces=pieces,
            envelope=soap,
            whole=source_reference(whole.sha256),
            facts=signed_whole(whole, soap, signer, pmode),
            signer_certificate=der(signer.certificate),
            at=at,
            until=at + timedelta(seconds=patience),
        )


def _source_unit(submission: Submission, pmode: PMode, at: datetime) -> UserMessage:
    """eb:UserMessage of the whole: its parts as they are, none compressed by itself."""
    parts = []
    for part in submission.parts:
        properties = [Property("MimeType", part.mime_type)]
        if part.character_set is not None:
            properties.append(Property("CharacterSet", part.character_set))
        parts.append(PartInfo(part.content_id, tuple(properties)))
    return replace(user_message(submission, pmode, at), parts=tuple(parts))


def _remove(spool: Spool, blobs: Sequence[StoredBlob]) -> None:
    for blob in blobs:
        spool.remove(blob)
