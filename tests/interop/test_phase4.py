"""The running gateway and phase4, both ways: AZ is ours, XU is phase4 with the keys of XU."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.catalogue import example
from tests.gateway.ground import renamed
from tests.interop import phase4_peer
from tests.interop.gateway_process import NodeFolder, free_port, running
from tests.interop.matrix import INBOUND, OUTBOUND, PROFILE_1_15, PUSH
from tests.interop.our_wire import dumped_content_type
from tests.interop.phase4_peer import Receiver, Sender, Side
from tests.interop.plain_https import post

pytestmark = pytest.mark.slow

outbound = pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, OUTBOUND)
inbound = pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, INBOUND)

AZ_PARTY, XU_PARTY = "az-gateway", "xu-gateway"
KINDS = {
    "PreservationRequest": "preservation-request",
    "MlaRequest": "mla-request",
    "ExtraditionRequest": "extradition-request",
}
SENDERS = {"PreservationRequest": "AZ-SSS", "MlaRequest": "AZ-SSS", "ExtraditionRequest": "AZ-MOJ"}


@dataclass(frozen=True, slots=True)
class Ground:
    """Both node folders; a gateway runs on AZ's only. `url` is where it listens."""

    az: NodeFolder
    xu: NodeFolder
    xu_port: int
    url: str

    @property
    def phase4(self) -> Side:
        """phase4 in the place of XU."""
        return Side(self.xu.keys, self.az.keys.folder)


@pytest.fixture(scope="module")
def ground(phase4: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """AZ's gateway runs and knows XU."""
    folder = tmp_path_factory.mktemp("ground")
    az_port, xu_port = free_port(), free_port()
    az = NodeFolder.make(folder / "AZ", "AZ", az_port)
    xu = NodeFolder.make(folder / "XU", "XU", xu_port)
    az.add_partner(xu)
    with running(az, folder / "gateway.log"):
        yield Ground(az, xu, xu_port, f"https://localhost:{az_port}/as4")


@pytest.fixture(scope="module")
def xu_receiver(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """phase4 listening where XU's card says."""
    log = tmp_path_factory.mktemp("phase4") / "receiver.log"
    port = ("--port", str(ground.xu_port))
    with phase4_peer.receiving(ground.phase4, AZ_PARTY, XU_PARTY, log, *port) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def xu_sender(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """phase4 ready to send as XU."""
    log = tmp_path_factory.mktemp("phase4") / "sender.log"
    with phase4_peer.sending(ground.phase4, XU_PARTY, AZ_PARTY, log) as sender:
        yield sender


@pytest.fixture
def annex(tmp_path: Path) -> Path:
    """A file that is no text."""
    file = tmp_path / "annex.bin"
    file.write_bytes(bytes(range(256)) * 500)
    return file


def _document(kind: str, direction: str, folder: Path) -> Path:
    file = folder / f"{KINDS[kind]}-{direction}.xml"
    file.write_bytes(renamed(example(file.name)))
    return file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@outbound
@pytest.mark.parametrize("kind", KINDS)
def test_phase4_takes_what_the_gateway_sends(
    kind: str, ground: Ground, xu_receiver: Receiver, annex: Path, tmp_path: Path
) -> None:
    document = _document(kind, "az-xu", tmp_path)
    told = ground.az.submit(SENDERS[kind], document, annex)
    assert told["state"] == "ACKNOWLEDGED", told
    said = xu_receiver.next_line()
    assert (said["message_id"], said["action"]) == (told["messageId"], kind)
    assert said["properties"]["originalSender"] == SENDERS[kind]
    assert [p["sha256"] for p in said["attachments"]] == [_sha256(document), _sha256(annex)]


@inbound
@pytest.mark.parametrize("form", ["bst", "pkipath", "ski", "issuer-serial", "thumbprint"])
def test_the_gateway_takes_what_phase4_sends(
    form: str, ground: Ground, xu_sender: Sender, annex: Path, tmp_path: Path
) -> None:
    document = _document("PreservationRequest", "xu-az", tmp_path)
    parts = (
        "--payload",
        f"{document}:application/xml",
        "--payload",
        f"{annex}:application/octet-stream",
    )
    tokens = ("--sign-token", form, "--encrypt-token", "bst" if form == "pkipath" else form)
    sent = xu_sender.send(ground.url, "--action", "PreservationRequest", *parts, *tokens)
    assert sent["accepted"], sent
    message, folder = ground.az.take("AZ-SSS", tmp_path)
    assert message["messageId"] == sent["message_id"]
    assert (folder / "document.xml").read_bytes() == document.read_bytes()
    assert (folder / "01-attachment").read_bytes() == annex.read_bytes()


@inbound
def test_a_contact_check_of_phase4_needs_no_document(
    ground: Ground, xu_sender: Sender, tmp_path: Path
) -> None:
    addresses = ("originalSender=XU-POC247", "finalRecipient=AZ-SSS")
    properties = [word for each in addresses for word in ("--property", each)]
    sent = xu_sender.send(ground.url, "--action", "ContactCheck", *properties)
    assert sent["accepted"], sent
    message, _ = ground.az.take("AZ-SSS", tmp_path)
    assert message["kind"] == "ContactCheck"


@inbound
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--without-signature",), "EBMS:0103"),
        (("--without-encryption",), "EBMS:0103"),
        (("--tamper",), "EBMS:0101"),
        (("--agreement", "urn:uncc:agreement:other:1"), "EBMS:0010"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_phase4_understands_why_the_gateway_refuses(
    options: tuple[str, ...], code: str, ground: Ground, xu_sender: Sender, tmp_path: Path
) -> None:
    document = _document("PreservationRequest", "xu-az", tmp_path)
    part = ("--payload", f"{document}:application/xml")
    sent = xu_sender.send(ground.url, "--action", "PreservationRequest", *part, *options)
    assert not sent["accepted"]
    assert [error["code"] for error in sent["errors"]] == [code], sent


@inbound
def test_a_repeat_gets_the_receipt_of_the_first_to_the_byte(
    ground: Ground, xu_sender: Sender, tmp_path: Path
) -> None:
    """phase4's own octets again, as after a lost answer."""
    document = _document("PreservationRequest", "xu-az", tmp_path)
    request, answer = tmp_path / "request", tmp_path / "answer"
    dumps = ("--dump", str(request), "--dump-answer", str(answer))
    part = ("--payload", f"{document}:application/xml")
    sent = xu_sender.send(ground.url, "--action", "PreservationRequest", *part, *dumps)
    assert sent["accepted"], sent
    content_type = dumped_content_type(request)
    assert content_type is not None
    keys = (ground.xu.keys, ground.az.keys)
    again = post(ground.url, *keys, content_type, request.read_bytes())
    assert (again.status, again.body) == (200, answer.read_bytes())
    message, _ = ground.az.take("AZ-SSS", tmp_path)
    assert message["messageId"] == sent["message_id"]


@inbound
def test_the_evidence_of_it_all_holds(ground: Ground) -> None:
    assert "findings: 0" in ground.az.verify()
