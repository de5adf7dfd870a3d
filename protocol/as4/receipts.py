"""Receipts with NonRepudiationInformation: our signed word that a message arrived as signed.

In the form that phase4, Domibus and Holodeck all accept (docs/interop.md): one
ebbp:MessagePartNRInformation for each ds:Reference of the message, holding that reference verbatim;
no part identifier; nothing else. Source: AS4 1.0 section 5.1.8, ebBP signals 2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from protocol.as4.names import EB, EBBP, SOAP12, WSU
from protocol.as4.ports import Signer
from protocol.as4.signing import signed_envelope
from protocol.as4.suites import Suite, TokenForm
from protocol.as4.values import SignedReference, UserMessage
from protocol.as4.writing import signal_message, user_message

#: Declarations that stand on our elements above a copied reference already: repeated inside it they
#: would not be canonical form.
_DECLARED_ABOVE: Final = tuple(
    f' xmlns:{prefix}="{uri}"'
    for prefix, uri in (("eb", EB), ("ebbp", EBBP), ("env", SOAP12), ("wsu", WSU))
)


def build_receipt(
    *,
    message_id: str,
    timestamp: datetime,
    ref_to_message_id: str,
    references: Sequence[SignedReference],
    signer: Signer,
    suite: Suite,
    token_form: TokenForm,
) -> bytes:
    """The signed receipt for the message `ref_to_message_id`, whose signature held `references`.

    Raises ValueError for references that are empty or that cannot be repeated.
    """
    if not references:
        raise ValueError("a receipt needs the references that it confirms")
    confirmed = "".join(
        f"<ebbp:MessagePartNRInformation>{_verbatim(reference)}</ebbp:MessagePartNRInformation>"
        for reference in references
    )
    receipt = (
        f'<eb:Receipt><ebbp:NonRepudiationInformation xmlns:ebbp="{EBBP}">{confirmed}'
        "</ebbp:NonRepudiationInformation></eb:Receipt>"
    )
    unit = signal_message(message_id, timestamp, ref_to_message_id, receipt)
    return signed_envelope(
        unit, message_id=message_id, signer=signer, suite=suite, token_form=token_form
    ).soap


def build_source_receipt(
    *,
    message_id: str,
    timestamp: datetime,
    source: UserMessage,
    signer: Signer,
    suite: Suite,
    token_form: TokenForm,
) -> bytes:
    """The signed receipt for a message that was joined from fragments.

    It repeats the eb:UserMessage: the joined message has no signature whose references could be
    confirmed, its fragments have (eDelivery AS4 1.15, Split and Join; AS4 1.0 section 3.2).
    """
    receipt = f"<eb:Receipt>{user_message(source)}</eb:Receipt>"
    unit = signal_message(message_id, timestamp, source.message_id, receipt)
    return signed_envelope(
        unit, message_id=message_id, signer=signer, suite=suite, token_form=token_form
    ).soap


def _verbatim(reference: SignedReference) -> str:
    """The reference as the sender signed it, in the canonical form that it has in our header."""
    if not reference.octets:
        raise ValueError(f"the reference {reference.uri!r} was not kept in its canonical form")
    written = reference.octets.decode()
    for declaration in _DECLARED_ABOVE:
        written = written.replace(declaration, "")
    return written
