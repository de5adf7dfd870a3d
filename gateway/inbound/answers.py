"""What goes back to the sender: one HTTP answer for each outcome (docs/architecture.md, gates)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from protocol.as4.errors import EMPTY_MPC, EbmsAnswer, ErrorCode, FaultAnswer, Refused, StatusAnswer
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.signals import build_error, soap_fault
from protocol.as4.suites import Suite, TokenForm

SOAP_TYPE = b"application/soap+xml; charset=UTF-8"
RETRY_AFTER_SECONDS = 30
FAULT_REASON = "The message could not be understood."

# What a peer may read about a refusal: one fixed sentence for each code, so that no answer says
# more to an attacker than the code does. Findings about documents come as `detail`.


@dataclass(frozen=True, slots=True)
class Streamed:
    """A body that is read piece by piece while it is written.

    `ended` is called once: with True when all of it went to the connection, else with False.
    """

    length_bytes: int
    pieces: Callable[[], Iterator[bytes]] = field(repr=False)
    ended: Callable[[bool], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP response; with `streamed` in place of `body` where that is too large to hold."""

    status: int
    content_type: bytes | None = None
    body: bytes = field(default=b"", repr=False)
    retry_after_seconds: int | None = None
    close: bool = False
    streamed: Streamed | None = None


def receipt_answer(receipt: bytes) -> HttpAnswer:
    """HTTP 200 with the signed receipt."""
    return HttpAnswer(200, SOAP_TYPE, receipt)


def raw_answer(answer: HttpAnswer) -> bytes:
    """`answer` as HTTP/1.1 octets, for a connection that is closed right after."""
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode(),
        b"Connection: close",
        f"Content-Length: {len(answer.body)}".encode(),
    ]
    if answer.content_type is not None:
        lines.append(b"Content-Type: " + answer.content_type)
    if answer.retry_after_seconds is not None:
        lines.append(f"Retry-After: {answer.retry_after_seconds}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + answer.body


TRY_LATER = HttpAnswer(503, retry_after_seconds=RETRY_AFTER_SECONDS, close=True)
NOTHING_TO_SAY = HttpAnswer(202)


class Answers:
    """Turns a refusal into the bytes that a partner gets."""

    def __init__(
        self,
        signer_for: Callable[[Suite], Signer],
        suite_for_strangers: Suite,
        new_message_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._signer_for = signer_for
        self._suite_for_strangers = suite_for_strangers
        self._new_message_id = new_message_id
        self._now = now

    def refusal(
        self,
        refusal: Refused,
        message_id: str | None,
        *,
        suite: Suite | None = None,
        token_form: TokenForm = TokenForm.BST_X509V3,
    ) -> HttpAnswer:
        """The one answer for `refusal`; a signed eb:Error where the envelope was understood.

        `suite` is that of the P-Mode, where one was found.
        """
        suite = suite or self._suite_for_strangers
        match refusal.answer:
            case StatusAnswer(http_status):
                return HttpAnswer(http_status, close=True)
            case FaultAnswer(http_status, code):
                return HttpAnswer(http_status, SOAP_TYPE, soap_fault(code, FAULT_REASON))
            case EbmsAnswer(error):
                _, signal = self.error(error, refusal.detail, message_id, suite, token_form)
                return HttpAnswer(200, SOAP_TYPE, signal)

    def error(
        self,
        error: ErrorCode,
        detail: str,
        message_id: str | None,
        suite: Suite,
        token_form: TokenForm,
    ) -> tuple[str, bytes]:
        """A signed eb:Error about `message_id`, and the id of the signal itself."""
        signal_id = self._new_message_id()
        return signal_id, build_error(
            message_id=signal_id,
            timestamp=self._now(),
            ref_to_message_id=message_id,
            error=error,
            detail=detail,
            signer=self._signer_for(suite),
            suite=suite,
            token_form=token_form,
        )

    def empty_channel(self, request_id: str, pmode: PMode) -> HttpAnswer:
        """EBMS:0006, a warning: nothing waits for whoever sent the PullRequest `request_id`."""
        _, signal = self.error(EMPTY_MPC, "", request_id, pmode.suite, pmode.signing_token)
        return HttpAnswer(200, SOAP_TYPE, signal)
