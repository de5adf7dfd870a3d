"""XU's side of a measurement: messages sealed for AZ beforehand, and a load that posts them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from config.node import load_node
from keys.ring import KeyPair
from keys.uri import KeyUri
from tests.bench.floor import Floor, Octets
from tests.bench.load import Job, Timed, keep, load
from tests.gateway.ground import Crafted, Partner, example_document, renamed
from tests.interop.phase4_peer import PartyKeys

KIB = 1024
SUITE = "edelivery-as4-1.15"  # what phase4 and the floor do: two RSA-3072 operations a message
SIZES = {"10 KiB": 10 * KIB, "1 MiB": 1024 * KIB}


@dataclass(frozen=True, slots=True)
class Folders:
    """The node folders of both parties, and one for what the measurement writes."""

    az: Path
    xu: Path
    work: Path


class Sender:
    """Seals messages of XU for AZ, and posts them to whoever holds AZ's keys."""

    def __init__(self, folders: Folders) -> None:
        self._work = folders.work
        self.keys, self.own = PartyKeys(folders.az / "keys"), PartyKeys(folders.xu / "keys")
        self.partner = Partner(load_node(folders.xu))
        self._document = example_document("PreservationRequest", "XU")

    def craft(self, size: int, count: int) -> list[Crafted]:
        """Distinct messages whose payloads are `size` bytes together; text that halves in gzip."""
        rest = size - len(self._document)
        made = []
        for _ in range(count):
            annex = secrets.token_hex(rest // 2 + 1)[:rest].encode()
            document = renamed(self._document)  # every message begins a case
            parts = [("application/xml", document), ("application/octet-stream", annex)]
            made.append(self.partner.craft(parts))
        return made

    def post(self, crafted: list[Crafted], port: int, concurrency: int) -> Timed:
        """Send them all over `concurrency` kept connections, from a process of its own."""
        messages = self._work / "messages"
        keep([one.body() for one in crafted], messages)
        job = Job(
            port,
            str(self.own.certificate("tls")),
            str(self.own.private_key("tls")),
            str(self.keys.certificate("tls")),
            str(messages),
            concurrency,
        )
        return load(job, self._work / "job.json")

    def floor(self) -> Floor:
        """Opens with AZ's keys, verifies with XU's, beside the servers on the same disk."""
        folder = self._work / "floor"
        folder.mkdir()
        sign, encrypt = (
            KeyPair.load(KeyUri("file", keys.private_key(purpose)), keys.certificate(purpose))
            for keys, purpose in ((self.keys, "sign"), (self.keys, "encrypt"))
        )
        partner = self.partner.node.signer_for(self.partner.pmode.suite).certificate.public_key()
        return Floor(folder, sign.private_key, encrypt.private_key, partner)


def bare(crafted: list[Crafted]) -> list[Octets]:
    """The same messages for the floor."""
    return [Octets(one.sealed.soap, [part for _, part in one.parts]) for one in crafted]
