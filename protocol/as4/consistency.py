"""A UserMessage does not say one thing twice: judged on the verified view only.

A property that stands twice could be read as either value by whoever comes after us.
Source: ebMS 3.0 Core section 6.7.1 (ValueInconsistent); AS4 1.0 section 3.1 (part properties).
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.as4.errors import VALUE_INCONSISTENT, refused
from protocol.as4.values import MessageUnit, Property, UserMessage


def check_consistency(unit: MessageUnit) -> None:
    """No property of the message, and none of a part, stands twice. Raises Refused (EBMS:0003)."""
    if not isinstance(unit, UserMessage):
        return
    for properties in (unit.properties, *(part.properties for part in unit.parts)):
        _check_names(properties)


def _check_names(properties: Sequence[Property]) -> None:
    names = [found.name for found in properties]
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise refused(
            VALUE_INCONSISTENT,
            "G7",
            f"the property {repeated!r} stands twice",
            "a property stands twice",
        )
