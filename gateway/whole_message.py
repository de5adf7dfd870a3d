"""Our signed word about a message that went in fragments: which whole they make.

Both sides record it: the sender when it has split, the receiver when it has joined. The form is in
`protocol.evidence.whole`; the signature is made with the signature algorithm of the P-Mode's suite.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

from gateway.store.rows import fingerprint
from gateway.tls import der
from protocol.as4.names import SHA256
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.values import SignedReference
from protocol.evidence.records import Json
from protocol.evidence.whole import Whole, statement

#: What stands in the row of a joined message instead of references that its signature would hold.
SOURCE_URI: Final = "source-message"


def source_reference(digest: bytes) -> SignedReference:
    """What the row of such a message keeps in place of signed references: its whole package."""
    return SignedReference(SOURCE_URI, SHA256, digest)


def signed_whole(whole: Whole, envelope: bytes, signer: Signer, pmode: PMode) -> dict[str, Json]:
    """The facts of JOINED and SPLIT; `envelope` is the unsigned one inside the package."""
    said = statement(whole)
    return {
        "partner": whole.partner,
        "message_id": whole.message_id,
        "group_id": whole.group_id,
        "envelope_sha256": sha256(envelope).hexdigest(),
        "source_bytes": whole.size_bytes,
        "source_sha256": whole.sha256.hex(),
        "statement": said,
        "signature": b64encode(signer.sign(said.encode())).decode("ascii"),
        "signature_algorithm": pmode.suite.signature,
        "signer_sha256": fingerprint(der(signer.certificate)),
    }
