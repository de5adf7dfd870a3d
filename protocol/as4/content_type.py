"""Media types as MIME and HTTP write them, read strictly (RFC 2045 section 5.1, RFC 9110 8.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#: Unquoted values: besides the token characters those that some products forget to quote.
_VALUE: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z/:=?@<>-]+"
_QUOTED: Final = r"\"((?:[^\"\\\x00-\x08\x0a-\x1f\x7f]|\\.)*)\""
_ESSENCE: Final = re.compile(rf"[ \t]*({_WORD}/{_WORD})[ \t]*")
_PARAMETER: Final = re.compile(rf";[ \t]*({_WORD})[ \t]*=[ \t]*(?:({_VALUE})|{_QUOTED})[ \t]*")
_EMPTY_PARAMETER: Final = re.compile(r";[ \t]*(?=;|$)")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")

#: A media type longer than this names nothing that AS4 needs.
MAX_CONTENT_TYPE_CHARACTERS: Final = 1024


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type: `essence` in lower case without parameters, parameter names in lower case."""

    essence: str
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@lru_cache(maxsize=256)  # partners write the same few types in every part
def read_content_type(text: str) -> ContentType:
    """The media type in `text`.

    Raises ValueError for anything that the grammar does not allow, and for a parameter that is
    given twice: two readers could choose differently.
    """
    if len(text) > MAX_CONTENT_TYPE_CHARACTERS or not text.isascii():
        raise ValueError("the Content-Type is too long or not ASCII")
    match = _ESSENCE.match(text)
    if match is None:
        raise ValueError("the Content-Type is not type/subtype")
    parameters: dict[str, str] = {}
    position = match.end()
    while position < len(text):
        position = _read_parameter(text, position, parameters)
    return ContentType(match.group(1).lower(), MappingProxyType(parameters))


def _read_parameter(text: str, position: int, parameters: dict[str, str]) -> int:
    empty = _EMPTY_PARAMETER.match(text, position)
    if empty is not None:
        return empty.end()
    match = _PARAMETER.match(text, position)
    if match is None:
        raise ValueError("the Content-Type has a malformed parameter")
    name, token, quoted = match.groups()
    if name.lower() in parameters:
        raise ValueError(f"the Content-Type has the parameter {name.lower()} twice")
    parameters[name.lower()] = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
    return match.end()
