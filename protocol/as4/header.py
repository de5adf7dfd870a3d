"""eb:Messaging becomes exactly one message unit: gate G5.

A header holds one eb:UserMessage or one eb:SignalMessage, valid by our schema; two units are
EBMS:0003, anything else that is not valid is EBMS:0009. Source: ebMS 3.0 Core section 5.2.
"""

from __future__ import annotations

from typing import Final, cast

from lxml import etree

from protocol.as4.errors import INVALID_HEADER, VALUE_INCONSISTENT, refused
from protocol.as4.names import EB, XSI, qname
from protocol.as4.signal_header import read_signal
from protocol.as4.user_header import read_user_message
from protocol.as4.values import MessageUnit
from protocol.as4.xml import read_again
from schemas.catalogue import compiled, compiled_for_one_thread

_USER_MESSAGE: Final = qname(EB, "UserMessage")
_SIGNAL_MESSAGE: Final = qname(EB, "SignalMessage")
_SCHEMA_ATTRIBUTES: Final = etree.XPath(
    "boolean(descendant-or-self::*/@xsi:*)", namespaces={"xsi": XSI}
)
_MAX_DETAIL_CHARACTERS: Final = 400


def open_header(canonical_octets: bytes) -> MessageUnit:
    """The value of the one unit in an eb:Messaging that is valid by our schema. Raises Refused.

    `canonical_octets` are its exclusive canonical form: what is read here is what a signature can
    cover, so that nothing has to be read a second time once the digest of these octets holds.
    """
    messaging = read_again(canonical_octets)
    _only_unit(messaging)
    _check_schema(messaging)
    return read_unit(messaging)


def read_unit(messaging: etree._Element) -> MessageUnit:
    """The same of a header that was found valid before. Raises Refused."""
    unit = _only_unit(messaging)
    if unit.tag == _USER_MESSAGE:
        return read_user_message(unit)
    return read_signal(unit)


def _only_unit(messaging: etree._Element) -> etree._Element:
    units = [child for child in messaging if child.tag in (_USER_MESSAGE, _SIGNAL_MESSAGE)]
    if len(units) != 1:
        raise refused(
            VALUE_INCONSISTENT if units else INVALID_HEADER,
            "G5",
            f"eb:Messaging holds {len(units)} message units instead of one",
            "eb:Messaging must hold exactly one message unit",
        )
    return units[0]


def _check_schema(messaging: etree._Element) -> None:
    """`messaging` is valid by schemas/as4/messaging.xsd. Raises Refused (EBMS:0009)."""
    if cast(bool, _SCHEMA_ATTRIBUTES(messaging)):
        raise refused(INVALID_HEADER, "G5", "xsi attributes are not allowed in eb:Messaging")
    if compiled("as4").validate(messaging):
        return
    sentence = _first_fault(messaging).replace(f"{{{EB}}}", "eb:")
    raise refused(
        INVALID_HEADER,
        "G5",
        f"eb:Messaging is not valid: {sentence}",
        sentence[:_MAX_DETAIL_CHARACTERS],
    )


def _first_fault(messaging: etree._Element) -> str:
    """What is wrong, by a schema of our own: the error log of a shared one mixes up messages that
    are checked in other threads at the same time, and this sentence goes to the partner."""
    try:
        compiled_for_one_thread("as4").assertValid(messaging)
    except etree.DocumentInvalid as fault:
        return str(fault)
    return "it does not have the form that was agreed"
