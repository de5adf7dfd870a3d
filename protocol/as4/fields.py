"""Single fields of an eb:Messaging header become values; a field that is not one is refused.

Source: ebMS 3.0 Core sections 5.2.2.1 (Timestamp), 5.2.2.9 and 5.2.2.13 (properties).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from lxml import etree

from protocol.as4.errors import INVALID_HEADER, refused
from protocol.as4.names import EB, qname
from protocol.as4.values import Property
from protocol.as4.xml import text_of, token_of

MESSAGE_INFO: Final = qname(EB, "MessageInfo")
TIMESTAMP: Final = qname(EB, "Timestamp")
MESSAGE_ID: Final = qname(EB, "MessageId")
REF_TO_MESSAGE_ID: Final = qname(EB, "RefToMessageId")
PROPERTY: Final = qname(EB, "Property")

_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)


Fields = Mapping[str, etree._Element]


def fields_of(parent: etree._Element) -> Fields:
    """The children of `parent` by tag; the schema has seen that what must stand once does."""
    return {child.tag: child for child in parent}


def required(fields: Fields, tag: str) -> etree._Element:
    """The child with this tag. Raises Refused (EBMS:0009) if there is none."""
    found = fields.get(tag)
    if found is None:
        raise refused(INVALID_HEADER, "G5", f"{tag} is missing")
    return found


def token(fields: Fields, tag: str) -> str:
    """The text of a child that is an xs:token."""
    return token_of(required(fields, tag))


def optional_token(fields: Fields, tag: str) -> str | None:
    """The same, None where the child is absent."""
    found = fields.get(tag)
    return None if found is None else token_of(found)


def timestamp(fields: Fields) -> datetime:
    """eb:Timestamp as an aware time; without a zone it is UTC, which ebMS allows."""
    text = token(fields, TIMESTAMP)
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
    """The eb:Property children of `parent`."""
    if parent is None:
        return ()
    return tuple(
        Property(element.get("name", ""), text_of(element), element.get("type"))
        for element in parent.iterchildren(PROPERTY)
    )
