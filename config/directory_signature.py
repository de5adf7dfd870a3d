"""Who vouches for a State record: a detached signature beside each file of the directory.

states/AZ.toml.sig says who signed which content of AZ.toml, when, and with which key of this node.
A record without a signature that holds is not used. The file keeps the signature before the newest
one too, so that a crash between writing the signature and writing the record leaves a pair that
holds. Source: docs/decisions/0013-signed-directory.md.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from pydantic import AfterValidator, Field, with_config

from config.faults import ConfigRefused, Fault
from config.reading import STRICT, place, read_octets, shaped, table_in
from config.settings import Text
from config.toml_text import quoted
from keys.certificates import fingerprint
from keys.ring import FileSigner
from protocol.as4.signature import VERIFICATIONS
from protocol.as4.suites import Suite

SUFFIX: Final = ".sig"  # states/AZ.toml.sig
REMEDY: Final = (
    "compare the record with its source, then sign it: hanoi-gateway directory sign DIR --by NAME"
)
_PURPOSE: Final = "State record"  # so that no other signature of the same key can stand for one
_KEPT: Final = 2  # signatures in one file: the newest, and the one of the content before


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("needs an offset, as in 2026-01-01T09:00:00+00:00")
    return text


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+=*$", max_length=2048)]  # RSA-8192: 1368


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: `by` vouched `at` a moment for the content with the digest `sha256`."""

    sha256: Digest
    by: Text
    at: Annotated[str, AfterValidator(_moment)]
    algorithm: Text  # URI of XML Signature, as in suites
    certificate_sha256: Digest  # of the signer's certificate, a key of this node
    value: Base64

    @property
    def moment(self) -> datetime:
        """When it was signed, aware."""
        return datetime.fromisoformat(self.at)


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _FileShape:
    signature: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=_KEPT)]


def sign_record(
    state: str, octets: bytes, *, by: str, at: datetime, signer: FileSigner, suite: Suite
) -> Signature:
    """`by` vouches for `octets` as the record of `state`; `signer` signs by `suite`."""
    digest, moment = sha256(octets).hexdigest(), at.isoformat(timespec="microseconds")
    value = signer.sign(_statement(state, digest, by, moment))
    return Signature(
        digest,
        by,
        moment,
        suite.signature,
        fingerprint(signer.certificate),
        b64encode(value).decode("ascii"),
    )


def signature_text(signatures: Sequence[Signature]) -> str:
    """The signature file: the newest first, _KEPT of them at most."""
    head = "# Who vouches for the record beside this file; written by hanoi-gateway.\n"
    return head + "".join(_block(one) for one in signatures[:_KEPT])


def signatures_in(octets: bytes, path: Path) -> tuple[Signature, ...]:
    """The signatures in `octets`, which are the file `path`. Raises ConfigRefused."""
    return shaped(_FileShape, table_in(octets, path), path).signature


def signature_path(record: Path) -> Path:
    """Where the signature of the file `record` is."""
    return record.with_name(record.name + SUFFIX)


def verified_signature(
    record: Path, octets: bytes, certificates: Sequence[x509.Certificate]
) -> Signature:
    """The signature that holds for `octets`, the content of `record`, by one of `certificates`.

    Raises ConfigRefused, naming the record, where there is none.
    """
    path = signature_path(record)
    if not path.is_file():
        raise ConfigRefused([Fault(str(record), f"has no signature beside it; {REMEDY}")])
    made = signatures_in(read_octets(path), path)
    digest = sha256(octets).hexdigest()
    mine = [one for one in made if one.sha256 == digest]
    if not mine:
        newest = made[0]
        sentence = f"was changed after {newest.by} signed it at {newest.at}; {REMEDY}"
        raise ConfigRefused([Fault(str(record), sentence)])
    defects = list(signature_defects(record.stem, mine[0], certificates))
    if defects:
        where = place(path, "signature", made.index(mine[0]))
        raise ConfigRefused(Fault(where, f"{defect}; {REMEDY}") for defect in defects)
    return mine[0]


def signature_defects(
    state: str, signature: Signature, certificates: Sequence[x509.Certificate]
) -> Iterator[str]:
    """Why a signature for the record of `state` does not hold by any of `certificates`."""
    known = {fingerprint(one): one for one in certificates}
    certificate = known.get(signature.certificate_sha256)
    verify = VERIFICATIONS.get(signature.algorithm)
    if certificate is None:
        yield "was not made by a signing key that this node holds now"
        return
    if verify is None:
        yield f"is by {signature.algorithm}, which no suite knows"
        return
    statement = _statement(state, signature.sha256, signature.by, signature.at)
    try:
        verify(certificate.public_key(), b64decode(signature.value, validate=True), statement)
    except (InvalidSignature, ValueError):
        yield "does not hold"


def _statement(state: str, digest: str, by: str, at: str) -> bytes:
    """What is signed: JSON with its keys sorted and no spaces, in UTF-8."""
    said = {"at": at, "by": by, "purpose": _PURPOSE, "sha256": digest, "state": state}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _block(signature: Signature) -> str:
    return f"""
[[signature]]
sha256 = {quoted(signature.sha256)}
by = {quoted(signature.by)}
at = {quoted(signature.at)}
algorithm = {quoted(signature.algorithm)}
certificate_sha256 = {quoted(signature.certificate_sha256)}
value = {quoted(signature.value)}
"""
