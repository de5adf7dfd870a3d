"""The key that opens one MIME part, once it has been taken out of its EncryptedKey."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartSecret:
    """What decrypts one part: the content key, and the type the part had before encryption.

    `mime_type` is xenc:EncryptedData/@MimeType; it decides how the part's digest is formed
    (SwA Profile 1.1 section 5.3.2). The key never appears in a representation of this value.
    """

    key: bytes = field(repr=False)
    mime_type: str
