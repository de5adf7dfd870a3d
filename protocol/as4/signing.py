"""One message unit in a signed SOAP envelope: what sealing, receipts and signals share.

The signature covers eb:Messaging, the empty Body and every part (eDelivery AS4 1.15 section
3.2.6 and 2.0). SignedInfo and what it refers to are written canonically, so signing is one hash and
one private key operation; nothing is parsed or serialised again.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from protocol.as4.fragment import MessageFragment
from protocol.as4.fragment_header import fragment_block
from protocol.as4.names import (
    ATTACHMENT_CONTENT_SIGNATURE,
    DS,
    EXC_C14N,
    SOAP12,
    WSSE,
    WSSE11,
    WSU,
    XENC,
)
from protocol.as4.part_digest import new_hash
from protocol.as4.ports import Signer
from protocol.as4.suites import Suite, TokenForm, kind_of, names_of
from protocol.as4.token_writing import written_token
from protocol.as4.tokens import marks_of
from protocol.as4.values import SignedReference
from protocol.as4.writing import attribute, empty_body, envelope, messaging

_STEM_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A whole envelope as it goes over the wire, and what its signature covers, in order."""

    soap: bytes = field(repr=False)
    references: tuple[SignedReference, ...]


def xml_id(kind: str, message_id: str) -> str:
    """An XML Id that no other message of ours has: receipts name our elements by it."""
    return f"_{kind}-{sha256(message_id.encode()).hexdigest()[:_STEM_DIGITS]}"


def part_reference(content_id: str, digest: bytes, suite: Suite) -> SignedReference:
    """The reference to one MIME part."""
    return _reference(f"cid:{content_id}", digest, ATTACHMENT_CONTENT_SIGNATURE, suite.digest)


def signed_envelope(
    unit: str,
    *,
    message_id: str,
    signer: Signer,
    suite: Suite,
    token_form: TokenForm,
    parts: Sequence[SignedReference] = (),
    encryption: str = "",
    fragment: MessageFragment | None = None,
) -> SealedMessage:
    """`unit` in an envelope, signed together with `parts` and the header of a `fragment`.

    `encryption` is what stands in wsse:Security before the signature; it is not signed. Raises
    ValueError when the key of `signer` is not one that the suite signs with.
    """
    _check_signer(signer, suite)
    header = messaging(unit, xml_id("messaging", message_id))
    body = empty_body(xml_id("body", message_id))
    references = (
        _element_reference(xml_id("messaging", message_id), header, suite),
        _element_reference(xml_id("body", message_id), body, suite),
        *_fragment_references(fragment, message_id, suite),
        *parts,
    )
    token = written_token(
        signer.certificate, signer.chain, token_form, xml_id("signer", message_id)
    )
    signature = _signature(references, signer, suite, token.key_info, message_id)
    return SealedMessage(
        envelope(
            header + _fragment_header(fragment, message_id),
            _security(encryption + token.binary + signature),
            body,
        ),
        references,
    )


def _check_signer(signer: Signer, suite: Suite) -> None:
    if kind_of(marks_of(signer.certificate).public_key) not in suite.signing_kinds:
        kinds, name = names_of(suite.signing_kinds), signer.certificate.subject.rfc4514_string()
        raise ValueError(f"{suite.id} signs with {kinds} keys; the key of {name} is another")


def _fragment_header(fragment: MessageFragment | None, message_id: str) -> bytes:
    return b"" if fragment is None else fragment_block(fragment, xml_id("fragment", message_id))


def _fragment_references(
    fragment: MessageFragment | None, message_id: str, suite: Suite
) -> tuple[SignedReference, ...]:
    if fragment is None:
        return ()
    block = _fragment_header(fragment, message_id)
    return (_element_reference(xml_id("fragment", message_id), block, suite),)


def unsigned_envelope(unit: str, *, message_id: str) -> bytes:
    """`unit` in an envelope without wsse:Security."""
    header = messaging(unit, xml_id("messaging", message_id))
    return envelope(header, "", empty_body(xml_id("body", message_id)))


def _security(content: str) -> str:
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsse11="{WSSE11}" xmlns:wsu="{WSU}"'
        f' xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:env="{SOAP12}" env:mustUnderstand="true">'
        f"{content}</wsse:Security>"
    )


def _signature(
    references: Sequence[SignedReference],
    signer: Signer,
    suite: Suite,
    key_info: str,
    message_id: str,
) -> str:
    signed_info = _signed_info(references, suite)
    value = b64encode(signer.sign(signed_info)).decode("ascii")
    return (
        f'<ds:Signature Id="{xml_id("signature", message_id)}">{signed_info.decode()}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue>"
        f"<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
    )


def _signed_info(references: Sequence[SignedReference], suite: Suite) -> bytes:
    """ds:SignedInfo in canonical form. Inside it, ds needs no second declaration."""
    inner = b"".join(
        reference.octets.replace(f' xmlns:ds="{DS}"'.encode(), b"", 1) for reference in references
    )
    head = (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{attribute(suite.signature)}"></ds:SignatureMethod>'
    )
    return head.encode() + inner + b"</ds:SignedInfo>"


def _element_reference(wsu_id: str, octets: bytes, suite: Suite) -> SignedReference:
    digest = new_hash(suite.digest)
    digest.update(octets)
    return _reference(f"#{wsu_id}", digest.digest(), EXC_C14N, suite.digest)


def _reference(uri: str, digest: bytes, transform: str, algorithm: str) -> SignedReference:
    octets = (
        f'<ds:Reference xmlns:ds="{DS}" URI="{attribute(uri)}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{transform}"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{attribute(algorithm)}"></ds:DigestMethod>'
        f"<ds:DigestValue>{b64encode(digest).decode('ascii')}</ds:DigestValue></ds:Reference>"
    )
    return SignedReference(uri, algorithm, digest, octets.encode())
