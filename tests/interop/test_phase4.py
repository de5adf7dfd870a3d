"""A running gateway and phase4: both ways, 0, 1 and 2 parts, over mutual TLS, receipts checked.

AZ is our gateway as a process of its own; XU is phase4 with the keys of XU's node folder. Messages
end in the queue of the authority and begin with its submission: nothing is short-circuited.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.card import add_partner
from config.new_node import write_node
from gateway.demo.nodes import RunningNode, command, free_ports
from tests.gateway.ground import example_document
from tests.interop import phase4_peer
from tests.interop.phase4_peer import PartyKeys, Receiver, Sender, Side

pytestmark = pytest.mark.slow

PARTIES = {"AZ": "az-gateway", "XU": "xu-gateway"}
FOR_SSS = ("--property", "originalSender=XU-POC247", "--property", "finalRecipient=AZ-SSS")


@dataclass(frozen=True)
class Border:
    """Our gateway on one side, phase4's keys and place on the other."""

    az: RunningNode
    xu: Path
    xu_port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where our gateway listens for partners."""
        card = (self.az.folder / "card.toml").read_text()
        return next(line for line in card.splitlines() if line.startswith("address")).split('"')[1]

    @property
    def side(self) -> Side:
        return Side(PartyKeys(self.xu / "keys"), self.az.folder / "keys")


@pytest.fixture(scope="module")
def border(phase4: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    folder = tmp_path_factory.mktemp("border")
    ports = free_ports(4)
    for state in ("AZ", "XU"):
        write_node(folder / state, state, as4_port=ports.pop(), local_port=ports.pop())
    for state, other in (("AZ", "XU"), ("XU", "AZ")):
        add_partner(folder / state, folder / other / "card.toml")
    card = (folder / "XU" / "card.toml").read_text()
    xu_port = int(card.split("https://127.0.0.1:")[1].split("/")[0])
    az = RunningNode("AZ", folder / "AZ")
    az.start()
    yield Border(az, folder / "XU", xu_port, folder)
    az.stop()


@pytest.fixture(scope="module")
def sender(border: Border) -> Iterator[Sender]:
    with phase4_peer.sending(
        border.side, PARTIES["XU"], PARTIES["AZ"], border.folder / "sender.log"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def receiver(border: Border) -> Iterator[Receiver]:
    place = ("--port", str(border.xu_port), "--host", "127.0.0.1")
    with phase4_peer.receiving(
        border.side, PARTIES["AZ"], PARTIES["XU"], border.folder / "receiver.log", *place
    ) as running:
        yield running


@pytest.fixture(scope="module")
def files(border: Border) -> list[Path]:
    """A valid request from XU, and an attachment."""
    request = border.folder / "request.xml"
    request.write_bytes(example_document("PreservationRequest", "XU"))
    annex = border.folder / "annex.bin"
    annex.write_bytes(os.urandom(200_000))
    return [request, annex]


def options(files: list[Path], count: int) -> list[str]:
    """What phase4 is told to send: nothing but the header is a contact check (article 41)."""
    kinds = ["application/xml", "application/octet-stream"]
    words = ["--action", "PreservationRequest" if count else "ContactCheck"]
    for path, kind in list(zip(files, kinds, strict=True))[:count]:
        words += ["--payload", f"{path}:{kind}"]
    return words


def take(border: Border, name: str) -> dict[str, Any] | None:
    into = border.folder / name
    into.mkdir(exist_ok=True)
    taken: dict[str, Any] | None = command(
        *("take", str(border.az.folder), "--as", "AZ-SSS", "--into", str(into)),
        *("--wait", "2", "--ack", "--json"),
    )
    return taken


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.mark.parametrize("form", ["bst", "issuer-serial", "ski", "thumbprint"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_from_phase4_to_the_queue_of_the_authority(
    border: Border, sender: Sender, files: list[Path], count: int, form: str
) -> None:
    tokens = ("--sign-token", form, "--encrypt-token", form)
    sent = sender.send(border.url, *options(files, count), *FOR_SSS, *tokens)
    assert sent["accepted"], sent
    assert sent["digests_equal"], sent
    taken = take(border, f"taken-{count}-{form}")
    assert taken is not None
    assert taken["message"]["messageId"] == sent["message_id"]
    parts = [taken["message"]["document"], *taken["message"]["attachments"]]
    assert [part["sha256"] for part in parts if part] == digests(files[:count])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_from_the_authority_to_phase4(
    border: Border, receiver: Receiver, tmp_path: Path, count: int
) -> None:
    document = tmp_path / "request.xml"
    document.write_bytes(example_document("PreservationRequest", "AZ"))
    annex = tmp_path / "annex.bin"
    annex.write_bytes(os.urandom(150_000))
    what = ["--document", str(document)] if count else ["--contact-check", "XU-POC247"]
    if count == 2:
        what += ["--attach", str(annex)]
    words = ("submit", str(border.az.folder), "--as", "AZ-SSS", "--wait", "30", "--json")
    view = command(*words, *what)
    assert view["state"] == "ACKNOWLEDGED", view
    assert view["receipt"]["receiptId"]
    received = receiver.next_line()
    assert received["event"] == "received", received
    assert received["message_id"] == view["messageId"]
    assert [part["sha256"] for part in received["attachments"]] == digests(
        [document, annex][:count]
    )
    assert received["properties"]["finalRecipient"] == "XU-POC247"


def test_a_repeat_is_receipted_again_and_handed_off_once(
    border: Border, sender: Sender, files: list[Path]
) -> None:
    same = ("--message-id", "the-same-twice@phase4.example")
    words = (*options(files, 1), *FOR_SSS, *same, "--conversation", "c-1")
    first = sender.send(border.url, *words)
    assert first["accepted"], first
    taken = take(border, "once")
    assert taken is not None
    again = sender.send(border.url, *words)
    # phase4 signs anew, with another timestamp: for us that is other content under the same id.
    assert [error["code"] for error in again["errors"]] == ["EBMS:0003"]
    assert take(border, "once") is None


@pytest.mark.parametrize(
    ("lever", "code"),
    [
        (("--without-signature",), "EBMS:0103"),
        (("--without-encryption",), "EBMS:0103"),
        # phase4 damages eb:Action after signing; the P-Mode is looked up before the signature.
        (("--tamper",), "EBMS:0010"),
        (("--agreement", "urn:uncc:agreement:other:1"), "EBMS:0010"),
    ],
)
def test_phase4_understands_why_we_refuse(
    border: Border, sender: Sender, files: list[Path], lever: tuple[str, ...], code: str
) -> None:
    sent = sender.send(border.url, *options(files, 1), *FOR_SSS, *lever)
    assert not sent["accepted"], sent
    assert [error["code"] for error in sent["errors"]] == [code]
    assert take(border, "refused") is None


def test_the_evidence_of_it_all_verifies(border: Border) -> None:
    command("audit", "verify", str(border.az.folder))
