"""protocol.as4 put together in memory: whole messages written and read without a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from cryptography import x509

from keys.certificates import read_certificates
from keys.ring import FileDecrypter, FileSigner, KeyPair
from keys.uri import KeyUri
from protocol.as4.attachments import InboundPart, OutboundPart, SealedPart
from protocol.as4.encryption import open_parts
from protocol.as4.envelope import open_envelope
from protocol.as4.lookup import find_pmode
from protocol.as4.mime import MimeReader, PartContent, PartStarted
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.pmode import PMode
from protocol.as4.sealing import SealedMessage, new_content_key, seal
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import EDELIVERY_115, Suite, TokenForm
from protocol.as4.values import GZIP, AgreementRef, PartyId, Property, ServiceName, UserMessage
from protocol.as4.verify import VerifiedMessage, VerifiedPart, verified
from tests.interop.phase4_peer import PartyKeys

PARTY_TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"
ACTION = "PreservationRequest"


@dataclass(frozen=True, slots=True)
class Part:
    """One payload to write. `called_gzip`: it is said to be compressed, whatever it is."""

    content: bytes
    mime_type: str
    compress: bool = True
    called_gzip: bool = False


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """A whole HTTP request body of ours."""

    unit: UserMessage
    sealed: SealedMessage
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A whole HTTP request body that we verified: what it says and what its parts deliver."""

    signed: SignedEnvelope
    message: VerifiedMessage
    contents: tuple[bytes, ...]


def certificate(keys: PartyKeys, purpose: str) -> x509.Certificate:
    """The certificate of `keys` for `purpose`."""
    return read_certificates(keys.certificate(purpose))[0]


def key_pair(keys: PartyKeys, purpose: str) -> KeyPair:
    """The private key of `keys` for `purpose` with its certificate."""
    uri = KeyUri("file", keys.private_key(purpose))
    return KeyPair.load(uri, keys.certificate(purpose))


def pmode(
    own: tuple[str, PartyKeys],
    partner: tuple[str, PartyKeys],
    token: TokenForm = TokenForm.BST_X509V3,
    encryption_token: TokenForm = TokenForm.SUBJECT_KEY_IDENTIFIER,
    suite: Suite = EDELIVERY_115,
) -> PMode:
    """What `own` and `partner` agreed; the same words that the phase4 peer was told."""
    return PMode(
        id=f"{own[0]}-{partner[0]}",
        partner_state=partner[0],
        own=PartyId(own[0], PARTY_TYPE),
        partner=PartyId(partner[0], PARTY_TYPE),
        service=ServiceName("urn:uncc:service:cooperation:1"),
        address="https://localhost/as4",
        partner_signing=(certificate(partner[1], "sign"),),
        partner_encryption=(certificate(partner[1], "encrypt"),),
        partner_tls=(certificate(partner[1], "tls"),),
        actions_received=frozenset({ACTION}),
        actions_sent=frozenset({ACTION}),
        agreement=AgreementRef("urn:uncc:agreement:az-xu:1"),
        signing_token=token,
        encryption_token=encryption_token,
        suite=suite,
    )


def write_request(agreed: PMode, own: PartyKeys, parts: Sequence[Part]) -> WrittenRequest:
    """A signed and encrypted message with `parts`."""
    sender, receiver = agreed.sending_parties
    message_id = f"{uuid4()}@own.example"
    unit = UserMessage(
        message_id=message_id,
        timestamp=datetime.now(UTC),
        sender=sender,
        receiver=receiver,
        service=agreed.service,
        action=ACTION,
        conversation_id=f"conversation-{message_id}",
        agreement=agreed.agreement,
        properties=(Property("originalSender", "AZ-SSS"), Property("finalRecipient", "XU-CA")),
    )
    content_key = new_content_key(agreed.suite)
    written = [_written(part, content_key, agreed) for part in parts]
    signer = FileSigner(key_pair(own, "sign"))
    sealed = seal(unit, [part for part, _ in written], content_key, signer, agreed)
    places = [(part.info.content_id, len(octets)) for part, octets in written]
    frame = MultipartFrame(sealed.soap, places, "own.example")
    body = b"".join(
        written[piece.index][1] if isinstance(piece, PartSlot) else piece
        for piece in frame.pieces()
    )
    return WrittenRequest(unit, sealed, frame.content_type, body)


def _written(part: Part, content_key: bytes, agreed: PMode) -> tuple[SealedPart, bytes]:
    content_id = f"{uuid4().hex}@own.example"
    compress = part.compress and not part.called_gzip
    outbound = OutboundPart(content_id, part.mime_type, agreed.suite, content_key, compress)
    octets = outbound.receive(part.content) + outbound.finish()
    sealed = outbound.sealed()
    if part.called_gzip:
        properties = (*sealed.info.properties, Property("CompressionType", GZIP))
        info = replace(sealed.info, properties=properties)
        sealed = replace(sealed, info=info, encrypted_mime_type=GZIP)
    return sealed, octets


def read_request(content_type: str, body: bytes, agreed: PMode, own: PartyKeys) -> ReadRequest:
    """Everything that our reader checks of a message, and what it delivers. Raises Refused."""
    mime_types, pieces = taken_apart(content_type, body)
    (_, soap), *attachments = pieces
    envelope = open_envelope(soap)
    assert isinstance(envelope.unit, UserMessage)
    found = find_pmode([agreed], envelope.unit)
    signed = verify_signature(envelope, found.partner_signing, found.suite)
    secrets = open_parts(signed, [FileDecrypter(key_pair(own, "encrypt"))], found.suite)
    references = {reference.content_id: reference for reference in signed.references}
    assert isinstance(signed.unit, UserMessage)
    infos = {info.content_id: info for info in signed.unit.parts}
    parts, contents = [], []
    for content_id, octets in attachments:
        reference, info = references[content_id], infos[content_id]
        part = InboundPart(
            info, reference, secrets.get(content_id), mime_types[content_id], found.limits
        )
        content = b"".join(part.receive(octets)) + b"".join(part.finish())
        parts.append(VerifiedPart(info, part.size_bytes, part.sha256, content_id))
        contents.append(content)
    return ReadRequest(signed, verified(signed, parts), tuple(contents))


def taken_apart(content_type: str, body: bytes) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """The type of every part and the octets of every part, the SOAP part first."""
    reader = MimeReader(content_type)
    mime_types: dict[str, str] = {}
    pieces: list[tuple[str, bytes]] = []
    for start in range(0, len(body), 1000):  # not in one piece, as on the network
        events = reader.receive(body[start : start + 1000])
        if start + 1000 >= len(body):
            events += reader.finish()
        for event in events:
            if isinstance(event, PartStarted):
                mime_types[event.content_id or ""] = event.content_type
                pieces.append((event.content_id or "", b""))
            elif isinstance(event, PartContent):
                content_id, octets = pieces[-1]
                pieces[-1] = (content_id, octets + event.octets)
    return mime_types, pieces


def dumped_content_type(dump: Path) -> str | None:
    """The Content-Type that phase4 wrote beside a dumped body, unfolded."""
    for line in Path(f"{dump}.headers").read_text().replace("\n\t", " ").splitlines():
        name, _, value = line.partition(": ")
        if name.lower() == "content-type":
            return " ".join(value.split())
    return None
