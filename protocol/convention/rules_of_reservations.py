"""Rules that a reservation of a State changes: asked of the State directory on a day.

A reservation of which nobody knows whether it was made changes nothing here: what is an open
question of the directory is left to a person. Source: Convention articles 23(3) and 42(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from lxml import etree

from protocol.convention.directory import Directory, Reservation
from protocol.convention.findings import Finding
from protocol.convention.rule_words import C, D, finding, kind_of

TO_PRESERVATION: Final = "42(5)"
TO_REAL_TIME: Final = "23(3)"
_REAL_TIME: Final = "RealTimeTrafficRequest"
_RESERVED_GROUND: Final = "F42RES"


def reserved_ground(
    root: etree._Element, directory: Directory, sender: str, on: date
) -> Iterator[Finding]:
    """Where a State refuses by a reservation to 42(5) that it is known not to have made."""
    record = directory.states.get(sender)
    if record is None or _made(record.reservations, TO_PRESERVATION, on):
        return
    if any(question.article == TO_PRESERVATION for question in record.open_questions):
        return  # nobody knows
    for path in (f"{D}Reason", f"{D}Withheld"):
        for reason in root.iterfind(path):
            if reason.get("ground", "").strip() == _RESERVED_GROUND:
                message = f"{sender} has made no reservation to article {TO_PRESERVATION}"
                expected = "another ground; or enter the reservation into the State directory"
                yield finding("UNCC-R06R", reason, message, expected, TO_PRESERVATION)


def collected_there(
    root: etree._Element, directory: Directory, receiver: str, on: date
) -> Iterator[Finding]:
    """Where traffic data are asked for in real time about offences that a State has excluded."""
    record = directory.states.get(receiver)
    if record is None or kind_of(root) != _REAL_TIME:
        return
    limits = _made(record.reservations, TO_REAL_TIME, on)
    offences = list(root.iterfind(f"{C}Offence"))
    for limit in limits:
        codes = {offence.get("code", "").strip() for offence in offences}
        if offences and codes.isdisjoint(limit.offences):
            message = f"{receiver} collects traffic data in real time for other offences only"
            expected = f"one of {', '.join(limit.offences)}, or another measure"
            yield finding("UNCC-R05S", offences[0], message, expected, TO_REAL_TIME)


def _made(reservations: tuple[Reservation, ...], article: str, on: date) -> list[Reservation]:
    return [one for one in reservations if one.article == article and one.holds(on)]
