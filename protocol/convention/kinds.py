"""Which kinds of document there are, and what each is: the shape of protocol.convention.vocabulary.

A kind is named by its root element, which is also the eb:Action that carries it. Everything that
the gateway must know of a kind before it looks inside a document stands in one row of that table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.convention.directory import Matter

DOCUMENTS: Final = "urn:uncc:doc:1"
COMMON: Final = "urn:uncc:cmn:1"


class Form(Enum):
    """What a document does in a case."""

    REQUEST = "request"  # asks for something: codes R-
    ONE_WAY = "one-way"  # tells something that nobody asked for: codes S-
    RESPONSE = "response"  # answers in substance: codes A-
    STATUS = "status"  # says where a case stands: codes A-


class Side(Enum):
    """Who writes a document, by the two authorities that every document names."""

    REQUESTING = "REQUESTING"
    REQUESTED = "REQUESTED"
    EITHER = "EITHER"  # the attribute writtenBy of the document says which of the two


class Office(Enum):
    """In which function an authority sends or receives a kind."""

    CENTRAL_AUTHORITY = "central authority"  # article 40(12)
    CONTACT_POINT = "24/7 point of contact"  # article 41
    EXTRADITION_AUTHORITY = "extradition authority"  # article 37(19)
    NAMED_AUTHORITY = "authority named for prevention"  # article 53
    POLICE = "law enforcement authority"  # article 47
    GATEWAY = "gateway"  # for the authority that it serves
    OF_THE_CASE = "authority of the case"  # whoever asked, or was asked, before


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document."""

    name: str  # of the root element, and the eb:Action that carries it
    code: str  # as in docs/convention.md: R-, S- or A-
    article: str  # of the Convention
    form: Form
    senders: tuple[Office, ...]
    receivers: tuple[Office, ...]
    author: Side
    matter: Matter | None = None  # None: goes between the two authorities of its case
    concerns: tuple[str, ...] = ()  # the kinds that it answers or belongs to; empty: none
    urgency: str = "ROUTINE"  # unless its author says otherwise

    @property
    def needs_case(self) -> bool:
        """Whether it belongs to a request or message that went before, by its RequestId."""
        return bool(self.concerns)

    @property
    def is_answer(self) -> bool:
        """Whether the requested authority writes it."""
        return self.author is Side.REQUESTED


# A lower number is taken first from a queue.
PRIORITIES: Final = {"EMERGENCY": 0, "EXPEDITED": 1, "URGENT": 2, "ROUTINE": 3}
