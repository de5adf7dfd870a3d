"""Holds a message that went in fragments against the evidence: the whole, and its pieces."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from gateway.store.rows import AnyRow, references_of
from gateway.whole_message import source_reference
from protocol.as4.envelope import open_envelope
from protocol.as4.errors import Refused
from protocol.as4.signature import VERIFICATIONS
from protocol.as4.source_receipt import check_source_receipt
from protocol.as4.suites import SUITES
from protocol.as4.values import UserMessage
from protocol.evidence.chain import Finding


def check_whole(
    where: str,
    row: AnyRow,
    pieces: Sequence[AnyRow],
    ending: Mapping[str, Any],
    certificates: Mapping[str, bytes],
) -> Iterator[Finding]:
    """Whether the statement about the whole is signed, and says what rows and pieces say.

    `ending` are the facts of JOINED or SPLIT; `pieces` have number, message_id and sha256.
    """
    if row.envelope is None or sha256(row.envelope).hexdigest() != ending["envelope_sha256"]:
        yield Finding(where, "its envelope was changed: it does not have the digest in evidence")
    whole = (source_reference(bytes.fromhex(str(ending["source_sha256"]))),)
    if references_of(row.references) != whole:
        yield Finding(where, "the digest of the whole in its row was changed")
    yield from _check_signature(where, ending, certificates)
    said = json.loads(str(ending["statement"]))
    for name in ("partner", "message_id", "group_id", "source_bytes", "source_sha256"):
        if said[name] != ending[name]:
            yield Finding(where, f"the signed statement has another {name} than the evidence")
    found = [[piece.number, piece.message_id, piece.sha256.hex()] for piece in pieces]
    if said["fragments"] != found:
        yield Finding(where, "its fragments are not those of the signed statement")


def check_source_receipt_row(row: AnyRow, signer: x509.Certificate) -> str | None:
    """Why the receipt in `row` does not confirm the message of its envelope; None if it does."""
    reason = "no suite knows it"
    for suite in SUITES.values():
        try:
            source = open_envelope(row.envelope).unit
            if not isinstance(source, UserMessage):
                return "the envelope holds no user message"
            check_source_receipt(open_envelope(row.receipt), source, [signer], suite)
        except (Refused, ValueError) as e:
            reason = str(e)
        else:
            return None
    return reason


def _check_signature(
    where: str, ending: Mapping[str, Any], certificates: Mapping[str, bytes]
) -> Iterator[Finding]:
    der = certificates.get(str(ending["signer_sha256"]))
    verify = VERIFICATIONS.get(str(ending["signature_algorithm"]))
    if der is None or verify is None:
        yield Finding(where, "nobody can check who signed the statement about the whole")
        return
    key = x509.load_der_x509_certificate(der).public_key()
    try:
        verify(key, b64decode(str(ending["signature"])), str(ending["statement"]).encode())
    except (InvalidSignature, ValueError):
        yield Finding(where, "the signature of the statement about the whole does not hold")
