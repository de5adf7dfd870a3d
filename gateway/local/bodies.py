"""Small JSON bodies: an object of texts, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.local import limits
from gateway.local.problems import MALFORMED, Problem
from gateway.local.small_json import NOT_TEXT


def texts_in(octets: bytes, *names: str) -> tuple[str, ...]:
    """The texts `names` of the body, which has these and no others. Raises Problem."""
    try:
        content = json.loads(octets)
    except (ValueError, RecursionError) as e:
        raise Problem(MALFORMED, "The body is not JSON.") from e
    whole = isinstance(content, dict) and set(content) == set(names)
    found = [content[name] for name in names] if whole else []
    if not found or not all(isinstance(text, str) and text.strip() for text in found):
        shape = ", ".join(f'"{name}": "..."' for name in names)
        raise Problem(MALFORMED, f"The body is {{{shape}}}, and no text in it is empty.")
    _check(names, found)
    return tuple(found)


def _check(names: Sequence[str], found: Sequence[str]) -> None:
    for name, text in zip(names, found, strict=True):
        if len(text) > limits.MAX_REASON_CHARACTERS:
            sentence = f"'{name}' has at most {limits.MAX_REASON_CHARACTERS} characters."
            raise Problem(MALFORMED, sentence)
        if NOT_TEXT.search(text):
            sentence = f"'{name}' has no control characters but tabs and line ends."
            raise Problem(MALFORMED, sentence)
