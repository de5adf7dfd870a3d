"""The checks on the way in that need a processor and no database, in their order.

`admit` is gates G3 to G9: envelope, header schema, P-Mode by claimed values, signature by the key
that the P-Mode names, identity, time window. Nothing of an attachment has been read by then.
`conclude` is gates G11 to G14: every part whole, document against its schema, competence, receipt.
Both run in worker threads and raise Refused. Source: docs/architecture.md, "The way in".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from config.node import Node
from gateway.store.values import NOBODY
from keys.identity import same_state
from keys.trust import Purpose
from protocol.as4.encryption import open_parts
from protocol.as4.envelope import Envelope, open_envelope
from protocol.as4.errors import (
    FAILED_AUTHENTICATION,
    FRAGMENT_SIZE_EXCEEDED,
    HEADER_MISMATCH,
    OTHER,
    POLICY_NONCOMPLIANCE,
    PROCESSING_MODE_MISMATCH,
    VALUE_INCONSISTENT,
    Refused,
    refused,
)
from protocol.as4.fragment import MessageFragment, with_fragment_part
from protocol.as4.limits import MEBIBYTE
from protocol.as4.lookup import find_pmode, is_ping
from protocol.as4.pmode import PMode
from protocol.as4.receipts import build_receipt, build_source_receipt
from protocol.as4.secrets import PartSecret
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.values import ErrorSignal, PartyId, Receipt, UserMessage
from protocol.as4.verify import VerifiedMessage, VerifiedPart, verified
from protocol.convention.competence import (
    Competent,
    NotCompetent,
    receiving_authority,
    sending_authority,
)
from protocol.convention.delivery import Came
from protocol.convention.directory import Trust
from protocol.convention.documents import Document, DocumentRefused, read_document
from protocol.convention.lifecycle.docket import Docket, docket_of

CONTACT_CHECK = "ContactCheck"  # the one kind that travels without a document (art. 41)
MAX_PING_BYTES = MEBIBYTE  # the test service tests the line, it does not fill the disk
_FOR_NOBODY = Competent(NOBODY, "test service", "", "ebMS 3.0 Core section 5.2.2", Trust.CONFIRMED)
MAX_FINDINGS_TOLD = 5  # enough to mend a document by; the whole list stays in our evidence


@dataclass(slots=True)
class Claims:
    """What a message says of itself before anything is believed; for the log of a refusal."""

    message_id: str | None = None
    sender: str | None = None
    pmode: PMode | None = None
    is_answer: bool = False  # a receipt or an error, which no signal may answer


@dataclass(frozen=True, slots=True)
class Admitted:
    """A UserMessage whose signature, signer and entitlement hold; its parts are still unread."""

    unit: UserMessage
    signed: SignedEnvelope
    pmode: PMode
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Concluded:
    """Everything that the one transaction needs to know."""

    message: VerifiedMessage
    document: Document | None
    competent: Competent
    requesting_authority: str
    receipt_id: str
    receipt: bytes = field(repr=False)
    receipt_signer: bytes = field(repr=False)  # DER
    docket: Docket | None = None


@dataclass(frozen=True, slots=True)
class ConcludedSource:
    """The same about a message that was joined from fragments."""

    document: Document | None
    competent: Competent
    requesting_authority: str
    receipt_id: str
    receipt: bytes = field(repr=False)
    receipt_signer: bytes = field(repr=False)  # DER
    docket: Docket | None = None


class Gates:
    """The checks, with what they need to know: this node's configuration and a clock."""

    def __init__(
        self, node: Node, now: Callable[[], datetime], new_message_id: Callable[[], str]
    ) -> None:
        self._node = node
        self._now = now
        self._new_message_id = new_message_id

    def admit(
        self,
        soap: bytes,
        tls_certificate: x509.Certificate,
        claims: Claims,
        pulled_by: PMode | None = None,
    ) -> Admitted | Envelope:
        """The entitled UserMessage in `soap`; or the envelope as it is if it holds a signal.

        `pulled_by` is the P-Mode by which we pulled it; None for what was pushed.
        """
        envelope = open_envelope(soap)
        claims.message_id = envelope.unit.message_id
        claims.is_answer = isinstance(envelope.unit, Receipt | ErrorSignal)
        if not isinstance(envelope.unit, UserMessage):
            return envelope
        claims.sender = envelope.unit.sender.party_id.value
        if pulled_by is None:
            pmode = find_pmode(self._node.pmodes, envelope.unit)
        else:
            pmode = find_pmode([pulled_by], envelope.unit, pulled_by.channel_received)
        claims.pmode = pmode
        signed = verify_signature(envelope, pmode.partner_signing, pmode.suite)
        unit = signed.unit
        if not isinstance(unit, UserMessage):
            raise refused(POLICY_NONCOMPLIANCE, "G7", "the signed unit is not the UserMessage")
        if signed.fragment is not None:
            unit, pmode = _as_fragment(unit, signed.fragment, pmode)
            signed = replace(signed, unit=unit)
        tls_end = Purpose.TLS_CLIENT if pulled_by is None else Purpose.TLS_SERVER
        self.entitled(tls_certificate, signed.signer, unit.sender.party_id, pmode, tls_end)
        self._check_time(unit, pmode)
        self._check_parts(unit, pmode)
        return Admitted(unit, signed, _for_pings(pmode) if is_ping(unit) else pmode, soap)

    def open_parts(self, admitted: Admitted) -> dict[str, PartSecret]:
        """The content keys of the parts, by Content-ID (gate G10)."""
        suite = admitted.pmode.suite
        return open_parts(admitted.signed, self._node.decrypters_for(suite), suite)

    def conclude(
        self, admitted: Admitted, parts: Sequence[VerifiedPart], document: bytes | None
    ) -> Concluded:
        """The verified message, where it goes, and our signed receipt for it."""
        message = verified(admitted.signed, parts)
        if is_ping(admitted.unit) or admitted.signed.fragment is not None:
            read, requesting, competent = None, NOBODY, _FOR_NOBODY
        else:
            read = self._read_document(admitted.unit, document)
            requesting = self._requesting_authority(
                admitted.unit, admitted.pmode.partner_state, read
            )
            competent = self._competent(admitted.unit, read)
        receipt_id = self._new_message_id()
        signer = self._node.signer_for(admitted.pmode.suite)
        receipt = build_receipt(
            message_id=receipt_id,
            timestamp=self._now(),
            ref_to_message_id=admitted.unit.message_id,
            references=admitted.signed.references,
            signer=signer,
            suite=admitted.pmode.suite,
            token_form=admitted.pmode.signing_token,
        )
        own_der = signer.certificate.public_bytes(Encoding.DER)
        docket = self._docket(read, [Came(p.sha256.hex(), p.size_bytes) for p in message.parts[1:]])
        return Concluded(message, read, competent, requesting, receipt_id, receipt, own_der, docket)

    def conclude_source(
        self, unit: UserMessage, pmode: PMode, document: bytes | None, came: Sequence[Came]
    ) -> ConcludedSource:
        """A message joined from fragments passes the same gates; with our signed receipt for it.

        `came` are its files after the document.
        """
        if find_pmode(self._node.pmodes, unit) != pmode:
            sentence = "the joined message follows another agreement than its fragments"
            raise refused(HEADER_MISMATCH, "G6", sentence, sentence)
        self._check_time(unit, pmode)
        self._check_parts(unit, pmode)
        read = self._read_document(unit, document)
        receipt_id, signer = self._new_message_id(), self._node.signer_for(pmode.suite)
        receipt = build_source_receipt(
            message_id=receipt_id,
            timestamp=self._now(),
            source=unit,
            signer=signer,
            suite=pmode.suite,
            token_form=pmode.signing_token,
        )
        return ConcludedSource(
            document=read,
            competent=self._competent(unit, read),
            requesting_authority=self._requesting_authority(unit, pmode.partner_state, read),
            receipt_id=receipt_id,
            receipt=receipt,
            receipt_signer=signer.certificate.public_bytes(Encoding.DER),
            docket=self._docket(read, came),
        )

    def entitled(
        self,
        tls_certificate: x509.Certificate,
        signer: x509.Certificate,
        party: PartyId,
        pmode: PMode,
        tls_end: Purpose = Purpose.TLS_CLIENT,
    ) -> None:
        """TLS peer, signer and `party` are the partner of `pmode` (gate G8). Raises Refused."""
        identity = same_state(
            tls_certificate=tls_certificate,
            signing_certificate=signer,
            from_party=(party.value, party.type),
            partners=self._node.partners,
            now=self._now(),
            tls_end=tls_end,
        )
        if not identity.trusted or identity.state != pmode.partner_state:
            # Whoever came so far has keys of a partner and a valid signature: not a mistake.
            raise refused(FAILED_AUTHENTICATION, "G8", f"ALERT: {identity.because}")

    def _check_time(self, unit: UserMessage, pmode: PMode) -> None:
        now = self._now()
        earliest = now - timedelta(seconds=pmode.window.past_seconds)
        latest = now + timedelta(seconds=pmode.window.future_seconds)
        if not earliest <= unit.timestamp <= latest:
            raise refused(
                VALUE_INCONSISTENT,
                "G9",
                f"eb:Timestamp {unit.timestamp.isoformat()} is outside {earliest.isoformat()} to "
                f"{latest.isoformat()}; compare the clocks of both gateways",
                "eb:Timestamp is outside the agreed window",
            )

    @staticmethod
    def _check_parts(unit: UserMessage, pmode: PMode) -> None:
        if len(unit.parts) > pmode.limits.max_parts:
            raise refused(
                POLICY_NONCOMPLIANCE,
                "G9",
                f"{len(unit.parts)} parts; P-Mode {pmode.id} allows {pmode.limits.max_parts}",
            )
        for part in unit.parts:
            if part.mime_type is None and not part.compressed:
                raise refused(
                    VALUE_INCONSISTENT,
                    "G9",
                    f"part {part.content_id} has no MimeType property (AS4 1.0 section 3.1)",
                    "the part property MimeType is missing",
                )

    @staticmethod
    def _read_document(unit: UserMessage, document: bytes | None) -> Document | None:
        if document is None:
            if unit.action != CONTACT_CHECK:
                raise refused(
                    VALUE_INCONSISTENT,
                    "G12",
                    f"action {unit.action} without a leading document",
                    "the first part must be the document that the action names",
                )
            return None
        try:
            read = read_document(document)
        except DocumentRefused as fault:
            raise _invalid(fault) from fault
        if read.kind != unit.action:
            raise refused(
                VALUE_INCONSISTENT,
                "G12",
                f"eb:Action is {unit.action}, the leading document is a {read.kind}",
                "eb:Action and the leading document differ",
            )
        return read

    def _docket(self, document: Document | None, came: Sequence[Came]) -> Docket | None:
        """What the document does in its case; it keeps the rules that ask the directory."""
        if document is None:
            return None
        own_state, times, today = self._node.settings.state, self._node.times, self._now().date()
        try:
            return docket_of(document, own_state=own_state, times=times, on=today, came=came)
        except DocumentRefused as fault:
            raise _invalid(fault) from fault

    def _requesting_authority(
        self, unit: UserMessage, state: str, document: Document | None
    ) -> str:
        claimed = unit.value_of("originalSender")
        authority = document.author if document is not None else claimed
        if authority is None:
            raise _mismatch("originalSender is missing and there is no document to name it")
        if claimed is not None and claimed != authority:
            raise _mismatch(f"originalSender is {claimed}, the document says {authority}")
        entitled = sending_authority(
            self._node.directory, state, unit.action, authority, self._now().date()
        )
        if isinstance(entitled, NotCompetent):
            raise refused(OTHER, "G12", entitled.reason, _with_address(entitled))
        return authority

    def _competent(self, unit: UserMessage, document: Document | None) -> Competent:
        claimed = unit.value_of("finalRecipient")
        addressed = document.addressee if document is not None else claimed
        if claimed is not None and claimed != addressed:
            raise _mismatch(f"finalRecipient is {claimed}, the document says {addressed}")
        found = receiving_authority(
            self._node.directory,
            self._node.settings.state,
            unit.action,
            addressed,
            self._now().date(),
        )
        if isinstance(found, NotCompetent):
            raise refused(OTHER, "G12", found.reason, _with_address(found))
        return found


