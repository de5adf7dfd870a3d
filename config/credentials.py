"""Who may use the local API: tokens are handed out once, and only their SHA-256 is kept.

A token has 256 random bits, so that a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, with_config

from config.reading import STRICT, Collected, place, read_shape
from config.settings import Text
from config.toml_text import quoted

AUDITOR = "auditor"  # reads the evidence and nothing else
TOKEN_BYTES = 32
MAX_TOKEN_CHARACTERS = 512  # longer ones are not even hashed
FILE = "credentials.toml"
FOLDER = "credentials"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Credential:
    """[[credential]]: one accepted token, by its SHA-256 in hexadecimal."""

    holder: Text
    token_sha256: Sha256


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class CredentialsFile:
    """credentials.toml, whole."""

    credential: Annotated[tuple[Credential, ...], Field(max_length=4096)] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Every accepted token. One holder may have several while they are exchanged."""

    accepted: tuple[Credential, ...]

    def authority_of(self, token: str) -> str | None:
        """The authority, or AUDITOR, whose token this is; None if nobody's.

        Takes as long for one token as for another: every digest is compared, each in constant time.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            return None
        digest = token_digest(token)
        found = None
        for credential in self.accepted:
            if hmac.compare_digest(credential.token_sha256, digest):
                found = credential.holder
        return found

    @property
    def holders(self) -> frozenset[str]:
        """Everybody who has a token."""
        return frozenset(credential.holder for credential in self.accepted)


def token_digest(token: str) -> str:
    """The SHA-256 of `token` in hexadecimal, as credentials.toml has it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """A fresh random token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def load_credentials(folder: Path) -> Credentials:
    """The credentials of the node in `folder`. Raises ConfigRefused."""
    path = folder / FILE
    accepted = read_shape(CredentialsFile, path).credential
    found, seen = Collected(), set[str]()
    for position, credential in enumerate(accepted):
        if credential.token_sha256 in seen:
            found.add(
                place(path, "credential", position, "token_sha256"),
                "is there twice: a token belongs to one holder; remove one of them",
            )
        seen.add(credential.token_sha256)
    found.refuse_if_any()
    return Credentials(accepted)


def credentials_text(accepted: Iterable[Credential]) -> str:
    """credentials.toml with `accepted`."""
    return _HEADING + "".join(
        f"\n[[credential]]\nholder = {quoted(one.holder)}\n"
        f"token_sha256 = {quoted(one.token_sha256)}\n"
        for one in accepted
    )


_HEADING = """\
# Who may use the local API. Each authority has a token (credentials/<AUTHORITY>.token), and here
# stands its SHA-256: printf %s "$TOKEN" | sha256sum. Hand the token over and delete its file.
# Two entries for one holder are allowed while a token is exchanged. "auditor" reads the evidence.
"""
