"""Distinguished names in text are compared by what they say, not by how they are written.

Products write the same issuer in either order, with other escapes, and with other keywords for the
same attribute ("E", "EMAILADDRESS", "1.2.840.113549.1.9.1"). The certificate meant is always one
that we hold already, so a generous comparison here lets nobody in.

Source: RFC 4514, RFC 2253, RFC 1779 (quoted values), X.520 (caseIgnoreMatch).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

#: One name, order kept: each RDN is a set of (dotted OID, value as compared).
Rdns = tuple[frozenset[tuple[str, str]], ...]

MAX_NAME_CHARACTERS: Final = 4096  # far above any name an authority issues

_KEYWORDS: Final = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "T": NameOID.TITLE,
    "TITLE": NameOID.TITLE,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "E": NameOID.EMAIL_ADDRESS,
    "EMAIL": NameOID.EMAIL_ADDRESS,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "SURNAME": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "G": NameOID.GIVEN_NAME,
    "GIVENNAME": NameOID.GIVEN_NAME,
    "POSTALCODE": NameOID.POSTAL_CODE,
    "BUSINESSCATEGORY": NameOID.BUSINESS_CATEGORY,
    "ORGANIZATIONIDENTIFIER": NameOID.ORGANIZATION_IDENTIFIER,
}
_PIECE: Final = re.compile(
    r"""(?P<pair>\\(?:[0-9A-Fa-f]{2}|.)) | (?P<quoted>"(?:\\.|[^"\\])*") | (?P<plain>[^\\"])""",
    re.VERBOSE | re.DOTALL,
)
_UNESCAPE: Final = re.compile(rb"\\([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)
_DER_STRING_TAGS: Final = frozenset({0x0C, 0x13, 0x14, 0x16, 0x1A})  # UTF-8 and its 8-bit kin


def rdns_of(name: x509.Name) -> Rdns:
    """The RDNs of a certificate's name, in the certificate's order."""
    return tuple(
        frozenset((part.oid.dotted_string, _as_compared(str(part.value))) for part in rdn)
        for rdn in name.rdns
    )


def parse_name(text: str) -> Rdns:
    """The RDNs of a name in text, in the order of the text. Raises ValueError."""
    if len(text) > MAX_NAME_CHARACTERS:
        raise ValueError(f"a name of {len(text)} characters")
    return tuple(
        frozenset(_attribute(attribute) for attribute in _split(rdn, "+"))
        for rdn in _split(text, ",;")
    )


def same_name(one: Rdns, other: Rdns) -> bool:
    """Whether both say the same, in the same order or in the reverse."""
    return one in (other, other[::-1])


def _split(text: str, separators: str) -> Iterator[str]:
    """The pieces of `text` between separators that are neither escaped nor quoted."""
    piece, position = "", 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            raise ValueError("an escape or a quotation in the name does not end")
        position = match.end()
        if match["plain"] is not None and match["plain"] in separators:
            yield piece
            piece = ""
        else:
            piece += match[0]
    yield piece


def _attribute(text: str) -> tuple[str, str]:
    keyword, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not an attribute of a name")
    keyword = keyword.strip().upper().removeprefix("OID.")
    known = _KEYWORDS.get(keyword)
    oid = known.dotted_string if known is not None else keyword
    return oid, _as_compared(_value(value.strip(" ")))


def _value(text: str) -> str:
    if text.startswith("#"):
        return _der_string(bytes.fromhex(text[1:]))
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    octets = _UNESCAPE.sub(
        lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], text.encode()
    )
    return octets.decode()


def _der_string(octets: bytes) -> str:
    """The text of a DER string in hexadecimal, short form of the length only."""
    if len(octets) < 2 or octets[0] not in _DER_STRING_TAGS or octets[1] != len(octets) - 2:
        raise ValueError("a name holds a value that is not a short DER string")
    return octets[2:].decode()


def _as_compared(value: str) -> str:
    return " ".join(value.split()).casefold()
