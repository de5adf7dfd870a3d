"""Values as TOML, for the files that we write and a person edits (TOML 1.0)."""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPED = {ord('"'): '\\"', ord("\\"): "\\\\"} | {
    code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F)
}


def quoted(text: str) -> str:
    """`text` as a basic string: whatever is in it, it stays one string on one line."""
    return f'"{text.translate(_ESCAPED)}"'


def array(texts: Iterable[str]) -> str:
    """`texts` as an array of strings on one line."""
    return f"[{', '.join(quoted(text) for text in texts)}]"


def long_array(texts: Iterable[str]) -> str:
    """`texts` as an array of strings, one on each line."""
    return "[\n" + "".join(f"    {quoted(text)},\n" for text in texts) + "]"


def blocks(texts: Iterable[str]) -> str:
    """`texts` (PEM, without quotes or backslashes) as an array of multi-line strings."""
    return "[\n" + "".join(f'"""\n{text}""",\n' for text in texts) + "]"


def truth(value: bool) -> str:
    """`value` as TOML writes it."""
    return "true" if value else "false"
