"""[pull] and [receipts]: what they agree, and what of it is refused when it is loaded."""

from __future__ import annotations

import shutil

import pytest

from config.card import add_partner
from config.new_node import write_node
from config.node import load_node
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.pmode import Puller, Pulling, ReceiptReply
from tests.config.conftest import edit, line
from tests.config.test_load_faults import assert_fault, faults_of
from tests.keys.certificates import NOW

CHANNEL = "urn:uncc:mpc:az-xu"


def pull(az, text: str) -> None:
    path = az / "partners/XU.toml"
    path.write_text(path.read_text() + f"\n[pull]\n{text}\n")


def test_without_either_both_sides_push(az) -> None:
    (pmode,) = load_node(az).pmodes
    assert pmode.pulling is None
    assert pmode.receipt_reply is ReceiptReply.RESPONSE


def test_the_file_shows_how_to_pull(az) -> None:
    """What stands there as a comment is what can be used."""
    path = az / "partners/XU.toml"
    lines = path.read_text().splitlines()
    start = lines.index("# [pull]")
    shown = [text.removeprefix("# ") for text in lines[start : start + 4]]
    path.write_text("\n".join([*lines, *shown]) + "\n")
    (pmode,) = load_node(az).pmodes
    assert pmode.pulling == Pulling(Puller.US, CHANNEL, 30.0)


def test_the_partner_pulls(az) -> None:
    pull(az, f'by = "partner"\nmpc = "{CHANNEL}"')
    (pmode,) = load_node(az).pmodes
    assert (pmode.channel_sent, pmode.channel_received) == (CHANNEL, None)


def test_receipts_by_callback(az) -> None:
    edit(az / "partners/XU.toml", 'reply = "response"', 'reply = "callback"')
    assert load_node(az).pmodes[0].receipt_reply is ReceiptReply.CALLBACK


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('by = "partner"', "pull.mpc", "is missing"),
        (f'mpc = "{CHANNEL}"', "pull.by", "is missing"),
        (f'by = "both"\nmpc = "{CHANNEL}"', "pull.by", "'partner' or 'us'"),
        (f'by = "us"\nmpc = "{DEFAULT_MPC}"', "pull.mpc", "default channel"),
        (f'by = "us"\nmpc = "{DEFAULT_MPC.lower()}"', "pull.mpc", "default channel"),
        ('by = "us"\nmpc = "mine"', "pull.mpc", "must be a URI"),
        (f'by = "us"\nmpc = "{CHANNEL}"\ninterval_seconds = 0.1', "interval_seconds", "greater"),
        (
            f'by = "partner"\nmpc = "{CHANNEL}"\ninterval_seconds = 5.0',
            "interval_seconds",
            "remove",
        ),
    ],
)
def test_what_cannot_be_agreed(az, text: str, place: str, words: str) -> None:
    pull(az, text)
    assert_fault(faults_of(az), place, words)


def test_one_side_that_cannot_be_called_is_not_called_back(az) -> None:
    pull(az, f'by = "us"\nmpc = "{CHANNEL}"')
    edit(az / "partners/XU.toml", 'reply = "response"', 'reply = "callback"')
    assert_fault(faults_of(az), "receipts.reply", "cannot be called")


def test_a_receipt_needs_time_to_come(az) -> None:
    path = az / "partners/XU.toml"
    line(path, "receipt_timeout_seconds", "5.0")
    load_node(az)
    edit(path, 'reply = "response"', 'reply = "callback"')
    assert_fault(faults_of(az), "reliability.receipt_timeout_seconds", "at least as long")


def test_nothing_to_pull(az) -> None:
    pull(az, f'by = "partner"\nmpc = "{CHANNEL}"')
    line(az / "partners/XU.toml", "sent", "[]")
    assert_fault(faults_of(az), "pull", "allows nothing")


def test_a_channel_is_one_partners(az, tmp_path) -> None:
    pull(az, f'by = "partner"\nmpc = "{CHANNEL}"')
    folder = tmp_path / "yy"
    write_node(folder, "XU", as4_port=9005, local_port=9006, now=NOW)
    card = folder / "card.toml"
    text = card.read_text().replace('state = "XU"', 'state = "YY"')
    card.write_text(text.replace("xu-gateway", "yy-gateway"))
    add_partner(az, card, now=NOW)
    other = az / "partners/YY.toml"
    other.write_text(other.read_text() + f'\n[pull]\nby = "us"\nmpc = "{CHANNEL}"\n')
    assert_fault(faults_of(az), "partners", "channel of its own")
    shutil.rmtree(folder)


def test_a_partner_is_asked_every_quarter_of_an_hour_where_it_can_answer(az) -> None:
    path = az / "partners/XU.toml"
    whole = path.read_text()
    assert load_node(az).pmodes[0].ping_interval_seconds == 900.0
    path.write_text(f"{whole}\n[ping]\ninterval_seconds = 60\n")
    assert load_node(az).pmodes[0].ping_interval_seconds == 60.0
    path.write_text(f"{whole}\n[ping]\ninterval_seconds = 0\n")
    assert load_node(az).pmodes[0].ping_interval_seconds is None
    path.write_text(whole)
    pull(az, f'by = "partner"\nmpc = "{CHANNEL}"')
    assert load_node(az).pmodes[0].ping_interval_seconds is None
    path.write_text(whole.replace('reply = "response"', 'reply = "callback"'))
    assert load_node(az).pmodes[0].ping_interval_seconds is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("interval_seconds = 1", "is less than 10"),
        ("interval_seconds = -1", "greater than or equal to 0"),
        (f'interval_seconds = 60\n[pull]\nby = "partner"\nmpc = "{CHANNEL}"', "cannot answer"),
    ],
)
def test_pings_that_make_no_sense_are_refused(az, text, words) -> None:
    path = az / "partners/XU.toml"
    path.write_text(f"{path.read_text()}\n[ping]\n{text}\n")
    assert_fault(faults_of(az), "XU.toml: ping.interval_seconds", words)
