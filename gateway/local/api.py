"""The local API: one resource that finds the route, checks the credential and runs the endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from config.credentials import AUDITOR
from gateway.local.answers import Answer, as_problem, write_answer
from gateway.local.calls import Call, Gone
from gateway.local.cases import Cases
from gateway.local.directory import DirectoryAddresses
from gateway.local.inbox import Inbox
from gateway.local.intake import header_values
from gateway.local.limits import MAX_KEY_CHARACTERS
from gateway.local.messages import Messages
from gateway.local.operations import Operations
from gateway.local.partners import Partners
from gateway.local.ports import InThread
from gateway.local.problems import (
    FORBIDDEN,
    INTERNAL,
    MALFORMED,
    Problem,
    unauthorized,
    unavailable,
)
from gateway.local.requests import LocalRequest
from gateway.local.routes import Credential, Route, find_route
from gateway.metrics import Metrics
from gateway.store.faults import StoreFault

Endpoint = Callable[[Call], Awaitable[Answer]]


def endpoints(
    messages: Messages,
    inbox: Inbox,
    cases: Cases,
    operations: Operations,
    partners: Partners,
    directory: DirectoryAddresses,
) -> Mapping[str, Endpoint]:
    """What runs for each operation of the route table."""
    return {
        "submitMessage": messages.submit,
        "getMessage": messages.look_up,
        "getDocument": messages.document,
        "getAttachment": messages.attachment,
        "leaseMessages": inbox.lease,
        "acknowledgeLease": inbox.ack,
        "releaseLease": inbox.release,
        "rejectLease": inbox.reject,
        "listCases": cases.list,
        "getCase": cases.show,
        "settleStep": cases.settle,
        "forwardCase": cases.forward,
        "listDeadlines": cases.deadlines,
        "answerDeadline": cases.answer,
        "verifyEvidence": operations.verify_evidence,
        "listAlerts": operations.alerts,
        "acknowledgeAlert": operations.acknowledge_alert,
        "listPartners": partners.list,
        "pingPartner": partners.ping,
        "showDirectory": directory.show,
        "acceptUpdate": directory.accept,
        "refuseUpdate": directory.refuse,
        "publishDirectory": directory.publish,
        "getHealth": operations.health,
        "getMetrics": operations.metrics,
    }


class LocalResource(Resource):
    """Answers every request of the local side."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(
        self,
        operations: Mapping[str, Endpoint],
        metrics: Metrics,
        log: FilteringBoundLogger,
        reactor: IReactorTime,
        in_thread: InThread,
    ) -> None:
        super().__init__()
        self._log = log
        self._operations = operations
        self._metrics = metrics
        self._reactor = reactor
        self._in_thread = in_thread
        self._running: dict[Deferred[None], Gone] = {}

    def render(self, request: LocalRequest) -> int:
        """Begin the answer; it is written when the endpoint has one."""
        gone = Gone()
        request.notifyFinish().addErrback(lambda _: gone.close())
        running = Deferred.fromCoroutine(self._serve(request, gone))
        self._running[running] = gone
        running.addErrback(
            lambda failure: self._log.error("local.failed", exc_info=_raised(failure))
        )
        running.addCallback(lambda _: self._running.pop(running, None))
        return NOT_DONE_YET

    def end_waiting(self) -> None:
        """Every long poll is answered with what it has: nothing."""
        for gone in list(self._running.values()):
            gone.close()

    @property
    def running(self) -> int:
        """How many requests have no answer yet."""
        return len(self._running)

    async def _serve(self, request: LocalRequest, gone: Gone) -> None:
        started_seconds = self._reactor.seconds()
        operation, answer = await self._answer(request, gone)
        await request.intake.let_go()
        took_seconds = self._reactor.seconds() - started_seconds
        self._metrics.local_request(operation, answer.status, took_seconds)
        self._log.info(
            "local.request",
            operation=operation,
            status=answer.status,
            authority=request.intake.authority,
            took_seconds=round(took_seconds, 6),
        )
        await write_answer(request, answer, self._in_thread)

    async def _answer(self, request: LocalRequest, gone: Gone) -> tuple[str, Answer]:
        """The operation's name and its answer. Never raises: a failure is an answer too."""
        operation = "none"
        try:
            route, values = find_route(request.method.decode("latin-1"), _segments(request))
            operation = route.operation
            call = self._call(request, route, values, gone)
            return operation, await self._operations[operation](call)
        except Problem as e:
            return operation, as_problem(e)
        except (StoreFault, OSError):
            self._log.exception("local.unavailable", operation=operation)
            return operation, as_problem(unavailable("The gateway could not make this durable."))
        except Exception:  # noqa: BLE001 - the door: the log has the failure, the caller a 500
            self._log.exception("local.failed", operation=operation)
            return operation, as_problem(Problem(INTERNAL, "Try again later."))

    def _call(
        self, request: LocalRequest, route: Route, values: Mapping[str, str], gone: Gone
    ) -> Call:
        """The request as a call by somebody who may make it. Raises Problem."""
        if request.intake.problem is not None:
            raise request.intake.problem
        return Call(
            authority=_permitted(request.intake.authority, route.credential),
            values=values,
            query=_query(request, route),
            idempotency_key=_idempotency_key(request),
            intake=request.intake,
            gone=gone,
        )


def _permitted(authority: str | None, needed: Credential) -> str:
    if needed is Credential.NONE:
        return ""
    if authority is None:
        raise unauthorized()
    if (authority == AUDITOR) is not (needed is Credential.AUDITOR):
        raise Problem(FORBIDDEN, f"This address needs the credential of an {needed.value}.")
    return authority


def _segments(request: LocalRequest) -> list[str]:
    return [segment.decode("utf-8", "replace") for segment in request.postpath or ()]


def _query(request: LocalRequest, route: Route) -> Mapping[str, str]:
    query: dict[str, str] = {}
    for name, values in (request.args or {}).items():
        text = name.decode("utf-8", "replace")
        if text not in route.query or len(values) != 1:
            raise Problem(MALFORMED, f"This address does not take '{text[:40]}', or takes it once.")
        query[text] = values[0].decode("utf-8", "replace")
        if not query[text].isprintable():
            raise Problem(MALFORMED, f"'{text[:40]}' has control characters.")
    return query


def _idempotency_key(request: LocalRequest) -> str | None:
    values = header_values(request.requestHeaders, "Idempotency-Key")
    if not values:
        return None
    key = values[0]
    if len(values) > 1 or not 1 <= len(key) <= MAX_KEY_CHARACTERS or not _visible(key):
        raise Problem(
            MALFORMED, f"Idempotency-Key is 1 to {MAX_KEY_CHARACTERS} visible ASCII characters."
        )
    return key


def _visible(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _raised(failure: Failure) -> BaseException | None:
    return failure.value
