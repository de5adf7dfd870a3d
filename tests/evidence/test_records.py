"""Records have one form in bytes, and the form can be checked with nothing but a hash function."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.evidence.records import (
    EvidenceRecord,
    Kind,
    RecordUnreadable,
    decode,
    encode,
    instant,
    leaf_hash,
)

AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)

facts = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


def test_the_bytes_are_these() -> None:
    record = EvidenceRecord(Kind.REFUSED, AT, {"reason": "Ə\x00", "code": "EBMS:0101", "n": None})
    assert (
        encode(record)
        == (
            '{"at":"2026-03-01T12:00:00.000005Z","facts":{"code":"EBMS:0101","n":null,'
            '"reason":"Ə\\u0000"},"kind":"REFUSED","v":1}'
        ).encode()
    )


def test_leaf_hash_is_that_of_rfc_6962() -> None:
    assert leaf_hash(b"") == bytes.fromhex(
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert leaf_hash(b"x") == sha256(b"\x00x").digest()


@given(facts)
def test_what_is_written_is_read_again(content: dict[str, object]) -> None:
    record = EvidenceRecord(Kind.RECEIVED, AT, content)
    assert decode(encode(record)) == record


@pytest.mark.parametrize(
    "content",
    [{"x": 1.5}, {"X": 1}, {"x": 2**53}, {"x": b"octets"}, {"x": "\ud800"}, {"x": [{"é": 1}]}],
)
def test_what_has_no_canonical_form_is_not_written(content: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of ValueError
        encode(EvidenceRecord(Kind.RECEIVED, AT, content))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b'{"at":"2026-03-01T12:00:00.000000Z","facts":{},"kind":"RECEIVED","v":2}',
        b'{"at":"2026-03-01T12:00:00.000000Z","facts":{},"kind":"INVENTED","v":1}',
        b'{"at":"2026-03-01T12:00:00Z","facts":{},"kind":"RECEIVED","v":1}',
        b'{"kind":"RECEIVED","at":"2026-03-01T12:00:00.000000Z","facts":{},"v":1}',
        b'{"at":"2026-03-01T12:00:00.000000Z","facts":[],"kind":"RECEIVED","v":1} ',
        b"[" * 100_000,
    ],
)
def test_any_other_form_is_not_read(octets: bytes) -> None:
    with pytest.raises(RecordUnreadable):
        decode(octets)


def test_times_are_utc_and_never_naive() -> None:
    baku = timezone(timedelta(hours=4))
    assert instant(datetime(2026, 3, 1, 16, 0, 0, 5, tzinfo=baku)) == instant(AT)
    with pytest.raises(ValueError, match="offset"):
        instant(datetime(2026, 3, 1))  # noqa: DTZ001 - the point of the test
