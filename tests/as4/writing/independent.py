"""Reads what we write with none of our reading code: lxml's C14N and plain cryptography.

Written from the specifications, for tests only; it believes nothing that it did not compute.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

NS = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "eb": "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/",
    "ebbp": "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsse11": "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}
WSU_ID = f"{{{NS['wsu']}}}Id"


def reference_folder() -> Path:
    """Where the official schemas and example messages lie; the test is skipped without them."""
    default = Path(__file__).resolve().parents[4] / "shared" / "reference"
    folder = Path(os.environ.get("HANOI_REFERENCE", default)) / "as4"
    if not folder.is_dir():
        pytest.skip(f"no reference material in {folder} (set HANOI_REFERENCE)")
    return folder


@cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(path)))


def check_schema(soap: bytes) -> None:
    """The envelope is valid by the official schemas."""
    _schema(reference_folder() / "xsd" / "as4-all.xsd").assertValid(etree.fromstring(soap))


def c14n(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def one(root: etree._Element, path: str) -> etree._Element:
    found = root.xpath(path, namespaces=NS)
    assert len(found) == 1, (path, len(found))
    return found[0]


def names(element: etree._Element) -> list[str]:
    """Local names of the children."""
    return [etree.QName(child).localname for child in element]


class Party:
    """A throw-away RSA key with its certificate, issued by a throw-away authority."""

    def __init__(self, name: str, issuer: Party | None = None, *, ski: bool = True) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Näme, with <odd> signs & more"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
            ]
        )
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name if issuer else self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        if ski:
            identifier = x509.SubjectKeyIdentifier(b"not a digest " + name.encode())
            builder = builder.add_extension(identifier, critical=False)
        self.certificate = builder.sign(issuer.key if issuer else self.key, SHA256())
        self.chain: tuple[x509.Certificate, ...] = (
            (issuer.certificate, *issuer.chain) if issuer else ()
        )

    def sign(self, octets: bytes) -> bytes:
        return self.key.sign(octets, padding.PKCS1v15(), SHA256())


def check_signature(
    soap: bytes, certificate: x509.Certificate, parts: Mapping[str, bytes]
) -> list[etree._Element]:
    """SignatureValue and every digest hold; `parts` are plaintexts by Content-ID.

    The signed things are exactly eb:Messaging, the Body and `parts`. Returns the references.
    """
    root = etree.fromstring(soap)
    security = one(root, "/env:Envelope/env:Header/wsse:Security")
    signature = one(security, "ds:Signature")
    signed_info = one(signature, "ds:SignedInfo")
    certificate.public_key().verify(
        b64decode(one(signature, "ds:SignatureValue").text, validate=True),
        c14n(signed_info), padding.PKCS1v15(), SHA256(),
    )  # fmt: skip
    references = signed_info.findall("ds:Reference", NS)
    for reference in references:
        uri = reference.get("URI")
        if uri.startswith("cid:"):
            octets, transform = parts[uri[4:]], "#Attachment-Content-Signature-Transform"
        else:
            octets, transform = c14n(one(root, f"//*[@wsu:Id='{uri[1:]}']")), "xml-exc-c14n#"
        assert one(reference, "ds:Transforms/ds:Transform").get("Algorithm").endswith(transform)
        value = one(reference, "ds:DigestValue").text
        assert b64decode(value, validate=True) == hashlib.sha256(octets).digest()
    signed = [reference.get("URI") for reference in references]
    messaging = one(root, "/env:Envelope/env:Header/eb:Messaging").get(WSU_ID)
    body = one(root, "/env:Envelope/env:Body").get(WSU_ID)
    assert signed == [f"#{messaging}", f"#{body}", *(f"cid:{cid}" for cid in parts)]
    return references


def open_parts(
    soap: bytes, receiver: rsa.RSAPrivateKey, wire: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The decrypted, still compressed parts by Content-ID, as the envelope says to open them."""
    root = etree.fromstring(soap)
    key = one(root, "//xenc:EncryptedKey")
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    wrapped = b64decode(one(key, "xenc:CipherData/xenc:CipherValue").text, validate=True)
    content_key = receiver.decrypt(wrapped, oaep)
    listed = [r.get("URI") for r in key.findall("xenc:ReferenceList/xenc:DataReference", NS)]
    assert listed == [f"#{data.get('Id')}" for data in root.iter(f"{{{NS['xenc']}}}EncryptedData")]
    opened = {}
    for uri in listed:
        data = one(root, f"//xenc:EncryptedData[@Id='{uri[1:]}']")
        owner = one(data, "ds:KeyInfo/wsse:SecurityTokenReference/wsse:Reference").get("URI")
        assert owner == f"#{key.get('Id')}"
        cid = one(data, "xenc:CipherData/xenc:CipherReference").get("URI").removeprefix("cid:")
        octets = wire[cid]
        opened[cid] = AESGCM(content_key).decrypt(octets[:12], octets[12:], None)
        if data.get("MimeType") == "application/gzip":
            gzip.decompress(opened[cid])
    return opened


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
