"""The floor: the bare operations that a received message needs, without TLS, HTTP and Twisted.

Each is called as directly as the libraries allow, nothing is checked beyond what they check, and
nothing is read twice. What no receiver under this profile can leave out is here; nothing else is.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from isal import isal_zlib
from lxml import etree

from protocol.as4.names import DS, EB, SOAP12, XENC
from schemas.catalogue import compiled

GZIP_WINDOW_BITS = 31
FILE_BYTES = 64 * 1024  # a larger part is a file of its own, like in the gateway
AT_REST_KEY_BYTES = 32  # payloads rest encrypted; that is promised, so every receiver here does it
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@dataclass(frozen=True, slots=True)
class Octets:
    """One message as its parts: the envelope, and each part's ciphertext."""

    soap: bytes
    parts: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a message."""

    cpu_ms: float
    wall_ms: float


class Floor:
    """Receives messages with nothing around; the rows and files go to `folder`."""

    def __init__(
        self, folder: Path, signing: RSAPrivateKey, opening: RSAPrivateKey, partner: RSAPublicKey
    ) -> None:
        self._folder = folder
        self._signing, self._opening, self._partner = signing, opening, partner
        self._token = base64.b64encode(
            signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        self._storage_key = os.urandom(AT_REST_KEY_BYTES)
        self._parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        self._header_schema, self._documents = compiled("as4"), compiled("documents")
        self._rows = sqlite3.connect(folder / "floor.db", isolation_level=None)
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            self._rows.execute(f"PRAGMA {pragma}").fetchone()
        self._rows.execute("CREATE TABLE message (envelope BLOB, receipt BLOB, parts BLOB)")

    def run(self, messages: Sequence[Octets]) -> Cost:
        """What one of `messages` costs on average."""
        wall, cpu = time.perf_counter(), time.process_time()
        for message in messages:
            self.receive(message)
        spent = time.process_time() - cpu, time.perf_counter() - wall
        return Cost(*(1000 * seconds / len(messages) for seconds in spent))

    def receive(self, message: Octets) -> None:
        """Verify, decrypt, decompress, validate, sign the receipt, and be durable."""
        root = etree.fromstring(message.soap, self._parser)
        messaging = root.find(f"{{{SOAP12}}}Header/{{{EB}}}Messaging")
        self._header_schema.assertValid(messaging)
        self._verify(root, messaging)
        plain = self._open(root, message.parts)
        self._documents.assertValid(etree.fromstring(plain[0], self._parser))
        receipt = self._receipt(root)
        hashlib.sha256(receipt).digest()
        self._store(message.soap, receipt, plain)

    def _receipt(self, root: etree._Element) -> bytes:
        """The signed references again, and a signature over them; it is written canonically."""
        said = b"".join(_canonical(one) for one in root.iter(f"{{{DS}}}Reference"))
        signed = b"<SignedInfo>" + base64.b64encode(hashlib.sha256(said).digest())
        value = self._signing.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return said + signed + base64.b64encode(value) + self._token

    def _verify(self, root: etree._Element, messaging: etree._Element) -> None:
        [signed_info] = root.iter(f"{{{DS}}}SignedInfo")
        [value] = root.iter(f"{{{DS}}}SignatureValue")
        signed = _canonical(signed_info)
        self._partner.verify(
            base64.b64decode(value.text or ""), signed, padding.PKCS1v15(), hashes.SHA256()
        )
        for block in (messaging, root.find(f"{{{SOAP12}}}Body")):
            hashlib.sha256(_canonical(block)).digest()

    def _open(self, root: etree._Element, parts: Sequence[bytes]) -> list[bytes]:
        [wrapped] = root.iterfind(f".//{{{XENC}}}EncryptedKey//{{{XENC}}}CipherValue")
        cipher = AESGCM(self._opening.decrypt(base64.b64decode(wrapped.text or ""), OAEP))
        delivered = []
        for part in parts:
            content = cipher.decrypt(part[:12], memoryview(part)[12:], None)
            hashlib.sha256(content).digest()
            content = isal_zlib.decompress(content, GZIP_WINDOW_BITS)
            hashlib.sha256(content).digest()
            delivered.append(content)
        return delivered

    def _store(self, soap: bytes, receipt: bytes, plain: list[bytes]) -> None:
        key = os.urandom(AT_REST_KEY_BYTES)  # one key for all parts; it is wrapped in the row
        resting = [AESGCM(key).encrypt(n.to_bytes(12), part, None) for n, part in enumerate(plain)]
        small = [part for part in resting if len(part) <= FILE_BYTES]
        for part in resting:
            if len(part) > FILE_BYTES:
                self._store_file(part)
        held = aes_key_wrap(self._storage_key, key) + b"".join(small)
        self._rows.execute("INSERT INTO message VALUES (?, ?, ?)", (soap, receipt, held))

    def _store_file(self, content: bytes) -> None:
        with (self._folder / f"{time.perf_counter_ns()}.part").open("xb") as file:
            file.write(content)
            os.fdatasync(file.fileno())
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _canonical(element: etree._Element) -> bytes:
    octets: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return octets
