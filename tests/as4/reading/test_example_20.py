"""The example messages of profile 2.0, made by others' code: read down to their payloads."""

from __future__ import annotations

import gzip
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_private_key

from keys.ring import FileDecrypter, KeyPair
from protocol.as4.encryption import open_parts
from protocol.as4.envelope import open_envelope
from protocol.as4.receipt_check import check_receipt
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import EDELIVERY_20, EDELIVERY_20_ECC, EDELIVERY_115, Suite
from protocol.as4.values import UserMessage

from .expect import reference_folder, refusal
from .test_samples import example, example_certificate


def example_20_message() -> SignedEnvelope:
    envelope = open_envelope(example("06"))
    return verify_signature(envelope, [example_certificate("ap-alpha-sign-ed25519")], EDELIVERY_20)


def test_the_example_message_of_profile_20_is_read_down_to_its_payloads() -> None:
    signed = example_20_message()
    assert isinstance(signed.unit, UserMessage)
    folder = reference_folder() / "examples" / "keys"
    key = load_der_private_key((folder / "ap-beta-enc-x25519.key.der").read_bytes(), None)
    assert isinstance(key, X25519PrivateKey)
    decrypter = FileDecrypter(KeyPair(key, example_certificate("ap-beta-enc-x25519")))
    secrets = open_parts(signed, [decrypter], EDELIVERY_20)
    octets = next((reference_folder() / "examples").glob("06-*.http")).read_bytes()
    for part in signed.unit.parts:
        head = octets.index(f"<{part.content_id}>".encode())
        start = octets.index(b"\r\n\r\n", head) + 4
        wire = octets[start : octets.index(b"\r\n--MIME", start)]
        compressed = AESGCM(secrets[part.content_id].key).decrypt(wire[:12], wire[12:], None)
        reference = next(r for r in signed.references if r.content_id == part.content_id)
        assert sha256(compressed).digest() == reference.digest
        assert gzip.decompress(compressed)


def test_the_example_receipt_of_profile_20_is_for_its_message() -> None:
    signed = example_20_message()
    receipt = check_receipt(
        open_envelope(example("07")),
        ref_to_message_id=signed.unit.message_id,
        sent=signed.references,
        certificates=[example_certificate("ap-beta-sign-ed25519")],
        suite=EDELIVERY_20,
    )
    assert receipt.ref_to_message_id == signed.unit.message_id


@pytest.mark.parametrize(("name", "signer"), [("06", "alpha"), ("07", "beta")])
@pytest.mark.parametrize("suite", [EDELIVERY_115, EDELIVERY_20_ECC], ids=lambda suite: suite.id)
def test_another_suite_than_the_agreed_one_is_refused_by_policy(
    name: str, signer: str, suite: Suite
) -> None:
    certificate = example_certificate(f"ap-{signer}-sign-ed25519")
    with refusal("E:0103"):
        verify_signature(open_envelope(example(name)), [certificate], suite)


@pytest.mark.parametrize("suite", [EDELIVERY_20, EDELIVERY_20_ECC], ids=lambda suite: suite.id)
def test_an_older_suite_than_the_agreed_one_is_refused_by_policy(suite: Suite) -> None:
    """Nobody is talked down to 1.15."""
    with refusal("E:0103"):
        verify_signature(
            open_envelope(example("01")), [example_certificate("ap-alpha-sign-rsa")], suite
        )
