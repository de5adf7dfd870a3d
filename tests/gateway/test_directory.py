"""Our own State record goes to a partner and is in force there: decided, dated, in evidence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from config.directory_signing import signed_records
from config.faults import ConfigRefused
from config.node import load_node
from gateway.app import Gateway, utc_now
from gateway.audit import verify_running
from gateway.demo.nodes import command
from gateway.directory import keeping
from gateway.store.records_of_states import PendingUpdate
from protocol.convention.competence import Competent, receiving_authority
from protocol.convention.directory_update import UpdateRefused
from schemas.catalogue import example
from tests.gateway.ground import Crafted, Partner, started
from tests.gateway.test_refusals import code_of, kept
from tests.signed import BY, sign

EXAMPLE = example("directory-update-xu-az.xml")
MOVED = (  # the 24/7 network moves to the Ministry of Justice
    ('id="XU-POC247" change="CHANGED"', 'id="XU-MOJ" change="CHANGED"'),
    (
        '<d:CompetenceChange change="CHANGED">\n    <d:Authority>XU-POC247<',
        '<d:CompetenceChange change="ENDED">\n    <d:Authority>XU-POC247</d:Authority>'
        "<d:Matter>POC247</d:Matter><d:Function>SEND</d:Function><d:Function>RECEIVE</d:Function>"
        "<d:Article>41(2)</d:Article><d:Source>Note</d:Source></d:CompetenceChange>\n"
        '  <d:CompetenceChange change="ADDED">\n    <d:Authority>XU-MOJ<',
    ),
)


def update(*edits: tuple[str, str], issued: datetime | None = None) -> bytes:
    """The example with `edits`, issued now or at `issued`."""
    text = EXAMPLE.decode()
    at = (issued or utc_now()).isoformat(timespec="milliseconds")
    for old, new in (("2026-07-01T09:00:00Z", at), *edits):
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def crafted(xu: Partner, document: bytes, **levers: Any) -> Crafted:
    return xu.craft([("application/xml", document)], action="DirectoryUpdate", **levers)


async def arrived(az: Gateway, xu: Partner, document: bytes) -> PendingUpdate:
    """The update that `document` makes, once it came to AZ."""
    sent = crafted(xu, document)
    assert code_of(await xu.send(sent)) == "receipt"
    (found,) = [
        one
        for one in await az.directory.directories.pending()
        if one.message_id == sent.unit.message_id
    ]
    return found


def contact_point(gateway: Gateway) -> str | None:
    """Who receives contact checks in Utopia, as the gateway sees it today."""
    directory, today = gateway._node.directory, utc_now().date()
    found = receiving_authority(directory, "XU", "ContactCheck", "", today)
    return found.authority if isinstance(found, Competent) else found.right_address


async def findings(gateway: Gateway) -> list[dict[str, object]]:
    def verify() -> list[Any]:
        steps = verify_running(gateway.store, gateway._node, gateway._spool, utc_now)
        return [step for step in steps if step["event"] == "finding"]

    return await deferToThread(verify)


async def changes(gateway: Gateway) -> list[str]:
    """Kinds of evidence about the directory, in order, without those of the first start."""
    evidence = (await kept(gateway)).evidence
    found = [kind for kind in evidence if kind.startswith("DIRECTORY")]
    return found[2:]


async def waiting(gateway: Gateway, message_id: str) -> None:
    """Return when the update waits for a decision."""
    while True:
        pending = await gateway.directory.directories.pending()
        if message_id in {one.message_id for one in pending}:
            return
        await deferLater(reactor, 0.02, lambda: None)


async def until(happened: Callable[[], Any]) -> None:
    """Return when it is so; a test that waits in vain runs into its time limit."""
    while not happened():
        await deferLater(reactor, 0.02, lambda: None)


@pytest_twisted.ensureDeferred
async def test_an_update_counts_once_an_operator_accepted_it_and_outlives_the_gateway(
    xu: Partner, folders: dict[str, Path]
) -> None:
    az = await started(folders["AZ"])
    pending = await arrived(az, xu, update(*MOVED))
    assert contact_point(az) == "XU-POC247", "nobody accepted it"
    while not await az.store.open_alerts():
        await deferLater(reactor, 0.02, lambda: None)
    await az.directory.directories.accept(pending, "A. Aliyev")
    assert contact_point(az) == "XU-MOJ", "without a restart"
    assert await az.directory.directories.pending() == []
    assert await az.store.open_alerts() == [], "whoever decides has looked"
    assert await changes(az) == ["DIRECTORY_CHANGED"]
    assert await findings(az) == []
    (on_disk,) = [signed_records(folders["AZ"])["XU"]]
    assert on_disk.signature.by == "A. Aliyev"
    assert on_disk.sha256 == (await az.store.records.newest())["XU"].sha256
    await az.stop()
    again = await started(folders["AZ"])
    try:
        assert contact_point(again) == "XU-MOJ"
        assert await changes(again) == ["DIRECTORY_CHANGED"], "a start changes nothing"
    finally:
        await again.stop()


@pytest_twisted.ensureDeferred
async def test_where_the_policy_says_so_an_update_is_applied_at_once(
    folders: dict[str, Path], xu: Partner
) -> None:
    partner = folders["AZ"] / "partners" / "XU.toml"
    partner.write_text(partner.read_text().replace('updates = "ask"', 'updates = "at-once"'))
    gateway = await started(folders["AZ"])
    try:
        assert code_of(await xu.send(crafted(xu, update(*MOVED)))) == "receipt"
        await until(lambda: contact_point(gateway) == "XU-MOJ")
        assert gateway._node.records.signed["XU"].signature.by == "policy for XU"
        unknown = update(("<d:Authority>XU-POC247", "<d:Authority>XU-NEW"))
        assert code_of(await xu.send(crafted(xu, unknown))) == "receipt"
        while await gateway.directory.directories.pending():
            await deferLater(reactor, 0.02, lambda: None)
        assert await changes(gateway) == ["DIRECTORY_CHANGED", "DIRECTORY_UPDATE_REFUSED"]
        assert await findings(gateway) == []
    finally:
        await gateway.stop()


@pytest_twisted.ensureDeferred
async def test_what_is_not_newer_is_refused_and_what_cannot_be_applied_waits(
    az: Gateway, xu: Partner
) -> None:
    now = utc_now()
    older = await arrived(az, xu, update(*MOVED, issued=now - timedelta(hours=1)))
    newer = await arrived(az, xu, update(issued=now))
    same = await arrived(az, xu, update(*MOVED, issued=now))
    await az.directory.directories.accept(newer, BY)
    for late in (older, same):
        with pytest.raises(UpdateRefused, match="issued later"):
            await az.directory.directories.accept(late, BY)
    unknown = await arrived(az, xu, update(("<d:Authority>XU-POC247", "<d:Authority>XU-NEW")))
    with pytest.raises(UpdateRefused, match="nothing is known of XU-NEW"):
        await az.directory.directories.accept(unknown, BY)
    assert await az.directory.directories.pending() == [unknown]
    await az.directory.directories.refuse(unknown, BY, "ask them again")
    with pytest.raises(UpdateRefused, match="meanwhile"):
        await az.directory.directories.refuse(unknown, BY, "twice")
    assert contact_point(az) == "XU-POC247"
    assert await changes(az) == ["DIRECTORY_CHANGED", *["DIRECTORY_UPDATE_REFUSED"] * 3]
    assert await findings(az) == []


@pytest_twisted.ensureDeferred
async def test_nothing_waits_that_came_without_a_signature_or_for_another_state(
    az: Gateway, xu: Partner
) -> None:
    before = await kept(az)
    forged = crafted(xu, update(), signer=az._node.signer_for(xu.pmode.suite))
    assert code_of(await xu.send(forged)) == "EBMS:0101"
    for_another = update(("<d:Party>XU<", "<d:Party>AZ<"))
    answer = await xu.send(crafted(xu, for_another))
    assert code_of(answer) == "EBMS:0004"
    assert b"an authority of XU speaks for AZ" in answer.body
    assert await az.directory.directories.pending() == []
    assert (await kept(az)).rows["message"] == before.rows["message"]


@pytest_twisted.ensureDeferred
async def test_a_crash_after_the_commit_is_settled_at_the_next_start(
    folders: dict[str, Path], xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    az = await started(folders["AZ"])
    before = (folders["AZ"] / "states" / "XU.toml").read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(keeping, "write_signed", crash)
        pending = await arrived(az, xu, update(*MOVED))
        await az.directory.directories.accept(pending, BY)
        assert contact_point(az) == "XU-MOJ", "the row is what counts"
        await az.stop()
    assert (folders["AZ"] / "states" / "XU.toml").read_bytes() == before
    again = await started(folders["AZ"])
    try:
        assert contact_point(again) == "XU-MOJ"
        assert signed_records(folders["AZ"])["XU"].signature.by == BY
        assert await changes(again) == ["DIRECTORY_CHANGED"]
        assert await findings(again) == []
    finally:
        await again.stop()


@pytest_twisted.ensureDeferred
async def test_a_crash_before_the_commit_leaves_everything_as_it_was(
    az: Gateway, xu: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = await arrived(az, xu, update(*MOVED))

    async def crash(*_: object) -> None:
        raise OSError("the machine stopped")

    with monkeypatch.context() as broken:
        broken.setattr(az.store.records, "apply", crash)
        with pytest.raises(OSError, match="stopped"):
            await az.directory.directories.accept(pending, BY)
    assert contact_point(az) == "XU-POC247"
    assert await az.directory.directories.pending() == [pending]
    assert await changes(az) == []
    await az.directory.directories.accept(pending, BY)
    assert contact_point(az) == "XU-MOJ"


@pytest_twisted.ensureDeferred
async def test_a_record_that_an_operator_signs_later_goes_before_and_an_old_file_does_not(
    folders: dict[str, Path], xu: Partner
) -> None:
    states = folders["AZ"] / "states"
    old = shutil.copytree(states, folders["AZ"].parent / "old states")
    az = await started(folders["AZ"])
    await az.directory.directories.accept(await arrived(az, xu, update(*MOVED)), "A. Aliyev")
    await az.stop()
    text = (states / "XU.toml").read_text()
    (states / "XU.toml").write_text(text.replace('languages = ["en", "fr"]', 'languages = ["de"]'))
    with pytest.raises(ConfigRefused, match="was changed after A"):
        load_node(folders["AZ"])
    sign(folders["AZ"], "XU")
    corrected = (states / "XU.toml").read_bytes()
    az = await started(folders["AZ"])
    assert az._node.directory.states["XU"].languages == ("de",)
    assert await changes(az) == ["DIRECTORY_CHANGED"] * 2
    await az.stop()
    for path in old.iterdir():
        shutil.copy(path, states / path.name)
    az = await started(folders["AZ"])
    try:
        assert (states / "XU.toml").read_bytes() == corrected, "an old pair was put back"
        assert az._node.directory.states["XU"].languages == ("de",)
        assert await changes(az) == ["DIRECTORY_CHANGED"] * 2
    finally:
        await az.stop()
    for name in ("XU.toml", "XU.toml.sig"):
        (states / name).unlink()
    az = await started(folders["AZ"])
    try:
        assert "XU" not in az._node.directory.states
        assert await changes(az) == ["DIRECTORY_CHANGED"] * 3
        assert await findings(az) == []
    finally:
        await az.stop()


@pytest_twisted.ensureDeferred
async def test_a_row_that_was_changed_keeps_the_gateway_from_going_by_it(
    folders: dict[str, Path], xu: Partner
) -> None:
    states = folders["AZ"] / "states"
    old = shutil.copytree(states, folders["AZ"].parent / "old states")
    az = await started(folders["AZ"])
    await az.directory.directories.accept(await arrived(az, xu, update(*MOVED)), BY)

    def tamper(unit: Any) -> None:
        unit.connection.exec_driver_sql(
            "update state_record set record = cast(record || ' ' as blob) where number = 2"
        )

    await deferToThread(az.store.run_blocking, tamper)
    assert [step["where"] for step in await findings(az)] == ["State record XU (2)"]
    await az.stop()
    for path in old.iterdir():
        shutil.copy(path, states / path.name)
    with pytest.raises(ConfigRefused, match="is not what was signed"):
        await started(folders["AZ"])


@pytest_twisted.ensureDeferred
async def test_a_state_tells_its_record_and_the_partner_goes_by_it(
    folders: dict[str, Path],
) -> None:
    xu = await started(folders["XU"])  # what was in force before is known from now on
    await xu.stop()
    record = folders["XU"] / "states" / "XU.toml"
    moved = record.read_text().replace(
        'authority = "XU-POC247"\nmatters = ["PRESERVATION", "POC247"]',
        'authority = "XU-MOJ"\nmatters = ["PRESERVATION", "POC247"]',
    )
    record.write_text(moved)
    sign(folders["XU"], "XU")
    az, xu = await started(folders["AZ"]), await started(folders["XU"])

    async def run(*words: object) -> Any:
        return await deferToThread(command, *(str(word) for word in words))

    try:
        (told,) = await run("directory", "publish", folders["XU"], "--as", "XU-CA", "--json")
        assert (told["partner"], told["problem"]) == ("AZ", None)
        await waiting(az, told["messageId"])
        (waits,) = await run("directory", "pending", folders["AZ"], "--json")
        assert waits["messageId"] == told["messageId"]
        assert any("XU-MOJ in POC247" in change for change in waits["changes"])
        assert waits["problem"] is None, waits["problem"]
        said = await run("directory", "accept", folders["AZ"], told["messageId"], "--by", BY)
        assert "In force." in said
        assert contact_point(az) == "XU-MOJ"
        assert await run("directory", "pending", folders["AZ"], "--json") == []
        again = await run("directory", "publish", folders["XU"], "--as", "XU-CA", "--json")
        message_id = again[0]["messageId"]
        await waiting(az, message_id)
        refuse = ("directory", "refuse", folders["AZ"], message_id, "--by", BY, "--reason", "no")
        assert "Refused." in await run(*refuse)
        assert "vouches" not in await run("directory", "show", folders["AZ"], "XU")
    finally:
        await xu.stop()
        await az.stop()
