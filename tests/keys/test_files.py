"""Key files: whatever could let somebody else read or exchange one is refused with its remedy."""

from __future__ import annotations

import os
import stat

import pytest

from keys.files import (
    MAX_KEY_FILE_BYTES,
    check_folder,
    make_tight_folder,
    read_public,
    read_tight,
    write_new,
)
from keys.refusal import KeyRefused


@pytest.fixture
def folder(tmp_path):
    make_tight_folder(tmp_path / "keys")
    return tmp_path / "keys"


def test_what_was_written_is_read_and_nobody_else_can(folder):
    write_new(folder / "key", b"secret")
    assert read_tight(folder / "key") == b"secret"
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_mode_does_not_depend_on_the_umask(folder):
    before = os.umask(0o277)
    try:
        write_new(folder / "key", b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


def test_nothing_is_overwritten(folder):
    write_new(folder / "key", b"first")
    with pytest.raises(FileExistsError):
        write_new(folder / "key", b"second")
    assert read_tight(folder / "key") == b"first"


def test_nothing_is_written_through_a_link(folder):
    (folder / "link").symlink_to(folder / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(folder / "link", b"secret")
    assert not (folder / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o602, 0o610, 0o677])
def test_a_key_file_open_to_others_is_refused(folder, mode):
    write_new(folder / "key", b"secret", mode)
    with pytest.raises(KeyRefused, match=f"mode {mode:04o}.*chmod 0600"):
        read_tight(folder / "key")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_for_us_alone_is_read(folder, mode):
    write_new(folder / "key", b"secret", mode)
    assert read_tight(folder / "key") == b"secret"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
def test_a_folder_in_which_others_may_exchange_the_key_is_refused(folder, mode):
    write_new(folder / "key", b"secret")
    folder.chmod(mode)
    with pytest.raises(KeyRefused, match="chmod 0700"):
        read_tight(folder / "key")
    with pytest.raises(KeyRefused, match=f"{mode:04o}"):
        check_folder(folder)


def test_a_link_to_a_key_is_refused(folder):
    write_new(folder / "key", b"secret")
    (folder / "link").symlink_to(folder / "key")
    with pytest.raises(KeyRefused, match="not a link"):
        read_tight(folder / "link")


def test_a_pipe_does_not_hang_us(folder):
    os.mkfifo(folder / "pipe", 0o600)
    with pytest.raises(KeyRefused, match="not a regular file"):
        read_tight(folder / "pipe")


def test_a_folder_is_no_key(folder):
    make_tight_folder(folder / "key")
    with pytest.raises(KeyRefused, match="regular file"):
        read_tight(folder / "key")


def test_an_absent_key_is_named(folder):
    with pytest.raises(KeyRefused, match="not there") as refused:
        read_tight(folder / "key")
    assert refused.value.path == folder / "key"


def test_a_huge_file_is_not_read_whole(folder):
    write_new(folder / "key", b"x" * (MAX_KEY_FILE_BYTES + 1))
    with pytest.raises(KeyRefused, match="larger than"):
        read_tight(folder / "key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_somebody_else_is_refused(folder):
    write_new(folder / "key", b"secret")
    os.chown(folder / "key", 12345, -1)
    with pytest.raises(KeyRefused, match="chown"):
        read_tight(folder / "key")


def test_a_certificate_may_be_read_but_not_changed_by_others(folder):
    write_new(folder / "open", b"certificate", 0o644)
    write_new(folder / "writable", b"certificate", 0o664)
    assert read_public(folder / "open") == b"certificate"
    with pytest.raises(KeyRefused, match="0664"):
        read_public(folder / "writable")
