"""One changed byte anywhere in a node is found, and named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.demo.nodes import RunningNode, command
from tests.gateway.ground import example_document, make_ground

Tamper = Callable[[Path, sqlite3.Connection], None]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AZ after one message each way, with a small and a large attachment; stopped."""
    folder = make_ground(tmp_path_factory.mktemp("audit"))
    small, large = folder / "small.bin", folder / "large.bin"
    small.write_bytes(os.urandom(1000))
    large.write_bytes(os.urandom(300_000))
    nodes = {state: RunningNode(state, folder / state) for state in ("AZ", "XU")}
    for node in nodes.values():
        node.start()
    try:
        for origin, target, sender, receiver in (
            ("XU", "AZ", "XU-POC247", "AZ-SSS"),
            ("AZ", "XU", "AZ-SSS", "XU-POC247"),
        ):
            document = folder / f"{origin}.xml"
            document.write_bytes(example_document("PreservationRequest", origin))
            view = command(
                *("submit", str(nodes[origin].folder), "--as", sender, "--wait", "30", "--json"),
                *("--document", str(document), "--attach", str(small), "--attach", str(large)),
            )
            assert view["state"] == "ACKNOWLEDGED"
            command(
                *("take", str(nodes[target].folder), "--as", receiver, "--into", str(folder)),
                *("--wait", "5", "--ack", "--json"),
            )
            snoop(nodes[target].folder, view["messageId"])
    finally:
        for node in nodes.values():
            node.stop()
    return folder / "AZ"


def snoop(node: Path, message_id: str) -> None:
    """An authority asks for a message of another: an alert."""
    asked = subprocess.run(
        [
            sys.executable,
            "-m",
            "gateway",
            "status",
            str(node),
            message_id,
            "--as",
            f"{node.name}-MOJ",
        ],
        capture_output=True,
        check=False,
    )
    assert asked.returncode == 1


def audit(node: Path) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "audit", "verify", str(node), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_an_untouched_node_has_no_findings(served: Path, tmp_path: Path) -> None:
    status, steps = audit(copy(served, tmp_path))
    assert status == 0
    end = steps[-1]
    assert end["event"] == "end"
    assert {name: end[name] for name in ("findings", "messages", "receipts", "signatures")} == {
        "findings": 0,
        "messages": 2,
        "receipts": 2,
        "signatures": 2,
    }
    assert end["payloads"] == 6


def copy(node: Path, folder: Path) -> Path:
    return Path(shutil.copytree(node, folder / "node", symlinks=True))


def flip(table: str, column: str, where: str, at: int = 40) -> Tamper:
    """One bit of one octet of one value."""

    def tamper(_: Path, database: sqlite3.Connection) -> None:
        (value,) = database.execute(f"select {column} from {table} where {where}").fetchone()  # noqa: S608
        octets = bytearray(value)
        octets[at % len(octets)] ^= 1
        changed = database.execute(
            f"update {table} set {column} = ? where {where}",  # noqa: S608
            (bytes(octets),),
        )
        assert changed.rowcount == 1

    return tamper


def run(statement: str) -> Tamper:
    def tamper(_: Path, database: sqlite3.Connection) -> None:
        assert database.execute(statement).rowcount >= 1

    return tamper


def spool_file(node: Path) -> Path:
    return next(path for path in (node / "data/spool").rglob("*") if path.is_file())


def flip_file(node: Path, _: sqlite3.Connection) -> None:
    path = spool_file(node)
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def delete_file(node: Path, _: sqlite3.Connection) -> None:
    spool_file(node).unlink()


LAST = "sequence = (select max(sequence) from evidence)"
IN, OUT = "direction = 'in'", "direction = 'out'"
FIRST_QUEUED = "id = (select min(id) from queue_entry)"

