"""To which case a document belongs, which cases it links, and what one case says to another.

A case is known by the partner and its RequestId: two partners may use one id and stay apart. A link
tells that two cases belong together; it opens neither of them to the authority of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from protocol.convention.lifecycle.case import Case, Event
from protocol.convention.lifecycle.guards import Terms
from protocol.convention.lifecycle.machine import step
from protocol.convention.lifecycle.preservation import FOLLOWING_REQUESTS
from protocol.convention.lifecycle.reading import Filing
from protocol.convention.lifecycle.states import Cause, Machine
from protocol.convention.lifecycle.tables import MACHINE_OF, knows


class Relation(StrEnum):
    """How a later case stands to an earlier one that it names."""

    HOLDS = "HOLDS"  # the data preserved there stay preserved: article 42(8)
    REGULARISES = "REGULARISES"  # the formal request after an emergency: article 41(3)(e)
    FOLLOWS = "FOLLOWS"  # the request for extradition after the arrest: article 37
    CITES = "CITES"  # names it, and no more


@dataclass(frozen=True, slots=True)
class Link:
    """The case `later` names the case `earlier`."""

    later: str
    earlier: str
    relation: Relation


class FoundBy(StrEnum):
    """Why a document belongs to a case."""

    OPENS = "OPENS"  # it begins one
    REQUEST_ID = "REQUEST_ID"
    REPLY = "REPLY"  # by the message that it answers; its own RequestId is of no case
    NOBODY = "NOBODY"  # we never saw that case begin


@dataclass(frozen=True, slots=True)
class Placement:
    """The case that a document belongs to. `request_id` may be another than the document's own."""

    request_id: str
    found_by: FoundBy
    links: tuple[Link, ...] = ()


def place(filing: Filing, known: Mapping[str, Case], answered: str | None = None) -> Placement:
    """Where `filing` belongs.

    `known` are the partner's cases by RequestId, as far as the document names them; `answered` is
    the RequestId of the case of the message that it answers (RefToMessageId).
    """
    own = filing.request_id
    if own in known:
        return Placement(own, FoundBy.REQUEST_ID)
    if filing.kind in MACHINE_OF:
        return Placement(own, FoundBy.OPENS, tuple(_links(filing, known)))
    if answered is not None and answered in known:
        return Placement(answered, FoundBy.REPLY)
    return Placement(own, FoundBy.NOBODY)


def tell(event: Event, case: Case, relation: Relation, now: datetime, terms: Terms) -> Case:
    """The earlier `case` after `event` in a later one that is linked to it; as it was, if that is
    nothing to it."""
    trigger = replace(event.trigger, cause=Cause.LINKED)
    if relation is Relation.CITES or not knows(case.machine, trigger):
        return case
    heard = replace(event, trigger=trigger, side=None)
    after = step(case, heard, now, terms)
    return case if after.history[-1].is_irregular else after


_LINKS: Final[Mapping[tuple[Machine, str], Relation]] = {
    **{(Machine.PRESERVATION, kind): Relation.HOLDS for kind in FOLLOWING_REQUESTS},
    **{(Machine.EMERGENCY, kind): Relation.REGULARISES for kind in FOLLOWING_REQUESTS},
    (Machine.EXTRADITION, "ExtraditionRequest"): Relation.FOLLOWS,
}


def _links(filing: Filing, known: Mapping[str, Case]) -> Iterable[Link]:
    for cited in filing.cites:
        earlier = known.get(cited)
        if earlier is not None:
            relation = _LINKS.get((earlier.machine, filing.kind), Relation.CITES)
            yield Link(filing.request_id, cited, relation)
