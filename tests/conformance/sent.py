"""What our gateway writes on the wire and delivers, for assertions about a sender."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from lxml import etree
from twisted.internet.threads import deferToThread

from gateway.app import Gateway
from gateway.demo.nodes import command
from gateway.store.values import MessageView, Sealed, StoredPart
from protocol.as4.suites import EDELIVERY_115
from tests.as4.writing.independent import NS
from tests.gateway.ground import example_document

ANNEXES = {"annex.pdf": b"%PDF-1.7\n" + bytes(range(256)) * 4, "log.txt": b"one\ntwo\n"}


@dataclass(frozen=True)
class Exchanged:
    """A message that XU sent and AZ received. `told` is what XU's own authority was told."""

    told: dict[str, Any]
    document: bytes
    sealed: Sealed
    delivered: tuple[bytes, ...]
    view: MessageView
    signer: x509.Certificate

    @classmethod
    async def make(
        cls, az: Gateway, xu: Gateway, folders: dict[str, Path], folder: Path
    ) -> Exchanged:
        """One preservation request with two attachments, receipted."""
        document = example_document("PreservationRequest", "XU")
        (folder / "request.xml").write_bytes(document)
        words = ["--document", str(folder / "request.xml")]
        for name, content in ANNEXES.items():
            (folder / name).write_bytes(content)
            words += ["--attach", str(folder / name)]
        told = await deferToThread(
            command, "submit", str(folders["XU"]), "--as", "XU-POC247", *words,
            "--wait", "20", "--json",
        )  # fmt: skip
        sealed = await sealed_of(xu, told["messageId"])
        view = await az.store.message_for("AZ-SSS", told["messageId"])
        assert view is not None
        delivered = tuple(content_of(az, part) for part in view.parts)
        return cls(
            told, document, sealed, delivered, view, xu._node.signer_for(EDELIVERY_115).certificate
        )

    @property
    def envelope(self) -> etree._Element:
        return etree.fromstring(self.sealed.soap)

    def all(self, path: str) -> list[Any]:
        """What the XPath `path` finds in the envelope."""
        return self.envelope.xpath(path, namespaces=NS)

    def one(self, path: str) -> Any:
        """The one thing that `path` finds."""
        (found,) = self.all(path)
        return found


async def sealed_of(gateway: Gateway, message_id: str) -> Sealed:
    """The signed bytes of a message that `gateway` sent."""
    assert gateway.store is not None
    sealed = await gateway.store.find_sealed(message_id)
    assert sealed is not None
    return sealed


def content_of(gateway: Gateway, part: StoredPart) -> bytes:
    """A payload as an authority gets it."""
    reader = gateway._spool.reader(part.blob)
    try:
        return b"".join(reader)
    finally:
        reader.close()
