"""A TLS ClientHello written by hand, for versions and cipher suites that no library offers today.

Whoever still answers it with a ServerHello would still speak them. Source: RFC 2246 section 7.4.1,
RFC 5246 section 7.4.1, RFC 6101 section 5.6.1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

SSL_30: Final = 0x0300
TLS_10: Final = 0x0301
TLS_11: Final = 0x0302
TLS_12: Final = 0x0303

#: Suites that those versions had in common: RSA and ECDHE with AES-CBC and SHA-1, 3DES, RC4.
OLD_SUITES: Final = (0x002F, 0x0035, 0xC013, 0xC014, 0xC009, 0xC00A, 0x000A, 0x0005)

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2


def client_hello(version: int, suites: Sequence[int], host: str) -> bytes:
    """One TLS record with a ClientHello that offers `version` at most, and `suites` only."""
    offered = b"".join(suite.to_bytes(2, "big") for suite in suites)
    body = version.to_bytes(2, "big") + os.urandom(32) + b"\x00"
    body += _sized(offered, 2) + b"\x01\x00"
    if version > SSL_30:
        body += _sized(_extensions(host, version), 2)
    message = bytes([_CLIENT_HELLO]) + _sized(body, 3)
    return bytes([_HANDSHAKE]) + min(version, TLS_10).to_bytes(2, "big") + _sized(message, 2)


def is_server_hello(octets: bytes) -> bool:
    """Whether the server goes on with the handshake that it was offered."""
    return len(octets) > 5 and octets[0] == _HANDSHAKE and octets[5] == _SERVER_HELLO


def _extensions(host: str, version: int) -> bytes:
    name = b"\x00" + _sized(host.encode("ascii"), 2)
    extensions = _extension(0, _sized(name, 2))
    extensions += _extension(10, _sized(b"\x00\x17\x00\x1d\x00\x18", 2))  # P-256, X25519, P-384
    extensions += _extension(11, b"\x01\x00")  # uncompressed points
    if version >= TLS_12:
        extensions += _extension(13, _sized(b"\x04\x01\x04\x03\x02\x01\x02\x03", 2))
    return extensions


def _extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _sized(content, 2)


def _sized(content: bytes, length_bytes: int) -> bytes:
    return len(content).to_bytes(length_bytes, "big") + content
