"""The P-Mode of a message is found by what the message claims: gate G6.

Compared exactly, an absent type not being an empty one: From and To (PartyId, type, Role), Service
and type, AgreementRef and type, the Action. A pmode attribute is not needed, but may not name
another agreement of ours. Source: eDelivery AS4 1.15 section 3 (P-Mode lookup), T12 of
docs/interop.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol.as4.errors import PROCESSING_MODE_MISMATCH, VALUE_NOT_RECOGNIZED, refused
from protocol.as4.names import DEFAULT_MPC, TEST_ACTION, TEST_SERVICE
from protocol.as4.pmode import PMode
from protocol.as4.values import AgreementRef, ServiceName, UserMessage

_GATE = "G6"
_TEST = ServiceName(TEST_SERVICE)


def find_pmode(book: Sequence[PMode], unit: UserMessage) -> PMode:
    """The P-Mode in `book` that `unit` claims to follow. Raises Refused.

    EBMS:0010 when there is none, EBMS:0001 for a message channel that nobody agreed on.
    """
    if unit.mpc not in (None, DEFAULT_MPC):
        raise refused(
            VALUE_NOT_RECOGNIZED,
            _GATE,
            f"the message partition channel {unit.mpc!r} is not agreed",
            "unknown message partition channel",
        )
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


def _same_agreement(pmode: PMode, claimed: AgreementRef | None, book: Sequence[PMode]) -> bool:
    agreed = pmode.agreement
    if claimed is None or agreed is None:
        return claimed is agreed
    if (claimed.value, claimed.type) != (agreed.value, agreed.type):
        return False
    others = {other.id for other in book} - {pmode.id}
    return claimed.pmode == agreed.pmode or claimed.pmode not in others
