"""What a partner has to configure so that it matches our P-Mode: its mirror image.

The same agreement, seen from the other side: their party is the own one, our address is where they
send, our certificates are what they trust. `text` says it in words for any product; the forms of
two products are in `mirror_domibus` and `mirror_holodeck`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocol.as4.names import TEST_ACTION, TEST_SERVICE
from protocol.as4.pmode import PMode, Puller, Pulling, ReceiptReply, Reliability
from protocol.as4.suites import Suite, TokenForm
from protocol.as4.values import AgreementRef, PartyId, ServiceName

LINE_CHARACTERS = 100


class NoSuchForm(Exception):
    """The product cannot be told this agreement; the sentence says which part of it."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """One agreement as the partner holds it. `address` is ours, where the partner sends to."""

    own_state: str
    own: PartyId
    own_address: str
    partner_state: str
    partner: PartyId
    address: str
    sender_role: str
    receiver_role: str
    service: ServiceName
    agreement: AgreementRef | None
    actions_sent: tuple[str, ...]
    actions_received: tuple[str, ...]
    suite: Suite
    signing_token: TokenForm
    encryption_token: TokenForm
    compress: bool
    reliability: Reliability
    pulling: Pulling | None = None  # as we see it
    receipt_reply: ReceiptReply = ReceiptReply.RESPONSE

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action, whichever way it goes."""
        return tuple(sorted({*self.actions_sent, *self.actions_received}))


def mirror_of(pmode: PMode, state: str, address: str) -> Mirror:
    """The mirror image of `pmode`, ours being `state`, reached at `address`."""
    return Mirror(
        own_state=pmode.partner_state,
        own=pmode.partner,
        own_address=pmode.address,
        partner_state=state,
        partner=pmode.own,
        address=address,
        sender_role=pmode.sender_role,
        receiver_role=pmode.receiver_role,
        service=pmode.service,
        agreement=pmode.agreement,
        actions_sent=tuple(sorted(pmode.actions_received)),
        actions_received=tuple(sorted(pmode.actions_sent)),
        suite=pmode.suite,
        signing_token=pmode.signing_token,
        encryption_token=pmode.encryption_token,
        compress=pmode.compress,
        reliability=pmode.reliability,
        pulling=pmode.pulling,
        receipt_reply=pmode.receipt_reply,
    )


def require_push(mirror: Mirror) -> None:
    """Raises NoSuchForm unless both sides push and receipt in the response, as our forms say."""
    if mirror.pulling is not None:
        raise NoSuchForm("only One-Way/Push is written for a product, and [pull] agrees on pulling")
    if mirror.receipt_reply is not ReceiptReply.RESPONSE:
        raise NoSuchForm("receipts are written for a product as response, and agreed as callback")


def text(mirror: Mirror) -> str:
    """The mirror image in words, one value on each line, for whatever product the partner runs."""
    pairs = list(_pairs(mirror))
    width = max(len(name) for name, _ in pairs) + 2
    return "".join(
        textwrap.fill(
            f"{name:<{width}}{value}",
            LINE_CHARACTERS,
            subsequent_indent=" " * width,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for name, value in pairs
    )


def _pairs(mirror: Mirror) -> Iterator[tuple[str, str]]:
    yield "your party", _typed(mirror.own.value, mirror.own.type)
    yield "our party", _typed(mirror.partner.value, mirror.partner.type)
    yield "send to", mirror.address
    yield "we send to", mirror.own_address
    yield "role of the sender", mirror.sender_role
    yield "role of the receiver", mirror.receiver_role
    if mirror.agreement is not None:
        yield "agreement", _typed(mirror.agreement.value, mirror.agreement.type)
    yield "service", _typed(mirror.service.value, mirror.service.type)
    if mirror.actions_sent == mirror.actions_received:
        yield "actions, both ways", _listed(mirror.actions)
    else:
        yield "actions you send", _listed(mirror.actions_sent)
        yield "actions you receive", _listed(mirror.actions_received)
    yield "test service", f"{TEST_SERVICE}, action {TEST_ACTION}"
    yield "security suite", mirror.suite.id
    yield "sign", "eb:Messaging, Body and every part; name the certificate as you like"
    yield "encrypt", "every part, for the first encryption certificate of our card"
    yield "we sign with", mirror.signing_token.value
    yield "we name your key by", mirror.encryption_token.value
    yield "compression", "application/gzip" if mirror.compress else "none"
    yield from _patterns(mirror)
    terms = mirror.reliability
    first = f"first after {terms.first_interval_seconds:g} s"
    yield "we retry", f"{terms.max_retries} times, {first}, with the same MessageId and octets"
    days = terms.duplicate_window_seconds / 86400
    yield "we remember", f"MessageIds for {days:g} days; do not retry for longer"


def _patterns(mirror: Mirror) -> Iterator[tuple[str, str]]:
    reply = "in the response"
    if mirror.receipt_reply is ReceiptReply.CALLBACK:
        reply = "in a request of their own (callback)"
    yield "receipts", f"{reply}, signed, with NonRepudiationInformation"
    if mirror.pulling is None:
        return
    side = "you pull from us" if mirror.pulling.by is Puller.PARTNER else "we pull from you"
    yield "pull", f"{side}, channel {mirror.pulling.mpc}; receipts for it by callback, signed"


def _typed(value: str, kind: str | None) -> str:
    return value if kind is None else f"{value} (type {kind})"


def _listed(actions: Sequence[str]) -> str:
    return ", ".join(actions) or "none"
