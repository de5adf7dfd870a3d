"""One ping: a signed and encrypted message of the test service, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from config.node import Node
from gateway.conformance.drafts import XML, Draft, Payload, ping
from gateway.conformance.line import Line, NoAnswer
from gateway.outbound.interpretation import Interpreted, interpret, unanswered
from gateway.outbound.posting import sentence_of
from gateway.pinging.advice import advice
from gateway.store.lines import PartnerLine
from gateway.store.values import Sealed
from gateway.workers import Workers
from protocol.as4.exchange import ReceiptHeld
from protocol.as4.pmode import PMode

MAX_SENTENCE_CHARACTERS: Final = 1000
ANSWERS: Final = "signed receipt"


class Asking:
    """Asks partners whether they answer, and whether both sides agree as far as that tells."""

    def __init__(
        self,
        reactor: Any,
        node: Node,
        workers: Workers,
        new_message_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._reactor = reactor
        self._node = node
        self._workers = workers
        self._new_message_id = new_message_id
        self._now = now

    async def ask(self, pmode: PMode) -> PartnerLine:
        """What the partner of `pmode` says to a ping. Raises nothing that the partner can cause."""
        draft = await self._workers.run(self._draft, pmode)
        at = self._now()
        outcome = await self._outcome(draft, pmode)
        if isinstance(outcome.event, ReceiptHeld):
            return PartnerLine(pmode.partner_state, at, at, True, None, ANSWERS)
        code, reason = outcome.facts.get("code"), str(outcome.facts.get("reason", ""))
        code = None if code is None else str(code)
        remedy = advice(code, reason)
        said = _printable(f"{reason}; {remedy}" if remedy else reason)
        return PartnerLine(pmode.partner_state, at, None, False, code, said)

    async def _outcome(self, draft: Draft, pmode: PMode) -> Interpreted:
        line = Line(self._reactor, self._node, pmode)
        try:
            answer = await line.post(draft.content_type, draft.body)
        except NoAnswer as silence:
            return unanswered(sentence_of(silence.__cause__ or silence))
        sent = Sealed(b"", draft.references, ())
        return await self._workers.run(interpret, answer, sent, draft.unit.message_id, pmode)

    def _draft(self, pmode: PMode) -> Draft:
        """With a payload, so that the partner's decryption is asked too."""
        payload = Payload(XML, "application/xml", pmode.compress, character_set="UTF-8")
        signer = self._node.signer_for(pmode.suite)
        unit = {"message_id": self._new_message_id(), "timestamp": self._now()}
        return ping(pmode, signer, payload, **unit)


def _printable(sentence: str) -> str:
    """A partner's words, made harmless for a log, a terminal and every database."""
    kept = "".join(one if one.isprintable() else " " for one in sentence)
    return " ".join(kept.split())[:MAX_SENTENCE_CHARACTERS]
