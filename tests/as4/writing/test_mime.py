"""The MIME reader: the same events however the octets are sliced, and nothing lenient."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.as4.errors import EbmsAnswer, Refused, StatusAnswer
from protocol.as4.limits import MAX_PARTS, MAX_SOAP_BYTES
from protocol.as4.mime import (
    MimeEvent,
    MimeReader,
    PartContent,
    PartEnded,
    PartStarted,
)

MULTIPART = 'multipart/related; type="application/soap+xml"; boundary="b-1"; start="<root@x>"'
ROOT = (
    b"Content-Type: application/soap+xml; charset=UTF-8\r\n"
    b"Content-Transfer-Encoding: binary\r\nContent-ID: <root@x>\r\n"
)
PART = b"Content-Type: application/octet-stream\r\nContent-ID: <p1@x>\r\n"


def body(*parts: tuple[bytes, bytes], boundary: bytes = b"b-1") -> bytes:
    lines = [
        b"--" + boundary + b"\r\n" + head + b"\r\n" + content + b"\r\n" for head, content in parts
    ]
    return b"".join(lines) + b"--" + boundary + b"--\r\n"


SMALL = body((ROOT, b"<soap/>"), (PART, b"\x00\r\n--b-\r\r\n-\r\n--b-0 binary\r\n"))


def joined(events: list[MimeEvent]) -> list[MimeEvent]:
    """The events with neighbouring content put together."""
    result: list[MimeEvent] = []
    for event in events:
        if result and isinstance(event, PartContent) and isinstance(result[-1], PartContent):
            result[-1] = PartContent(result[-1].octets + event.octets)
        else:
            result.append(event)
    return result


def read(pieces: list[bytes], content_type: str = MULTIPART) -> list[MimeEvent]:
    reader = MimeReader(content_type)
    events = [event for piece in pieces for event in reader.receive(piece)]
    return joined(events + reader.finish() + reader.finish())


def answer(octets: bytes, content_type: str = MULTIPART) -> str:
    """What is answered to a body that is refused, whole and byte for byte alike."""
    answers = set()
    for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
        with pytest.raises(Refused) as caught:
            read(pieces, content_type)
        said = caught.value.answer
        answers.add(said.error.code if isinstance(said, EbmsAnswer) else str(said.http_status))
        assert caught.value.gate == "G2"
    assert len(answers) == 1
    return answers.pop()


EXPECTED: list[MimeEvent] = [
    PartStarted("root@x", "application/soap+xml; charset=UTF-8", "binary", is_root=True),
    PartContent(b"<soap/>"),
    PartEnded(),
    PartStarted("p1@x", "application/octet-stream", "binary", is_root=False),
    PartContent(b"\x00\r\n--b-\r\r\n-\r\n--b-0 binary\r\n"),
    PartEnded(),
]


def test_whole() -> None:
    assert read([SMALL]) == EXPECTED


def test_one_byte_at_a_time() -> None:
    assert read([SMALL[i : i + 1] for i in range(len(SMALL))]) == EXPECTED


def test_every_split() -> None:
    for first in range(len(SMALL)):
        assert read([SMALL[:first], SMALL[first:]]) == EXPECTED


def test_every_pair_of_splits_around_a_delimiter() -> None:
    middle = SMALL.index(b"<soap/>") + len(b"<soap/>")
    for first in range(middle - 3, middle + 12):
        for second in range(first, middle + 14):
            assert read([SMALL[:first], SMALL[first:second], SMALL[second:]]) == EXPECTED


@given(st.binary(max_size=400), st.lists(st.integers(0, 700), max_size=12))
def test_any_content_any_slicing(content: bytes, cuts: list[int]) -> None:
    octets = body((ROOT, b"<soap/>"), (PART, content))
    places = [0, *sorted(cuts), len(octets)]
    pieces = [octets[a:b] for a, b in pairwise(places)]
    if b"\r\n--b-1" in b"\r\n" + content + b"\r\n":
        return
    events = read(pieces)
    assert b"".join(e.octets for e in events[3:] if isinstance(e, PartContent)) == content


_PIECES = st.sampled_from(
    [
        b"\r\n",
        b"--b-1",
        b"--b-1--",
        b"\r",
        b"\n",
        b"-",
        ROOT,
        PART,
        b"x",
        b": ",
        b"=",
        b"\x00",
        b" ",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(_PIECES, st.binary(max_size=8)), max_size=30), st.integers(1, 40))
def test_arbitrary_octets_give_events_or_a_refusal(pieces: list[bytes], size: int) -> None:
    octets = b"".join(pieces)
    outcomes = []
    for step in (size, max(1, len(octets))):
        try:
            outcomes.append(read([octets[i : i + step] for i in range(0, len(octets), step)]))
        except Refused:
            outcomes.append([])
    assert outcomes[0] == outcomes[1]


@given(st.text(max_size=80))
def test_arbitrary_content_types(text: str) -> None:
    for value in (text, f"multipart/related; boundary={text}", f"application/soap+xml;{text}"):
        with suppress(Refused):
            MimeReader(value)


def test_bare_envelope() -> None:
    content_type = "application/soap+xml; charset=utf-8; action=x"
    started = PartStarted(None, content_type, "binary", is_root=True)
    assert read([b"<a>", b"</a>"], content_type) == [started, PartContent(b"<a></a>"), PartEnded()]
    assert read([], content_type) == [started, PartEnded()]


def test_no_attachment_in_a_multipart() -> None:
    assert read([body((ROOT, b"<soap/>"))]) == EXPECTED[:3]


def test_empty_attachment_with_and_without_its_own_line() -> None:
    empty = [*EXPECTED[:4], PartEnded()]
    octets = body((ROOT, b"<soap/>"), (PART, b""))
    assert read([octets]) == empty
    assert read([octets.replace(b"\r\n\r\n\r\n--", b"\r\n\r\n--")]) == empty
    assert read([octets[i : i + 1] for i in range(len(octets))]) == empty


def test_root_without_content_id_or_start() -> None:
    bare = MULTIPART.split("; start")[0]
    head = b"Content-Type: application/soap+xml;charset=UTF-8\r\n"
    assert read([body((head, b"<soap/>"))], bare)[1:] == EXPECTED[1:3]


def test_preamble_padding_folding_and_epilogue_that_products_write() -> None:
    folded = b"Content-Type: application/octet-stream;\r\n\tname=x\r\nContent-ID:\r\n <p1@x>\r\n"
    octets = b"\r\n" + body((ROOT, b"<soap/>"), (folded, b"1")).replace(b"--b-1\r", b"--b-1 \t\r")
    events = read([octets + b"\r\n"])
    assert events[3] == PartStarted("p1@x", "application/octet-stream; name=x", "binary", False)
    assert events[4] == PartContent(b"1")


@pytest.mark.parametrize(
    ("encoding", "sent", "meant"),
    [
        (b"base64", b"AAEC\r\nAwQ=\r\n", b"\x00\x01\x02\x03\x04"),
        (b"BASE64", b"", b""),
        (b"quoted-printable", b"a=3D=\r\nb =C3=A4=0d=0A", b"a=b \xc3\xa4\r\n"),
        (b"7bit", b"plain", b"plain"),
        (b"8bit", b"\xff", b"\xff"),
    ],
)
def test_transfer_encodings(encoding: bytes, sent: bytes, meant: bytes) -> None:
    octets = body(
        (ROOT, b"<soap/>"), (PART + b"Content-Transfer-Encoding: " + encoding + b"\r\n", sent)
    )
    for size in (len(octets), 1, 2, 3, 5):
        events = read([octets[i : i + size] for i in range(0, len(octets), size)])
        assert b"".join(e.octets for e in events[4:] if isinstance(e, PartContent)) == meant


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        (b"x-unknown", b"a"),
        (b"base64", b"AAE"),
        (b"base64", b"AA==AAEC"),
        (b"base64", b"A*EC"),
        (b"quoted-printable", b"=G1"),
        (b"quoted-printable", b"="),
        (b"quoted-printable", b"=4"),
    ],
)
def test_malformed_transfer_encodings(encoding: bytes, sent: bytes) -> None:
    head = PART + b"Content-Transfer-Encoding: " + encoding + b"\r\n"
    assert answer(body((ROOT, b"<soap/>"), (head, sent))) == "EBMS:0007"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", "415"),
        ("text/html", "415"),
        ("text/xml; charset=utf-8", "415"),
        ("application/soap+xml; charset=utf-16", "415"),
        ("application/soap+xml; charset=utf-8; charset=utf-8", "415"),
        ("application/soap+xml; charset=utf-7", "415"),
        ('application/soap+xml; charset="utf-8; x"', "415"),
        ("multipart/mixed; boundary=b-1", "415"),
        ("multipart/related", "400"),
        ("multipart/related; boundary=", "400"),
        ('multipart/related; boundary=""', "400"),
        ('multipart/related; boundary="b-1 "', "400"),
        ('multipart/related; boundary="b\\"1"', "400"),
        ('multipart/related; boundary="b\r\n1"', "400"),
        (f"multipart/related; boundary={'b' * 71}", "400"),
        ("multipart/related; boundary=a; boundary=b", "400"),
        ('multipart/related; boundary=a; type="application/xop+xml"', "415"),
        ("multipart/related; boundary=a; type=text/xml", "415"),
    ],
)
def test_refused_content_types(content_type: str, status: str) -> None:
    assert answer(b"x", content_type) == status


def of_type(mime_type: bytes) -> bytes:
    return PART.replace(b"application/octet-stream", mime_type)


_GOOD = (ROOT, b"<soap/>")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "EBMS:0007"),
        (b"x" * 3000, "EBMS:0007"),
        (b"--b-1--\r\n", "EBMS:0007"),
        (body(_GOOD)[:-4], "EBMS:0007"),
        (body(_GOOD) + b"--b-1--\r\n", "EBMS:0007"),
        (body(_GOOD) + b" " * 100, "EBMS:0007"),
        (body(_GOOD).replace(b"--b-1--", b"--b-1-x"), "EBMS:0007"),
        (body(_GOOD, (PART, b"\r\n--b-12\r\n")), "EBMS:0007"),
        (body(_GOOD, (PART, b"1"), (PART, b"2")), "EBMS:0007"),
        (body(_GOOD, (PART.replace(b"p1", b"root"), b"1")), "EBMS:0007"),
        (body(_GOOD, (PART + b"content-id: <p2@x>\r\n", b"1")), "EBMS:0007"),
        (body(_GOOD, (b"Content-Type: a/b\r\n", b"1")), "EBMS:0007"),
        (body(_GOOD, (b"", b"1")), "EBMS:0007"),
        (body(_GOOD, (of_type(b"multipart/mixed"), b"1")), "EBMS:0007"),
        (body(_GOOD, (of_type(b"message/rfc822"), b"1")), "EBMS:0007"),
        (body((PART, b"1"), _GOOD), "415"),
        (body((ROOT.replace(b"root@x", b"p9@x"), b"")), "EBMS:0007"),
        (body((ROOT.replace(b"UTF-8", b"utf-16"), b"")), "415"),
        (body((ROOT.replace(b"soap+xml", b"xop+xml"), b"")), "415"),
        (body(_GOOD).replace(b"\r\n", b"\n"), "EBMS:0007"),
        (body((ROOT.replace(b"\r\nContent-ID", b"\nContent-ID"), b"")), "400"),
        (body((ROOT.replace(b"\r\nContent-ID", b"\rContent-ID"), b"")), "400"),
        (body(_GOOD, (PART + b"X: \x00\r\n", b"1")), "400"),
        (body(_GOOD, (PART + b"X: \xe9\r\n", b"1")), "400"),
        (body(_GOOD, (PART + b"no colon\r\n", b"1")), "400"),
        (body(_GOOD, (PART + b"X : 1\r\n", b"1")), "400"),
        (body(_GOOD, (PART + b": 1\r\n", b"1")), "400"),
        (body(_GOOD, (PART.replace(b"<p1@x>", b"<p1@x"), b"1")), "400"),
        (body(_GOOD, (PART.replace(b"<p1@x>", b"p 1"), b"1")), "400"),
        (body(_GOOD, (PART.replace(b"<p1@x>", b"<" + b"p" * 256 + b">"), b"1")), "400"),
        (body(_GOOD, (PART + b"X: 1\r\n" * 15, b"1")), "413"),
        (body(_GOOD, (PART + b"X: " + b"1" * 9000 + b"\r\n", b"1")), "413"),
        (body(_GOOD, (PART + b"X: " + b"1" * 9000, b"1"))[:9000], "413"),
    ],
)  # fmt: skip
def test_refused_bodies(octets: bytes, code: str) -> None:
    assert answer(octets) == code


def _many(count: int) -> bytes:
    parts = [(PART.replace(b"p1", b"p%d" % n), b"") for n in range(count)]
    return body(_GOOD, *parts)


def test_number_of_parts() -> None:
    assert len(read([_many(MAX_PARTS)])) == 3 + 2 * MAX_PARTS
    assert answer(_many(MAX_PARTS + 1)) == "EBMS:0007"


def test_root_size() -> None:
    assert len(read([body((ROOT, b"x" * MAX_SOAP_BYTES))])) == 3
    for content_type, octets in (
        (MULTIPART, body((ROOT, b"x" * (MAX_SOAP_BYTES + 1)))),
        ("application/soap+xml", b"x" * (MAX_SOAP_BYTES + 1)),
    ):
        with pytest.raises(Refused) as caught:
            read([octets], content_type)
        assert caught.value.answer == StatusAnswer(413)


def test_time_is_linear_in_hostile_content() -> None:
    """Content made of almost-delimiters, and a chunk of one byte each, stay cheap."""
    hostile = b"\r\n--b-" * 300_000
    octets = body(_GOOD, (PART, hostile))
    begun = time.process_time()
    read([octets[i : i + 16384] for i in range(0, len(octets), 16384)])
    reader = MimeReader(MULTIPART)
    for i in range(200_000):
        reader.receive(octets[i : i + 1])
    assert time.process_time() - begun < 5.0
