"""Seal a submission once: compress, digest, encrypt into the spool, sign (eDelivery AS4 1.15).

Every retry repeats the bytes that come out of here. Runs in a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.spool import Spool
from gateway.store.values import OutgoingFragment, Sealed, StoredPart, Submission, WirePart
from gateway.tls import der
from protocol.as4.attachments import OutboundPart
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.sealing import SealedPart, new_content_key, seal
from protocol.as4.suites import Suite
from protocol.as4.values import Property, UserMessage

READ_BYTES = 256 * 1024  # one step of the pipeline


def user_message(submission: Submission, pmode: PMode, timestamp: datetime) -> UserMessage:
    """The eb:UserMessage that carries `submission`; its parts are still to be sealed."""
    sender, receiver = pmode.sending_parties
    properties = [
        Property("originalSender", submission.authority),
        Property("finalRecipient", submission.receiving_authority),
    ]
    if submission.request_id is not None:
        properties.append(Property("trackingIdentifier", submission.request_id))
    return UserMessage(
        message_id=submission.message_id,
        timestamp=timestamp,
        sender=sender,
        receiver=receiver,
        service=pmode.service,
        action=submission.action,
        conversation_id=submission.conversation_id,
        agreement=pmode.agreement,
        ref_to_message_id=submission.ref_to_message_id,
        properties=tuple(properties),
        mpc=pmode.channel_sent,
    )


def _as_piece(submission: Submission, outgoing: OutgoingFragment) -> Submission:
    return replace(
        submission,
        authority=outgoing.authority,
        receiving_authority=outgoing.receiving_authority,
        request_id=outgoing.request_id,
    )


class Packer:
    """Seals submissions with the signing key of this node that fits the P-Mode."""

    def __init__(
        self,
        signer_for: Callable[[Suite], Signer],
        spool: Spool,
        wire_spool: Spool,
        now: Callable[[], datetime],
    ) -> None:
        self._signer_for = signer_for
        self._spool = spool
        self._wire_spool = wire_spool
        self._now = now

    def seal(
        self, submission: Submission, pmode: PMode, outgoing: OutgoingFragment | None = None
    ) -> Sealed:
        """The signed envelope and the encrypted parts of `submission`, durable in the spool.

        A fragment travels under the names of the message that it is a piece of.
        """
        fragment = None if outgoing is None else outgoing.fragment
        if outgoing is not None:
            submission, pmode = _as_piece(submission, outgoing), replace(pmode, compress=False)
        signer = self._signer_for(pmode.suite)
        content_key = new_content_key(pmode.suite) if submission.parts else None
        sealed_parts: list[SealedPart] = []
        wire_parts: list[WirePart] = []
        try:
            for part in submission.parts:
                sealed, wire = self._seal_part(part, pmode, content_key or b"")
                sealed_parts.append(sealed)
                wire_parts.append(wire)
            unit = user_message(submission, pmode, self._now())
            unit = replace(unit, parts=tuple(part.info for part in sealed_parts))
            message = seal(unit, sealed_parts, content_key, signer, pmode, fragment)
        except BaseException:
            for wire in wire_parts:
                self._wire_spool.remove(wire.blob)
            raise
        return Sealed(message.soap, message.references, tuple(wire_parts), der(signer.certificate))

    def _seal_part(
        self, part: StoredPart, pmode: PMode, content_key: bytes
    ) -> tuple[SealedPart, WirePart]:
        outbound = OutboundPart(
            part.content_id,
            part.mime_type,
            pmode.suite,
            content_key,
            pmode.compress,
            part.character_set,
        )
        writer = self._wire_spool.writer()
        reader = self._spool.reader(part.blob)
        try:
            while plain := reader.read(READ_BYTES):
                writer.write(outbound.receive(plain))
            writer.write(outbound.finish())
            blob = writer.finish()
        except BaseException:
            writer.discard()
            raise
        finally:
            reader.close()
        return outbound.sealed(), WirePart(part.content_id, blob)
