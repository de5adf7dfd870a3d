"""Names that came from elsewhere can do no harm (threats L14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.names import MAX_NAME_BYTES, content_disposition, safe_file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/cron.d/x", "x"),
        ("..\\..\\x", "x"),
        ("/abs", "abs"),
        ("C:\\x.txt", "x.txt"),
        ("C:x", "C_x"),
        ("x\0.y", "x.y"),
        (".", None),
        ("..", None),
        ("", None),
        (None, None),
        ("CON", None),
        ("con.txt", None),
        ("COM1.log", None),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("abc\u202efdp.exe", "abcfdp.exe"),
        ("line\r\nbreak", "linebreak"),
        ("a|b>c", "a_b_c"),
        ("Şəkil 1.jpeg", "Şəkil 1.jpeg"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_known_tricks(name: str | None, safe: str | None) -> None:
    assert safe_file_name(name) == safe


@given(st.text(max_size=400))
def test_whatever_comes(name: str) -> None:
    safe = safe_file_name(name)
    if safe is None:
        return
    assert "/" not in safe
    assert "\\" not in safe
    assert "\0" not in safe
    assert safe.isprintable()
    assert safe not in {".", ".."}
    assert not safe.startswith((".", "-"))
    assert 0 < len(safe.encode()) <= MAX_NAME_BYTES
    assert safe_file_name(safe) == safe
    header = content_disposition(safe)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith("attachment; ")
