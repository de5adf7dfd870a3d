"""Vectors that we did not make: agreement, key wrap and signatures give what stands beside them.

From the test suite of the xmlsec library; what they are is told in crypto-vectors/README.md.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_public_key,
)
from lxml import etree

from keys.pki import ThrowAwayAuthority
from keys.ring import FileDecrypter, KeyPair
from protocol.as4.key_agreement import Derivation, unwrap
from protocol.as4.names import DS, DSIG11, DSIG_MORE, EDDSA_ED25519, XENC, qname
from protocol.as4.signature import VERIFICATIONS
from tests.keys.certificates import NOW

from .expect import reference_folder

WRAPPING_KEY_BYTES = 32  # the vectors wrap with AES-256, where the profile has AES-128
AES_128_BYTES = 16  # one vector wraps 32 bytes, of which its library uses the first half
CONCAT_INFO = bytes.fromhex("123456") * 3  # AlgorithmID, PartyUInfo, PartyVInfo of the vector


def vector(name: str) -> Path:
    return reference_folder() / "crypto-vectors" / name


def text(element: etree._Element, tag: str, position: int = 0) -> bytes:
    return b64decode([found.text for found in element.iter(tag)][position])


def secret(originator: str, recipient: str) -> bytes:
    """What our ring agrees on with the two keys of a vector."""
    private_key = load_der_private_key(vector(recipient).read_bytes(), None)
    public_key = load_pem_public_key(vector(originator).read_bytes())
    assert isinstance(private_key, x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey)
    assert isinstance(public_key, x25519.X25519PublicKey | ec.EllipticCurvePublicKey)
    # The certificate only stands for its holder here: the ring never looks into it.
    holder: x509.Certificate = ThrowAwayAuthority("vectors", NOW).certificate
    return FileDecrypter(KeyPair(private_key, holder)).shared_secret(public_key)


X25519 = ("xdh-x25519-first-pubkey.pem", "xdh-x25519-second-key.der")
P256 = ("ec-prime256v1-pubkey.pem", "ec-prime256v1-second-key.der")


def opened(root: etree._Element, wrapping_key: bytes) -> bytes:
    """The plaintext: first CipherValue unwrapped, second one decrypted with it."""
    content_key = unwrap(wrapping_key, text(root, qname(XENC, "CipherValue")))[:AES_128_BYTES]
    octets = text(root, qname(XENC, "CipherValue"), 1)
    return AESGCM(content_key).decrypt(octets[:12], octets[12:], None)


def expected(stem: str) -> bytes:
    """The element in the file beside the vector; the encryption left out what stands around it."""
    octets = vector(f"{stem}.data").read_bytes()
    return octets[octets.index(b"?>") + 2 :].strip()


@pytest.mark.parametrize(
    ("stem", "keys"),
    [
        ("enc_xdh_x25519_hkdf_sha256_kw_aes256_aes128gcm", X25519),
        ("enc_ecdh_p256_hkdf_sha256_kw_aes256_aes128gcm", P256),
    ],
)
def test_agreement_derivation_and_wrap(stem: str, keys: tuple[str, str]) -> None:
    root = etree.parse(str(vector(f"{stem}.xml"))).getroot()
    derivation = Derivation(text(root, qname(DSIG_MORE, "Salt")))
    plain = opened(root, derivation.wrapping_key(secret(*keys), WRAPPING_KEY_BYTES))
    assert plain == expected(stem)


def test_ecdh_under_another_derivation_than_ours() -> None:
    """No suite of ours derives with ConcatKDF; the secret below it is the same."""
    stem = "enc_ecdh_p256_concatkdf_sha256_kw_aes256_aes128gcm"
    root = etree.parse(str(vector(f"{stem}.xml"))).getroot()
    derivation = ConcatKDFHash(SHA256(), WRAPPING_KEY_BYTES, CONCAT_INFO)
    plain = opened(root, derivation.derive(secret(*P256)))
    assert plain == expected(stem)


def signed_info_alone(name: str) -> etree._Element:
    """SignedInfo as a document of its own: lxml cannot take it out of another inclusively."""
    source = vector(name).read_text("utf-8")
    start, end = source.index("<SignedInfo>"), source.index("</SignedInfo>")
    head = f'<SignedInfo xmlns="{DS}">'
    return etree.fromstring(head + source[start + len("<SignedInfo>") : end] + "</SignedInfo>")


@pytest.mark.parametrize(
    "name",
    [
        "enveloped-sha256-eddsa-ed25519.xml",
        "enveloping-sha256-eddsa-ed25519-der-encoded-key-value.xml",
    ],
)
def test_ed25519_signatures(name: str) -> None:
    """Signed in inclusive canonical form, which we take from nobody: only the value is compared."""
    root = etree.parse(str(vector(name))).getroot()
    octets = etree.tostring(signed_info_alone(name), method="c14n")
    value = text(root, qname(DS, "SignatureValue"))
    public_key = load_pem_public_key(vector("eddsa-ed25519-pubkey.pem").read_bytes())
    for written in root.iter(qname(DSIG11, "DEREncodedKeyValue")):
        public_key = load_der_public_key(b64decode(written.text))
    VERIFICATIONS[EDDSA_ED25519](public_key, value, octets)
    with pytest.raises(InvalidSignature):
        VERIFICATIONS[EDDSA_ED25519](public_key, value, octets + b" ")
