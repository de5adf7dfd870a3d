"""Holds one message row against the evidence: envelope, receipt, signatures, payloads, states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography import x509

from gateway.audit.claims import Claims, strangers
from gateway.audit.pages import Held
from gateway.audit.states import check_exchange, check_queue, check_wire
from gateway.audit.whole import check_source_receipt_row, check_whole
from gateway.spool import BlobDamaged, ContentDestroyed, Spool
from gateway.store.rows import AnyRow, blob_of, references_json, references_of
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.receipt_check import check_receipt
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import SUITES
from protocol.evidence.chain import Finding
from protocol.evidence.records import EvidenceRecord, Kind, instant

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
    held: Held, claims: Claims, material: Material, counted: Counted
) -> Iterator[Finding]:
    """Everything about one message that is not what the evidence says."""
    counted.messages += 1
    row = held.message
    where = f"message {row.message_id} ({row.direction}, row {row.id})"
    inbound = row.direction == "in"
    origin = claims.records.get(Kind.RECEIVED if inbound else Kind.SUBMITTED)
    yield from strangers(held.evidence, row)
    if origin is None:
        yield Finding(where, "has no record of how it came here")
        return
    yield from _check_identity(where, row, origin)
    signing = origin.facts if inbound else claims.facts(Kind.SENT)
    whole = claims.facts(Kind.JOINED if inbound else Kind.SPLIT)
    if whole is not None:
        counted.signatures += 1
        yield from check_whole(where, row, held.pieces, whole, material.certificates)
    elif signing is not None:
        yield from _check_envelope(where, row, signing, material, counted)
    elif row.envelope is not None:
        yield Finding(where, "has signed bytes of which the evidence knows nothing")
    receipt = claims.records.get(Kind.RECEIPT_SENT if inbound else Kind.RECEIPT_RECEIVED)
    yield from _check_receipt(where, row, receipt, material, counted, joined=whole is not None)
    yield from _check_parts(where, held.parts, origin.facts, claims, material, counted)
    yield from check_queue(where, held, claims)
    if not inbound:
        yield from check_exchange(held, claims)
        yield from check_wire(where, held, claims)


def _check_identity(where: str, row: AnyRow, origin: EvidenceRecord) -> Iterator[Finding]:
    wanted = {name: origin.facts.get(name) for name in _IDENTITY}
    wanted["at"] = instant(origin.at)
    # What only a received message has; a sent one must have none of it.
    wanted["claimed_at"] = origin.facts.get("claimed_at")
    wanted["tls_fingerprint"] = origin.facts.get("tls_sha256")
    wanted["routing"] = origin.facts.get("routing", [])
    found = {name: getattr(row, name) for name in wanted}
    for name in ("at", "claimed_at"):
        if found[name] is not None:
            found[name] = instant(found[name])
    found["routing"] = [[name, value] for name, value in sorted(found["routing"].items())]
    for name, value in wanted.items():
        if found[name] != value:
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
    if row.signer != signing["signer_sha256"]:
        yield Finding(where, "its signer is not the one in evidence")


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
    record: EvidenceRecord | None,
    material: Material,
    counted: Counted,
    *,
    joined: bool,
) -> Iterator[Finding]:
    if record is None:
        if row.receipt is not None:
            yield Finding(where, "has a receipt of which the evidence knows nothing")
        return
    claim: Mapping[str, Any] = record.facts
    if row.receipt is None:
        yield Finding(where, "its receipt is missing")
        return
    if sha256(row.receipt).hexdigest() != claim["receipt_sha256"]:
        yield Finding(where, "its receipt was changed: it does not have the digest in evidence")
        return
    kept = (row.receipt_id, row.receipt_signer, row.receipt_at)
    if kept != (claim["receipt_id"], claim["signer_sha256"], record.at):
        yield Finding(where, "the id, the signer or the time of its receipt was changed")
    der = material.certificates.get(str(claim["signer_sha256"]))
    if der is None:
        yield Finding(where, "the certificate that signed its receipt is missing")
        return
    try:
        signer = x509.load_der_x509_certificate(der)
    except ValueError as e:
        yield Finding(where, f"the certificate that signed its receipt cannot be read: {e}")
        return
    reason = check_source_receipt_row(row, signer) if joined else _receipt_fault(row, signer)
    if reason is None:
        counted.receipts += 1
    else:
        yield Finding(where, f"its receipt does not hold: {reason}")


def _receipt_fault(row: AnyRow, signer: x509.Certificate) -> str | None:
    reason = "no suite knows it"
    for suite in SUITES.values():
        try:
            check_receipt(
                open_envelope(row.receipt),
                ref_to_message_id=row.message_id,
                sent=references_of(row.references),
                certificates=[signer],
                suite=suite,
            )
        except (Refused, ValueError) as e:
            reason = str(e)
        else:
            return None
    return reason


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
        for name in ("content_id", "mime_type", "file_name", "character_set", "size_bytes"):
            if getattr(part, name) != claim.get(name):
                yield Finding(place, f"its {name} is not the one in evidence")
        if part.blob_name is not None and part.inline is not None:
            yield Finding(place, "is said to be in its row and in a file at the same time")
        destroyed = Kind.CONTENT_DESTROYED in claims.records
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
