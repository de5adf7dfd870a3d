"""The P-Mode of a message is found by what the message claims: gate G6.

Compared exactly, an absent type not being an empty one: From and To (PartyId, type, Role), Service
and type, AgreementRef and type, the Action. A pmode attribute is not needed, but may not name
another agreement of ours. The message partition channel belongs to it: what was pulled names the
channel that it was pulled from, what was pushed names none. Source: eDelivery AS4 1.15 section 3
(P-Mode lookup), T12 of docs/interop.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol.as4.errors import PROCESSING_MODE_MISMATCH, VALUE_NOT_RECOGNIZED, Refused, refused
from protocol.as4.names import DEFAULT_MPC, TEST_ACTION, TEST_SERVICE
from protocol.as4.pmode import PMode
from protocol.as4.values import AgreementRef, ServiceName, UserMessage

_GATE = "G6"
_TEST = ServiceName(TEST_SERVICE)


def find_pmode(book: Sequence[PMode], unit: UserMessage, pulled_from: str | None = None) -> PMode:
    """The P-Mode in `book` that `unit` claims to follow. Raises Refused.

    `pulled_from` is the channel that it was pulled from, None for a pushed message. EBMS:0010 when
    there is no P-Mode, EBMS:0001 for another channel.
    """
    if _channel(unit.mpc) != pulled_from:
        raise _unknown_channel(unit.mpc)
    for pmode in book:
        if not any(_differences(pmode, unit, book)):
            return pmode
    raise refused(
        PROCESSING_MODE_MISMATCH,
        _GATE,
        f"no P-Mode for {unit.message_id}: {_nearest(book, unit)}",
        "no agreed processing mode matches the message",
    )


def is_ping(unit: UserMessage) -> bool:
    """Whether `unit` is of the test service, which every P-Mode agrees to.

    It is receipted and delivered to nobody. Source: ebMS 3.0 Core section 5.2.2 (test feature),
    eDelivery AS4 1.15 section 3 (test service).
    """
    return unit.service == _TEST and unit.action == TEST_ACTION


def find_channel(book: Sequence[PMode], mpc: str | None) -> PMode:
    """The P-Mode in `book` whose partner pulls from the channel `mpc`. Raises Refused, EBMS:0001.

    The default channel is nobody's (eDelivery AS4 1.15, Pull).
    """
    for pmode in book:
        if pmode.channel_sent is not None and pmode.channel_sent == _channel(mpc):
            return pmode
    raise _unknown_channel(mpc)


def _channel(mpc: str | None) -> str | None:
    """Absent and default are the same (ebMS 3.0 Core section 5.2.2.1)."""
    return None if mpc == DEFAULT_MPC else mpc


def _unknown_channel(mpc: str | None) -> Refused:
    return refused(
        VALUE_NOT_RECOGNIZED,
        _GATE,
        f"the message partition channel {mpc or DEFAULT_MPC!r} is not agreed for this",
        "unknown message partition channel",
    )


def _nearest(book: Sequence[PMode], unit: UserMessage) -> str:
    """What an operator should look at: the P-Mode with the fewest differences."""
    differing = [(list(_differences(pmode, unit, book)), pmode.id) for pmode in book]
    if not differing:
        return "there is no P-Mode at all"
    names, pmode_id = min(differing, key=lambda found: len(found[0]))
    return f"P-Mode {pmode_id} comes nearest and differs in {', '.join(names)}"


def _differences(pmode: PMode, unit: UserMessage, book: Sequence[PMode]) -> Iterator[str]:
    sender, receiver = pmode.receiving_parties
    if unit.sender != sender:
        yield "eb:From"
    if unit.receiver != receiver:
        yield "eb:To"
    if unit.service != pmode.service and not is_ping(unit):
        yield "eb:Service"
    if not _same_agreement(pmode, unit.agreement, book):
        yield "eb:AgreementRef"
    if unit.action not in pmode.actions_received and not is_ping(unit):
        yield "eb:Action"
    if _channel(unit.mpc) != pmode.channel_received:
        yield "eb:UserMessage/@mpc"


def _same_agreement(pmode: PMode, claimed: AgreementRef | None, book: Sequence[PMode]) -> bool:
    agreed = pmode.agreement
    if claimed is None or agreed is None:
        return claimed is agreed
    if (claimed.value, claimed.type) != (agreed.value, agreed.type):
        return False
    others = {other.id for other in book} - {pmode.id}
    return claimed.pmode == agreed.pmode or claimed.pmode not in others
