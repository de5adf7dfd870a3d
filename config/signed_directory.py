"""The State directory of a node, each record with the signature that vouches for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from config.directory import record_in
from config.directory_signature import (
    Signature,
    sign_record,
    signature_path,
    signature_text,
    signatures_in,
    verified_signature,
)
from config.faults import ConfigRefused, Fault
from config.reading import Collected, read_octets
from keys.files import TIGHT_FILE_MODE, write_new
from keys.ring import FileSigner
from protocol.as4.suites import Suite
from protocol.convention.directory import StateRecord

Sign = Callable[[str, bytes, str, datetime], Signature]  # state, octets, by whom, when


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A State record as it stands in its file, and who vouches for that."""

    record: StateRecord
    octets: bytes = field(repr=False)
    signature: Signature

    @property
    def sha256(self) -> str:
        """The digest of the file, in hexadecimal."""
        return self.signature.sha256


def signing(signer: FileSigner, suite: Suite) -> Sign:
    """What signs State records with the key of `signer`."""

    def sign(state: str, octets: bytes, by: str, at: datetime) -> Signature:
        return sign_record(state, octets, by=by, at=at, signer=signer, suite=suite)

    return sign


def verified_records(
    folder: Path,
    records: Mapping[str, tuple[bytes, StateRecord]],
    certificates: Sequence[x509.Certificate],
) -> dict[str, SignedRecord]:
    """The `records` of the files in `folder` with their signatures.

    Raises ConfigRefused, naming every file whose signature is missing or does not hold.
    """
    found = Collected()
    signed: dict[str, SignedRecord] = {}
    for state, (octets, record) in records.items():
        try:
            signature = verified_signature(folder / f"{state}.toml", octets, certificates)
        except ConfigRefused as refused:
            found.faults.extend(refused.faults)
        else:
            signed[state] = SignedRecord(record, octets, signature)
    found.refuse_if_any()
    return signed


def sign_files(folder: Path, states: Sequence[str], by: str, at: datetime, sign: Sign) -> list[str]:
    """The files of `states` in `folder` (all, if none is named) are signed; returns which.

    Only a record that is right is signed. Raises ConfigRefused, and nothing has been signed then.
    """
    paths = [folder / f"{state}.toml" for state in states] or sorted(folder.glob("*.toml"))
    if not paths:
        raise ConfigRefused([Fault(str(folder), "holds no State record to sign")])
    contents = [(path, read_octets(path)) for path in paths]
    found = Collected()
    for path, octets in contents:
        found.attempt(lambda path=path, octets=octets: record_in(octets, path))  # type: ignore[misc]
        found.faults.extend(_later(path, at))
    found.refuse_if_any()
    for path, octets in contents:
        signature = sign(path.stem, octets, by, at)
        replace_file(signature_path(path), signature_text([signature]).encode(), TIGHT_FILE_MODE)
    return [path.stem for path in paths]


def _later(path: Path, at: datetime) -> Iterator[Fault]:
    """The order of signatures is their time: one that seems older than the last would not count."""
    beside = signature_path(path)
    try:
        made = signatures_in(read_octets(beside), beside) if beside.is_file() else ()
    except ConfigRefused:
        return  # what cannot be read is written anew
    for one in made:
        if one.moment >= at:
            yield Fault(
                str(beside), f"was made at {one.at}, and it is {at.isoformat()}; set the clock"
            )


def write_signed(folder: Path, signed: SignedRecord) -> None:
    """The file of the record and its signature are on disk, whatever crashes in between.

    The signature comes first, beside the one that the present content has: at every moment the
    content that is there has a signature that holds.
    """
    path = folder / f"{signed.record.code}.toml"
    beside = signature_path(path)
    before = signatures_in(read_octets(beside), beside) if beside.is_file() else ()
    kept = [one for one in before if one.sha256 != signed.sha256]
    text = signature_text([signed.signature, *kept])
    replace_file(beside, text.encode(), TIGHT_FILE_MODE)
    replace_file(path, signed.octets, TIGHT_FILE_MODE)


def replace_file(path: Path, octets: bytes, mode: int) -> None:
    """`path` holds `octets`, durable; before that it holds what it held."""
    draft = path.with_name(f".{path.name}.new-{os.getpid()}")
    draft.unlink(missing_ok=True)
    write_new(draft, octets, mode)
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
