"""The running gateway and phase4 by eDelivery AS4 2.0: AZ is ours, XU is phase4 with XU's keys."""

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
from tests.interop.matrix import INBOUND, OUTBOUND, PUSH
from tests.interop.phase4_peer import Receiver, Sender, Side
from tests.interop.suite_keys import ECDSA, EDDSA, SuiteKeys

pytestmark = pytest.mark.slow

outbound = pytest.mark.exchange("phase4", "2.0", PUSH, OUTBOUND)
inbound = pytest.mark.exchange("phase4", "2.0", PUSH, INBOUND)

AZ_PARTY, XU_PARTY = "az-gateway", "xu-gateway"


@dataclass(frozen=True, slots=True)
class Ground:
    """AZ's gateway runs and knows XU by one suite; phase4 listens and sends as XU."""

    made: SuiteKeys
    az: NodeFolder
    url: str
    receiver: Receiver
    sender: Sender


@pytest.fixture(scope="module", params=[EDDSA, ECDSA], ids=lambda made: made.profile)
def ground(
    request: pytest.FixtureRequest, phase4: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """Both nodes are made as an operator makes them; with EdDSA, nobody says so anywhere."""
    made: SuiteKeys = request.param
    folder = tmp_path_factory.mktemp("ground-20")
    az_port, xu_port = free_port(), free_port()
    options = () if made is EDDSA else ("--suite", made.suite.id)
    az = NodeFolder.make(folder / "AZ", "AZ", az_port, *options)
    xu = NodeFolder.make(folder / "XU", "XU", xu_port, *options)
    az.add_partner(xu, None if made is EDDSA else made.suite.id)
    side = Side(xu.keys, az.keys.folder)
    words = ("--suite", made.suite.id, *_keys(made, az, xu))
    port = ("--port", str(xu_port))
    with (
        running(az, folder / "gateway.log"),
        phase4_peer.receiving(
            side, AZ_PARTY, XU_PARTY, folder / "receiver.log", *port, *words
        ) as receiver,
        phase4_peer.sending(side, XU_PARTY, AZ_PARTY, folder / "sender.log", *words) as sender,
    ):
        yield Ground(made, az, f"https://localhost:{az_port}/as4", receiver, sender)


def _keys(made: SuiteKeys, az: NodeFolder, xu: NodeFolder) -> list[str]:
    """The options that name the files of the suite, where the folders hold those of 1.15 too."""
    profile = made.suite.id.removeprefix("edelivery-as4")
    options = []
    for purpose in ("sign", "encrypt"):
        own, partner = xu.path / "keys", az.path / "keys"
        options += [f"--{purpose}-key", str(own / f"{purpose}{profile}.key.pem")]
        options += [f"--{purpose}-cert", str(own / f"{purpose}{profile}.cert.pem")]
        options += [f"--partner-{purpose}", str(partner / f"{purpose}{profile}.cert.pem")]
    return options


@pytest.fixture(autouse=True)
def _profile(ground: Ground, record_property) -> None:  # type: ignore[no-untyped-def]  # pytest's own
    record_property("profile", ground.made.profile)


@pytest.fixture
def annex(tmp_path: Path) -> Path:
    """A file that is no text."""
    file = tmp_path / "annex.bin"
    file.write_bytes(bytes(range(256)) * 500)
    return file


def _document(direction: str, folder: Path) -> Path:
    file = folder / f"preservation-request-{direction}.xml"
    file.write_bytes(renamed(example(file.name)))
    return file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@outbound
@pytest.mark.parametrize("count", [1, 2])
def test_phase4_takes_what_the_gateway_sends(
    count: int, ground: Ground, annex: Path, tmp_path: Path
) -> None:
    document = _document("az-xu", tmp_path)
    told = ground.az.submit("AZ-SSS", document, *[annex][: count - 1])
    assert told["state"] == "ACKNOWLEDGED", told
    said = ground.receiver.next_line()
    assert said["message_id"] == told["messageId"]
    expected = [_sha256(file) for file in (document, annex)][:count]
    assert [part["sha256"] for part in said["attachments"]] == expected


@inbound
@pytest.mark.parametrize("form", ["bst", "pkipath", "ski", "issuer-serial", "thumbprint"])
def test_the_gateway_takes_what_phase4_sends(
    form: str, ground: Ground, annex: Path, tmp_path: Path
) -> None:
    document = _document("xu-az", tmp_path)
    parts = ("--payload", f"{document}:application/xml", "--payload", f"{annex}:application/x-y")
    tokens = ("--sign-token", form, "--encrypt-token", "bst" if form == "pkipath" else form)
    sent = ground.sender.send(ground.url, "--action", "PreservationRequest", *parts, *tokens)
    assert sent["accepted"], sent
    message, folder = ground.az.take("AZ-SSS", tmp_path)
    assert message["messageId"] == sent["message_id"]
    assert (folder / "document.xml").read_bytes() == document.read_bytes()
    assert (folder / "01-attachment").read_bytes() == annex.read_bytes()


@inbound
def test_a_contact_check_of_phase4_needs_no_document(ground: Ground, tmp_path: Path) -> None:
    addresses = ("originalSender=XU-POC247", "finalRecipient=AZ-SSS")
    properties = [word for each in addresses for word in ("--property", each)]
    sent = ground.sender.send(ground.url, "--action", "ContactCheck", *properties)
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
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_phase4_understands_why_the_gateway_refuses(
    options: tuple[str, ...], code: str, ground: Ground, tmp_path: Path
) -> None:
    part = ("--payload", f"{_document('xu-az', tmp_path)}:application/xml")
    sent = ground.sender.send(ground.url, "--action", "PreservationRequest", *part, *options)
    assert not sent["accepted"]
    assert [error["code"] for error in sent["errors"]] == [code], sent


@inbound
def test_the_evidence_of_it_all_holds(ground: Ground) -> None:
    assert "findings: 0" in ground.az.verify()
