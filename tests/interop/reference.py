"""The reference messages and vectors beside the project, and their keys in our folders' form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tests.interop.phase4_peer import PartyKeys

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "reference"


def reference_folder() -> Path:
    """Where they lie; the test is skipped without them."""
    folder = Path(os.environ.get("HANOI_REFERENCE", DEFAULT)) / "as4"
    if not folder.is_dir():
        pytest.skip(f"no reference material in {folder} (set HANOI_REFERENCE)")
    return folder


def keys_of(party: str, signing: str, encryption: str, into: Path) -> PartyKeys:
    """The keys of `party` (alpha or beta) of these kinds, as `sign` and `encrypt` in `into`."""
    source = reference_folder() / "examples" / "keys"
    into.mkdir()
    for purpose, name in (("sign", f"sign-{signing}"), ("encrypt", f"enc-{encryption}")):
        stem = f"ap-{party}-{name}"
        key = load_der_private_key((source / f"{stem}.key.der").read_bytes(), None)
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (into / f"{purpose}.key.pem").write_bytes(octets)
        certificate = (source / f"{stem}.crt.pem").read_bytes()
        (into / f"{purpose}.cert.pem").write_bytes(certificate)
    return PartyKeys(into)
