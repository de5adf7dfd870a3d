"""Which kinds of document there are, as data: root element, article, who writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOCUMENTS: Final = "urn:uncc:doc:1"
COMMON: Final = "urn:uncc:cmn:1"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document."""

    name: str  # of the root element, and the eb:Action that carries it
    article: str  # of the Convention
    is_answer: bool = False  # written by the requested authority


# Source: docs/convention.md, which says what of this is still to be checked.
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("PreservationRequest", "42"),
        Kind("MlaRequest", "40"),
        Kind("ExtraditionRequest", "37"),
        Kind("Acknowledgement", "40", is_answer=True),
    )
}

# A lower number is taken first from a queue.
PRIORITIES: Final = {"EMERGENCY": 0, "EXPEDITED": 1, "URGENT": 2, "ROUTINE": 3}
