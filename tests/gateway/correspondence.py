"""Letters between two States in an order that the life cycle allows, found in its tables.

Every letter is one of our examples, with the RequestId and the authorities of its case. Which
letters must go before another one is not written down here: the shortest way to it is searched
through `own_step`, the function that the local API asks as well.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from uuid import uuid4

from lxml import etree

from protocol.convention.competence import Competent, receiving_authority, sending_authority
from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Case, Event
from protocol.convention.lifecycle.guards import DECIDED_BY_NOTICE
from protocol.convention.lifecycle.machine import legal_next, opened, own_step, step
from protocol.convention.lifecycle.reading import filing_of
from protocol.convention.lifecycle.rows import DELIVERED
from protocol.convention.lifecycle.states import State
from protocol.convention.lifecycle.tables import MACHINE_OF, TABLES
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import example, example_names
from tests.lifecycle.making import TERMS, TIMES

MAX_LETTERS = 12  # before one: more than the longest way through any table
OTHER = {"AZ": "XU", "XU": "AZ"}


@dataclass(frozen=True)
class Letter:
    """One example, as it may be written into a case. `event` is what it does there."""

    kind: str
    side: Side
    asking: str  # the State of its requesting authority
    authorities: tuple[str, str]  # who asks, who is asked
    text: str
    event: Event

    @property
    def sender(self) -> str:
        """The State that writes it."""
        return self.asking if self.side is Side.REQUESTING else OTHER[self.asking]

    def written(self, request_id: str, authorities: tuple[str, str], concerns: str | None) -> bytes:
        """The document in the case `request_id` between `authorities`, about a `concerns`."""
        text = re.sub(r"(<c:RequestId>)[^<]*", rf"\g<1>{request_id}", self.text, count=1)
        for element, authority in zip(("Requesting", "Requested"), authorities, strict=True):
            text = re.sub(
                rf'(<c:{element}Authority id=")[^"]*', rf"\g<1>{authority}", text, count=1
            )
        if concerns is not None:
            text = re.sub(r"(<c:Concerns>\s*<c:Kind>)[^<]*", rf"\g<1>{concerns}", text)
        return text.encode()


@dataclass
class Matter:
    """A case as both sides know it, and what was said in it. `last` is its last MessageId."""

    request_id: str
    authorities: tuple[str, str]
    case: Case
    said: tuple[str, ...] = ()
    last: str | None = None

    def with_letter(self, letter: Letter) -> Matter | None:
        """The case after `letter` came to its addressee; None where it may not be sent."""
        if not self.said and letter.kind not in MACHINE_OF:
            return None
        allowed = KINDS[letter.kind].concerns
        if self.said and allowed and not set(allowed) & set(self.said):
            return None
        now = datetime.now(UTC)
        after = own_step(self.case, letter.event, now, TERMS)
        if not isinstance(after, Case):
            return None
        if not self.said:
            after = step(after, Event(DELIVERED), now, TERMS)
        return replace(self, case=replace(after, history=()), said=(*self.said, letter.kind))

    def concerned_by(self, kind: str) -> str | None:
        """The kind said last in this case that a `kind` may answer or follow."""
        allowed = KINDS[kind].concerns
        return next((said for said in reversed(self.said) if said in allowed), None)

    @property
    def asking(self) -> str:
        """The State that asks in it."""
        return self.authorities[0][:2]

    def key(self, wanted: str) -> tuple[object, ...]:
        """What decides about the way from here to a `wanted`."""
        case = self.case
        return (
            self.asking, case.machine, case.state, case.kind in DECIDED_BY_NOTICE,
            case.consulted, case.executed, case.evidence_sent, case.amended, case.reminders > 0,
            case.questions, case.resumes_in, not {*KINDS[wanted].concerns}.isdisjoint(self.said),
        )  # fmt: skip


_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Correspondence:
    """All cases that are open between the two States."""

    matters: list[Matter] = field(default_factory=list)

    def way_to(self, kind: str, sender: str) -> tuple[Matter, list[Letter]]:
        """The case, open or new, and the fewest letters in it that end with a `kind` of `sender`.

        Raises LookupError where no way leads there.
        """
        begun = {one.key(kind): one for one in reversed((*self.matters, *openings(kind)))}
        ways: deque[tuple[Matter, Matter, list[Letter]]] = deque(
            (one, one, []) for one in reversed(begun.values())
        )
        seen = set(begun)
        while ways:
            first, here, letters = ways.popleft()
            for letter in letters_from(here):
                after = here.with_letter(letter)
                if after is None:
                    continue
                way = [*letters, letter]
                if (letter.kind, letter.sender) == (kind, sender):
                    return first, way
                if after.key(kind) not in seen and len(way) < MAX_LETTERS:
                    seen.add(after.key(kind))
                    ways.append((first, after, way))
        raise LookupError(f"no legal way leads to a {kind} of {sender}")

    def moved(self, before: Matter, after: Matter) -> None:
        """`after` is where `before` stands now."""
        self.matters = [one for one in self.matters if one.request_id != before.request_id]
        self.matters.append(after)


def openings(wanted: str) -> Iterator[Matter]:
    """A new case for each letter that may open one, that of a `wanted` first."""
    for letter in sorted(letters(), key=lambda letter: letter.kind != wanted):
        if letter.kind in MACHINE_OF and goes(letter.kind, letter.sender, letter.authorities):
            request_id, (asks, asked) = str(uuid4()), letter.authorities
            case = opened(letter.kind, request_id, asks, asked, "ROUTINE", _EPOCH)
            yield Matter(request_id, letter.authorities, case)


def goes(kind: str, sender: str, authorities: tuple[str, str]) -> bool:
    """Whether the directory lets the first of `authorities` send a `kind` to the second."""
    today = datetime.now(UTC).date()
    asks, asked = authorities
    sends = sending_authority(TIMES.directory, sender, kind, asks, today)
    receives = receiving_authority(TIMES.directory, OTHER[sender], kind, asked, today)
    return isinstance(sends, Competent) and isinstance(receives, Competent)


def letters_from(matter: Matter) -> Iterator[Letter]:
    """The letters that the table may allow now, those of the own example first."""
    if matter.case.state is State.DRAFT:
        kinds = {matter.case.kind}
    else:
        kinds = {one.kind for side in Side if side is not Side.EITHER
                 for one in legal_next(matter.case, side)}  # fmt: skip
    for kind in kinds:
        yield from _by_kind().get((kind, matter.asking), ())


@cache
def letters() -> tuple[Letter, ...]:
    """Every example for either asking State, and what else of its code list a kind may say.

    What one State's example says, the other's may say as well. Days are moved into the future, so
    that no clock has run out.
    """
    own = [_letter(_text_of(name)) for name in example_names() if name.endswith(".xml")]
    said = [*own, *(other for one in own for other in _other_words(one))]
    borrowed = [replace(one, asking=OTHER[one.asking]) for one in said]
    return (*said, *borrowed)


@cache
def _by_kind() -> dict[tuple[str, str], list[Letter]]:
    found: dict[tuple[str, str], list[Letter]] = {}
    for letter in letters():
        found.setdefault((letter.kind, letter.asking), []).append(letter)
    return found


def _text_of(name: str) -> str:
    text = example(name).decode()
    if "<d:Manifest" in text:  # digests stand over its days
        return text
    return re.sub(r"\b2026-(?=\d\d-\d\d)", f"{datetime.now(UTC).year + 1}-", text)


def _other_words(letter: Letter) -> Iterator[Letter]:
    """The letter with each other word that a table knows it by."""
    said = letter.event.trigger.variant
    known = {row.trigger.variant for table in TABLES.values() for row in table
             if row.trigger.name == letter.kind}  # fmt: skip
    for word in sorted(known - {said, ""}):
        text, found = re.subn(rf"(<d:\w+>){said}<", rf"\g<1>{word}<", letter.text, count=1)
        if found and said:
            with suppress(DocumentRefused):
                yield _letter(text)


def _letter(text: str) -> Letter:
    document = read_document(text.encode())
    root = etree.fromstring(text.encode())
    filing = filing_of(root, document.written_by, document.author, None, UTC)
    return Letter(
        document.kind,
        document.written_by,
        document.requesting_authority[:2],
        (document.requesting_authority, document.requested_authority),
        text,
        filing.event,
    )
