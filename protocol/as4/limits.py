"""Hard limits of the wire: configuration may lower them, nothing may lift them.

Each is well above what genuine messages need and well below what hurts; the reason stands beside
it. Source: docs/architecture.md, gates G3 and G4.
"""

from __future__ import annotations

from typing import Final

from protocol.hardened import XmlLimits

MEBIBYTE: Final = 1024 * 1024

#: The SOAP part is held in memory and parsed before anybody is authenticated.
#: A message with 32 parts has about 60 KiB.
MAX_SOAP_BYTES: Final = MEBIBYTE

#: Payload parts of one message; a receipt repeats one reference for each.
MAX_PARTS: Final = 32

#: References in one signature: every part, eb:Messaging and the Body (eDelivery AS4 1.15).
MAX_REFERENCES: Final = MAX_PARTS + 2

#: Entries of one PrefixList. Holodeck lists four. Canonicalisation looks up each entry at each
#: element, which made 22 KB cost 1.5 s.
MAX_PREFIXES: Final = 16

#: Security tokens in one header: one for the signature, one for the encrypted key.
MAX_TOKENS: Final = 2

#: Certificates in one PKIPath, and the size of one; both are far above what authorities issue.
MAX_PATH_CERTIFICATES: Final = 6
MAX_CERTIFICATE_BYTES: Final = 16 * 1024

#: What an envelope may be made of. 64 declarations in one scope bound the cost of
#: canonicalisation; peers repeat a few declarations for every part, so the whole may have more.
ENVELOPE: Final = XmlLimits(
    max_bytes=MAX_SOAP_BYTES,
    max_elements=20_000,
    max_depth=64,
    max_attributes=64,
    max_namespaces_in_scope=64,
    max_namespace_declarations=1024,
)
