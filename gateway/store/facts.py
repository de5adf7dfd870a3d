"""What each kind of evidence says: enough to be checked by somebody who has not our database.

Digests and fingerprints are SHA-256 in lower-case hexadecimal; times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from gateway.store.rows import fingerprint, references_json
from gateway.store.values import Arrival, FragmentOf, Sealed, StoredPart, Submission
from protocol.as4.exchange import Exchange
from protocol.evidence.records import Json, instant

Facts = dict[str, Json]


def received(arrival: Arrival) -> Facts:
    """RECEIVED: who sent and signed what, and for whom it is."""
    return {
        **_fragment_of(arrival.fragment),
        "partner": arrival.partner,
        "message_id": arrival.message_id,
        "conversation_id": arrival.conversation_id,
        "ref_to_message_id": arrival.ref_to_message_id,
        "action": arrival.action,
        "kind": arrival.kind,
        "request_id": arrival.request_id,
        "requesting_authority": arrival.requesting_authority,
        "receiving_authority": arrival.authority,
        "priority": arrival.priority,
        "claimed_at": instant(arrival.claimed_at),
        "envelope_sha256": sha256(arrival.envelope).hexdigest(),
        "references": references_json(arrival.references),
        "signer_sha256": fingerprint(arrival.signer_certificate),
        "tls_sha256": arrival.tls_fingerprint,
        "parts": parts(arrival.parts),
        "routing": [[name, value] for name, value in sorted(arrival.routing.items())],
    }


def receipt_sent(arrival: Arrival) -> Facts:
    """RECEIPT_SENT: the receipt that answers the message, now and for every repetition."""
    return {
        "partner": arrival.partner,
        "message_id": arrival.message_id,
        "receipt_id": arrival.receipt_id,
        "receipt_sha256": sha256(arrival.receipt).hexdigest(),
        "signer_sha256": fingerprint(arrival.receipt_signer),
    }


def submitted(submission: Submission) -> Facts:
    """SUBMITTED: what an authority handed in."""
    return {
        "partner": submission.partner,
        "message_id": submission.message_id,
        "conversation_id": submission.conversation_id,
        "ref_to_message_id": submission.ref_to_message_id,
        "action": submission.action,
        "kind": submission.kind,
        "request_id": submission.request_id,
        "requesting_authority": submission.authority,
        "receiving_authority": submission.receiving_authority,
        "idempotency_key": submission.idempotency_key,
        "content_sha256": submission.content_digest.hex(),
        "parts": parts(submission.parts),
    }


def sent(partner: str, message_id: str, sealed: Sealed) -> Facts:
    """SENT: the signed bytes that every attempt repeats."""
    return {
        "partner": partner,
        "message_id": message_id,
        "envelope_sha256": sha256(sealed.soap).hexdigest(),
        "references": references_json(sealed.references),
        "signer_sha256": fingerprint(sealed.signer_certificate),
        "wire_parts": [
            {"content_id": part.content_id, "sha256": part.blob.sha256.hex()}
            for part in sealed.parts
        ],
    }


def _fragment_of(fragment: FragmentOf | None) -> Facts:
    if fragment is None:
        return {}
    return {"fragment": {"group_id": fragment.group_id, "number": fragment.number}}


def standing(partner: str, message_id: str, exchange: Exchange) -> Facts:
    """Where a message on its way out stands after what the record tells."""
    due = exchange.next_attempt_at
    return {
        "partner": partner,
        "message_id": message_id,
        "state": exchange.state.value,
        "attempts": exchange.attempts,
        "next_attempt_at": instant(due) if due is not None else None,
        "error_code": exchange.error_code,
        "error_sentence": exchange.error_sentence,
        "late": exchange.late,
    }


def parts(stored: Iterable[StoredPart]) -> list[Mapping[str, Json]]:
    """The payloads as they were delivered or handed in, by digest."""
    return [
        {
            "position": part.position,
            "content_id": part.content_id,
            "mime_type": part.mime_type,
            "file_name": part.file_name,
            "character_set": part.character_set,
            "size_bytes": part.blob.size_bytes,
            "sha256": part.blob.sha256.hex(),
        }
        for part in stored
    ]
