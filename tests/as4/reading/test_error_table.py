"""The error table of the specifications, written out again by hand: as4-wire, ebMS 3.0 Core 6.7."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gateway
import protocol
from protocol.as4.errors import CATALOGUE, NEVER_RAISED, ErrorCode

# code, short description, severity, category, origin
TABLE = """
0001 ValueNotRecognized failure Content ebMS
0002 FeatureNotSupported warning Content ebMS
0003 ValueInconsistent failure Content ebMS
0004 Other failure Content ebMS
0005 ConnectionFailure failure Communication ebMS
0006 EmptyMessagePartitionChannel warning Communication ebMS
0007 MimeInconsistency failure Unpackaging ebMS
0008 FeatureNotSupported failure Unpackaging ebMS
0009 InvalidHeader failure Unpackaging ebMS
0010 ProcessingModeMismatch failure Processing ebMS
0011 ExternalPayloadError failure Content ebMS
0020 RoutingFailure failure Processing ebMS
0021 MPCCapacityExceeded failure Processing ebMS
0022 MessagePersistenceTimeout failure Processing ebMS
0023 MessageExpired warning Processing ebMS
0030 BundlingError failure Content ebMS
0031 RelatedMessageFailed failure Processing ebMS
0040 BadFragmentGroup failure Content ebMS
0041 DuplicateMessageSize failure Content ebMS
0042 DuplicateFragmentCount failure Content ebMS
0043 DuplicateMessageHeader failure Content ebMS
0044 DuplicateAction failure Content ebMS
0045 DuplicateCompressionInfo failure Content ebMS
0046 DuplicateFragment failure Content ebMS
0047 BadFragmentStructure failure Unpackaging ebMS
0048 BadFragmentNum failure Content ebMS
0049 BadFragmentCount failure Content ebMS
0050 FragmentSizeExceeded warning Unpackaging ebMS
0051 ReceiveIntervalExceeded failure Unpackaging ebMS
0052 BadProperties warning Unpackaging ebMS
0053 HeaderMismatch failure Unpackaging ebMS
0054 OutOfStorageSpace failure Unpackaging ebMS
0055 DecompressionError failure Processing ebMS
0060 ResponseUsing-AlternateMEP warning Processing ebMS
0101 FailedAuthentication failure Processing security
0102 FailedDecryption failure Processing security
0103 PolicyNoncompliance failure Processing security
0201 DysfunctionalReliability failure Processing reliability
0202 DeliveryFailure failure Communication reliability
0301 MissingReceipt failure Communication ebMS
0302 InvalidReceipt failure Communication ebMS
0303 DecompressionFailure failure Communication ebMS
4001 DuplicateDetected failure Content ebMS
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_line_of_the_table(row: list[str]) -> None:
    number, short_description, severity, category, origin = row
    held = CATALOGUE[f"EBMS:{number}"]
    found = (held.short_description, held.severity.value, held.category, held.origin)
    assert found == (short_description, severity, category, origin)


def test_there_is_no_other_line() -> None:
    assert set(CATALOGUE) == {f"EBMS:{row[0]}" for row in ROWS}


def names_in_use() -> set[str]:
    """The names of error codes that our code refers to outside the table itself."""
    found: set[str] = set()
    for room in (gateway, protocol):
        for path in Path(next(iter(room.__path__))).rglob("*.py"):
            if path.name != "errors.py":
                found.update(re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text()))
    return found


def test_each_code_is_raised_or_says_why_not() -> None:
    import protocol.as4.errors as table

    names = {
        value.code: name for name, value in vars(table).items() if isinstance(value, ErrorCode)
    }
    used = names_in_use()
    silent = {code for code, name in names.items() if name not in used}
    assert silent <= set(NEVER_RAISED)
    local = {"EBMS:0005", "EBMS:0301", "EBMS:0302", "EBMS:4001"}  # told to submitters, read
    assert set(NEVER_RAISED) - local <= silent | {"EBMS:0202", "EBMS:0011"}
