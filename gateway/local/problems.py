"""What the local API says when it says no: one line of a catalogue, as application/problem+json.

Source: RFC 9457. A domestic system decides by `type`; `title` is fixed for a type, `detail` is for
the person who reads the log of that system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.local.limits import RETRY_AFTER_SECONDS

PROBLEM_TYPE = b"application/problem+json"
_URN = "urn:hanoi-gateway:problem:"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One line of the catalogue."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI that names this kind."""
        return _URN + self.name


MALFORMED = ProblemKind("malformed-request", 400, "The request cannot be understood")
UNAUTHORIZED = ProblemKind("unauthorized", 401, "A valid credential is required")
FORBIDDEN = ProblemKind("forbidden", 403, "This credential does not open this door")
ANOTHER_AUTHORITY = ProblemKind(
    "another-authority", 403, "The document speaks for another authority"
)
NOT_FOUND = ProblemKind("not-found", 404, "There is no such thing for this credential")
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "This address has no such method")
CONFLICT = ProblemKind("idempotency-conflict", 409, "The key was used for other content")
ILLEGAL_STEP = ProblemKind("illegal-step", 409, "The case does not allow this document now")
TOO_LARGE = ProblemKind("too-large", 413, "The content is larger than what is allowed")
UNSUPPORTED_MEDIA = ProblemKind("unsupported-media-type", 415, "This media type is not read here")
DOCUMENT_REFUSED = ProblemKind("document-refused", 422, "The document does not hold to its form")
NOT_COMPETENT = ProblemKind("not-competent", 422, "No rule of the directory covers this request")
NO_PARTNER = ProblemKind("no-partner", 422, "There is no agreement with that State")
UNKNOWN_REFERENCE = ProblemKind("unknown-reference", 422, "The message referred to is not known")
UPDATE_REFUSED = ProblemKind("update-refused", 422, "The directory cannot be changed by that")
TOO_MANY = ProblemKind("too-many-requests", 429, "Too much at once for this credential")
HEADERS_TOO_LARGE = ProblemKind("headers-too-large", 431, "The request's headers are too large")
INTERNAL = ProblemKind("internal-error", 500, "The gateway failed; its log says more")
UNAVAILABLE = ProblemKind("unavailable", 503, "The gateway cannot do this now")

CATALOGUE: tuple[ProblemKind, ...] = (
    MALFORMED, UNAUTHORIZED, FORBIDDEN, ANOTHER_AUTHORITY, NOT_FOUND, METHOD_NOT_ALLOWED, CONFLICT,
    ILLEGAL_STEP, TOO_LARGE, UNSUPPORTED_MEDIA, DOCUMENT_REFUSED, NOT_COMPETENT, NO_PARTNER,
    UNKNOWN_REFERENCE, UPDATE_REFUSED, TOO_MANY, HEADERS_TOO_LARGE, INTERNAL, UNAVAILABLE,
)  # fmt: skip


class Problem(Exception):
    """The request is refused; `members` are further members of the problem document."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def octets(self) -> bytes:
        """The problem document."""
        document = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **{name: value for name, value in self.members.items() if value is not None},
        }
        return json.dumps(document, ensure_ascii=False).encode()


def unauthorized() -> Problem:
    """The one answer to a missing, malformed or unknown credential."""
    return Problem(
        UNAUTHORIZED,
        "Send the credential of an authority as 'Authorization: Bearer TOKEN'.",
        headers={"WWW-Authenticate": 'Bearer realm="hanoi-gateway"'},
    )


def too_many(detail: str) -> Problem:
    """The answer to what this credential may do again when something of it has ended."""
    return Problem(TOO_MANY, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def unavailable(detail: str) -> Problem:
    """The answer to what may work a little later."""
    return Problem(UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def not_found() -> Problem:
    """The one answer to unknown things and to things of others: they must not be told apart."""
    return Problem(NOT_FOUND, "Nothing is known under this address.")
