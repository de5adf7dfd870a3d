"""A PKIPath is cut into its certificates without being believed or decoded any further.

Source: WSS X.509 Token Profile 1.1 section 3.1 (X509PKIPathv1), ITU-T X.509 (PkiPath: a SEQUENCE OF
Certificate, the end entity last), ITU-T X.690 section 8.1 (DER lengths).
"""

from __future__ import annotations

from typing import Final

from protocol.as4.limits import MAX_PATH_CERTIFICATES

_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80
_MAX_LENGTH_OCTETS: Final = 3  # 16 MiB: far above the largest token


def end_entity(octets: bytes) -> bytes:
    """The last certificate of the path in `octets`. Raises ValueError."""
    return certificates(octets)[-1]


def certificates(octets: bytes) -> tuple[bytes, ...]:
    """The certificates of the path in `octets`, in their order. Raises ValueError."""
    start, end = _sequence(octets, 0)
    if end != len(octets):
        raise ValueError("there are octets after its end")
    found = []
    while start < end:
        _, following = _sequence(octets, start)
        found.append(octets[start:following])
        start = following
        if len(found) > MAX_PATH_CERTIFICATES:
            raise ValueError(f"more than {MAX_PATH_CERTIFICATES} certificates")
    if start != end or not found:
        raise ValueError("it does not hold whole certificates")
    return tuple(found)


def _sequence(octets: bytes, position: int) -> tuple[int, int]:
    """Where the content of the SEQUENCE at `position` starts and ends."""
    header = octets[position : position + 2]
    if len(header) < 2 or header[0] != _SEQUENCE:
        raise ValueError("it is not a SEQUENCE OF Certificate")
    start, length = position + 2, header[1]
    if length >= _LONG_FORM:
        count = length - _LONG_FORM
        if not 1 <= count <= _MAX_LENGTH_OCTETS:
            raise ValueError("a length in it is not one of DER")
        length = int.from_bytes(octets[start : start + count])
        start += count
    if start + length > len(octets):
        raise ValueError("it ends too early")
    return start, start + length
