"""One part through the cryptography, in both directions, sliced anyhow; and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from protocol.as4.attachments import InboundPart, OutboundPart, SealedPart
from protocol.as4.errors import EbmsAnswer, Refused
from protocol.as4.inflating import MAX_PIECE_BYTES
from protocol.as4.pmode import MEBIBYTE, SizeLimits
from protocol.as4.secrets import PartSecret
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.values import PartInfo, Property, SignedReference

KEY = bytes(range(16))
SHA256 = EDELIVERY_115.digest
SMALL = SizeLimits(max_part_bytes=4 * MEBIBYTE, max_message_bytes=6 * MEBIBYTE)
GZIP = Property("CompressionType", "application/gzip")
XML_TYPE = Property("MimeType", "application/xml")


def slices(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[i : i + size] for i in range(0, len(octets), size))


def outbound(
    plain: bytes, mime_type: str = "application/pdf", size: int = 1 << 20, compress: bool = True
) -> tuple[bytes, SealedPart]:
    part = OutboundPart("p1@x", mime_type, EDELIVERY_115, KEY, compress)
    wire = b"".join(part.receive(piece) for piece in slices(plain, size)) + part.finish()
    return wire, part.sealed()


def inbound(
    sealed: SealedPart, limits: SizeLimits = SMALL, *, before_bytes: int = 0
) -> InboundPart:
    reference = SignedReference(f"cid:{sealed.info.content_id}", SHA256, sealed.digest)
    secret = PartSecret(KEY, sealed.encrypted_mime_type)
    return InboundPart(
        sealed.info, reference, secret, "application/octet-stream", limits,
        delivered_before_bytes=before_bytes,
    )  # fmt: skip


def deliver(part: InboundPart, wire: bytes, size: int = 1 << 20) -> bytes:
    delivered = []
    for octets in slices(wire, size):
        for piece in part.receive(octets):
            assert 0 < len(piece) <= MAX_PIECE_BYTES
            delivered.append(piece)
    assert list(part.finish()) == []
    return b"".join(delivered)


def made(
    plain: bytes, mime_type: str, properties: tuple[Property, ...], signed: bytes | None = None
) -> tuple[bytes, SealedPart]:
    """A part made by hand: encrypted in one go, signed over `signed` instead of `plain`."""
    iv = os.urandom(12)
    digest = hashlib.sha256(plain if signed is None else signed).digest()
    wire = iv + AESGCM(KEY).encrypt(iv, plain, None)
    return wire, SealedPart(PartInfo("p1@x", properties), digest, len(wire), mime_type)


def refusal(part: InboundPart, wire: bytes, size: int = 4096) -> Refused:
    with pytest.raises(Refused) as caught:
        deliver(part, wire, size)
    return caught.value


def code(refused: Refused) -> str:
    assert isinstance(refused.answer, EbmsAnswer)
    return refused.answer.error.code


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=5000), st.integers(0, 200_000).map(lambda n: b"ab" * n)),
    st.sampled_from(["application/pdf", "text/plain", "application/xml", "image/svg+xml"]),
    st.booleans(),
    st.integers(1, 300_000),
    st.integers(1, 300_000),
)
def test_round_trip(plain: bytes, mime_type: str, compress: bool, out: int, back: int) -> None:
    out, back = max(out, len(plain) // 2000 + 1), max(back, len(plain) // 2000 + 1)
    wire, sealed = outbound(plain, mime_type, out, compress)
    assert sealed.wire_bytes == len(wire)
    part = inbound(sealed)
    assert deliver(part, wire, back) == plain
    assert part.size_bytes == len(plain)
    assert part.sha256 == hashlib.sha256(plain).digest()


def test_one_byte_at_a_time() -> None:
    plain = b"<a>\r\n</a>" * 50
    wire, sealed = outbound(plain, "application/xml", 1)
    assert deliver(inbound(sealed), wire, 1) == plain


def test_outbound_octets_are_what_others_open() -> None:
    plain = os.urandom(1000) + b"\0" * 100_000
    wire, sealed = outbound(plain, "text/plain", 777)
    packed = AESGCM(KEY).decrypt(wire[:12], wire[12:], None)
    assert gzip.decompress(packed) == plain
    assert hashlib.sha256(packed).digest() == sealed.digest
    assert sealed.encrypted_mime_type == "application/gzip"
    assert sealed.info == PartInfo("p1@x", (Property("MimeType", "text/plain"), GZIP))


def test_uncompressed_text_and_xml_travel_as_octets() -> None:
    for mime_type in ("text/plain", "text/xml", "application/xml", "application/soap+xml"):
        wire, sealed = outbound(b"a\nb", mime_type, compress=False)
        assert sealed.encrypted_mime_type == "application/octet-stream"
        assert sealed.digest == hashlib.sha256(b"a\nb").digest()
        assert AESGCM(KEY).decrypt(wire[:12], wire[12:], None) == b"a\nb"
    assert outbound(b"x", "image/jpeg", compress=False)[1].encrypted_mime_type == "image/jpeg"


def test_properties_keep_their_order() -> None:
    part = OutboundPart("p@x", "application/xml", EDELIVERY_115, KEY, True, "UTF-8")
    part.finish()
    names = [p.name for p in part.sealed().info.properties]
    assert names == ["MimeType", "CharacterSet", "CompressionType"]


def test_empty_part() -> None:
    for compress in (True, False):
        wire, sealed = outbound(b"", compress=compress)
        assert deliver(inbound(sealed), wire, 1) == b""


def test_ivs_differ() -> None:
    assert len({outbound(b"x")[0][:12] for _ in range(20)}) == 20


@pytest.mark.parametrize("mime_type", ["text/plain; charset=utf-8", "text/csv", "TEXT/PLAIN"])
@pytest.mark.parametrize("plain", [b"a\nb\r\nc\rd\r\r\n\n", b"\r", b"\n", b"", b"\r\n" * 30])
def test_text_is_digested_with_crlf(plain: bytes, mime_type: str) -> None:
    signed = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    wire, sealed = made(plain, mime_type, (), signed)
    for size in (1, 2, 3, 1000):
        assert deliver(inbound(sealed), wire, size) == plain


XML = b"<?xml version='1.0'?><!-- c --><a z='1'  b=\"2\"><b  xmlns:u='u:n'><c/></b>\r\n</a>"


@pytest.mark.parametrize(
    "mime_type", ["text/xml", "application/xml; x=y", "application/a+xml", "image/svg+xml"]
)
def test_xml_is_digested_canonically(mime_type: str) -> None:
    signed = etree.tostring(
        etree.fromstring(XML).getroottree(), method="c14n", exclusive=True, with_comments=False
    )
    assert signed == b'<a b="2" z="1"><b><c></c></b>\n</a>'
    wire, sealed = made(XML, mime_type, (), signed)
    assert deliver(inbound(sealed), wire, 7) == XML


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (b"", "no canonical form"),
        (b"not xml", "no canonical form"),
        (b"<a/><b/>", "no canonical form"),
        (b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "document type"),
        (
            b"<a " + b" ".join(b"xmlns:n%d='u:%d'" % (n, n) for n in range(65)) + b"/>",
            "over 64 namespaces",
        ),
        (b"<a " + b" ".join(b"n%d='1'" % n for n in range(257)) + b"/>", "over 256 attributes"),
        (b"<a>" * 300 + b"</a>" * 300, "no canonical form"),
        (b"<a>" + b" " * (8 * MEBIBYTE) + b"</a>", "over 8388608 bytes"),
        (b"<a>" + b"<b/>" * 500_000 + b"</a>", "over 500000 elements"),
    ],
)
def test_xml_without_a_canonical_form(plain: bytes, reason: str) -> None:
    limits = SizeLimits(max_part_bytes=9 * MEBIBYTE)
    wire, sealed = made(plain, "text/xml", ())
    refused = refusal(inbound(sealed, limits), wire, 1 << 20)
    assert (code(refused), reason in refused.reason) == ("EBMS:0102", True), refused.reason


def test_part_in_clear() -> None:
    info = PartInfo("p1@x", (Property("MimeType", "application/pdf"),))
    reference = SignedReference("cid:p1@x", SHA256, hashlib.sha256(b"content").digest())
    part = InboundPart(info, reference, None, "application/pdf", SMALL)
    assert deliver(part, b"content", 3) == b"content"
    part = InboundPart(info, reference, None, "application/pdf", SMALL)
    assert code(refusal(part, b"Content")) == "EBMS:0101"


def test_every_flipped_bit_and_every_cut_is_refused_alike() -> None:
    for compress in (True, False):
        wire, sealed = outbound(b"some content", compress=compress)
        said = set()
        for place in range(len(wire)):
            changed = bytearray(wire)
            changed[place] ^= 1 << (place % 8)
            said.add((code(refusal(inbound(sealed), bytes(changed))), ""))
            refused = refusal(inbound(sealed), wire[:place])
            said.add((code(refused), refused.detail))
        refused = refusal(inbound(sealed), wire + b"\0")
        said.add((code(refused), refused.detail))
        assert said == {("EBMS:0102", "")}


def test_other_digest_and_unknown_digest_algorithm() -> None:
    wire, sealed = made(b"content", "application/pdf", (), b"other")
    assert code(refusal(inbound(sealed), wire)) == "EBMS:0102"
    reference = SignedReference("cid:p1@x", "http://www.w3.org/2000/09/xmldsig#sha1", b"x" * 20)
    part = InboundPart(sealed.info, reference, PartSecret(KEY, "a/b"), "a/b", SMALL)
    assert code(refusal(part, wire)) == "EBMS:0102"


PACKED = gzip.compress(b"content " * 1000)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"plain",
        b"content " * 1000,
        zlib.compress(b"content"),
        PACKED[:-1],
        PACKED[:-8],
        PACKED[:40],
        PACKED + b"x",
        PACKED + b"\0",
        PACKED + PACKED,
        PACKED[:-8] + bytes(4) + PACKED[-4:],
        PACKED[:-4] + bytes(4),
        b"PK\x03\x04" + bytes(30),
    ],
)
def test_damaged_gzip(octets: bytes) -> None:
    wire, sealed = made(octets, "application/gzip", (XML_TYPE, GZIP))
    for size in (1, 100_000):
        refused = refusal(inbound(sealed), wire, size)
        assert (code(refused), refused.gate) == ("EBMS:0303", "G11")


def test_damaged_gzip_with_a_bad_tag_is_told_as_the_tag() -> None:
    wire, sealed = made(b"not gzip", "application/gzip", (XML_TYPE, GZIP))
    assert code(refusal(inbound(sealed), wire[:-1] + bytes([wire[-1] ^ 1]))) == "EBMS:0102"


def test_nested_gzip_is_opened_once_and_plain_gzip_not_at_all() -> None:
    wire, sealed = made(gzip.compress(PACKED), "application/gzip", (XML_TYPE, GZIP))
    assert deliver(inbound(sealed), wire) == PACKED
    wire, sealed = made(PACKED, "application/gzip", (Property("MimeType", "application/gzip"),))
    assert deliver(inbound(sealed), wire) == PACKED


def _bomb(size_bytes: int) -> tuple[bytes, SealedPart]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(size_bytes // MEBIBYTE))
    return made(packed + packer.flush(), "application/gzip", (XML_TYPE, GZIP))


def _delivered_before_refusal(part: InboundPart, wire: bytes) -> int:
    for octets in slices(wire, 1 << 16):
        for _ in part.receive(octets):
            pass
    with pytest.raises(Refused) as caught:
        part.finish()
    assert code(caught.value) == "EBMS:0303"
    return part.size_bytes


def test_bomb_stops_at_the_ratio() -> None:
    wire, sealed = _bomb(256 * MEBIBYTE)
    unlimited = SizeLimits(max_part_bytes=1 << 40, max_message_bytes=1 << 40)
    given_bytes = _delivered_before_refusal(inbound(sealed, unlimited), wire)
    assert given_bytes <= 200 * len(wire)


def test_bomb_stops_at_the_size() -> None:
    wire, sealed = _bomb(64 * MEBIBYTE)
    limits = SizeLimits(max_part_bytes=3 * MEBIBYTE, max_ratio=10_000)
    assert _delivered_before_refusal(inbound(sealed, limits), wire) <= 3 * MEBIBYTE


def test_message_allowance_is_shared_by_its_parts() -> None:
    plain = os.urandom(MEBIBYTE + MEBIBYTE // 2)
    wire, sealed = outbound(plain)
    assert len(deliver(inbound(sealed, before_bytes=4 * MEBIBYTE), wire)) == len(plain)
    part = inbound(sealed, before_bytes=5 * MEBIBYTE)
    assert code(refusal(part, wire)) == "EBMS:0303"


def test_uncompressed_part_that_is_too_large() -> None:
    wire, sealed = outbound(os.urandom(4 * MEBIBYTE + 1), compress=False)
    refused = refusal(inbound(sealed), wire)
    assert (code(refused), refused.gate) == ("EBMS:0004", "G11")
    wire, sealed = outbound(os.urandom(6 * MEBIBYTE), compress=False)
    part = inbound(sealed)
    assert code(refusal(part, wire, 1 << 16)) == "EBMS:0004"
    assert part.size_bytes <= 4 * MEBIBYTE


def test_a_few_zeros_in_a_small_part_are_honest() -> None:
    packed = gzip.compress(bytes(MEBIBYTE))
    wire, sealed = made(packed, "application/gzip", (XML_TYPE, GZIP))
    assert len(wire) * 200 < MEBIBYTE
    assert deliver(inbound(sealed), wire) == bytes(MEBIBYTE)


@pytest.mark.parametrize("size", [1000, 1 << 16, 1 << 18, 1 << 24])
def test_a_disk_image_full_of_zeros_passes_the_ratio_of_any_receiver(size: int) -> None:
    image = bytes(20 * MEBIBYTE) + os.urandom(MEBIBYTE) + bytes(20 * MEBIBYTE)
    limits = SizeLimits(max_part_bytes=64 * MEBIBYTE)
    wire, sealed = outbound(image, size=size)
    assert len(wire) < 2 * MEBIBYTE
    assert deliver(inbound(sealed, limits), wire, 1 << 14) == image


NOISE = os.urandom(300_000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["noise", "zeros", "words"]), st.integers(0, 300_000)), max_size=8
    ),
    st.integers(30_000, 600_000),
)
def test_content_that_compresses_here_and_not_there(
    stretches: list[tuple[str, int]], size: int
) -> None:
    """Repeats across stored blocks would show a back reference that goes astray."""
    kinds = {"noise": NOISE, "zeros": bytes(300_000), "words": b"what it says " * 24_000}
    plain = b"".join(kinds[kind][:length] for kind, length in stretches)
    wire, sealed = outbound(plain, size=size)
    packed = AESGCM(KEY).decrypt(wire[:12], wire[12:], None)
    assert gzip.decompress(packed) == plain
    assert len(packed) <= len(plain) * 1.01 + 1000
    assert deliver(inbound(sealed), wire) == plain


@pytest.mark.parametrize("size_bytes", [MAX_PIECE_BYTES - 1, MAX_PIECE_BYTES, 2 * MAX_PIECE_BYTES])
def test_sizes_around_one_piece(size_bytes: int) -> None:
    plain = bytes(os.urandom(8000)) + b"ab" * (size_bytes // 2)
    plain = plain[:size_bytes]
    wire, sealed = outbound(plain)
    assert deliver(inbound(sealed), wire) == plain


def test_properties_that_contradict() -> None:
    reference = SignedReference("cid:p1@x", SHA256, b"")
    secret = PartSecret(KEY, "application/gzip")
    for properties, expected in (
        ((XML_TYPE, Property("CompressionType", "application/rar")), "EBMS:0003"),
        ((GZIP,), "EBMS:0303"),
    ):
        with pytest.raises(Refused) as caught:
            InboundPart(PartInfo("p1@x", properties), reference, secret, "a/b", SMALL)
        assert code(caught.value) == expected


def test_misuse_is_told_to_the_caller() -> None:
    wire, sealed = outbound(b"x")
    part = inbound(sealed)
    part.receive(wire)
    with pytest.raises(RuntimeError):
        part.finish()
    part = inbound(sealed)
    with pytest.raises(RuntimeError):
        _ = part.sha256
    deliver(part, wire)
    with pytest.raises(RuntimeError):
        part.receive(b"")
    with pytest.raises(RuntimeError):
        OutboundPart("p", "a/b", EDELIVERY_115, KEY, True).sealed()


def test_keys_are_not_shown() -> None:
    assert KEY.hex() not in repr(PartSecret(KEY, "a/b"))
    assert repr(KEY) not in repr(PartSecret(KEY, "a/b"))
