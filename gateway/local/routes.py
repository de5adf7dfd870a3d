"""Every address of the local API, once; a test holds openapi.yaml against this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.local.problems import METHOD_NOT_ALLOWED, Problem, not_found


class Credential(Enum):
    """Whose token opens a route."""

    NONE = "none"
    AUTHORITY = "authority"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address. `template` has `{name}` for a segment that varies."""

    method: str
    template: str
    operation: str
    credential: Credential
    query: frozenset[str] = frozenset()


# Two partners may have used the same MessageId; the leases say which one is meant.
WHICH = frozenset({"partner", "direction"})

# Two partners may have used the same RequestId; of two, the one that was there first is meant.
OF = frozenset({"partner"})

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/messages", "submitMessage", Credential.AUTHORITY),
    Route("GET", "/v1/messages/{messageId}", "getMessage", Credential.AUTHORITY, WHICH),
    Route("GET", "/v1/messages/{messageId}/document", "getDocument", Credential.AUTHORITY, WHICH),
    Route(
        "GET",
        "/v1/messages/{messageId}/attachments/{n}",
        "getAttachment",
        Credential.AUTHORITY,
        WHICH,
    ),
    Route(
        "POST",
        "/v1/inbox/lease",
        "leaseMessages",
        Credential.AUTHORITY,
        frozenset({"wait", "limit"}),
    ),
    Route("POST", "/v1/leases/{leaseId}/ack", "acknowledgeLease", Credential.AUTHORITY),
    Route("POST", "/v1/leases/{leaseId}/release", "releaseLease", Credential.AUTHORITY),
    Route("POST", "/v1/leases/{leaseId}/reject", "rejectLease", Credential.AUTHORITY),
    Route(
        "GET",
        "/v1/cases",
        "listCases",
        Credential.AUTHORITY,
        frozenset({"partner", "state", "open", "flagged"}),
    ),
    Route("GET", "/v1/cases/{requestId}", "getCase", Credential.AUTHORITY, OF),
    Route(
        "POST", "/v1/cases/{requestId}/steps/{step}/settle", "settleStep", Credential.AUTHORITY, OF
    ),
    Route("POST", "/v1/cases/{requestId}/forward", "forwardCase", Credential.AUTHORITY, OF),
    Route("GET", "/v1/deadlines", "listDeadlines", Credential.AUTHORITY, frozenset({"before"})),
    Route("POST", "/v1/deadlines/{number}/answer", "answerDeadline", Credential.AUTHORITY),
    Route("GET", "/v1/audit/verify", "verifyEvidence", Credential.AUDITOR),
    Route("GET", "/v1/alerts", "listAlerts", Credential.AUDITOR),
    Route("POST", "/v1/alerts/{number}/ack", "acknowledgeAlert", Credential.AUDITOR),
    Route("GET", "/v1/partners", "listPartners", Credential.AUDITOR),
    Route("POST", "/v1/partners/{partner}/ping", "pingPartner", Credential.AUDITOR),
    Route("GET", "/v1/directory", "showDirectory", Credential.AUDITOR),
    Route(
        "POST",
        "/v1/directory/updates/{messageId}/accept",
        "acceptUpdate",
        Credential.AUDITOR,
        frozenset({"partner"}),
    ),
    Route(
        "POST",
        "/v1/directory/updates/{messageId}/refuse",
        "refuseUpdate",
        Credential.AUDITOR,
        frozenset({"partner"}),
    ),
    Route(
        "POST",
        "/v1/directory/publish",
        "publishDirectory",
        Credential.AUTHORITY,
        frozenset({"to"}),
    ),
    Route("GET", "/healthz", "getHealth", Credential.NONE),
    # Counts by partner tell who asks whom, how often: that is not for every account of the
    # machine, and loopback is open to all of them.
    Route("GET", "/metrics", "getMetrics", Credential.AUDITOR),
)


def find_route(method: str, segments: Sequence[str]) -> tuple[Route, dict[str, str]]:
    """The route of a request and the values in its address.

    `segments` are the decoded parts between slashes. Raises Problem: 404, or 405 with Allow.
    """
    allowed: list[str] = []
    for route in ROUTES:
        values = _values(route.template[1:].split("/"), segments)
        if values is None:
            continue
        if route.method == method:
            return route, values
        allowed.append(route.method)
    if not allowed:
        raise not_found()
    names = ", ".join(allowed)
    raise Problem(METHOD_NOT_ALLOWED, f"This address has only {names}.", headers={"Allow": names})


def _values(template: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    values: dict[str, str] = {}
    for pattern, segment in zip(template, segments, strict=True):
        if pattern.startswith("{"):
            if not segment.isprintable():  # no id of ours, and no text for every database
                return None
            values[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return values
