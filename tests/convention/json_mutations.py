"""Documents in JSON made invalid in one place each; no place may be what a spoiled one becomes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.catalogue import EXAMPLES

STRANGER = "Colour"
Holder = dict[str, Any]


@dataclass(frozen=True)
class JsonMutation:
    """A spoiled document, and the name of which a finding must speak."""

    example: str
    way: str
    name: str
    octets: bytes


def json_mutations(count: int, seed: int) -> Iterator[JsonMutation]:
    """`count` spoiled documents, always the same for one `seed`; every example has its turn."""
    choice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    paths = sorted(EXAMPLES.glob("*.json"))
    for number in range(count):
        path = paths[number % len(paths)]
        document = json.loads(path.read_text("utf-8"))
        (root,) = document.values()
        holder = choice.choice(list(_holders(root)))
        key = choice.choice([one for one in holder if one != "$"])
        way = WAYS[number % len(WAYS)]
        name = way(root if way in OF_EVERY_DOCUMENT else holder, key, number)
        octets = json.dumps(document, ensure_ascii=False).encode()
        yield JsonMutation(path.name, way.__name__, name, octets)


def _holders(value: Any) -> Iterator[Holder]:
    """Every object, from the outermost inwards."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _holders(one)
    elif isinstance(value, list):
        for one in value:
            yield from _holders(one)


def with_a_stranger(holder: Holder, key: str, number: int) -> str:
    """A key that nobody knows."""
    holder[STRANGER] = "red"
    return STRANGER


def renamed(holder: Holder, key: str, number: int) -> str:
    """A key has another name."""
    holder[f"{key}s"] = holder.pop(key)
    return f"{key}s"


def turned_into_an_object(holder: Holder, key: str, number: int) -> str:
    """A value is an object with a key that nobody knows."""
    holder[key] = {STRANGER: "red"}
    return key


def nested_too_deep(holder: Holder, key: str, number: int) -> str:
    """A value is in one array too many."""
    holder[key] = [[holder[key]]]
    return key


def nothing(holder: Holder, key: str, number: int) -> str:
    """A value is null."""
    holder[key] = None
    return key


def without_what_must_be_there(root: Holder, key: str, number: int) -> str:
    """A key that every document has is gone."""
    name = REQUIRED[number % len(REQUIRED)]
    del root[name]
    return name


def with_a_wrong_value(root: Holder, key: str, number: int) -> str:
    """A value that every document has is none of its type, its length or its code list."""
    *way, name = WRONG[number % len(WRONG)][0].split("/")
    holder = root
    for step in way:
        holder = holder[step]
    holder[name] = WRONG[number % len(WRONG)][1]
    return name.removeprefix("@")


REQUIRED = (
    "RequestId", "Revision", "IssuedAt", "RequestingAuthority", "RequestedAuthority", "Urgency",
    "Confidentiality", "@codeListVersion",
)  # fmt: skip
WRONG = (
    ("RequestId", "7e0c1f4a"),
    ("Revision", 0),
    ("Revision", "first"),
    ("IssuedAt", "2026-03-02T09:15:00"),  # without its offset
    ("IssuedAt", "2026-02-30T09:15:00Z"),
    ("Urgency/@level", "SOON"),
    ("Confidentiality/@level", ""),
    ("RequestingAuthority/@id", "x" * 300),
    ("RequestedAuthority/@id", "a b"),
    ("@specVersion", "9.9"),
    ("@codeListVersion", "1999-1"),
)
OF_EVERY_DOCUMENT = (without_what_must_be_there, with_a_wrong_value)
WAYS = (
    with_a_stranger, renamed, turned_into_an_object, nested_too_deep, nothing, *OF_EVERY_DOCUMENT,
)  # fmt: skip
