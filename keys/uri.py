"""Where a private key lives, as a URI: `file:` (PEM) and `p12:` (PKCS #12) today.

`file:keys/sign.key.pem`, `p12:keys/all.p12?password-file=keys/all.password`. Paths are relative to
the node folder. A token (`pkcs11:`, RFC 7512) will be one more scheme here and one more ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from keys.refusal import KeyRefused

SCHEMES = ("file", "p12")
_PASSWORD_FILE = "password-file"  # noqa: S105 - the name of a URI parameter, not a password


@dataclass(frozen=True, slots=True)
class KeyUri:
    """One private key: its form, its file, and the file that holds its password if it has one."""

    scheme: str
    path: Path
    password_file: Path | None = None

    @classmethod
    def parse(cls, text: str, folder: Path) -> KeyUri:
        """The key that `text` names, relative paths taken from `folder`. Raises KeyRefused."""
        scheme, colon, rest = text.partition(":")
        if not colon or scheme not in SCHEMES:
            raise KeyRefused(text, f"is no key URI that we can read; use {_examples()}")
        place, _, query = rest.partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        password_file = parameters.pop(_PASSWORD_FILE, None)
        if parameters or not place:
            raise KeyRefused(text, f"only a path and {_PASSWORD_FILE} may be given: {_examples()}")
        return cls(
            scheme,
            folder / unquote(place),
            folder / password_file if password_file else None,
        )


def _examples() -> str:
    return f"file:keys/sign.key.pem or p12:keys/sign.p12?{_PASSWORD_FILE}=keys/sign.password"
