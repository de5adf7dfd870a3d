"""A receipt proves that the partner holds exactly what we signed, or it proves nothing.

The checks: it is a receipt, for this message; signed by one of the partner's certificates over
eb:Messaging and Body alone; its NonRepudiationInformation names the references of our signature
with the same digests, each once, in any order. Whatever fails is EBMS:0302, for us and not for the
peer.

Source: AS4 1.0 sections 3.3 and 5.1.8, ebMS 3.0 Core section 5.2.3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cryptography import x509

from protocol.as4.envelope import Envelope
from protocol.as4.errors import INVALID_RECEIPT, Refused, refused
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import Suite
from protocol.as4.values import Receipt, SignedReference

_GATE = "RECEIPT"


def check_receipt(
    envelope: Envelope,
    *,
    ref_to_message_id: str,
    sent: Sequence[SignedReference],
    certificates: Sequence[x509.Certificate],
    suite: Suite,
) -> Receipt:
    """The receipt in `envelope` for the message that we signed with the references `sent`.

    Raises Refused (EBMS:0302).
    """
    return check_signed_receipt(
        envelope,
        ref_to_message_id=ref_to_message_id,
        sent=sent,
        certificates=certificates,
        suite=suite,
    )[0]


def check_signed_receipt(
    envelope: Envelope,
    *,
    ref_to_message_id: str,
    sent: Sequence[SignedReference],
    certificates: Sequence[x509.Certificate],
    suite: Suite,
) -> tuple[Receipt, x509.Certificate]:
    """The same, with the certificate that signed the receipt, for the evidence of it."""
    try:
        signed = verify_signature(envelope, certificates, suite)
    except Refused as fault:
        raise _invalid(f"its signature: {fault.reason}") from fault
    return confirmed(signed, ref_to_message_id, sent), signed.signer


def confirmed(
    signed: SignedEnvelope, ref_to_message_id: str, sent: Sequence[SignedReference]
) -> Receipt:
    """The receipt in `signed`, whose signature holds, if it confirms `sent`. Raises Refused."""
    receipt = signed.unit
    if not isinstance(receipt, Receipt):
        raise _invalid(f"the answer is a {type(receipt).__name__}")
    if receipt.ref_to_message_id != ref_to_message_id:
        raise _invalid(f"it is for {receipt.ref_to_message_id}, not for {ref_to_message_id}")
    _check_references(receipt.references, sent)
    return receipt


def _check_references(held: Sequence[SignedReference], sent: Sequence[SignedReference]) -> None:
    if not held:
        raise _invalid("it holds no NonRepudiationInformation")
    signed, confirmed = Counter(sent), Counter(held)
    for reference in (signed - confirmed).elements():
        raise _invalid(f"it does not confirm {reference.uri} with the digest that we signed")
    for reference in (confirmed - signed).elements():
        raise _invalid(f"it confirms {reference.uri}, which we did not sign so")


def _invalid(reason: str) -> Refused:
    return refused(INVALID_RECEIPT, _GATE, f"the receipt does not hold: {reason}")
