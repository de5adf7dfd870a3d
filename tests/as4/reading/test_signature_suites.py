"""The signature value of each suite: its one form, by a key of its kind, and nothing near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from protocol.as4.envelope import open_envelope
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import EDELIVERY_20, EDELIVERY_20_ECC, EDELIVERY_115, SUITES, Suite
from tests.as4.writing.independent import Party, der

from .expect import refusal
from .maker import Draft, binary_token

ROOT = Party("root", kind="p256")
PARTIES = {
    kind: Party(kind, ROOT, kind=kind) for kind in ("rsa", "ed25519", "p256", "brainpool", "p384")
}
FIT = [
    (EDELIVERY_115, "rsa"),
    (EDELIVERY_20, "ed25519"),
    (EDELIVERY_20_ECC, "p256"),
    (EDELIVERY_20_ECC, "brainpool"),
]
IDS = [f"{suite.id} {kind}" for suite, kind in FIT]


@dataclass(frozen=True)
class Bent:
    """A party whose signature values are changed on their way out."""

    party: Party
    change: Callable[[bytes], bytes]

    @property
    def certificate(self) -> x509.Certificate:
        return self.party.certificate

    def sign(self, octets: bytes) -> bytes:
        return self.change(self.party.sign(octets))


def verified(
    signer: Party | Bent, suite: Suite, *, algorithm: str | None = None, agreed: Suite | None = None
) -> SignedEnvelope:
    draft = Draft(
        signer,  # type: ignore[arg-type]  # all that a draft asks of it is to sign
        tokens=binary_token(der(signer.certificate)),
        signature_method=f'<ds:SignatureMethod Algorithm="{algorithm or suite.signature}"/>',
    )
    return verify_signature(open_envelope(draft.signed()), [signer.certificate], agreed or suite)


@pytest.mark.parametrize(("suite", "kind"), FIT, ids=IDS)
def test_a_sound_signature_holds(suite: Suite, kind: str) -> None:
    assert verified(PARTIES[kind], suite).signer == PARTIES[kind].certificate


@pytest.mark.parametrize(("suite", "kind"), FIT, ids=IDS)
@pytest.mark.parametrize("kind_of_another", PARTIES)
def test_a_key_of_another_kind_signs_nothing(suite: Suite, kind: str, kind_of_another: str) -> None:
    if kind_of_another == kind or (suite, kind_of_another) in FIT:
        return
    with refusal("E:0101"):
        verified(PARTIES[kind_of_another], suite)


@pytest.mark.parametrize(("suite", "kind"), FIT, ids=IDS)
@pytest.mark.parametrize("agreed", SUITES.values(), ids=lambda suite: suite.id)
def test_another_suite_than_the_agreed_one_is_refused(
    suite: Suite, kind: str, agreed: Suite
) -> None:
    if agreed is suite:
        return
    with refusal("E:0103"):
        verified(PARTIES[kind], suite, agreed=agreed)


def as_der(value: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
    "cut": lambda value: value[:-1],
    "longer": lambda value: value + b"\0",
    "empty": lambda value: b"",
    "zeros": lambda value: bytes(len(value)),
    "halves exchanged": lambda value: value[len(value) // 2 :] + value[: len(value) // 2],
    "all ones": lambda value: b"\xff" * len(value),
}


@pytest.mark.parametrize(("suite", "kind"), FIT, ids=IDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_value_does_not_hold(suite: Suite, kind: str, change: str) -> None:
    with refusal("E:0101"):
        verified(Bent(PARTIES[kind], CHANGES[change]), suite)


@pytest.mark.parametrize("kind", ["p256", "brainpool"])
def test_an_ecdsa_value_in_der_is_not_the_form_of_xml_signature(kind: str) -> None:
    with refusal("E:0101"):
        verified(Bent(PARTIES[kind], as_der), EDELIVERY_20_ECC)


@pytest.mark.parametrize("kind", ["p256", "brainpool"])
def test_the_two_numbers_are_filled_up(kind: str) -> None:
    """One in 256 has a leading zero: both halves stay as long as the order."""
    key = PARTIES[kind].key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    for _ in range(20):
        assert verified(PARTIES[kind], EDELIVERY_20_ECC)
    assert len(as_der(PARTIES[kind].sign(b"x"))) != 64
    key.public_key().verify(as_der(PARTIES[kind].sign(b"x")), b"x", ec.ECDSA(SHA256()))