MADE_UP = (
    "insert into case_clock (case_file, kind, acts, authority, starts_at, warn_at, legal, article,"
    " trust, set_by_document) select case_file, kind, acts, authority, starts_at, warn_at, legal,"
    " article, trust, set_by_document from case_clock"
)
TAMPERED: dict[str, tuple[Tamper, str]] = {
    "evidence record": (flip("evidence", "record", "sequence = 3"), "evidence row 3"),
    "evidence leaf": (flip("evidence", "leaf_hash", "sequence = 3"), "evidence row 3"),
    "evidence link": (flip("evidence", "chain_hash", "sequence = 3"), "evidence row 3"),
    "evidence kind": (
        run("update evidence set kind = 'SENT' where kind = 'RECEIVED'"),
        "evidence row",
    ),
    "newest evidence deleted": (
        run(f"delete from evidence where {LAST}"),  # noqa: S608
        "evidence row",  # the sealed head still tells of it
    ),
    "evidence in the middle deleted": (
        run("delete from evidence where sequence = 4"),
        "evidence row 4",
    ),
    "head moved back": (
        run("update evidence_head set sequence = sequence - 1"),
        "evidence head",
    ),
    "head deleted": (run("delete from evidence_head"), "evidence head"),
    "evidence without its message": (
        run("update evidence set message = null where kind = 'HANDED_OFF'"),
        "evidence row",
    ),
    "evidence given to another message": (
        run("update evidence set message = 3 - message where kind = 'HANDED_OFF'"),
        "evidence row",
    ),
    "message deleted": (run(f"delete from message where {IN}"), "message"),  # noqa: S608
    "time of arrival": (run(f"update message set at = at + 1 where {IN}"), "message"),  # noqa: S608
    "TLS identity": (
        run(f"update message set tls_fingerprint = 'x' || substr(tls_fingerprint, 2) where {IN}"),  # noqa: S608
        "message",
    ),
    "routing": (run(f"update message set routing = '{{}}' where {IN}"), "message"),  # noqa: S608
    "received envelope": (flip("message", "envelope", IN, 900), "message"),
    "sent envelope": (flip("message", "envelope", OUT, 900), "message"),
    "receipt given": (flip("message", "receipt", IN, 900), "message"),
    "receipt held": (flip("message", "receipt", OUT, 900), "message"),
    "addressee": (
        run(f"update message set receiving_authority = 'AZ-MOJ' where {IN}"),  # noqa: S608
        "message",
    ),
    "payload in its row": (
        flip("part", "inline", "inline is not null and position = 1 and message = 1"),
        "payload 1",
    ),
    "payload file": (flip_file, "payload 2"),
    "payload file deleted": (delete_file, "payload 2"),
    "payload row deleted": (run("delete from part where position = 1"), "payload 1"),
    "name of a payload": (
        run("update part set mime_type = 'text/html' where position = 1"),
        "payload 1",
    ),
    "certificate": (
        flip("certificate", "der", "fingerprint = (select signer from message limit 1)", 300),
        "certificate",
    ),
    "queue state": (
        run(f"update queue_entry set state = 'QUEUED' where {FIRST_QUEUED}"),  # noqa: S608
        "message",
    ),
    "queue of another authority": (
        run(f"update queue_entry set authority = 'AZ-MOJ' where {FIRST_QUEUED}"),  # noqa: S608
        "message",
    ),
    "deliveries": (
        run(f"update queue_entry set deliveries = 0 where {FIRST_QUEUED}"),  # noqa: S608
        "message",
    ),
    "queue entry deleted": (run(f"delete from queue_entry where {FIRST_QUEUED}"), "message"),  # noqa: S608
    "attempts": (run("update exchange set attempts = attempts + 1"), "exchange of message"),
    "exchange deleted": (run("delete from exchange"), "exchange of message"),
    "alert deleted": (run("delete from alert"), "alert 1"),
    "alert reworded": (run("update alert set sentence = 'nothing happened'"), "alert 1"),
    "alert quietly closed": (run("update alert set acknowledged_at = 1"), "alert 1"),
    "alert made up": (
        run(
            "insert into alert (id, sentence, first_at, last_at, times) "
            "values (7, 'nothing', 1, 1, 1)"
        ),
        "alert 7",
    ),
    "State record changed": (
        run("update state_record set record = cast('x' as blob) where number = 1"),
        "State record AZ (1)",
    ),
    "State record deleted": (run("delete from state_record"), "State record XU (1)"),
    "State record made up": (
        run("update state_record set state = 'ZZ' where state = 'XU'"),
        "State record ZZ (1)",
    ),
    "who vouches for a State record": (
        run("update state_record set signature = replace(signature, 'init', 'nobody')"),
        "State record AZ (1)",
    ),
    "no JSON for a signature": (
        run("update state_record set signature = '{'"),
        "State record AZ (1)",
    ),
    "case moved": (run("update case_file set state = 'CLOSED'"), "case "),
    "case deleted": (run("delete from case_file"), "case "),
    "step of a case changed": (run("update case_step set after = 'CLOSED'"), ", step 1"),
    "step of a case deleted": (run("delete from case_step where number = 1"), ", step 1"),
    "step of a case made up": (run("update case_file set entries = entries + 1"), "case "),
    "step quietly settled": (
        run("update case_step set settled_at = 1, settled_by = 'AZ-SSS' where number = 1"),
        ", step 1",
    ),
    "no JSON for a step": (run("update case_step set event = '{'"), ", step 1"),
    "step by no message": (run("update case_step set message = null where number = 1"), ", step 1"),
    "case begun by another message": (
        run("update case_file set message = 3 - message"),
        ", step 1",
    ),
    "step of another authority": (
        run("update case_step set own_authority = 'AZ-MOJ' where number = 1"),
        ", step 1",
    ),
    "urgency of a case": (run("update case_file set urgency = 'STANDARD'"), "case "),
    "side of a case": (run("update case_file set own_side = 'REQUESTING'"), "case "),
    "authority of a case": (run("update case_file set requested_authority = 'AZ-MOJ'"), "case "),
    "no JSON for a case": (run("update case_file set memory = '{'"), "case "),
    "text for the time of a case": (run("update case_file set opened_at = 'zzz'"), "case "),
    "somebody let into a case": (
        run("insert into case_party select id, 'AZ-MOJ' from case_file"),
        "case ",
    ),
    "somebody shut out of a case": (run("delete from case_party"), "case "),
    "cases linked": (
        run("insert into case_link select min(id), max(id), 'HOLDS' from case_file"),
        "case ",
    ),
    "clock stopped": (run("update case_clock set stopped_at = starts_at"), "clock "),
    "clock paused": (run("update case_clock set paused_at = starts_at"), "clock "),
    "clock moved": (run("update case_clock set due_at = due_at + 1"), "clock "),
    "clock of another case": (run("update case_clock set case_file = 3 - case_file"), "clock "),
    "clock of no case": (run("update case_clock set case_file = 99"), "clock "),
    "clock silenced": (
        run("update case_clock set next_at = null where next_at is not null"),
        "clock ",
    ),
    "clock told quietly": (
        run("update case_clock set told_until = next_at where next_at is not null"),
        "clock ",
    ),
    "clock answered quietly": (
        run("update case_clock set answered_at = 1, answered_by = 'AZ-SSS'"),
        "clock ",
    ),
    "clock deleted": (run("delete from case_clock where id = 1"), "clock 1"),
    "clock made up": (run(MADE_UP), "clock "),
    "text for the time of a clock": (run("update case_clock set due_at = 'zzz'"), "clock "),
    "no JSON for the warnings": (run("update case_clock set warn_at = '{'"), "clock "),
    "text for a time": (run(f"update message set at = 'zzz' where {IN}"), "message in row 1"),  # noqa: S608
    "text for a certificate": (run("update certificate set der = 'zzz'"), "certificate"),
    "no JSON for the routing": (run("update message set routing = '{'"), "message in row"),
    "time of a receipt removed": (run("update message set receipt_at = null"), "message"),
    "a TLS identity for a sent one": (
        run(f"update message set tls_fingerprint = 'aa', claimed_at = 1 where {OUT}"),  # noqa: S608
        "message",
    ),
    "never sent again": (run("update exchange set due_at = due_at + 1"), "exchange of message"),
    "a lease without end": (run("update queue_entry set leased_until = 1 << 60"), "message"),
    "evidence for no message": (
        run("update evidence set message = 1 where kind = 'ALERTED'"),
        "evidence row",
    ),
    "payload file renamed": (
        run("update part set blob_name = '../' || blob_name where blob_name is not null"),
        "payload 2",
    ),
    "text for the end of the chain": (run("update evidence_head set sequence = 'x'"), "store"),
    "exchange state": (run("update exchange set state = 'READY'"), "exchange of message"),
}


