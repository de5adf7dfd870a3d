"""The storage key: what it wraps only it opens, and a change anywhere is noticed."""

from __future__ import annotations

import os

import pytest

from keys.files import make_tight_folder, write_new
from keys.refusal import KeyRefused
from keys.storage_key import StorageKey, UnwrapRefused


@pytest.fixture
def path(tmp_path):
    make_tight_folder(tmp_path / "keys")
    return tmp_path / "keys" / "storage.key"


@pytest.mark.parametrize("size_bytes", [16, 24, 32])
def test_what_was_wrapped_is_unwrapped_after_a_restart(path, size_bytes):
    data_key = os.urandom(size_bytes)
    key = StorageKey.generate()
    key.write(path)
    wrapped = key.wrap(data_key)
    assert data_key not in wrapped
    assert StorageKey.load(path).unwrap(wrapped) == data_key


def test_a_changed_byte_anywhere_is_noticed():
    key = StorageKey.generate()
    wrapped = key.wrap(os.urandom(32))
    for position in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        with pytest.raises(UnwrapRefused):
            key.unwrap(bytes(changed))


def test_every_shorter_or_longer_one_is_refused():
    key = StorageKey.generate()
    wrapped = key.wrap(os.urandom(32))
    for size_bytes in range(len(wrapped)):
        with pytest.raises(UnwrapRefused):
            key.unwrap(wrapped[:size_bytes])
    with pytest.raises(UnwrapRefused):
        key.unwrap(wrapped + b"\0")


def test_another_storage_key_is_named():
    one, other = StorageKey.generate(), StorageKey.generate()
    with pytest.raises(UnwrapRefused, match=one.id.hex()):
        other.unwrap(one.wrap(os.urandom(32)))


def test_it_is_never_overwritten(path):
    StorageKey.generate().write(path)
    with pytest.raises(FileExistsError):
        StorageKey.generate().write(path)


def test_it_is_refused_when_others_may_read_it(path):
    StorageKey.generate().write(path)
    path.chmod(0o640)
    with pytest.raises(KeyRefused, match="chmod 0600"):
        StorageKey.load(path)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hanoi-gateway storage key 2\nAAAA\n",
        b"hanoi-gateway storage key 1\n",
        b"hanoi-gateway storage key 1\nAAAA\n",
        b"hanoi-gateway storage key 1\n!!!!\n",
    ],
)
def test_what_is_no_storage_key_is_refused(path, octets):
    write_new(path, octets)
    with pytest.raises(KeyRefused, match="no storage key"):
        StorageKey.load(path)


def test_its_representation_does_not_show_it():
    key = StorageKey(b"canary-canary-canary-canary-cana")
    assert "canary" not in repr(key)
    assert key.id.hex() not in (b"canary".hex(),)
