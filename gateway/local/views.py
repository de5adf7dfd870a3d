"""How the store's values look in JSON; a test holds openapi.yaml against these fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.store.values import Leased, MessageView, StoredPart, Submission, Submitted

Json = Mapping[str, object]


def instant(at: datetime) -> str:
    """`at` in UTC as RFC 3339 writes it, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def submitted_view(
    submitted: Submitted, submission: Submission, routing: Mapping[str, str]
) -> Json:
    """The answer to a submission."""
    return {
        "messageId": submitted.message_id,
        "conversationId": submitted.conversation_id,
        "state": submitted.state,
        "kind": submission.kind,
        "requestId": submission.request_id,
        "partner": submission.partner,
        "requestingAuthority": submission.authority,
        "receivingAuthority": submission.receiving_authority,
        "routing": dict(routing),
        "repeated": submitted.repeated,
    }


def message_view(view: MessageView) -> Json:
    """One message as its authority may see it."""
    return {
        "direction": view.direction,
        "messageId": view.message_id,
        "conversationId": view.conversation_id,
        "refToMessageId": view.ref_to_message_id,
        "kind": view.kind,
        "partner": view.partner,
        "requestingAuthority": view.requesting_authority,
        "receivingAuthority": view.receiving_authority,
        "requestId": view.request_id,
        "state": view.state,
        "at": instant(view.at),
        "document": next((_document(part) for part in view.parts if part.position == 0), None),
        "attachments": [_attachment(part) for part in view.parts if part.position > 0],
        "attempts": view.attempts,
        "error": _error(view),
        "receipt": _receipt(view),
        "routing": dict(view.routing),
    }


def lease_view(leased: Leased, view: MessageView) -> Json:
    """One queue entry under a lease, with its message."""
    return {
        "leaseId": leased.lease_id,
        "expiresAt": instant(leased.expires_at),
        "deliveries": leased.deliveries,
        "notice": _notice(leased.notice),
        "about": None if leased.about is None else _about(leased.about),
        "message": message_view(view),
    }


def _notice(notice: str | None) -> str | None:
    """FAILED as it is; of WARNING-12-... and FORWARDED-AZ-MOJ what comes first."""
    return None if notice is None else notice.partition("-")[0]


def _about(about: Mapping[str, Any]) -> Json:
    return {
        "requestId": about.get("request_id"),
        "clock": about.get("clock"),
        "number": about.get("number"),
        "dueAt": about.get("due_at"),
        "article": about.get("article"),
        "by": about.get("by"),
        "reason": about.get("reason"),
    }


def _document(part: StoredPart) -> Json:
    return {
        "mimeType": part.mime_type,
        "sizeBytes": part.blob.size_bytes,
        "sha256": part.blob.sha256.hex(),
    }


def _attachment(part: StoredPart) -> Json:
    return {"n": part.position, "fileName": part.file_name, **_document(part)}


def _error(view: MessageView) -> Json | None:
    if view.error_code is None and view.error_sentence is None:
        return None
    return {"code": view.error_code, "sentence": view.error_sentence}


def _receipt(view: MessageView) -> Json | None:
    if view.receipt_id is None:
        return None
    at = view.receipt_at
    return {"receiptId": view.receipt_id, "at": None if at is None else instant(at)}
