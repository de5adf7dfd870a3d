"""A fragment of a large message: a message of its own for every gate, and a piece of its group."""

from __future__ import annotations

from dataclasses import replace

from gateway.inbound.gates import Concluded
from gateway.inbound.user_messages import UserMessageReception
from gateway.store.values import MESSAGE_FRAGMENT, AcceptOutcome, Arrival, FragmentOf, Stored
from protocol.as4.errors import Refused, refused
from protocol.as4.fragment import MessageFragment
from protocol.as4.fragment_group import Arriving, Rejected, header_of
from protocol.as4.pmode import Splitting


class FragmentReception(UserMessageReception):
    """Receives one fragment and stores it with its receipt, as part of its group."""

    async def _check_before_parts(self) -> None:
        judged = await self._desk.store.fragments.judge(
            self._admitted.pmode.partner_state, self._arriving(0), self._agreed, self._desk.now()
        )
        if isinstance(judged, Rejected):
            raise _refused(self._fragment, judged)

    async def _accept(self, arrival: Arrival) -> AcceptOutcome:
        size_bytes = sum(part.blob.size_bytes for part in arrival.parts)
        accepted = await self._desk.store.fragments.accept(
            arrival, self._arriving(size_bytes), self._agreed
        )
        if isinstance(accepted, Rejected):
            raise _refused(self._fragment, accepted)
        if isinstance(accepted, Stored):
            self._desk.wake_joiner()
        return accepted

    def _arrival(self, concluded: Concluded) -> Arrival:
        fragment = self._fragment
        return replace(
            super()._arrival(concluded),
            kind=MESSAGE_FRAGMENT,
            fragment=FragmentOf(fragment.group_id, fragment.number),
        )

    def _arriving(self, size_bytes: int) -> Arriving:
        return Arriving(self._fragment, header_of(self._admitted.unit), size_bytes)

    @property
    def _fragment(self) -> MessageFragment:
        fragment = self._admitted.signed.fragment
        if fragment is None:
            raise TypeError(f"{self._admitted.unit.message_id} is no fragment")
        return fragment

    @property
    def _agreed(self) -> Splitting:
        splitting = self._admitted.pmode.splitting
        if splitting is None:
            raise TypeError(f"{self._admitted.pmode.id} agrees to no fragments")
        return splitting


def _refused(fragment: MessageFragment, rejected: Rejected) -> Refused:
    where = f"fragment {fragment.number} of group {fragment.group_id!r}"
    sentence = rejected.sentence
    return refused(rejected.error, "G9", f"{where}: {sentence}", sentence)
