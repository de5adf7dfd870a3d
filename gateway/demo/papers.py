"""What the documents of the story say: the examples that come with the schemas, brought up to date.

Everything is invented, as the examples are. An answer that `hanoi-gateway new` is given has no
header: number, day and parties come from the command and from the document that it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from schemas.catalogue import example, example_names

Content = dict[str, Any]

#: Written by the command itself, or by the document that this one concerns.
_HEADER: Final = frozenset(
    {
        "@specVersion",
        "@codeListVersion",
        "RequestId",
        "Revision",
        "IssuedAt",
        "Concerns",
        "Acknowledges",
    }
)
_PARTIES: Final = ("RequestingAuthority", "RequestedAuthority")


def content(
    kind: str, asking: str, asked: str, changes: Mapping[str, Any] | None = None
) -> Content:
    """What a document of `kind` says between these two authorities, with `changes` to the example.

    The parties have their contacts where they begin a case; answers take them over from it.
    """
    said = {**_example(kind, asking[:2]), **(changes or {})}
    for name, authority in zip(_PARTIES, (asking, asked), strict=True):
        if said.get(name, {}).get("@id") != authority:
            said.pop(name, None)
    return said


def instant(days: float = 0) -> str:
    """The time now, or so many days from now, as an xs:dateTime in UTC."""
    at = datetime.now(UTC) + timedelta(days=days)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def day(days: int = 0) -> str:
    """Today, or so many days from now, as an xs:date."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def text(sentence: str) -> Content:
    """An original sentence in English."""
    return {"Text": [{"@lang": "en", "@kind": "ORIGINAL", "$": sentence}]}


def evidence_item(title: str, category: str, custodian: str) -> Content:
    """What only a person knows of an item; the command adds what follows from its file."""
    return {
        "Category": category,
        "Title": text(title),
        "Custodian": custodian,
        "CollectedAt": instant(-1),
        "CollectedBy": {"@id": "AZ-SSS", "Name": text("State Security Service")},
        "Method": "PRODUCED_BY_PROVIDER",
        "PersonalData": True,
        "Custody": [
            _custody("COLLECTED", "Provider, under an order of the court", -1),
            _custody("TRANSFERRED", "Central authority", 0),
        ],
    }


def _custody(action: str, by: str, days: float) -> Content:
    return {"At": instant(days), "Action": action, "By": text(by)}


@cache
def _examples() -> tuple[Content, ...]:
    return tuple(json.loads(example(name)) for name in example_names("json"))


def _example(kind: str, asking_state: str) -> Content:
    """The example of `kind` in a case that this State began, without its header."""
    found = next(
        one[kind]
        for one in _examples()
        if kind in one and one[kind]["RequestingAuthority"]["@id"].startswith(asking_state)
    )
    return {key: value for key, value in found.items() if key not in _HEADER}
