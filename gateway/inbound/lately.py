"""What came lately, so that most new messages are known to be new without asking the store.

Gate G9 comes before G10: a repetition costs no private-key operation. To ask the store for every
message would cost more than that, so the newest MessageIds are held in memory. What is not among
them may be older; but eb:Timestamp is signed and was at most so far ahead of our clock when a
message came, so one that says it is younger than the oldest that is held cannot have come before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

KEPT: Final = 16_384  # MessageIds in memory: some 4 MiB

Came = tuple[str, str, datetime]  # partner, MessageId, when it was received

_NOTHING_OLDER: Final = datetime.min.replace(tzinfo=UTC)


class ReceivedLately:
    """The newest `kept` messages that this gateway received.

    Without `known` it is never certain of anything: where other nodes receive into the same store,
    their messages are not among ours.
    """

    def __init__(self, known: Iterable[Came] | None = None, kept: int = KEPT) -> None:
        self._kept = kept
        self._came: dict[tuple[str, str], datetime] = {}  # the oldest first
        self._older_until = None if known is None else _NOTHING_OLDER
        for partner, message_id, at in known or ():
            self.note(partner, message_id, at)

    def note(self, partner: str, message_id: str, at: datetime) -> None:
        """It was received at `at`, and is durable."""
        if self._older_until is None:
            return
        self._came[partner, message_id] = at
        if len(self._came) > self._kept:
            oldest = next(iter(self._came))
            self._older_until = max(self._older_until, self._came.pop(oldest))

    def is_certainly_new(
        self, partner: str, message_id: str, signed_at: datetime, future_seconds: float
    ) -> bool:
        """Whether nothing can have come under this MessageId before.

        `signed_at` is its eb:Timestamp, `future_seconds` how far ahead of us it may be.
        """
        if self._older_until is None or (partner, message_id) in self._came:
            return False
        if self._older_until is _NOTHING_OLDER:
            return True
        return signed_at > self._older_until + timedelta(seconds=future_seconds)
