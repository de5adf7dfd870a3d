"""Bergshamra, a library in Rust, with the command line of xmlsec1_peer.py."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pybergshamra

TEXT_KEYS = {
    b"-----BEGIN CERT": pybergshamra.load_x509_cert_pem,
    b"-----BEGIN PUB": pybergshamra.load_spki_pem,
}


def main() -> None:
    """Do what the command line says."""
    what, file, *keys = sys.argv[1:]
    xml = Path(file).read_text()
    said: dict[str, object] = {}
    try:
        said |= _verify(xml, *keys) if what == "verify" else _decrypt(xml, *keys)
    except pybergshamra.BergshamraError as e:
        said |= {"ok": False, "failure": str(e)}
    print(json.dumps(said))


def _verify(xml: str, key: str) -> dict[str, object]:
    manager = pybergshamra.KeysManager()
    manager.add_key(_key(key))
    # "strict" would have what is signed beside the signature; in SOAP it is elsewhere
    context = pybergshamra.DsigContext(
        manager, strict_verification=False, require_reference_digests=False
    )
    result = pybergshamra.verify(context, xml)
    if not result:
        return {"ok": False, "failure": result.reason}
    references = {one.uri: one.digest_verified for one in result.references or []}
    return {"ok": True, "references": references}


def _decrypt(xml: str, recipient: str, originator: str | None = None) -> dict[str, object]:
    manager = pybergshamra.KeysManager()
    for file, name in ((recipient, "recipient"), (originator, "originator")):
        if file is not None:
            key = _key(file)
            key.name = f"{name}-key-name"
            manager.add_key(key)
    octets = pybergshamra.decrypt_to_bytes(pybergshamra.EncContext(manager), xml)
    return {"ok": True, "content": base64.b64encode(octets).decode()}


def _key(file: str) -> pybergshamra.Key:
    octets = Path(file).read_bytes()
    for begin, load in TEXT_KEYS.items():
        if octets.startswith(begin):
            return load(octets)
    return pybergshamra.load_key_file(file)


if __name__ == "__main__":
    main()
