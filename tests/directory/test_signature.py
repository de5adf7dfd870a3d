"""A State record counts only while a signature by a key of the node holds for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.check_directory import STATES_FOLDER
from config.checks import check_node
from config.directory_signature import signature_path, signature_text, signatures_in
from config.directory_signing import sign_directory, signed_records
from config.faults import ConfigRefused
from config.new_node import write_node
from config.node import load_node
from config.signed_directory import SignedRecord, signing, write_signed
from gateway.cli import main
from protocol.as4.suites import SUITES
from tests.signed import BY, sign

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    write_node(folder / "AZ", "AZ", suites=[SUITES["edelivery-as4-2.0"]])
    write_node(folder / "other", "AZ", suites=[SUITES["edelivery-as4-2.0"]])
    return folder


@pytest.fixture
def node(ground: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ground / "AZ", tmp_path / "AZ"))


def record(node: Path, state: str = "XU") -> Path:
    return node / STATES_FOLDER / f"{state}.toml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_new_node_has_every_record_signed(node: Path) -> None:
    loaded = load_node(node)
    assert set(loaded.records.signed) == {"AZ", "XU"}
    assert {one.signature.by for one in loaded.records.signed.values()} == {"hanoi-gateway init"}
    assert loaded.directory.states["XU"].languages == ("en", "fr")


DAMAGES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "the record was changed": (
        lambda path, _: change(path, '"fr"', '"de"'),
        "was changed after hanoi-gateway init signed it",
    ),
    "no signature": (
        lambda path, _: signature_path(path).unlink(),
        "has no signature beside it",
    ),
    "another signer's name": (
        lambda path, _: change(signature_path(path), "hanoi-gateway init", "Somebody else"),
        "does not hold",
    ),
    "another day": (
        lambda path, _: change(signature_path(path), 'at = "20', 'at = "19'),
        "does not hold",
    ),
    "the signature of another State": (
        lambda path, _: shutil.copy(
            signature_path(path.with_name("AZ.toml")), signature_path(path)
        ),
        "was changed after",
    ),
    "signed with keys of another node": (
        lambda path, ground: shutil.copy(
            signature_path(record(ground / "other")), signature_path(path)
        ),
        "was not made by a signing key that this node holds now",
    ),
    "no signature file at all": (
        lambda path, _: signature_path(path).write_text("signature = 1"),
        "should be a valid array",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_that_nobody_vouches_for_is_named_and_keeps_the_gateway_from_starting(
    damage: str, node: Path, ground: Path
) -> None:
    bring_about, says = DAMAGES[damage]
    bring_about(record(node), ground)
    with pytest.raises(ConfigRefused) as refused:
        load_node(node)
    (fault,) = refused.value.faults
    assert "XU.toml" in fault.path
    assert says in fault.sentence
    assert [str(one) for one in check_node(node)] == [str(fault)]
    sign(node, "XU")
    assert load_node(node).records.signed["XU"].signature.by == BY


def test_every_record_at_fault_is_named(node: Path) -> None:
    for state in ("AZ", "XU"):
        change(record(node, state), "source", "source ")
    with pytest.raises(ConfigRefused) as refused:
        load_node(node)
    assert len(refused.value.faults) == 2


def test_only_a_record_that_is_right_is_signed(node: Path) -> None:
    change(record(node), 'code = "XU"', 'code = "XX"')
    before = signature_path(record(node)).read_bytes()
    with pytest.raises(ConfigRefused):
        sign_directory(node, (), BY, NOW)
    assert signature_path(record(node)).read_bytes() == before
    assert main(["directory", "sign", str(node), "--by", "B"]) == 1
    assert main(["directory", "sign", str(node), "ZZ", "--by", "B"]) == 1


def test_a_write_that_breaks_off_leaves_a_pair_that_holds(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content changes last: before it does, the signature of the old one is kept beside."""
    suite = SUITES["edelivery-as4-2.0"]
    path, octets = record(node), record(node).read_bytes().replace(b'"fr"', b'"de"')
    loaded = load_node(node)
    made = signing(loaded.signer_for(suite), suite)("XU", octets, BY, LATER)
    new = SignedRecord(loaded.directory.states["XU"], octets, made)

    def crash_at_the_record(draft: Path, target: Path) -> Path:
        if target == path:
            raise OSError("the machine stopped")
        return rename(draft, target)

    rename = Path.replace
    monkeypatch.setattr(Path, "replace", crash_at_the_record)
    with pytest.raises(OSError, match="stopped"):
        write_signed(node / STATES_FOLDER, new)
    assert signed_records(node)["XU"].signature.by == "hanoi-gateway init"
    monkeypatch.undo()
    write_signed(node / STATES_FOLDER, new)
    assert signed_records(node)["XU"].signature == made
    assert load_node(node).directory.states["XU"].languages == ("en", "de")
    kept = signatures_in(signature_path(path).read_bytes(), path)
    assert len(kept) == 2
    text = signature_text([made, *kept, *kept])
    assert len(signatures_in(text.encode(), path)) == 2


def test_every_suite_signs_records(tmp_path: Path) -> None:
    write_node(tmp_path / "AZ", "AZ", suites=list(SUITES.values()))
    keys = load_node(tmp_path / "AZ")
    for suite in SUITES.values():
        sign_it = signing(keys.signer_for(suite), suite)
        path = record(tmp_path / "AZ")
        made = sign_it("XU", path.read_bytes(), BY, NOW)
        signature_path(path).write_text(signature_text([made]))
        assert signed_records(tmp_path / "AZ")["XU"].signature.algorithm == suite.signature


def test_the_commands_sign_verify_and_show(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(record(node), '"fr"', '"de"')
    assert main(["directory", "verify", str(node)]) == 1
    assert "directory sign" in capsys.readouterr().err
    assert main(["directory", "sign", str(node), "XU", "--by", "A. Aliyev"]) == 0
    assert main(["directory", "verify", str(node)]) == 0
    said = capsys.readouterr().out
    assert "A. Aliyev" in said
    assert "hanoi-gateway init" in said
    assert main(["directory", "show", str(node), "XU"]) == 0
    assert '"en", "de"' in capsys.readouterr().out
    assert main(["directory", "show", str(node), "ZZ"]) == 1
