"""AES-GCM over one MIME part, as a stream: IV (12) || ciphertext || tag (16), raw octets.

Source: XML Encryption 1.1 section 5.2.4; SwA Profile 1.1 section 5.5 (Attachment-Content-Only).
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

IV_BYTES: Final = 12
TAG_BYTES: Final = 16


class TagMismatch(Exception):
    """The octets were not made with this key, or they were changed or cut on the way."""


class PartOpener:
    """Decrypts one part. Nothing that `receive` gave may be believed before `finish` returned."""

    def __init__(self, key: bytes) -> None:
        self._key = AES(key)
        self._held = b""
        self._decryptor: AEADDecryptionContext | None = None

    def receive(self, octets: bytes) -> bytes:
        """The plaintext so far; the last 16 octets wait, because they may be the tag."""
        octets = self._held + octets
        if self._decryptor is None:
            if len(octets) < IV_BYTES + TAG_BYTES:
                self._held = octets
                return b""
            self._decryptor = Cipher(self._key, GCM(octets[:IV_BYTES])).decryptor()
            octets = octets[IV_BYTES:]
        self._held = octets[-TAG_BYTES:]
        return self._decryptor.update(memoryview(octets)[:-TAG_BYTES])

    def finish(self) -> None:
        """The tag holds: all plaintext given is what was encrypted. Raises TagMismatch."""
        if self._decryptor is None:
            raise TagMismatch("the part is too short to hold an IV and a tag")
        try:
            self._decryptor.finalize_with_tag(self._held)
        except InvalidTag as error:
            raise TagMismatch("the authentication tag does not match") from error


class PartSealer:
    """Encrypts one part under an IV of its own."""

    def __init__(self, key: bytes) -> None:
        self._iv = os.urandom(IV_BYTES)  # random IVs: a key serves the few parts of one message
        self._encryptor = Cipher(AES(key), GCM(self._iv)).encryptor()

    def receive(self, octets: bytes) -> bytes:
        """The next octets for the wire; the IV first."""
        iv, self._iv = self._iv, b""
        return iv + self._encryptor.update(octets)

    def finish(self) -> bytes:
        """The last octets, the tag among them."""
        rest = self.receive(b"") + self._encryptor.finalize()
        return rest + self._encryptor.tag
