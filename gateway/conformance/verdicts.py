"""What an access point answered, judged: a receipt that holds, or an error signal."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.conformance.drafts import Draft
from gateway.outbound.posting import PeerAnswer
from protocol.as4.errors import Refused, Severity
from protocol.as4.pmode import PMode
from protocol.as4.receipt_check import check_receipt
from protocol.as4.response import TransportFailure, read_response
from protocol.as4.values import ErrorSignal, Receipt


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether the assertion holds, and in one sentence what was seen."""

    holds: bool
    sentence: str


def receipt(answer: PeerAnswer, draft: Draft, pmode: PMode) -> Seen:
    """Holds when the answer is HTTP 2xx with a signed receipt over exactly what was signed."""
    read = read_response(answer.http_status, answer.content_type, answer.body)
    if isinstance(read, TransportFailure):
        return Seen(False, read.reason)
    if not isinstance(read.unit, Receipt):
        return Seen(False, f"HTTP {answer.http_status} with {_told(read.unit)}")
    try:
        check_receipt(
            read,
            ref_to_message_id=draft.unit.message_id,
            sent=draft.references,
            certificates=pmode.partner_signing,
            suite=pmode.suite,
        )
    except Refused as refusal:
        return Seen(False, refusal.reason)
    if not 200 <= answer.http_status < 300:
        return Seen(False, f"a receipt that holds, but with HTTP {answer.http_status}")
    count = len(draft.references)
    return Seen(True, f"HTTP {answer.http_status}, signed receipt over {count} references")


def error(answer: PeerAnswer, *codes: str) -> Seen:
    """Holds when the answer is an error signal of severity failure, with one of `codes` if any."""
    read = read_response(answer.http_status, answer.content_type, answer.body)
    if isinstance(read, TransportFailure):
        return Seen(False, read.reason)
    unit = read.unit
    if not isinstance(unit, ErrorSignal):
        return Seen(False, f"HTTP {answer.http_status} with {_told(unit)}, not an error")
    failures = [each for each in unit.errors if each.severity is Severity.FAILURE]
    fitting = [each for each in failures if not codes or each.code in codes]
    wanted = f", expected {' or '.join(codes)}" if codes and not fitting else ""
    return Seen(bool(fitting), f"HTTP {answer.http_status} with {_told(unit)}{wanted}")


def _told(unit: object) -> str:
    if isinstance(unit, ErrorSignal):
        return ", ".join(f"{each.code} {each.short_description}".strip() for each in unit.errors)
    return f"a {type(unit).__name__}"
