"""Error signals, SOAP Faults and pull requests: the signals that are no receipt.

The words are fixed for each code, so that an answer says no more than its code does; `detail` is
for what helps the sender to mend its message and helps nobody else. Source: ebMS 3.0 Core section
6, its error catalogue; SOAP 1.2 part 1 section 5.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from protocol.as4.errors import ErrorCode
from protocol.as4.names import SOAP12
from protocol.as4.ports import Signer
from protocol.as4.signing import signed_envelope, unsigned_envelope
from protocol.as4.suites import Suite, TokenForm
from protocol.as4.writing import element, legible, signal_message, text

#: eb:ErrorDetail is a token for a log line, not a document.
MAX_DETAIL_CHARACTERS: Final = 2000

_DESCRIPTIONS: Final = {
    "EBMS:0001": "A value in the message is not known here.",
    "EBMS:0002": "The message asks for a feature that is not supported.",
    "EBMS:0003": "A value in the message contradicts another, or the agreement.",
    "EBMS:0004": "The message cannot be processed.",
    "EBMS:0005": "The connection failed.",
    "EBMS:0006": "No message is waiting.",
    "EBMS:0007": "The MIME packaging of the message does not hold together.",
    "EBMS:0008": "The packaging uses a feature that is not supported.",
    "EBMS:0009": "The ebMS header is not valid.",
    "EBMS:0010": "No agreement covers this message.",
    "EBMS:0011": "A payload that the header names cannot be found in the message.",
    "EBMS:0040": "The fragment belongs to a group that failed before.",
    "EBMS:0041": "The fragment gives another message size than its group.",
    "EBMS:0042": "The fragment gives another number of fragments than its group.",
    "EBMS:0043": "The fragment gives another message header than its group.",
    "EBMS:0044": "The fragment gives another SOAP action than its group.",
    "EBMS:0045": "The fragment tells otherwise than its group how the message was compressed.",
    "EBMS:0046": "The group has this fragment already.",
    "EBMS:0047": "The fragment is not built as a fragment is.",
    "EBMS:0048": "The number of the fragment is not one of its group.",
    "EBMS:0049": "The number of fragments cannot be right, or is not agreed.",
    "EBMS:0050": "The fragment is larger than agreed.",
    "EBMS:0051": "Not all fragments of the group came in time.",
    "EBMS:0053": "The message that was joined does not agree with its fragments.",
    "EBMS:0054": "There is no room for the fragments of this message.",
    "EBMS:0055": "The message that was joined could not be decompressed.",
    "EBMS:0101": "The signature or its signer was not accepted.",
    "EBMS:0102": "The message could not be decrypted.",
    "EBMS:0103": "The message is not protected as agreed.",
    "EBMS:0202": "The message could not be handed over.",
    "EBMS:0301": "No receipt came for the message.",
    "EBMS:0302": "The receipt does not match the message.",
    "EBMS:0303": "A part could not be decompressed.",
    "EBMS:4001": "The message was received before.",
}


def build_error(
    *,
    message_id: str,
    timestamp: datetime,
    ref_to_message_id: str | None,
    error: ErrorCode,
    detail: str,
    signer: Signer | None,
    suite: Suite,
    token_form: TokenForm,
) -> bytes:
    """An envelope with one eb:Error; signed unless `signer` is None.

    `ref_to_message_id` is None when the refused message's id could not be read.
    """
    unit = signal_message(
        message_id, timestamp, ref_to_message_id, _error(error, detail, ref_to_message_id)
    )
    if signer is None:
        return unsigned_envelope(unit, message_id=message_id)
    return signed_envelope(
        unit, message_id=message_id, signer=signer, suite=suite, token_form=token_form
    ).soap


def build_pull_request(
    *,
    message_id: str,
    timestamp: datetime,
    mpc: str,
    signer: Signer,
    suite: Suite,
    token_form: TokenForm,
) -> bytes:
    """A signed envelope that asks for the oldest message in the channel `mpc`."""
    request = element("eb:PullRequest", "", mpc=mpc)
    unit = signal_message(message_id, timestamp, None, request)
    return signed_envelope(
        unit, message_id=message_id, signer=signer, suite=suite, token_form=token_form
    ).soap


def soap_fault(code: str, reason: str) -> bytes:
    """A SOAP 1.2 Fault; `code` is the local name of env:Value, "Sender" or "Receiver"."""
    fault = (
        f"<env:Code><env:Value>env:{text(code)}</env:Value></env:Code>"
        f'<env:Reason><env:Text xml:lang="en">{text(reason)}</env:Text></env:Reason>'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<env:Envelope xmlns:env="{SOAP12}"><env:Body><env:Fault>{fault}</env:Fault></env:Body>'
        "</env:Envelope>"
    ).encode()


def _error(error: ErrorCode, detail: str, ref_to_message_id: str | None) -> str:
    description = _DESCRIPTIONS.get(error.code, error.short_description)
    content = f'<eb:Description xml:lang="en">{text(description)}</eb:Description>'
    detail = legible(detail)[:MAX_DETAIL_CHARACTERS].rstrip()
    if detail:
        content += element("eb:ErrorDetail", text(detail))
    return element(
        "eb:Error",
        content,
        category=error.category,
        errorCode=error.code,
        origin=error.origin,
        refToMessageInError=ref_to_message_id,
        severity=error.severity.value,
        shortDescription=error.short_description,
    )
