"""Algorithms, transforms and parameters that were not agreed (threats A01 to A18)."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from .expect import read, refusal
from .maker import (
    C14N,
    CIPHERTEXT,
    DS,
    NAMESPACES,
    PART_ID,
    RSA_SHA256,
    SWA,
    Draft,
    c14n,
    party,
    reference,
    transform,
)

SIGNER = party("signer")
CID = f"cid:{PART_ID}"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def method(algorithm: str, content: str = "", attributes: str = "") -> str:
    return f'<ds:SignatureMethod Algorithm="{algorithm}"{attributes}>{content}</ds:SignatureMethod>'


def test_a01_the_public_key_as_a_secret() -> None:
    draft = Draft(SIGNER, signature_method=method(f"{MORE}hmac-sha256"))
    root = etree.fromstring(draft.signed())
    octets = c14n(root.find(".//ds:SignedInfo", NAMESPACES), None)
    public = SIGNER.key.public_key()
    for secret in (
        SIGNER.der,
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_numbers().n.to_bytes(256),
    ):
        mac = b64encode(hmac.digest(secret, octets, "sha256")).decode()
        root.find(".//ds:SignatureValue", NAMESPACES).text = mac
        with refusal("E:0103"):
            read(etree.tostring(root), SIGNER.certificate)


SIGNATURE_METHODS = [
    method(f"{DS}rsa-sha1"),
    method(f"{DS}dsa-sha1"),
    method(f"{MORE}rsa-md5"),
    method(f"{MORE}rsa-ripemd160"),
    method(f"{MORE}rsa-sha512"),
    method(f"{MORE}ecdsa-sha256"),
    method("http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"),
    method("http://www.w3.org/2007/05/xmldsig-more#rsa-pss"),
    method("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
    method(""),
    method("urn:unknown"),
    method("#none"),
    method(RSA_SHA256.upper()),
    method(f" {RSA_SHA256}"),
    method(RSA_SHA256, "<ds:HMACOutputLength>1</ds:HMACOutputLength>"),
    method(RSA_SHA256, attributes=f' x:Algorithm="{DS}rsa-sha1" xmlns:x="urn:x"'),
    "<ds:SignatureMethod/>",
    "",
    method(RSA_SHA256) * 2,
]


@pytest.mark.parametrize("signature_method", SIGNATURE_METHODS)
def test_a03_a04_a15_signature_methods(signature_method: str) -> None:
    with refusal("E:0103"):
        read(Draft(SIGNER, signature_method=signature_method).signed(), SIGNER.certificate)


@pytest.mark.parametrize("digest", [f"{DS}sha1", f"{MORE}md5", "urn:x", ""])
@pytest.mark.parametrize("bent", ["#msg", "#body", CID])
def test_a05_digest_methods(digest: str, bent: str) -> None:
    references = [
        reference(uri, digest_method=digest) if uri == bent else reference(uri)
        for uri in ("#msg", "#body", CID)
    ]
    with refusal("E:0103"):
        read(Draft(SIGNER, references=references).signed(), SIGNER.certificate)


TRANSFORMS = [
    transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
    transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
    transform("http://www.w3.org/2002/06/xmldsig-filter2"),
    transform(f"{DS}base64"),
    transform(f"{DS}enveloped-signature"),
    transform("http://www.w3.org/2002/07/decrypt#XML"),
    transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
    transform("http://www.w3.org/2006/12/xml-c14n11"),
    transform("http://www.w3.org/2010/xml-c14n2"),
    transform(f"{C14N}WithComments"),
    transform(f"{SWA}#Attachment-Complete-Signature-Transform"),
    transform(CIPHERTEXT),
    transform() * 2,
    transform() * 100,
    "",
    f'<ds:Transform Algorithm="{C14N}"><x/></ds:Transform>',
]


@pytest.mark.parametrize("transforms", TRANSFORMS)
@pytest.mark.parametrize("bent", ["#msg", CID])
def test_a07_a08_a09_transforms(transforms: str, bent: str) -> None:
    references = [
        reference(uri, transforms) if uri == bent else reference(uri)
        for uri in ("#msg", "#body", CID)
    ]
    with refusal("E:0103"):
        read(Draft(SIGNER, references=references).signed(), SIGNER.certificate)


@pytest.mark.parametrize("bent", TRANSFORMS[6:11])
def test_a09_canonicalisation_of_signed_info(bent: str) -> None:
    c14n_method = bent.replace("ds:Transform", "ds:CanonicalizationMethod")
    with refusal("E:0103"):
        read(Draft(SIGNER, c14n_method=c14n_method).signed(), SIGNER.certificate)


def test_the_attachment_transform_is_not_for_elements_nor_the_other_way_round() -> None:
    swapped = [
        reference("#msg", transform(f"{SWA}#Attachment-Content-Signature-Transform")),
        reference("#body"),
        reference(CID),
    ]
    with refusal("E:0103"):
        read(Draft(SIGNER, references=swapped).signed(), SIGNER.certificate)


def test_a11_too_many_references() -> None:
    references = [reference("#msg"), reference("#body")]
    references += [reference(f"cid:{n}@xu") for n in range(33)]
    with refusal("E:0103"):
        read(Draft(SIGNER, references=references).signed(), SIGNER.certificate)


def test_a18_white_space_in_base64_is_legal() -> None:
    soap = Draft(SIGNER).signed()
    spaced = re.sub(
        rb"(<ds:SignatureValue>)(.{40})(.{40})", rb"\1\n \2\r\n\t\3&#13;\n", soap, flags=re.DOTALL
    )
    assert spaced != soap
    assert read(spaced, SIGNER.certificate)


@pytest.mark.parametrize("value", ["", "====", "AAAA", "é", "A", "AAAA\u00a0", "*" * 344])
def test_signature_values_that_are_none(value: str) -> None:
    soap = Draft(SIGNER).signed().decode()
    broken = re.sub(r"<ds:SignatureValue>[^<]*<", f"<ds:SignatureValue>{value}<", soap)
    with refusal("E:0101"):
        read(broken.encode(), SIGNER.certificate)


def test_a_digest_with_an_element_in_it() -> None:
    soap = Draft(SIGNER).signed().replace(b"<ds:DigestValue>", b"<ds:DigestValue><x/>", 1)
    with refusal("E:0009", "E:0103"):
        read(soap, SIGNER.certificate)
