"""From a node folder to a connection: where its gateway listens, and a credential for it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from config.faults import ConfigRefused
from config.reading import read_shape
from config.settings import Settings
from gateway.cli.connection import Address, Gateway
from gateway.cli.outcome import refused, wrong_usage
from gateway.cli.words import Arguments

CREDENTIALS: Final = "credentials"
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")  # a name, never a path
_MAX_TOKEN_BYTES: Final = 4096


def open_gateway(arguments: Arguments) -> Gateway:
    """A connection to the gateway of `arguments.node` for `arguments.authority`. Raises Stop."""
    token = read_token(arguments.node, arguments.authority)
    return Gateway(local_address(arguments.node), token)


def local_address(folder: Path) -> Address:
    """Where the gateway of `folder` listens for domestic systems. Raises Stop."""
    try:
        local = read_shape(Settings, folder / "gateway.toml").local
    except ConfigRefused as e:
        raise refused(str(e)) from e
    socket = folder / local.unix_socket if local.unix_socket else None
    return Address(socket, local.host, local.port)


def read_token(folder: Path, authority: str) -> str:
    """The credential of `authority`. Raises Stop when it is not there or open to others."""
    if not _AUTHORITY.fullmatch(authority):
        raise wrong_usage(f"'{authority}' is no name of an authority")
    path = folder / CREDENTIALS / f"{authority}.token"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as e:
        raise refused(f"{path}: {e.strerror}; there is no such credential for you") from e
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise refused(f"{path}: other accounts can read this credential; chmod 600 it")
        return os.read(descriptor, _MAX_TOKEN_BYTES).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
