"""One transmission's way in: from the first octet to the answer.

The SOAP part is read and admitted; then the kind of its unit decides who goes on (`_go_on`). The
rule to remember: the receipt is signed before the commit and sent after it. A refusal leaves one
evidence record and one log line, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from http import HTTPStatus

from cryptography import x509

from gateway.inbound.answers import NOTHING_TO_SAY, TRY_LATER, HttpAnswer
from gateway.inbound.body import BodyLost, BodyStream
from gateway.inbound.desk import Desk, Transmission
from gateway.inbound.fragments import FragmentReception
from gateway.inbound.gates import Admitted
from gateway.inbound.pull_requests import answer_pull_request
from gateway.inbound.signals import SignalReception
from gateway.inbound.user_messages import UserMessageReception
from gateway.store.values import OwedSignal
from protocol.as4.envelope import Envelope
from protocol.as4.errors import (
    MIME_INCONSISTENCY,
    OTHER,
    EbmsAnswer,
    Refused,
    StatusAnswer,
    refused,
)
from protocol.as4.mime import MimeEvent, MimeReader, PartContent, PartEnded
from protocol.as4.pmode import PMode
from protocol.as4.values import ErrorSignal, PullRequest, Receipt

INLINE_SOAP_BYTES = 64 * 1024  # less work than this costs less than a hop to another thread


class Reception:
    """Receives one transmission. `answer` is called once and always gives an answer.

    What was pulled (`pulled_by` is the P-Mode) goes the same way; its receipt or error is owed then
    and posted, and the answer here is for nobody.
    """

    def __init__(
        self,
        desk: Desk,
        tls_certificate: x509.Certificate | None,
        peer_ip: str,
        content_type: str,
        body: BodyStream,
        pulled_by: PMode | None = None,
    ) -> None:
        self._desk = desk
        self._transmission = Transmission(
            tls_certificate, peer_ip, content_type, body, desk.seconds(), pulled_by
        )

    @property
    def outcome(self) -> str:
        """How it ended, in one word of the metrics; empty before."""
        return self._transmission.outcome

    async def answer(self) -> HttpAnswer:
        """The answer to what came, after everything it promises is durable."""
        with self._desk.under_way:
            return await self._answer()

    async def _answer(self) -> HttpAnswer:
        try:
            return await self._receive()
        except Refused as refusal:
            return await self._refuse(refusal)
        except BodyLost as lost:
            facts = self._transmission.facts()
            self._desk.log.info("receive.lost", reason=str(lost), **facts)
            return HttpAnswer(408, close=True)
        except Exception:
            self._desk.log.exception("receive.failed", **self._transmission.facts())
            self._desk.count(self._transmission, "failed")
            return TRY_LATER

    async def _receive(self) -> HttpAnswer:
        transmission = self._transmission
        certificate = transmission.tls_certificate
        if certificate is None:
            raise Refused(StatusAnswer(400), "G0", "no TLS client certificate on this connection")
        reader = MimeReader(transmission.content_type)
        soap, begun = await self._soap_part(reader)
        transmission.soap_sha256 = sha256(soap).hexdigest()
        admitted = await self._admitted(soap, certificate)
        return await self._go_on(admitted, certificate, reader, begun)

    async def _admitted(self, soap: bytes, certificate: x509.Certificate) -> Admitted | Envelope:
        admit, transmission = self._desk.gates.admit, self._transmission
        claims, pulled_by = transmission.claims, transmission.pulled_by
        if len(soap) <= INLINE_SOAP_BYTES:
            return admit(soap, certificate, claims, pulled_by)
        return await self._desk.workers.run(admit, soap, certificate, claims, pulled_by)

    async def _go_on(
        self,
        admitted: Admitted | Envelope,
        certificate: x509.Certificate,
        reader: MimeReader,
        begun: Iterable[MimeEvent],
    ) -> HttpAnswer:
        """The one place where the kind of a unit decides: a new kind has its door here."""
        desk, transmission = self._desk, self._transmission
        match admitted:
            case Admitted():
                whole = admitted.signed.fragment is None
                door = UserMessageReception if whole else FragmentReception
                return await door(desk, transmission, admitted, certificate).answer(reader, begun)
            case Envelope(unit=unit) if transmission.pulled_by is not None:
                raise refused(OTHER, "G6", f"a {type(unit).__name__} instead of a pulled message")
            case Envelope(unit=Receipt() as receipt):
                signal = SignalReception(desk, transmission, admitted, certificate)
                return await signal.receipt(receipt)
            case Envelope(unit=ErrorSignal() as error):
                signal = SignalReception(desk, transmission, admitted, certificate)
                return await signal.error(error)
            case Envelope(unit=PullRequest()):
                return await answer_pull_request(desk, transmission, admitted, certificate)
            case Envelope(unit=unit):
                raise TypeError(f"{type(unit).__name__} was not admitted and has no door")

    async def _soap_part(self, reader: MimeReader) -> tuple[bytes, list[MimeEvent]]:
        """The SOAP part, and the events that arrived with it but belong to what follows."""
        soap = bytearray()
        while True:
            octets = await self._transmission.body.next_octets()
            events = reader.receive(octets) if octets else reader.finish()
            for index, event in enumerate(events):
                if isinstance(event, PartContent):
                    soap += event.octets
                elif isinstance(event, PartEnded):
                    return bytes(soap), events[index + 1 :]
            if not octets:
                raise refused(MIME_INCONSISTENCY, "G2", "the body ended inside the SOAP part")

    async def _refuse(self, refusal: Refused) -> HttpAnswer:
        code = _code(refusal)
        facts = {
            "gate": refusal.gate,
            "code": code,
            "reason": refusal.reason,
            "soap_sha256": self._transmission.soap_sha256,
            "received_bytes": self._transmission.body.received_bytes,
            **self._transmission.facts(),
        }
        owed = await self._owed_error(refusal)
        try:
            if owed is None:
                await self._desk.store.record("REFUSED", facts, self._desk.now())
            else:
                await self._desk.store.owed.refusal(owed, facts)
        except Exception:
            self._desk.log.exception("receive.failed", **facts)
            return TRY_LATER
        self._desk.count(self._transmission, "refused")
        self._desk.metrics.refusal(refusal.gate, code)
        self._desk.log.warning("receive.refused", **facts)
        if owed is not None:
            self._desk.wake_callbacks()
            return NOTHING_TO_SAY
        return self._refusal_answer(refusal)

    async def _owed_error(self, refusal: Refused) -> OwedSignal | None:
        """The error that a pulled message is answered with, in a request of our own."""
        pmode, claims = self._transmission.pulled_by, self._transmission.claims
        if pmode is None or claims.message_id is None or claims.sender is None:
            return None  # not pulled, or no UserMessage: a signal is never answered by a signal
        if not isinstance(refusal.answer, EbmsAnswer):
            return None
        signal_id, signal = await self._desk.workers.run(
            self._desk.answers.error,
            refusal.answer.error,
            refusal.detail,
            claims.message_id,
            pmode.suite,
            pmode.signing_token,
        )
        return OwedSignal(
            pmode.partner_state, signal_id, claims.message_id, signal, self._desk.now()
        )

    def _refusal_answer(self, refusal: Refused) -> HttpAnswer:
        claims = self._transmission.claims
        if claims.is_answer:  # receipts and errors are never answered by a signal
            return HttpAnswer(HTTPStatus.BAD_REQUEST)
        if claims.pmode is None:
            return self._desk.answers.refusal(refusal, claims.message_id)
        return self._desk.answers.refusal(
            refusal,
            claims.message_id,
            suite=claims.pmode.suite,
            token_form=claims.pmode.signing_token,
        )


def _code(refusal: Refused) -> str:
    if isinstance(refusal.answer, EbmsAnswer):
        return refusal.answer.error.code
    return f"HTTP {refusal.answer.http_status}"