@pytest.mark.parametrize(("tamper", "named"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_changed_is_named(
    served: Path, tmp_path: Path, tamper: Tamper, named: str
) -> None:
    node = copy(served, tmp_path)
    change(node, tamper)
    status, steps = audit(node)
    found = [step for step in steps if step["event"] == "finding"]
    assert status == 1
    assert any(named in str(step["where"]) for step in found)
    assert steps[-1]["event"] == "end"


def change(node: Path, tamper: Tamper) -> None:
    """Tamper as somebody with the whole disk would: without triggers and foreign keys."""
    database = sqlite3.connect(node / "data" / "gateway.sqlite")
    try:
        triggers = database.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"drop trigger {name}")
        tamper(node, database)
        database.commit()
    finally:
        database.close()


def test_an_older_store_that_was_put_back_does_not_open(served: Path, tmp_path: Path) -> None:
    node = copy(served, tmp_path)
    witness = node / "data" / "witness"
    assert witness.exists()

    def forget(_: Path, database: sqlite3.Connection) -> None:
        database.execute("delete from evidence where sequence > 2")

    change(node, forget)
    status, steps = audit(node)
    assert status == 1
    assert any(step["event"] == "finding" for step in steps)


def test_triggers_keep_evidence_from_being_changed_in_passing(served: Path, tmp_path: Path) -> None:
    node = copy(served, tmp_path)
    database = sqlite3.connect(node / "data" / "gateway.sqlite")
    try:
        for statement in ("delete from evidence", "update evidence set kind = 'SENT'"):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)
    finally:
        database.close()
