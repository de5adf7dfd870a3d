"""Payloads at rest: durable before they are known, closed without the key, found when changed."""

import os
import resource
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from gateway import spool_files
from gateway.spool import BlobDamaged, ContentDestroyed, Spool, WireSpool
from gateway.spool_files import path_of
from gateway.store.values import StoredBlob

MARK = b"MARK-OF-THE-CONTENT"


class Wrap:
    """A storage key that a test can hold in its hand."""

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._key = key

    def wrap(self, data_key: bytes) -> bytes:
        return aes_key_wrap(self._key, data_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return aes_key_unwrap(self._key, wrapped)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", Wrap(), inline_bytes=1000)


def put(spool: Spool, content: bytes, step_bytes: int = 100_000) -> StoredBlob:
    writer = spool.writer()
    for start in range(0, len(content), step_bytes):
        writer.write(content[start : start + step_bytes])
    return writer.finish()


def files(spool: Spool) -> list[Path]:
    return [path for path in spool.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size_bytes", [0, 1, 1000, 1001, 65_536, 300_000])
def test_a_payload_comes_back(spool: Spool, size_bytes: int) -> None:
    content = (MARK * (size_bytes // len(MARK) + 1))[:size_bytes]
    blob = put(spool, content)
    assert (blob.size_bytes, blob.sha256) == (size_bytes, sha256(content).digest())
    assert b"".join(spool.reader(blob)) == content
    assert (blob.inline is None) == (size_bytes > 1000) == bool(files(spool))


def test_reading_gives_what_was_asked_for(spool: Spool) -> None:
    reader = spool.reader(put(spool, bytes(range(256)) * 1000))
    pieces = []
    while piece := reader.read(7001):
        assert len(piece) <= 7001
        pieces.append(piece)
    reader.close()
    reader.close()
    assert b"".join(pieces) == bytes(range(256)) * 1000


def test_nothing_of_the_content_is_on_the_disk(spool: Spool) -> None:
    put(spool, MARK * 10_000)
    inline = put(spool, MARK).inline
    [path] = files(spool)
    assert MARK not in path.read_bytes()
    assert inline is not None
    assert MARK not in inline
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_file_and_folder_are_synced_before_finish_returns(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(spool_files.os, "fsync", fsync)
    blob = put(spool, bytes(2000))
    path = path_of(spool.folder, blob.name or "")
    assert synced == [str(path), str(path.parent)]


@pytest.mark.parametrize("fault", ["write", "fsync"])
def test_a_full_disk_leaves_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_files.os, fault, full)
    with pytest.raises(OSError, match="No space"):
        put(spool, bytes(200_000))
    assert files(spool) == []


def test_short_writes_are_completed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(spool_files.os, "write", lambda fd, octets: write(fd, octets[:4096]))
    content = os.urandom(100_000)
    assert b"".join(spool.reader(put(spool, content))) == content


def test_discard_and_remove_leave_nothing(spool: Spool) -> None:
    writer = spool.writer()
    writer.write(bytes(200_000))
    writer.discard()
    writer.discard()
    blob = put(spool, bytes(200_000))
    spool.remove(blob)
    spool.remove(blob)
    spool.remove(put(spool, b"small"))
    assert files(spool) == []


def test_every_change_to_a_file_is_found(spool: Spool) -> None:
    blob = put(spool, bytes(150_000))
    path = path_of(spool.folder, blob.name or "")
    whole = path.read_bytes()
    changes = [
        whole[:-1],
        whole[: 4 + 65_552],
        whole + b"\x00",
        b"",
        whole[:70_000] + bytes([whole[70_000] ^ 1]) + whole[70_001:],
    ]
    for changed in changes:
        path.write_bytes(changed)
        with pytest.raises(BlobDamaged, match=f"spool file {blob.name}"):
            list(spool.reader(blob))
    path.unlink()
    with pytest.raises(BlobDamaged, match=f"spool file {blob.name}"):
        spool.reader(blob)


def test_a_payload_put_in_the_place_of_another_is_found(spool: Spool) -> None:
    one, other = put(spool, b"one"), put(spool, b"two")
    with pytest.raises(BlobDamaged, match="not the one that was stored"):
        list(spool.reader(replace(one, inline=other.inline, wrapped_key=other.wrapped_key)))


def test_without_its_key_the_content_is_gone(spool: Spool) -> None:
    blob = put(spool, bytes(5000))
    with pytest.raises(ContentDestroyed):
        spool.reader(replace(blob, wrapped_key=b""))
    with pytest.raises(BlobDamaged, match="key does not open"):
        Spool(spool.folder, Wrap(bytes(31) + b"\x01")).reader(blob)


def test_orphans_of_a_crash_are_swept_and_others_stay(spool: Spool) -> None:
    kept = put(spool, bytes(5000))
    orphan = put(spool, bytes(5000))
    writer = spool.writer()
    writer.write(bytes(200_000))  # never finished: the process died
    again = Spool(spool.folder, Wrap())
    assert again.sweep({kept.name or ""}, min_age_seconds=3600) == []
    assert orphan.name in again.sweep({kept.name or ""})
    assert [path.name for path in files(spool)] == [kept.name]
    assert again.missing([kept.name or "", orphan.name or ""]) == [orphan.name]
    writer.discard()


def test_a_name_cannot_leave_the_folder(spool: Spool) -> None:
    for name in ("../../etc/passwd", "", "A" * 32, "/" * 32):
        with pytest.raises(BlobDamaged, match="not a name"):
            spool.reader(StoredBlob(name, None, Wrap().wrap(bytes(32)), 0, b""))


def test_the_wire_spool_keeps_what_it_gets(tmp_path: Path) -> None:
    spool = WireSpool(tmp_path / "wire")
    content = os.urandom(200_000)
    blob = put(spool, content)
    assert files(spool)[0].read_bytes() == content
    assert b"".join(spool.reader(blob)) == content
    files(spool)[0].write_bytes(content[:-1])
    with pytest.raises(BlobDamaged):
        list(spool.reader(blob))
    assert b"".join(spool.reader(put(spool, b"small"))) == b"small"


def test_memory_does_not_grow_with_the_payload(spool: Spool) -> None:
    piece = bytes(1024 * 1024)
    put(spool, piece)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    writer = spool.writer()
    for _ in range(200):
        writer.write(piece)
    reader = spool.reader(writer.finish())
    total_bytes = sum(len(chunk) for chunk in reader)
    reader.close()
    assert total_bytes == 200 * len(piece)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 16 * 1024
