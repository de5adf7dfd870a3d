"""A form is read the same however it is cut into pieces, and leaves nothing behind when refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.local import limits
from gateway.local.form import Form, FormLimits, FormReader, boundary_of
from gateway.local.problems import Problem
from gateway.spool import Spool
from keys.storage_key import StorageKey
from tests.local.conftest import XML, form

LARGE = FormLimits(max_attachment_bytes=1 << 20, max_total_bytes=40 << 20)
WHOLE, CONTENT_TYPE = form(
    ("document", b"<a/>", XML),
    ("refToMessageId", b"m@x", {}),
    ("attachment", b"\r\n--frontie\r\n-" * 300, {"filename": "a/b/evidence.bin", "type": "x/y"}),
    ("attachment", b"", {"filename": "..", "type": "text/plain; charset=UTF-8"}),
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", StorageKey.generate(), inline_bytes=16)


def files_of(spool: Spool) -> list[Path]:
    return [path for path in spool.folder.rglob("*") if path.is_file()]


def read(spool: Spool, octets: bytes, size: int = 1 << 16, limit: FormLimits = LARGE) -> Form:
    reader = FormReader(b"frontier", spool, limit)
    try:
        for start in range(0, len(octets), size):
            reader.receive(octets[start : start + size])
        return reader.finish()
    except Problem:
        reader.discard()
        raise


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 16])
def test_pieces_of_any_size_give_the_same_form(spool: Spool, size: int) -> None:
    whole = read(spool, WHOLE, size)
    assert whole.document == b"<a/>"
    assert whole.document_type == "application/xml"
    assert whole.fields == {"refToMessageId": "m@x"}
    assert [a.file_name for a in whole.attachments] == ["evidence.bin", None]
    assert [a.mime_type for a in whole.attachments] == ["x/y", "text/plain"]
    assert [a.character_set for a in whole.attachments] == [None, "UTF-8"]
    first = b"".join(spool.reader(whole.attachments[0].blob))
    assert first == b"\r\n--frontie\r\n-" * 300
    assert whole.attachments[1].blob.size_bytes == 0


@given(cut=st.integers(0, len(WHOLE) - 16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_form_that_breaks_off_is_refused_and_leaves_nothing(spool: Spool, cut: int) -> None:
    with pytest.raises(Problem):
        read(spool, WHOLE[:cut], 50)
    assert files_of(spool) == []


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([("document", b"x", XML), ("document", b"y", XML)], 400),
        ([("strange", b"x", {})], 400),
        ([("to", b"A", {}), ("to", b"B", {})], 400),
        ([("to", b"\xff", {})], 400),
        ([("to", b"A\nB", {})], 400),
        ([("to", b"A" * 2000, {})], 413),
        ([("document", b"x" * (limits.MAX_DOCUMENT_BYTES + 1), XML)], 413),
        ([("attachment", b"x" * ((1 << 20) + 1), {})], 413),
        ([("attachment", b"x", {})] * (limits.MAX_ATTACHMENTS + 1), 400),
        ([("attachment", b"x" * 2_000_000, {})] * 25, 413),
    ],
)
def test_what_a_form_may_not_hold(
    spool: Spool, parts: list[tuple[str, bytes, dict[str, str]]], status: int
) -> None:
    wide = FormLimits(1 << 20, 40 << 20) if len(parts) < 20 else FormLimits(2 << 20, 40 << 20)
    with pytest.raises(Problem) as refusal:
        read(spool, form(*parts)[0], limit=wide)
    assert refusal.value.kind.status == status
    assert files_of(spool) == []


@pytest.mark.parametrize(
    "octets",
    [
        b"no form at all",
        b"--other\r\n\r\n",
        b"--frontier\r\nContent-Type: a/b\r\n\r\nx\r\n--frontier--\r\n",
        b"--frontier\r\nX: " + b"y" * 5000,
        b"--frontier\r\n" + b"X: y\r\n" * 50,
        b'--frontier\r\nContent-Disposition: form-data; name="to"\r\n'
        b'Content-Disposition: form-data; name="to"\r\n\r\nx\r\n--frontier--\r\n',
        b'--frontier\r\nContent-Disposition: form-data; name="attachment"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--frontier--\r\n",
    ],
)
def test_malformed_forms(spool: Spool, octets: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        read(spool, octets)
    assert refusal.value.kind.status == 400
    assert files_of(spool) == []


def test_the_boundary_of_a_content_type() -> None:
    assert boundary_of(CONTENT_TYPE) == b"frontier"
    assert boundary_of('Multipart/Form-Data; boundary="a b"') == b"a b"
    assert boundary_of("multipart/form-data") is None
    assert boundary_of("multipart/related; boundary=x") is None
