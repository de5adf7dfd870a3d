"""The package's messages without what is Peppol's: our agreement, service and parties, no SBDH.

The package knows one profile. What it does to every message (digests, signature, encryption,
receipt) is used as it is; only the values of the header and the bare document are ours.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

from as4 import AS4ExternalParty, AS4InternalParty, AS4ParseContext, AS4PrivateKey, AS4References
from as4.models.common import NAMESPACES
from as4.models.ebms.message_info import MessageId, MessageInfo, Timestamp
from as4.models.ebms.user_message import (
    Action,
    AgreementRef,
    CollaborationInfo,
    ConversationId,
    MessageProperties,
    PartInfo,
    PartProperties,
    PartyInfo,
    PayloadInfo,
    Property,
    Service,
    UserMessage,
)
from as4.peppol import PeppolAS4Profile
from as4.profiles.peppol.message import PeppolAS4Message
from as4.utils.cipher_handler import CipherHandler
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import BaseModel

PARTY_TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"


class Order(BaseModel):
    """What a message is to say of itself."""

    service: str
    agreement: str
    action: str
    properties: dict[str, str]
    mime_type: str = "application/xml"
    namespace_map: dict[str, str] = NAMESPACES  # asked for by the package when it signs


class TwoKeys(AS4PrivateKey):
    """A key that signs and another that decrypts: the package would have one do both."""

    def __init__(self, signing: RSAPrivateKey, decrypting: RSAPrivateKey) -> None:
        self._signing, self._decrypting = signing, decrypting

    def sign(self, data: bytes, padding: Any, algorithm: Any) -> bytes:
        """The signature of `data` with the signing key."""
        return self._signing.sign(data, padding, algorithm)

    def decrypt(self, ciphertext: bytes, padding: Any) -> bytes:
        """What was encrypted for the other key."""
        return self._decrypting.decrypt(ciphertext, padding)


class CooperationMessage(PeppolAS4Message):
    """A user message of the cooperation service with one document."""

    @classmethod
    def process_sbdh(cls, fields: dict[str, Any], _context: AS4ParseContext) -> dict[str, Any]:
        """There is no SBDH in the document."""
        return fields

    @classmethod
    def get_user_message(
        cls,
        local_party: AS4InternalParty,
        remote_party: AS4ExternalParty,
        builder_args: Order,
        references: AS4References,
    ) -> UserMessage:
        """The header with the values of the order."""
        named = [Property(name=name, value=said) for name, said in builder_args.properties.items()]
        return UserMessage(
            message_info=MessageInfo(
                timestamp=Timestamp(value=datetime.now(UTC)),
                message_id=MessageId(value=references.message_id),
            ),
            party_info=PartyInfo(
                party_to=remote_party.identity.to_party_to(),
                party_from=local_party.identity.to_party_from(),
            ),
            collaboration_info=CollaborationInfo(
                agreement_ref=AgreementRef(value=builder_args.agreement),
                service=Service(value=builder_args.service),
                action=Action(value=builder_args.action),
                conversation_id=ConversationId(value=references.conversation_id),
            ),
            message_properties=MessageProperties(properties=named) if named else None,
            payload_info=PayloadInfo(
                part_info=[
                    _part(content_id, builder_args.mime_type)
                    for content_id in references.attachment_id_encrypted_data_id_map
                ]
            ),
        )

    @classmethod
    def build_message(
        cls,
        payload: bytes,
        *,
        local_party: AS4InternalParty,
        remote_party: AS4ExternalParty,
        builder_args: Order,
        references: AS4References,
    ) -> CooperationMessage:
        """The payload as it is, compressed, signed and encrypted by the package."""
        content_id, _ = references.encrypted_data_attachment_mapping()
        compressed = gzip.compress(payload)
        session_key, encrypted = CipherHandler.encrypt_payload(compressed)
        sha256 = hashes.SHA256()
        oaep = padding.OAEP(mgf=padding.MGF1(algorithm=sha256), algorithm=sha256, label=None)
        envelope = cls.get_soap_envelope(
            local_party,
            remote_party,
            builder_args,
            references,
            remote_party.credentials.rsa_public_key.encrypt(session_key, oaep),
            {content_id: compressed},
        )
        return cls(
            soap_envelope=envelope,
            message_id=references.message_id,
            messaging_id=references.messaging_id,
            mime_attachments={content_id: encrypted},
            decrypted_data={content_id: payload},
        )


class CooperationProfile(PeppolAS4Profile):
    """Peppol's profile with our message in it."""

    @classmethod
    def get_profile_name(cls) -> str:
        """What it is called in a stored exchange."""
        return "cooperation"

    @classmethod
    def message_class(cls) -> type[CooperationMessage]:
        """The message it reads."""
        return CooperationMessage

    @classmethod
    def build_message(cls, payload: bytes, **words: Any) -> CooperationMessage:
        """The message it writes."""
        return CooperationMessage.build_message(payload, **words)


def _part(content_id: str, mime_type: str) -> PartInfo:
    properties = {"MimeType": mime_type, "CompressionType": "application/gzip"}
    named = [Property(name=name, value=said) for name, said in properties.items()]
    return PartInfo(href=f"cid:{content_id}", part_properties=PartProperties(properties=named))
