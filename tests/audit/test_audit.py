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

COPIED = (
    "case_file, kind, acts, authority, starts_at, warn_at, legal, article, trust, set_by_document"
)
MADE_UP = "insert into case_clock (id, {0}) select {1}, {0} from case_clock where id = 1"
CASE_MOVED = "with XU: is not as its last step left it"
CLOCK_MOVED = "with XU: is not as the evidence says"
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
        ", step 1: was taken by another message",
    ),
    "step of another authority": (
        run("update case_step set own_authority = 'AZ-MOJ' where number = 1"),
        ", step 1: its own_authority is 'AZ-MOJ'",
    ),
    "urgency of a case": (run("update case_file set urgency = 'STANDARD'"), CASE_MOVED),
    "side of a case": (run("update case_file set own_side = 'REQUESTING'"), CASE_MOVED),
    "authority of a case": (
        run("update case_file set requested_authority = 'AZ-MOJ'"),
        CASE_MOVED,
    ),
    "no JSON for a case": (run("update case_file set memory = '{'"), CASE_MOVED),
    "text for the time of a case": (run("update case_file set opened_at = 'zzz'"), CASE_MOVED),
    "somebody let into a case": (
        run("insert into case_party select id, 'AZ-MOJ' from case_file"),
        "with XU: AZ-MOJ may see it, and nothing let it in",
    ),
    "somebody shut out of a case": (
        run("delete from case_party"),
        "with XU: AZ-SSS may not see it any more",
    ),
    "cases linked": (
        run("insert into case_link select min(id), max(id), 'HOLDS' from case_file"),
        ", and no step says so",
    ),
    "clock stopped": (run("update case_clock set stopped_at = starts_at"), CLOCK_MOVED),
    "clock paused": (run("update case_clock set paused_at = starts_at"), CLOCK_MOVED),
    "clock moved": (run("update case_clock set due_at = due_at + 1"), CLOCK_MOVED),
    "clock of another case": (run("update case_clock set case_file = 3 - case_file"), CLOCK_MOVED),
    "clock of no case": (run("update case_clock set case_file = 99"), "clock 1: is missing"),
    "clock silenced": (
        run("update case_clock set next_at = null where next_at is not null"),
        "with XU: will not be told when it must be",
    ),
    "clock told quietly": (
        run("update case_clock set told_until = next_at where next_at is not null"),
        ", in evidence None",
    ),
    "clock answered quietly": (
        run("update case_clock set answered_at = 1, answered_by = 'AZ-SSS'"),
        "with XU: was answered by AZ-SSS, in evidence by None",
    ),
    "clock deleted": (run("delete from case_clock where id = 1"), "clock 1: is missing"),
    "clock made up": (run(MADE_UP.format(COPIED, 99)), "clock 99 "),
    "clock made up below all numbers": (run(MADE_UP.format(COPIED, -1)), "clock -1 "),
    "evidence of another kind": (
        run("update evidence set kind = 'CASE_STEP' where kind = 'RECEIVED'"),
        "its kind column was changed",
    ),
    "evidence without what its kind must say": (
        run(
            "update evidence set record ="
            " cast(replace(cast(record as text), 'partner', 'qartner') as blob)"
            " where kind = 'CASE_STEP'"
        ),
        "evidence records: do not say what they must: KeyError",
    ),
    "text for the time of a clock": (
        run("update case_clock set due_at = 'zzz'"),
        "clock 1: is not as",
    ),
    "no JSON for the warnings": (run("update case_clock set warn_at = '{'"), "clock 1: is not as"),
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
    assert any(named in f"{step['where']}: {step['what']}" for step in found)
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
