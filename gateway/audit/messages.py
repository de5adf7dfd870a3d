"""Holds one message row against the evidence: envelope, receipt, signatures, payloads, states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography import x509

from gateway.audit.claims import FINAL_STATES, QUEUE_STATES, Claims
from gateway.spool import BlobDamaged, ContentDestroyed, Spool
from gateway.store.rows import AnyRow, blob_of, references_json, references_of
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.receipt_check import check_receipt
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import SUITES
from protocol.evidence.chain import Finding
from protocol.evidence.records import Kind

READ_BYTES = 256 * 1024
_IDENTITY = (
    "partner", "message_id", "conversation_id", "ref_to_message_id", "action", "kind",
    "requesting_authority", "receiving_authority", "request_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """What a message is held against, besides its own rows."""

    certificates: Mapping[str, bytes]  # DER by fingerprint
    spool: Spool


@dataclass(slots=True)
class Counted:
    """What was checked so far."""

    messages: int = 0
    receipts: int = 0
    signatures: int = 0
    payloads: int = 0
    payload_bytes: int = 0
    destroyed: int = 0


def check_message(
    row: AnyRow,
    parts: Sequence[AnyRow],
    entries: Sequence[AnyRow],
    claims: Claims,
    material: Material,
    counted: Counted,
) -> Iterator[Finding]:
    """Everything about one message that is not what the evidence says."""
    counted.messages += 1
    where = f"message {row.message_id} ({row.direction}, row {row.id})"
    origin = claims.facts.get(Kind.RECEIVED if row.direction == "in" else Kind.SUBMITTED)
    if origin is None:
        yield Finding(where, "has no record of how it came here")
        return
    yield from _check_identity(where, row, origin)
    signing = origin if row.direction == "in" else claims.facts.get(Kind.SENT)
    if signing is not None:
        yield from _check_envelope(where, row, signing, material, counted)
    elif row.envelope is not None:
        yield Finding(where, "has signed bytes of which the evidence knows nothing")
    receipt_kind = Kind.RECEIPT_SENT if row.direction == "in" else Kind.RECEIPT_RECEIVED
    yield from _check_receipt(where, row, claims.facts.get(receipt_kind), material, counted)
    yield from _check_parts(where, parts, origin, claims, material, counted)
    yield from _check_queue(where, row, entries, claims)


def check_standing(row: AnyRow, state: str | None, claims: Claims) -> Iterator[Finding]:
    """Whether the exchange of a message on its way out stands where the evidence says."""
    where = f"exchange of message {row.message_id} (row {row.id})"
    if state is None:
        yield Finding(where, "is missing")
    elif claims.standing in FINAL_STATES and state != claims.standing:
        yield Finding(where, f"is {state}, the evidence says {claims.standing}")
    elif claims.standing not in FINAL_STATES and state in FINAL_STATES:
        yield Finding(where, f"is {state}, of which the evidence knows nothing")


def _check_identity(where: str, row: AnyRow, origin: Mapping[str, Any]) -> Iterator[Finding]:
    for name in _IDENTITY:
        if getattr(row, name) != origin.get(name):
            yield Finding(where, f"its {name} is not the one in evidence")


def _check_envelope(
    where: str,
    row: AnyRow,
    signing: Mapping[str, Any],
    material: Material,
    counted: Counted,
) -> Iterator[Finding]:
    if row.envelope is None or sha256(row.envelope).hexdigest() != signing["envelope_sha256"]:
        yield Finding(where, "its envelope was changed: it does not have the digest in evidence")
        return
    signed = _signature(row.envelope, str(signing["signer_sha256"]), material)
    if isinstance(signed, str):
        yield Finding(where, f"the signature of its envelope does not hold: {signed}")
        return
    counted.signatures += 1
    if references_json(signed.references) != [dict(one) for one in signing["references"]]:
        yield Finding(where, "what its envelope signs is not what the evidence says")
    if references_of(row.references) != signed.references:
        yield Finding(where, "the signed references in its row were changed")


def _signature(octets: bytes, fingerprint: str, material: Material) -> SignedEnvelope | str:
    der = material.certificates.get(fingerprint)
    if der is None:
        return f"its certificate {fingerprint} is missing"
    reason = "no suite knows it"
    for suite in SUITES.values():
        try:
            certificate = x509.load_der_x509_certificate(der)
            return verify_signature(open_envelope(octets), [certificate], suite)
        except Refused as refusal:
            reason = refusal.reason
        except ValueError as e:
            return f"its certificate {fingerprint} cannot be read: {e}"
    return reason


def _check_receipt(
    where: str,
    row: AnyRow,
    claim: Mapping[str, Any] | None,
    material: Material,
    counted: Counted,
) -> Iterator[Finding]:
    if claim is None:
        if row.receipt is not None:
            yield Finding(where, "has a receipt of which the evidence knows nothing")
        return
    if row.receipt is None:
        yield Finding(where, "its receipt is missing")
        return
    if sha256(row.receipt).hexdigest() != claim["receipt_sha256"]:
        yield Finding(where, "its receipt was changed: it does not have the digest in evidence")
        return
    if row.receipt_id != claim["receipt_id"]:
        yield Finding(where, "the id of its receipt was changed")
    der = material.certificates.get(str(claim["signer_sha256"]))
    if der is None:
        yield Finding(where, "the certificate that signed its receipt is missing")
        return
    reason = "no suite knows it"
    for suite in SUITES.values():
        try:
            check_receipt(
                open_envelope(row.receipt),
                ref_to_message_id=row.message_id,
                sent=references_of(row.references),
                certificates=[x509.load_der_x509_certificate(der)],
                suite=suite,
            )
        except (Refused, ValueError) as e:
            reason = str(e)
        else:
            counted.receipts += 1
            return
    yield Finding(where, f"its receipt does not hold: {reason}")


def _check_parts(
    where: str,
    parts: Sequence[AnyRow],
    origin: Mapping[str, Any],
    claims: Claims,
    material: Material,
    counted: Counted,
) -> Iterator[Finding]:
    stored = {part.position: part for part in parts}
    known = {claim["position"]: claim for claim in origin["parts"]}
    for position in sorted(stored.keys() - known.keys()):
        yield Finding(f"{where}, payload {position}", "is one of which the evidence knows nothing")
    for position, claim in sorted(known.items()):
        place = f"{where}, payload {position}"
        part = stored.get(position)
        if part is None:
            yield Finding(place, "is missing")
            continue
        for name in ("content_id", "mime_type", "file_name", "size_bytes"):
            if getattr(part, name) != claim[name]:
                yield Finding(place, f"its {name} is not the one in evidence")
        destroyed = Kind.CONTENT_DESTROYED in claims.facts
        yield from _check_content(place, part, str(claim["sha256"]), destroyed, material, counted)


def _check_content(
    place: str,
    part: AnyRow,
    digest: str,
    destroyed: bool,
    material: Material,
    counted: Counted,
) -> Iterator[Finding]:
    counted.payloads += 1
    try:
        found, size_bytes = _digest(part, material.spool)
    except ContentDestroyed:
        counted.destroyed += 1
        if not destroyed:
            yield Finding(place, "its key is gone, and no record says that it was destroyed")
        return
    except BlobDamaged as e:
        yield Finding(place, f"was changed: {e}")
        return
    counted.payload_bytes += size_bytes
    if found != digest:
        yield Finding(place, "was changed: it does not have the digest in evidence")


def _digest(part: AnyRow, spool: Spool) -> tuple[str, int]:
    reader = spool.reader(blob_of(part))
    digest, size_bytes = sha256(), 0
    try:
        while octets := reader.read(READ_BYTES):
            digest.update(octets)
            size_bytes += len(octets)
    finally:
        reader.close()
    return digest.hexdigest(), size_bytes


def _check_queue(
    where: str, row: AnyRow, entries: Sequence[AnyRow], claims: Claims
) -> Iterator[Finding]:
    found = {entry.notice: entry for entry in entries}
    if row.direction == "in" and "" not in found:
        yield Finding(where, "is in no queue")
    for notice, kind in claims.queue.items():
        entry = found.get(notice)
        if entry is None:
            yield Finding(where, f"its queue entry {notice or 'for the message'} is missing")
        elif entry.state not in QUEUE_STATES[kind]:
            yield Finding(where, f"its queue entry is {entry.state}, in evidence {kind.value}")
    for notice, entry in found.items():
        if notice not in claims.queue and entry.state != "QUEUED":
            yield Finding(where, f"its queue entry is {entry.state}, never handed off in evidence")
