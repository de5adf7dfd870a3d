"""From what a partner says of a ping to the value of the P-Mode that is likely not the same there.

A ping has the test service and action, so these two of the agreement it cannot compare.
"""

from __future__ import annotations

import re
from typing import Final

#: The first line that fits what was seen is the advice; `what was seen` is code and sentence.
_ADVICE: Final = (
    (
        r"EBMS:00(01|03|10)\b",
        "the partner finds no agreement for it: party (id and type), roles and agreement of both "
        "P-Modes must be the same, to the letter",
    ),
    (
        r"EBMS:0101\b",
        "the partner does not know who signed it: our signing certificate must be in "
        "certificates.signing there, and our TLS certificate and party must belong to the same "
        "State there",
    ),
    (
        r"EBMS:0102\b",
        "the partner cannot open it: the first of certificates.encryption here must belong to its "
        "key of today",
    ),
    (r"EBMS:0103\b", "it is not protected as agreed there: compare security.suite"),
    (r"EBMS:0302\b", "its receipt does not hold: certificates.signing here must be those of today"),
    (
        r"(?i)host|name or service|DNS|resolve|refused|unreachable|timed? ?out|TimeoutError",
        "nobody answers there: compare address, and ask both sides' network people",
    ),
    (
        r"(?i)alert (bad |unknown |unsupported )?(certificate|ca)|certificate required|handshake",
        "the partner does not accept our TLS certificate: it must be in certificates.tls there",
    ),
    (
        r"(?i)certificate|SSL|TLS",
        "its TLS certificate is not the one that we know, or not for this host: compare "
        "certificates.tls and address",
    ),
    (r"HTTP 40[45]\b", "nothing takes AS4 under this path: compare address"),
    (r"HTTP 5\d\d\b", "the partner has trouble of its own; ask again later"),
)


def advice(code: str | None, sentence: str) -> str | None:
    """What to compare with the partner; None where the answer does not tell."""
    seen = f"{code or ''} {sentence}"
    return next((text for pattern, text in _ADVICE if re.search(pattern, seen)), None)
