"""A source receipt proves that the partner joined the very message that we had split.

It is signed like every receipt and repeats our eb:UserMessage; the content was confirmed fragment
by fragment. Whatever fails is EBMS:0302. Source: eDelivery AS4 1.15 (Split and Join), AS4 1.0
section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cryptography import x509

from protocol.as4.envelope import Envelope
from protocol.as4.errors import INVALID_RECEIPT, Refused, refused
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import Suite
from protocol.as4.values import Receipt, UserMessage


def check_source_receipt(
    envelope: Envelope,
    source: UserMessage,
    certificates: Sequence[x509.Certificate],
    suite: Suite,
) -> tuple[Receipt, x509.Certificate]:
    """The receipt in `envelope` for `source`, which we sent in fragments, and who signed it.

    Raises Refused (EBMS:0302).
    """
    try:
        signed = verify_signature(envelope, certificates, suite)
    except Refused as fault:
        raise _invalid(f"its signature: {fault.reason}") from fault
    return repeats(signed, source), signed.signer


def repeats(signed: SignedEnvelope, source: UserMessage) -> Receipt:
    """The receipt in `signed`, whose signature holds, if it repeats `source`. Raises Refused."""
    receipt = signed.unit
    if not isinstance(receipt, Receipt):
        raise _invalid(f"the answer is a {type(receipt).__name__}")
    if receipt.ref_to_message_id != source.message_id:
        raise _invalid(f"it is for {receipt.ref_to_message_id}, not for {source.message_id}")
    if receipt.repeated is None:
        raise _invalid("it does not repeat the message that was joined")
    if _plain(receipt.repeated) != _plain(source):
        raise _invalid("the message that it repeats is not the one that we split")
    return receipt


def _plain(unit: UserMessage) -> UserMessage:
    """The default channel may be written or left out (ebMS 3.0 Core section 5.2.2)."""
    return replace(unit, mpc=None) if unit.mpc == DEFAULT_MPC else unit


def _invalid(reason: str) -> Refused:
    return refused(INVALID_RECEIPT, "RECEIPT", f"the source receipt does not hold: {reason}")
