"""What the directory says of a document beside who is competent for it: what bears on it.

Reservations of the receiving State that touch its offences, treaties between the two States,
declarations that one does not apply the Convention to the other, and the ways by which the
receiver takes requests. A person reads these; the rules that refuse are in rules_in_context.
Source: Convention articles 40(7), 40(12), 40(14), 64.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from protocol.convention.canonical import canonical
from protocol.convention.competence import MATTERS
from protocol.convention.directory import Directory, Provenance, StateRecord
from protocol.convention.rule_words import C
from protocol.hardened import parse_again


@dataclass(frozen=True, slots=True)
class Bearing:
    """One line of the directory that bears on a document. `forbids`: it cannot go at all."""

    what: str  # reservation, treaty, exclusion or channel
    says: str
    article: str
    source: str
    trust: str
    forbids: bool = False


def bearing_on(
    directory: Directory,
    sender: str,
    receiver: str,
    kind: str,
    offences: Collection[str],
    on: date,
) -> list[Bearing]:
    """What bears on a `kind` about `offences` (codes) that goes from `sender` to `receiver`."""
    records = {state: directory.states.get(state) for state in (sender, receiver)}
    found: list[Bearing] = []
    for one, other in ((sender, receiver), (receiver, sender)):
        record = records[one]
        if record is not None:
            found += _exclusions(record, other)
            found += _treaties(record, other, kind, on)
    asked = records[receiver]
    if asked is not None:
        found += _reservations(asked, offences, on)
        found += _channels(asked)
    return found


def offences_of(octets: bytes) -> frozenset[str]:
    """The codes of the offences in a valid document. Raises DocumentRefused."""
    offences = canonical(parse_again(octets)).iterfind(f"{C}Offence")
    return frozenset(offence.get("code", "").strip() for offence in offences)


def _exclusions(record: StateRecord, other: str) -> Iterator[Bearing]:
    for one in record.exclusions:
        if one.party == other:
            says = f"{record.code} declared that it does not apply the Convention to {other}"
            yield _bearing("exclusion", says, "64", one.provenance, forbids=True)


def _treaties(record: StateRecord, other: str, kind: str, on: date) -> Iterator[Bearing]:
    matter = MATTERS.get(kind)
    for one in record.treaties:
        if matter is not None and one.holds(matter, other, on):
            goes = {True: "goes before", False: "does not go before", None: "may go before"}
            says = f"{one.instrument} {goes[one.prevails]} the Convention with {other}"
            yield _bearing("treaty", says, "40(7)", one.provenance)


def _reservations(record: StateRecord, offences: Collection[str], on: date) -> Iterator[Bearing]:
    for one in record.reservations:
        touched = not one.offences or not set(one.offences).isdisjoint(offences)
        if one.changes and touched and one.holds(on):
            says = f"{one.effect} Changes {', '.join(one.changes)}."
            yield _bearing("reservation", says, one.article, one.provenance)


def _channels(record: StateRecord) -> Iterator[Bearing]:
    ways = record.channels
    if ways is None:
        return
    if ways.electronic is False:
        says = f"{record.code} takes no requests electronically"
        yield _bearing("channel", says, "40(14)", ways.provenance)
    if ways.diplomatic_required:
        says = f"{record.code} insists on the diplomatic channel"
        yield _bearing("channel", says, "40(12)", ways.provenance)


def _bearing(
    what: str, says: str, article: str, provenance: Provenance, *, forbids: bool = False
) -> Bearing:
    return Bearing(what, says, article, provenance.source, provenance.trust.value, forbids)
