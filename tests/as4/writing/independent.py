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
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from lxml import etree

NS = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "eb": "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/",
    "mf": "http://docs.oasis-open.org/ebxml-msg/ns/v3.0/mf/2010/04/",
    "ebbp": "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsse11": "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
    "xenc11": "http://www.w3.org/2009/xmlenc11#",
    "dsig11": "http://www.w3.org/2009/xmldsig11#",
    "more": "http://www.w3.org/2021/04/xmldsig-more#",
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


MAKE_KEY = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


class Party:
    """A throw-away key with its certificate, issued by a throw-away authority."""

    def __init__(
        self, name: str, issuer: Party | None = None, *, ski: bool = True, kind: str = "rsa"
    ) -> None:
        self.key = MAKE_KEY[kind]()
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
        signing_key = issuer.key if issuer else self.key
        hashed = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else SHA256()
        self.certificate = builder.sign(signing_key, hashed)
        self.chain: tuple[x509.Certificate, ...] = (
            (issuer.certificate, *issuer.chain) if issuer else ()
        )

    def sign(self, octets: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, padding.PKCS1v15(), SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.key.sign(octets, ec.ECDSA(SHA256())))
            size_bytes = (self.key.curve.key_size + 7) // 8
            return r.to_bytes(size_bytes) + s.to_bytes(size_bytes)
        return self.key.sign(octets)


def _verify(key: object, algorithm: str, value: bytes, octets: bytes) -> None:
    """The value holds, and it is of the algorithm that SignatureMethod names."""
    match key:
        case rsa.RSAPublicKey():
            assert algorithm == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
            key.verify(value, octets, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePublicKey():
            assert algorithm == "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
            assert len(value) == 64
            r, s = int.from_bytes(value[:32]), int.from_bytes(value[32:])
            key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(SHA256()))
        case ed25519.Ed25519PublicKey():
            assert algorithm == "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
            key.verify(value, octets)
        case _:
            raise InvalidSignature


def check_signature(
    soap: bytes, certificate: x509.Certificate, parts: Mapping[str, bytes]
) -> list[etree._Element]:
    """SignatureValue and every digest hold; `parts` are plaintexts by Content-ID.

    The signed things are exactly eb:Messaging, the Body, a fragment header and `parts`. Returns the
    references.
    """
    root = etree.fromstring(soap)
    security = one(root, "/env:Envelope/env:Header/wsse:Security")
    signature = one(security, "ds:Signature")
    signed_info = one(signature, "ds:SignedInfo")
    algorithm = one(signed_info, "ds:SignatureMethod").get("Algorithm")
    value = b64decode(one(signature, "ds:SignatureValue").text, validate=True)
    _verify(certificate.public_key(), algorithm, value, c14n(signed_info))
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
    fragments = root.findall("env:Header/mf:MessageFragment", NS)
    blocks = [messaging, body, *(fragment.get(WSU_ID) for fragment in fragments)]
    assert signed == [*(f"#{block}" for block in blocks), *(f"cid:{cid}" for cid in parts)]
    return references


def _content_key(key: etree._Element, receiver: object) -> bytes:
    """The content key in an xenc:EncryptedKey, by the way that it names."""
    wrapped = b64decode(one(key, "xenc:CipherData/xenc:CipherValue").text, validate=True)
    method = one(key, "xenc:EncryptionMethod").get("Algorithm")
    if isinstance(receiver, rsa.RSAPrivateKey):
        assert method == "http://www.w3.org/2009/xmlenc11#rsa-oaep"
        oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
        return receiver.decrypt(wrapped, oaep)
    assert method == "http://www.w3.org/2001/04/xmlenc#kw-aes128"
    agreement = one(key, "ds:KeyInfo/xenc:AgreementMethod")
    derivation = one(agreement, "xenc11:KeyDerivationMethod")
    assert derivation.get("Algorithm") == "http://www.w3.org/2021/04/xmldsig-more#hkdf"
    parameters = one(derivation, "more:HKDFParams")
    assert names(parameters) == ["PRF", "Salt", "KeyLength"]
    salt = b64decode(one(parameters, "more:Salt").text, validate=True)
    length = int(one(parameters, "more:KeyLength").text)
    one(agreement, "xenc:RecipientKeyInfo/wsse:SecurityTokenReference")
    secret = _secret(agreement, receiver)
    return aes_key_unwrap(HKDF(SHA256(), length, salt, b"").derive(secret), wrapped)


def _secret(agreement: etree._Element, receiver: object) -> bytes:
    originator = one(agreement, "xenc:OriginatorKeyInfo")
    if isinstance(receiver, x25519.X25519PrivateKey):
        assert agreement.get("Algorithm") == "http://www.w3.org/2021/04/xmldsig-more#x25519"
        octets = b64decode(one(originator, "dsig11:DEREncodedKeyValue").text, validate=True)
        assert len(octets) == 44
        return receiver.exchange(load_der_public_key(octets))
    assert isinstance(receiver, ec.EllipticCurvePrivateKey)
    assert agreement.get("Algorithm") == "http://www.w3.org/2009/xmlenc11#ECDH-ES"
    value = one(originator, "ds:KeyValue/dsig11:ECKeyValue")
    oids = {
        "secp256r1": "urn:oid:1.2.840.10045.3.1.7",
        "brainpoolP256r1": "urn:oid:1.3.36.3.3.2.8.1.1.7",
    }
    assert one(value, "dsig11:NamedCurve").get("URI") == oids[receiver.curve.name]
    point = b64decode(one(value, "dsig11:PublicKey").text, validate=True)
    public = ec.EllipticCurvePublicKey.from_encoded_point(receiver.curve, point)
    return receiver.exchange(ec.ECDH(), public)


def open_parts(soap: bytes, receiver: object, wire: Mapping[str, bytes]) -> dict[str, bytes]:
    """The decrypted, still compressed parts by Content-ID, as the envelope says to open them."""
    root = etree.fromstring(soap)
    key = one(root, "//xenc:EncryptedKey")
    content_key = _content_key(key, receiver)
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
