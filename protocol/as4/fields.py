"""Single fields of an eb:Messaging header become values; a field that is not one is refused.

Source: ebMS 3.0 Core sections 5.2.2.1 (Timestamp), 5.2.2.9 and 5.2.2.13 (properties).
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from lxml import etree

from protocol.as4.errors import INVALID_HEADER, VALUE_INCONSISTENT, refused
from protocol.as4.names import EB, qname
from protocol.as4.values import Property
from protocol.as4.xml import text_of, token_of

_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)


def child(parent: etree._Element, local: str) -> etree._Element:
    """The child of `parent` with this name. Raises Refused (EBMS:0009) if there is none."""
    found = parent.find(qname(EB, local))
    if found is None:
        raise refused(INVALID_HEADER, "G5", f"eb:{local} is missing in {parent.tag}")
    return found


def token(parent: etree._Element, local: str) -> str:
    """The text of a child that is an xs:token."""
    return token_of(child(parent, local))


def optional_token(parent: etree._Element, local: str) -> str | None:
    """The same, None where the child is absent."""
    found = parent.find(qname(EB, local))
    return None if found is None else token_of(found)


def timestamp(parent: etree._Element) -> datetime:
    """eb:Timestamp as an aware time; without a zone it is UTC, which ebMS allows."""
    text = token(parent, "Timestamp")
    try:
        return parsed_time(text)
    except ValueError as fault:
        raise refused(INVALID_HEADER, "G5", f"eb:Timestamp {text!r}: {fault}") from fault


def parsed_time(text: str) -> datetime:
    """An xs:dateTime as an aware time, cut to microseconds. Raises ValueError."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an xs:dateTime between the years 1 and 9999")
    seconds, fraction, zone = match.groups()
    microseconds = int((fraction or "0")[:6].ljust(6, "0"))
    moment = datetime.fromisoformat(seconds).replace(microsecond=microseconds, tzinfo=_zone(zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError as fault:
        raise ValueError("not a time between the years 1 and 9999") from fault


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def properties(parent: etree._Element | None) -> tuple[Property, ...]:
    """The eb:Property children of `parent`; no name stands twice (EBMS:0003)."""
    if parent is None:
        return ()
    found = tuple(
        Property(element.get("name", ""), text_of(element), element.get("type"))
        for element in parent.iterchildren(qname(EB, "Property"))
    )
    repeated = [name for name, times in Counter(p.name for p in found).items() if times > 1]
    if repeated:
        raise refused(
            VALUE_INCONSISTENT,
            "G5",
            f"the property {repeated[0]!r} stands twice",
            "a property stands twice",
        )
    return found
