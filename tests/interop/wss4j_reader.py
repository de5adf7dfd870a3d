"""WSS4J by itself, without phase4: reads whole HTTP messages and says what it verified."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.interop.phase4_peer import JsonLine, JsonLines, PartyKeys, Side, java

#: Basic Security Profile 1.1 rules that eDelivery itself breaks, and so must be waived.
RSA_OAEP_OF_XMLENC11 = "R5621"  # key transport: only rsa-1_5 and rsa-oaep-mgf1p
#: ds:X509SKI without a SecurityTokenReference: in a signature, in an EncryptedKey.
X509_SKI = ("R5417", "R5426")


class Reader:
    """A running WSS4J with the keys of one side."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._said = JsonLines(process)
        self._folder = folder

    def read(self, content_type: str, body: bytes, *, waived: Sequence[str] = ()) -> JsonLine:
        """What WSS4J says of an HTTP message with this type and body."""
        message = self._folder / f"{uuid4()}.http"
        message.write_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        try:
            return self.read_file(message, waived=waived)
        finally:
            message.unlink()

    def read_file(self, message: Path, *, waived: Sequence[str] = ()) -> JsonLine:
        """What WSS4J says of the HTTP message in a file."""
        words = ["--message", str(message)]
        for rule in waived:
            words += ["--ignore-rule", rule]
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        return self._said.next()


@contextmanager
def reading(own: PartyKeys, partner: PartyKeys, folder: Path, *options: str) -> Iterator[Reader]:
    """WSS4J that decrypts with the keys of `own` and believes the certificate of `partner`."""
    words = java("verify-each", [*Side(own, partner.folder).options(), *options])
    pipe = subprocess.PIPE
    with (
        (folder / "wss4j.log").open("w") as stderr,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process,
    ):
        try:
            yield Reader(process, folder)
        finally:
            process.terminate()
