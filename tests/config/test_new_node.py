"""A new node runs as it is, is for nobody else to read, and is never written over another one."""

from __future__ import annotations

import os
import stat
import tomllib

import pytest

from config.checks import check_node
from config.credentials import AUDITOR, load_credentials
from config.faults import ConfigRefused
from config.new_node import write_node
from config.node import load_node
from tests.keys.certificates import NOW

PUBLIC = ("card.toml",)


def test_a_new_pair_of_nodes_has_no_fault(ground):
    assert check_node(ground / "AZ") == []
    assert check_node(ground / "XU") == []


def test_a_new_node_alone_has_no_fault(tmp_path):
    made = write_node(tmp_path / "az", "AZ", now=NOW)
    assert check_node(made.folder) == []
    assert load_node(made.folder).pmodes == ()


def test_every_file_is_for_us_alone_and_every_folder_too(ground):
    for path in (ground / "AZ", *(ground / "AZ").rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.name in PUBLIC or (path.parent.name == "partners" and path.suffix == ".pem"):
            assert mode == 0o644, path
        else:
            assert mode == 0o600, path


def test_the_modes_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        folder = write_node(tmp_path / "az", "AZ", now=NOW).folder
    finally:
        os.umask(before)
    assert all(path.stat().st_mode & 0o022 == 0 for path in (folder, *folder.rglob("*")))


def test_each_authority_has_a_token_of_its_own_and_the_auditor_one(ground):
    credentials = load_credentials(ground / "AZ")
    tokens = {p.stem: p.read_text().strip() for p in (ground / "AZ/credentials").glob("*.token")}
    assert set(tokens) == {"AZ-SSS", "AZ-MOJ", AUDITOR}
    assert len(set(tokens.values())) == 3
    for holder, token in tokens.items():
        assert credentials.authority_of(token) == holder
        assert token not in (ground / "AZ/credentials.toml").read_text()


def test_the_card_holds_nothing_secret(ground):
    card = (ground / "AZ/card.toml").read_text()
    assert "PRIVATE" not in card
    assert tomllib.loads(card).keys() == {"state", "address", "party", "certificates"}


def test_the_node_is_moved_and_loads_all_the_same(ground, tmp_path):
    """Every path in it is relative."""
    import shutil

    shutil.copytree(ground / "AZ", tmp_path / "moved")
    node = load_node(tmp_path / "moved")
    assert node.store_url == f"sqlite:///{tmp_path}/moved/data/gateway.sqlite"
    assert node.settings.spool_folder(node.folder) == tmp_path / "moved/data/spool"


@pytest.mark.parametrize("content", ["a file", "a folder with something in it", "a link"])
def test_nothing_is_ever_overwritten(tmp_path, content):
    folder = tmp_path / "az"
    if content == "a file":
        folder.write_text("precious")
    elif content == "a link":
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        (folder / "precious").write_text("precious")
    with pytest.raises(ConfigRefused, match="never overwritten"):
        write_node(folder, "AZ", now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["az"]
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_folder_may_become_a_node(tmp_path):
    (tmp_path / "az").mkdir(mode=0o755)
    write_node(tmp_path / "az", "AZ", now=NOW)
    assert check_node(tmp_path / "az") == []


@pytest.mark.parametrize("state", ["ZZ", "az", "", "../AZ"])
def test_a_state_without_directory_is_refused_and_leaves_nothing(tmp_path, state):
    with pytest.raises(ConfigRefused, match="AZ, XU"):
        write_node(tmp_path / "node", state, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_node_can_be_made_for_the_outside(tmp_path):
    folder = write_node(
        tmp_path / "az",
        "AZ",
        host="192.0.2.1",
        as4_port=443,
        public_url="https://as4.example/as4",
        hosts=["as4.example"],
        now=NOW,
    ).folder
    assert check_node(folder) == []
    assert load_node(folder).settings.as4.public_url == "https://as4.example/as4"


def test_no_representation_of_a_node_shows_a_secret(ground):
    shown = repr(load_node(ground / "AZ")).encode()
    assert b"PRIVATE" not in shown
    for path in (*(ground / "AZ/keys").glob("*.key*"), *(ground / "AZ/credentials").iterdir()):
        for secret in path.read_bytes().split():
            assert len(secret) < 20 or secret not in shown, path
