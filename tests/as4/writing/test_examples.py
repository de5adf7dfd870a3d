"""The reference messages, which other code made, through the MIME reader and the parts."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from lxml import etree

from protocol.as4.attachments import InboundPart
from protocol.as4.errors import Refused
from protocol.as4.mime import MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.pmode import SizeLimits
from protocol.as4.secrets import PartSecret
from protocol.as4.values import PartInfo, Property, SignedReference

from .independent import NS, check_signature, one, open_parts, reference_folder


def http(path: Path) -> tuple[str, bytes]:
    """Content-Type and body of a raw HTTP message."""
    head, body = path.read_bytes().split(b"\r\n\r\n", 1)
    for line in head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            return value.strip().decode("ascii"), body
    raise AssertionError(f"{path.name} has no Content-Type")


def taken_apart(content_type: str, body: bytes, size: int) -> dict[str | None, bytes]:
    """Contents by Content-ID; the root part stands under None."""
    reader = MimeReader(content_type)
    parts: dict[str | None, bytes] = {}
    current: str | None = None
    slices = [body[i : i + size] for i in range(0, len(body), size)]
    for event in [e for octets in slices for e in reader.receive(octets)] + reader.finish():
        match event:
            case PartStarted(content_id, _, _, is_root):
                current = None if is_root else content_id
                parts[current] = b""
            case PartContent(octets):
                parts[current] += octets
            case PartEnded():
                pass
    return parts


def key(name: str) -> rsa.RSAPrivateKey:
    path = reference_folder() / "examples" / "keys" / f"{name}.key.der"
    loaded = load_der_private_key(path.read_bytes(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def certificate(name: str) -> x509.Certificate:
    path = reference_folder() / "examples" / "keys" / f"{name}.crt.pem"
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_example_01_is_delivered(size: int) -> None:
    content_type, body = http(reference_folder() / "examples/01-usermessage-edelivery115.http")
    parts = taken_apart(content_type, body, size)
    soap = parts.pop(None)
    wire = {cid: octets for cid, octets in parts.items() if cid is not None}
    opened = open_parts(soap, key("ap-beta-enc-rsa"), wire)
    check_signature(soap, certificate("ap-alpha-sign-rsa"), opened)
    root = etree.fromstring(soap)
    wrapped = b64decode(one(root, "//xenc:EncryptedKey//xenc:CipherValue").text)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    secret = PartSecret(key("ap-beta-enc-rsa").decrypt(wrapped, oaep), "application/gzip")
    for cid, octets in wire.items():
        info = _part_info(root, cid)
        reference = one(root, f"//ds:SignedInfo/ds:Reference[@URI='cid:{cid}']")
        digest = b64decode(one(reference, "ds:DigestValue").text)
        signed = SignedReference(
            f"cid:{cid}", one(reference, "ds:DigestMethod").get("Algorithm"), digest
        )
        part = InboundPart(info, signed, secret, "application/octet-stream", SizeLimits())
        slices = [octets[i : i + size] for i in range(0, len(octets), size)]
        content = b"".join(piece for s in slices for piece in part.receive(s))
        list(part.finish())
        assert content == gzip.decompress(opened[cid])
        assert part.sha256 == hashlib.sha256(content).digest()


def _part_info(root: etree._Element, cid: str) -> PartInfo:
    found = one(root, f"//eb:PartInfo[@href='cid:{cid}']")
    return PartInfo(
        cid, tuple(Property(p.get("name"), p.text) for p in found.iter(f"{{{NS['eb']}}}Property"))
    )


@pytest.mark.parametrize(
    "name",
    ["02-receipt-edelivery115", "03-error", "04-pullrequest", "05-empty-mpc-warning"],
)
def test_bare_examples_are_one_root_part(name: str) -> None:
    content_type, body = http(reference_folder() / f"examples/{name}.http")
    assert taken_apart(content_type, body, 1000) == {None: body}


@pytest.mark.parametrize(
    ("name", "attachments"),
    [
        ("examples/06-usermessage-edelivery20.http", 1),
        ("samples/ok-01-phase4-peppol-usermessage-raw.as4out", 1),
    ],
)
def test_multipart_of_other_products(name: str, attachments: int) -> None:
    content_type, body = http(reference_folder() / name)
    whole = taken_apart(content_type, body, len(body))
    assert len(whole) >= 1 + attachments
    assert taken_apart(content_type, body, 1) == whole
    root = etree.fromstring(whole[None])
    hrefs = {p.get("href") for p in root.iter(f"{{{NS['eb']}}}PartInfo")}
    assert hrefs == {f"cid:{cid}" for cid in whole if cid is not None}


def test_sample_22_base64_part_without_brackets_is_read() -> None:
    path = reference_folder() / "samples/bad-22-phase4-compressiontype-rar.mime"
    octets = path.read_bytes().replace(b"\n", b"\r\n")  # kept with LF in its project's tests
    head, body = octets.split(b"\r\n\r\n", 1)
    content_type = head.split(b"Content-Type:")[1].replace(b"\r\n\t", b"").strip().decode()
    parts = taken_apart(content_type, body, 100)
    assert len(parts) == 2
    root = etree.fromstring(parts.pop(None))
    assert {p.get("href") for p in root.iter(f"{{{NS['eb']}}}PartInfo")} == {
        f"cid:{cid}" for cid in parts
    }
    with pytest.raises(Refused):
        taken_apart(content_type, body.replace(b"\r\n", b"\n"), 100)
