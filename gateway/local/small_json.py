"""Small JSON objects that come with a call: one object, each member of the type that is said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from gateway.local.problems import MALFORMED, Problem

MAX_TEXT_CHARACTERS: Final = 2000
# Texts are kept as evidence and shown on terminals; a lone surrogate is no text at all.
NOT_TEXT: Final = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

T = TypeVar("T", bool, str)


def small_object(octets: bytes) -> Mapping[str, Any]:
    """The JSON object in `octets`. Raises Problem."""
    try:
        content = json.loads(octets)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Problem(MALFORMED, "The body is one JSON object.")
    return content


def member(content: Mapping[str, Any], name: str, of: type[T]) -> T:
    """The member `name`; a text has 1 to 2000 characters. Raises Problem."""
    value = content.get(name)
    if isinstance(value, of) and not (isinstance(value, str) and not _is_text(value)):
        return value
    what = "true or false" if of is bool else f"a text of 1 to {MAX_TEXT_CHARACTERS} characters"
    raise Problem(MALFORMED, f"'{name}' is {what}.")


def _is_text(value: str) -> bool:
    return 1 <= len(value) <= MAX_TEXT_CHARACTERS and not NOT_TEXT.search(value)
