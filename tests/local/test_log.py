"""The log: one JSON line for each event, whatever is in it, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.log import HIDDEN, MAX_TEXT_CHARACTERS, hide_secrets

CANARY = "canary-3f7b"

PROGRAM = """
import logging, warnings
import structlog
from twisted.logger import Logger
from twisted.python import log as old_log
from gateway.log import start_log
start_log("LEVEL")
structlog.get_logger().info("as4.received", partner="XU", token="canary-3f7b", key=b"canary-3f7b")
inner = {"password": "canary-3f7b"}
structlog.get_logger().info("two", text='\\r\\n{"event": "accepted"}', inner=inner)
Logger(namespace="twisted.x").error("bad {thing}", thing="x")
try:
    raise ValueError("a failure")
except ValueError:
    old_log.err(None, "old style")
    structlog.get_logger().exception("three")
logging.getLogger("alembic").warning("migrating %s", "x")
warnings.warn("old thing", DeprecationWarning)
"""


def lines_of(level: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM.replace("LEVEL", level)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert CANARY not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_everything_becomes_json_lines() -> None:
    lines = lines_of("info")
    assert [line["event"] for line in lines] == [
        "as4.received",
        "two",
        "twisted",
        "twisted",
        "three",
        "library",
        "twisted",
    ]
    assert lines[0]["token"] == lines[0]["key"] == HIDDEN
    assert lines[1]["inner"] == {"password": HIDDEN}
    assert lines[1]["text"] == '\r\n{"event": "accepted"}'
    assert lines[2] | {"timestamp": ""} == {
        "event": "twisted",
        "level": "error",
        "source": "twisted.x",
        "text": "bad x",
        "timestamp": "",
    }
    assert "ValueError: a failure" in lines[3]["text"]
    assert "ValueError: a failure" in lines[4]["exception"]
    assert lines[5]["text"] == "migrating x"
    assert "old thing" in lines[6]["text"]
    assert lines[0]["timestamp"].endswith("Z")


def test_the_level_is_a_threshold() -> None:
    assert {line["level"] for line in lines_of("error")} == {"error", "critical"}


@pytest.mark.parametrize(
    "name",
    ["token", "Authorization", "api_token", "password", "private_key", "key", "storage_key", "PIN"],
)
def test_secret_names(name: str) -> None:
    assert hide_secrets(None, "info", {name: CANARY}) == {name: HIDDEN}


def test_octets_and_long_texts() -> None:
    shown = hide_secrets(None, "info", {"body": b"abc", "text": "x" * 5000, "n": 3, "l": [b"x"]})
    assert shown["body"] == "<3 bytes>"
    assert len(shown["text"]) < MAX_TEXT_CHARACTERS + 30
    assert shown["n"] == 3
    assert shown["l"] == ["<1 bytes>"]


@given(st.dictionaries(st.text(), st.recursive(st.text() | st.integers(), st.lists, max_leaves=5)))
def test_no_value_can_begin_a_line(fields: dict[str, Any]) -> None:
    stream = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[hide_secrets, structlog.processors.JSONRenderer(ensure_ascii=True)],
    )
    logger.msg("event", **{f"f_{name}": value for name, value in fields.items()})
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.isascii()
    json.loads(text)


def test_logging_levels_are_known() -> None:
    assert logging.getLevelNamesMapping()["WARNING"] == logging.WARNING


FULL_DISK = """
import logging, resource, sys
import structlog
from twisted.logger import Logger
from gateway.log import start_log
start_log("info")
say = structlog.get_logger().info
say("before")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for _ in range(200):
    say("while", text="x" * 1000)
    Logger().error("while")
    logging.getLogger("library").warning("while")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
say("after")
print("still here")
"""


def test_a_full_disk_under_the_log_stops_nothing(tmp_path: Path) -> None:
    """It made every request fail, and the local API hang, until a restart."""
    log = tmp_path / "log"
    with log.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK],
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            check=True,
        )
    assert done.stdout == "still here\n"
    lines = log.read_text().splitlines()
    assert json.loads(lines[0])["event"] == "before"
    assert json.loads(lines[-1])["event"] == "after"
    assert log.stat().st_size < 20_000  # the rest was lost
