"""A sealed stream opens whole, or not at all."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sealed_stream import (
    CHUNK_BYTES,
    HEADER,
    TAG_BYTES,
    StreamDamaged,
    StreamSealer,
    opened,
)

KEY = bytes(range(32))
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]


def seal(content: bytes, step_bytes: int | None = None) -> bytes:
    sealer = StreamSealer(KEY)
    step_bytes = step_bytes or max(1, len(content))
    pieces = [sealer.seal(content[n : n + step_bytes]) for n in range(0, len(content), step_bytes)]
    return b"".join([*pieces, sealer.finish()])


def open_all(sealed: bytes) -> bytes:
    return b"".join(opened(KEY, BytesIO(sealed).read))


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("step_bytes", [None, 1000, CHUNK_BYTES])
def test_what_went_in_comes_out(size_bytes: int, step_bytes: int | None) -> None:
    content = bytes(n % 251 for n in range(size_bytes))
    sealed = seal(content, step_bytes)
    assert open_all(sealed) == content
    assert sealed == seal(content)  # however it was cut


@pytest.mark.parametrize("size_bytes", SIZES)
def test_every_truncation_at_a_chunk_is_found(size_bytes: int) -> None:
    sealed = seal(bytes(size_bytes))
    cuts = {0, 1, len(HEADER), len(sealed) - 1}
    cuts |= set(range(len(HEADER), len(sealed), SEALED_CHUNK_BYTES))
    for cut in sorted(cuts - {len(sealed)}):
        with pytest.raises(StreamDamaged):
            open_all(sealed[:cut])


def chunks_of(sealed: bytes) -> list[bytes]:
    body = sealed[len(HEADER) :]
    return [body[n : n + SEALED_CHUNK_BYTES] for n in range(0, len(body), SEALED_CHUNK_BYTES)]


def test_reordering_repeating_and_extending_are_found() -> None:
    first, second, third = chunks_of(seal(bytes(3 * CHUNK_BYTES)))
    for order in (
        [second, first, third],
        [first, first, third],
        [first, third],
        [first, second, third, third],
        [first, second, third, b"x"],
        [first, second, third[:-TAG_BYTES]],
    ):
        with pytest.raises(StreamDamaged):
            open_all(HEADER + b"".join(order))


def test_an_empty_last_chunk_cannot_be_put_behind_a_stream() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = bytes(7) + (0).to_bytes(4, "big") + b"\x00"
    body = AESGCM(KEY).encrypt(nonce, bytes(CHUNK_BYTES), HEADER)
    end = AESGCM(KEY).encrypt(bytes(7) + (1).to_bytes(4, "big") + b"\x01", b"", HEADER)
    with pytest.raises(StreamDamaged, match="empty"):
        open_all(HEADER + body + end)


@given(st.integers(0, 2 * SEALED_CHUNK_BYTES + 60), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_every_flipped_bit_is_found(position: int, bit: int) -> None:
    sealed = bytearray(seal(bytes(2 * CHUNK_BYTES + 20)))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(StreamDamaged):
        open_all(bytes(sealed))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(StreamDamaged):
        list(opened(bytes(32), BytesIO(seal(b"content")).read))


def test_what_comes_out_is_authentic_before_the_end_is_read() -> None:
    sealed = bytearray(seal(bytes(2 * CHUNK_BYTES)))
    sealed[-1] ^= 1
    chunks = opened(KEY, BytesIO(bytes(sealed)).read)
    assert next(chunks) == bytes(CHUNK_BYTES)
    with pytest.raises(StreamDamaged):
        next(chunks)
