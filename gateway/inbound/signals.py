"""Receipts and errors that a partner sends in a request of its own (ReplyPattern Callback).

A receipt counts exactly as one in an answer does: signature, signer and digests, in one transaction
with its evidence. A signed error ends the matter as one in an answer does. An unsigned error is
logged and changes nothing, because nobody can be held to it. None of them is ever answered by a
signal: the answer is 202 without a body, or a bare status where the signal does not hold.
"""

from __future__ import annotations

from cryptography import x509

from gateway.inbound.answers import NOTHING_TO_SAY, HttpAnswer
from gateway.inbound.desk import Desk, Transmission
from gateway.outbound.interpretation import Interpreted, invalid_receipt, said_by_error
from gateway.store.dispatching import Outcome
from gateway.store.values import SentMessage
from gateway.tls import der
from protocol.as4.envelope import Envelope, open_envelope
from protocol.as4.errors import VALUE_INCONSISTENT, Refused, Severity, refused
from protocol.as4.exchange import ExchangeState, ReceiptHeld
from protocol.as4.pmode import PMode
from protocol.as4.receipt_check import confirmed
from protocol.as4.signature import SignedEnvelope
from protocol.as4.source_receipt import repeats
from protocol.as4.values import ErrorSignal, Receipt, UserMessage
from protocol.evidence.records import Kind

MAX_LOGGED_CODES = 8  # of one signal, which may be unsigned and hold thousands


class SignalReception:
    """Receives one receipt or error that was pushed to us."""

    def __init__(
        self,
        desk: Desk,
        transmission: Transmission,
        envelope: Envelope,
        tls_certificate: x509.Certificate,
    ) -> None:
        self._desk = desk
        self._transmission = transmission
        self._envelope = envelope
        self._tls_certificate = tls_certificate

    async def receipt(self, unit: Receipt) -> HttpAnswer:
        """202, once the receipt is durable. Raises Refused; nothing has changed then."""
        await self._transmission.body.discard()
        sent, pmode = await self._about(unit.ref_to_message_id)
        signed = await self._signed(pmode)
        outcome = _receipt_outcome(self._envelope, signed, sent)
        await self._heed(sent, pmode, outcome)
        return NOTHING_TO_SAY

    async def error(self, unit: ErrorSignal) -> HttpAnswer:
        """202, once a signed error is durable; an unsigned one is in the log alone."""
        await self._transmission.body.discard()
        try:
            sent, pmode = await self._about(unit.ref_to_message_id or "")
            signed = await self._signed(pmode)
        except Refused as refusal:
            self._log_unheeded(unit, refusal.reason)
            return NOTHING_TO_SAY
        signal = signed.unit
        if not isinstance(signal, ErrorSignal):
            return NOTHING_TO_SAY
        if all(error.severity is Severity.WARNING for error in signal.errors):
            self._log_unheeded(signal, "a warning does not end the wait for the receipt")
        else:
            await self._heed(sent, pmode, said_by_error(signal, sent.message_id))
        return NOTHING_TO_SAY

    async def _about(self, message_id: str) -> tuple[SentMessage, PMode]:
        """The message of ours that the signal is about, and what we agreed for it."""
        sent = await self._desk.store.awaited.find_sent(message_id)
        pmode = None if sent is None else self._desk.pmodes.get(sent.partner)
        if sent is None or pmode is None or not sent.references:
            raise refused(VALUE_INCONSISTENT, "G6", f"no message {message_id!r} of ours was sent")
        self._transmission.claims.pmode = pmode
        return sent, pmode

    async def _signed(self, pmode: PMode) -> SignedEnvelope:
        return await self._desk.workers.run(
            self._desk.signal_gates.signed_by_partner,
            self._envelope,
            self._tls_certificate,
            pmode,
        )

    async def _heed(self, sent: SentMessage, pmode: PMode, outcome: Interpreted) -> None:
        at = self._desk.now()
        exchange = await self._desk.store.awaited.heed(
            sent.message_id,
            outcome.event,
            Outcome(
                Kind(outcome.kind),
                outcome.facts,
                at,
                outcome.receipt_id,
                outcome.receipt,
                outcome.receipt_signer,
            ),
            pmode.reliability,
        )
        self._desk.count(self._transmission, "signal")
        self._desk.log.info(
            "receive.signal",
            message_id=sent.message_id,
            partner=sent.partner,
            kind=outcome.kind,
            state=exchange.state.value,
            reason=exchange.error_sentence,
        )
        if exchange.state in (ExchangeState.ACKNOWLEDGED, ExchangeState.FAILED):
            await self._desk.wire.forget(sent.message_id)

    def _log_unheeded(self, unit: ErrorSignal, reason: str) -> None:
        self._desk.count(self._transmission, "unheeded")
        self._desk.log.warning(
            "receive.error_unheeded",
            codes=[error.code for error in unit.errors[:MAX_LOGGED_CODES]],
            about=unit.ref_to_message_id,
            because=reason,
            **self._transmission.facts(),
        )


def _confirmed(signed: SignedEnvelope, sent: SentMessage) -> Receipt:
    """The receipt if it confirms `sent`: by its references, or, where it went in fragments, by
    repeating it. Raises Refused.
    """
    if sent.divided is None:
        return confirmed(signed, sent.message_id, sent.references)
    source = open_envelope(sent.divided).unit
    if not isinstance(source, UserMessage):
        raise TypeError(f"the envelope of {sent.message_id} holds no user message")
    return repeats(signed, source)


def _receipt_outcome(envelope: Envelope, signed: SignedEnvelope, sent: SentMessage) -> Interpreted:
    """What the signed receipt means: that it holds, or that it confirms something else."""
    try:
        receipt = _confirmed(signed, sent)
    except Refused as refusal:
        return invalid_receipt(refusal.reason)
    return Interpreted(
        ReceiptHeld(),
        "RECEIPT_RECEIVED",
        {"receipt_id": receipt.message_id},
        receipt.message_id,
        envelope.octets,
        der(signed.signer),
    )