def _for_pings(pmode: PMode) -> PMode:
    """What was agreed, but for how much a message of the test service may hold."""
    limits = replace(
        pmode.limits, max_message_bytes=min(MAX_PING_BYTES, pmode.limits.max_message_bytes)
    )
    return replace(pmode, limits=limits)


def _as_fragment(
    unit: UserMessage, fragment: MessageFragment, pmode: PMode
) -> tuple[UserMessage, PMode]:
    """The fragment's message with its one part, and what was agreed for it. Raises Refused."""
    splitting = pmode.splitting
    if splitting is None:
        raise refused(
            PROCESSING_MODE_MISMATCH,
            "G6",
            f"{unit.message_id} is a fragment; P-Mode {pmode.id} agrees to none ([split])",
            "split and join is not agreed",
        )
    limits = replace(
        pmode.limits,
        max_part_bytes=splitting.fragment_bytes,
        max_message_bytes=splitting.fragment_bytes,
        exceeded=FRAGMENT_SIZE_EXCEEDED,
    )
    return with_fragment_part(unit, fragment), replace(pmode, limits=limits)


def _invalid(fault: DocumentRefused) -> Refused:
    told = "; ".join(str(finding) for finding in fault.findings[:MAX_FINDINGS_TOLD])
    return refused(OTHER, "G12", f"the document is not valid: {told}", told)


def _mismatch(sentence: str) -> Refused:
    return refused(VALUE_INCONSISTENT, "G12", sentence, sentence)


def _with_address(refusal: NotCompetent) -> str:
    if refusal.right_address is None:
        return refusal.reason
    return f"{refusal.reason}; the right address is {refusal.right_address}"
