"""The client commands: thin, streaming, careful with what comes from elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import pytest_twisted

from gateway.store.values import StoredPart
from tests.cli.conftest import Shell, run
from tests.local.conftest import Served, document

MIB = 1 << 20


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "request.xml"
    path.write_bytes(document())
    return path


@pytest_twisted.ensureDeferred
async def test_submit_and_status(shell: Shell, served: Served, form: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk image.bin"
    image.write_bytes(os.urandom(3 * MIB))
    words = ("--as", "AZ-SSS", "--document", form, "--attach", image, "--attach", form)
    said = await shell.run("submit", *words, "--json")
    assert said.status == 0, said.err
    message_id = said.json["messageId"]
    assert said.json["receivingAuthority"] == "XU-CA"
    status = await shell.run("status", message_id, "--as", "AZ-SSS", "--json")
    assert [part["fileName"] for part in status.json["attachments"]] == [
        "disk image.bin",
        "request.xml",
    ]
    table = await shell.run("status", message_id, "--as", "AZ-SSS")
    assert "READY" in table.out
    assert "disk image.bin" in table.out
    other = await shell.run("status", message_id, "--as", "AZ-MOJ")
    assert (other.status, other.out) == (1, "")
    assert "no such thing" in other.err


@pytest_twisted.ensureDeferred
async def test_a_refusal_says_what_is_wrong_and_where(
    shell: Shell, form: Path, tmp_path: Path
) -> None:
    form.write_bytes(b"<nonsense/>")
    said = await shell.run("submit", "--as", "AZ-SSS", "--document", form)
    assert said.status == 1
    assert "line 1" in said.err
    assert "expected" in said.err
    form.write_bytes(document(requested="XU-MOJ"))
    said = await shell.run("submit", "--as", "AZ-SSS", "--document", form)
    assert "the right address is XU-CA" in said.err
    missing = await shell.run("submit", "--as", "AZ-SSS", "--document", tmp_path / "none.xml")
    assert missing.status == 1
    assert "No such file" in missing.err


@pytest_twisted.ensureDeferred
async def test_a_key_makes_a_submission_repeatable(shell: Shell, form: Path) -> None:
    words = ("--as", "AZ-SSS", "--document", form, "--key", "k1", "--json")
    first, again = await shell.run("submit", *words), await shell.run("submit", *words)
    assert first.json["messageId"] == again.json["messageId"]
    assert again.json["repeated"] is True


@pytest_twisted.ensureDeferred
async def test_waiting_for_a_receipt_ends_in_time(shell: Shell, form: Path) -> None:
    said = await shell.run(
        "submit", "--as", "AZ-SSS", "--document", form, "--wait", "0.6", "--json"
    )
    assert (said.status, said.json["state"]) == (0, "READY")


@pytest_twisted.ensureDeferred
async def test_a_contact_check(shell: Shell) -> None:
    said = await shell.run("submit", "--as", "AZ-SSS", "--contact-check", "XU-POC247", "--json")
    assert said.json["kind"] == "ContactCheck"


def parts(served: Served, *named: tuple[str, bytes]) -> tuple[StoredPart, ...]:
    stored = []
    for position, (name, octets) in enumerate(named):
        writer = served.spool.writer()
        writer.write(octets)
        stored.append(StoredPart(position, f"c{position}@x", "a/b", writer.finish(), name))
    return tuple(stored)


@pytest_twisted.ensureDeferred
async def test_take_writes_safe_files_and_ack_ends_it(
    shell: Shell, served: Served, tmp_path: Path
) -> None:
    image = os.urandom(2 * MIB)
    arrived = parts(
        served, ("document", b"<x/>"), ("../../etc/cron.d/x", image), ("..", b""), ("a\nb", b"3")
    )
    await served.arrive("m1@xu", parts=arrived)
    said = await shell.run("take", "--as", "AZ-SSS", "--into", tmp_path / "new" / "in", "--json")
    assert said.status == 0, said.err
    folder = Path(said.json["folder"])
    assert folder.parent == tmp_path / "new" / "in"
    assert {path.name for path in folder.iterdir()} == {
        "message.json",
        "document.xml",
        "01-x",
        "02-attachment",
        "03-ab",
    }
    assert (folder / "01-x").read_bytes() == image
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert said.json["acknowledged"] is False
    assert await served.state_of("m1@xu") == "LEASED"
    ack = await shell.run("ack", said.json["leaseId"], "--as", "AZ-SSS")
    assert (ack.status, ack.out) == (0, "Acknowledged.\n")
    assert await served.state_of("m1@xu") == "ACKNOWLEDGED"
    assert (await shell.run("take", "--as", "AZ-SSS")).out == "The queue is empty.\n"
    assert (await shell.run("take", "--as", "AZ-SSS", "--json")).json is None


@pytest.mark.parametrize("message_id", ["CON.1@xu", f"{'a' * 250}@xu", "../" * 30 + "x@xu"])
@pytest_twisted.ensureDeferred
async def test_a_second_delivery_has_a_folder_of_its_own_whatever_the_id(
    shell: Shell, served: Served, tmp_path: Path, message_id: str
) -> None:
    await served.arrive(message_id)
    into = ("--as", "AZ-SSS", "--into", tmp_path, "--json")
    folders = set()
    for _ in range(2):
        said = await shell.run("take", *into)
        assert said.status == 0, said.err
        folders.add(said.json["folder"])
        released = await shell.run("release", said.json["leaseId"], "--as", "AZ-SSS")
        assert released.status == 0
    assert len(folders) == 2
    assert {Path(folder).parent for folder in folders} == {tmp_path}


@pytest_twisted.ensureDeferred
async def test_take_ack_release_and_reject(shell: Shell, served: Served, tmp_path: Path) -> None:
    for name in ("m1@xu", "m2@xu", "m3@xu"):
        await served.arrive(name)
    into = ("--as", "AZ-SSS", "--into", tmp_path, "--json")
    first = await shell.run("take", *into, "--ack")
    assert first.json["acknowledged"] is True
    assert await served.state_of("m1@xu") == "ACKNOWLEDGED"
    second = (await shell.run("take", *into)).json["leaseId"]
    assert (await shell.run("release", second, "--as", "AZ-SSS")).status == 0
    assert await served.state_of("m2@xu") == "QUEUED"
    third = (await shell.run("take", *into)).json["leaseId"]
    said = await shell.run("reject", third, "--as", "AZ-SSS", "--reason", "not ours")
    assert (said.status, said.out) == (0, "Rejected.\n")
    assert await served.state_of("m2@xu") == "REJECTED"
    gone = await shell.run("ack", "0" * 32, "--as", "AZ-SSS")
    assert gone.status == 1
    theirs = await shell.run("ack", third, "--as", "AZ-MOJ")
    assert theirs.err == gone.err


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_written_is_not_acknowledged(
    shell: Shell, served: Served, tmp_path: Path
) -> None:
    await served.arrive("m1@xu", parts=parts(served, ("d", b"<x/>"), ("big", bytes(MIB))))
    path = next(path for path in served.spool.folder.rglob("*") if path.is_file())
    octets = bytearray(path.read_bytes())
    octets[-1000] ^= 1
    path.write_bytes(octets)
    said = await shell.run("take", "--as", "AZ-SSS", "--into", tmp_path, "--ack")
    assert said.status in (1, 3)
    assert await served.state_of("m1@xu") == "LEASED"
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    await served.arrive("m2@xu")
    said = await shell.run("take", "--as", "AZ-SSS", "--into", blocked, "--ack")
    assert said.status == 1
    assert await served.state_of("m2@xu") == "LEASED"


@pytest_twisted.ensureDeferred
async def test_nothing_from_elsewhere_steers_the_terminal(shell: Shell, served: Served) -> None:
    await served.arrive("m1@xu", parts=parts(served, ("d", b"<x/>"), ("\x1b[2Jx\u202e", b"1")))
    said = await shell.run("status", "m1@xu", "--as", "AZ-SSS")
    assert said.status == 0
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out


@pytest_twisted.ensureDeferred
async def test_audit_verify_asks_the_running_gateway(shell: Shell, served: Served) -> None:
    served.audit_steps += [{"event": "checking", "what": "chain"}, {"event": "end", "findings": 0}]
    said = await shell.run("audit verify")
    assert said.status == 0
    assert "chain" in said.out
    served.audit_steps.insert(1, {"event": "finding", "what": "a byte was changed"})
    assert (await shell.run("audit verify")).status == 1
    del served.audit_steps[1:]
    broken = await shell.run("audit verify")
    assert broken.status == 1
    assert "broke off" in broken.err


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "{}", "--as", "AZ-SSS"),
        ("submit", "{}", "--as", "../../x", "--contact-check", "XU-POC247"),
        ("submit", "{}", "--as", "AZ-SSS", "--document", "x", "--contact-check", "y"),
        ("take", "{}"),
        ("reject", "{}", "l", "--as", "AZ-SSS"),
        ("nonsense",),
        (),
    ],
)
def test_wrong_usage(quiet: Path, words: tuple[str, ...]) -> None:
    assert run(*(word.format(quiet) for word in words)).status == 2


def test_a_gateway_that_does_not_run(quiet: Path) -> None:
    said = run("take", quiet, "--as", "AZ-SSS")
    assert said.status == 3
    assert "no gateway answers" in said.err


def test_credentials_that_are_missing_or_open(quiet: Path, tmp_path: Path) -> None:
    token = quiet / "credentials" / "AZ-SSS.token"
    token.chmod(0o644)
    assert "other accounts can read" in run("take", quiet, "--as", "AZ-SSS").err
    token.unlink()
    assert run("take", quiet, "--as", "AZ-SSS").status == 1
    token.symlink_to(quiet / "credentials" / "AZ-MOJ.token")
    assert run("take", quiet, "--as", "AZ-SSS").status == 1
    assert run("take", tmp_path / "nowhere", "--as", "AZ-SSS").status == 1
