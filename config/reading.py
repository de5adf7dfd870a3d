"""TOML into frozen values: unknown keys refused, every fault with its file and its place in it."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from config.faults import ConfigRefused, Fault
from keys.refusal import KeyRefused

MAX_TOML_BYTES = 1024 * 1024  # a P-Mode has 3 KiB; a directory of 200 authorities some 200 KiB
MAX_SHOWN_CHARACTERS = 100  # of a wrong value; what is longer is found by its path
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

T = TypeVar("T")


class Collected:
    """Faults found so far; what can still be read is read, so that all are named at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, path: Path | str, sentence: str) -> None:
        """One more fault."""
        self.faults.append(Fault(str(path), sentence))

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What `read` returns, or None when it refused: its faults are then among ours."""
        try:
            return read()
        except ConfigRefused as refused:
            self.faults.extend(refused.faults)
        except KeyRefused as refused:
            self.add(refused.path, refused.sentence)
        return None

    def refuse_if_any(self) -> None:
        """Raises ConfigRefused if anything was found."""
        if self.faults:
            raise ConfigRefused(self.faults)


def read_shape(shape: type[T], path: Path) -> T:
    """The TOML file `path` as a `shape` (a frozen dataclass). Raises ConfigRefused."""
    return shaped(shape, read_table(path), path)


def read_table(path: Path) -> dict[str, Any]:
    """The TOML file `path` as it is. Raises ConfigRefused."""
    return table_in(read_octets(path), path)


def read_octets(path: Path) -> bytes:
    """What the file `path` holds. Raises ConfigRefused."""
    try:
        return path.read_bytes()
    except OSError as e:
        raise _refused(path, f"cannot be read ({e.strerror}); it must be there") from e


def table_in(octets: bytes, path: Path) -> dict[str, Any]:
    """`octets`, which are the file `path` or are to be, as TOML. Raises ConfigRefused."""
    if len(octets) > MAX_TOML_BYTES:
        raise _refused(path, f"is larger than {MAX_TOML_BYTES} bytes; that is no configuration")
    try:
        return tomllib.loads(octets.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as e:
        raise _refused(path, f"is no TOML: {e}") from e


def shaped(shape: type[T], table: Mapping[str, Any], path: Path) -> T:
    """`table` as a `shape`; `path` is the file it came from. Raises ConfigRefused.

    By way of JSON, whose strict rules let tables be dataclasses and arrays be tuples, and still no
    text be a number. A date becomes its text, and is refused wherever a text may not be one.
    """
    try:
        return TypeAdapter(shape).validate_json(json.dumps(table, default=str))
    except ValidationError as e:
        found = e.errors(include_url=False, include_context=True)
        raise ConfigRefused(_fault(shape, path, error) for error in found) from e


def place(path: Path, *keys: str | int) -> str:
    """A place in a file, as people write it: "gateway.toml: as4.port"."""
    dotted = ""
    for key in keys:
        dotted += f"[{key}]" if isinstance(key, int) else f".{key}" if dotted else key
    return f"{path}: {dotted}" if dotted else str(path)


def _refused(path: Path, sentence: str) -> ConfigRefused:
    return ConfigRefused([Fault(str(path), sentence)])


def _fault(shape: type, path: Path, error: ErrorDetails) -> Fault:
    return Fault(place(path, *_places(error)), _sentence(shape, error))


def _places(error: ErrorDetails) -> list[int | str]:
    """Where it is; pydantic says with a word of its own that the name of a table is at fault."""
    return [key for key in error["loc"] if key != "[key]"]


def _sentence(shape: type, error: ErrorDetails) -> str:
    *parents, last = _places(error) or [""]
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return _unknown_key(str(last), _known_keys(shape, parents))
    if error["type"] in ("missing", "missing_argument"):
        return "is missing; it has no default"
    message = error["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}{_given(error['input'])}"


def _unknown_key(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known) or 'none'}"
    return f"is a key that we do not know; {remedy}"


def _known_keys(shape: type, parents: list[int | str]) -> list[str]:
    """The keys that `shape` has at `parents`; empty where it is no table."""
    for parent in parents:
        if isinstance(parent, int):
            shape = get_args(shape)[0] if get_args(shape) else shape
        elif is_dataclass(shape):
            shape = get_type_hints(shape).get(parent, shape)
        elif get_origin(shape) is dict:
            shape = get_args(shape)[1]
    return [field.name for field in fields(shape)] if is_dataclass(shape) else []


def _given(value: object) -> str:
    """The value in question, where it is short enough to be a help, and no URL with a password."""
    text = repr(value)
    if not isinstance(value, str | int | float) or len(text) > MAX_SHOWN_CHARACTERS:
        return ""
    return "" if "://" in text and "@" in text else f" (it is {text})"
