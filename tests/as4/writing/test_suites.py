"""Every suite as we write it, read by others' code and by our own: messages, tokens, receipts."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from lxml import etree

from keys.ring import FileDecrypter, KeyPair
from protocol.as4.attachments import OutboundPart
from protocol.as4.encryption import open_parts as open_ours
from protocol.as4.envelope import Envelope, open_envelope
from protocol.as4.key_agreement import fresh_x25519
from protocol.as4.receipt_check import check_receipt
from protocol.as4.receipts import build_receipt
from protocol.as4.response import read_response
from protocol.as4.sealing import SealedMessage, SealedPart, new_content_key, seal
from protocol.as4.signature import verify_signature
from protocol.as4.suites import (
    EDELIVERY_20,
    EDELIVERY_20_ECC,
    EDELIVERY_115,
    Suite,
    TokenForm,
)

from .independent import NS, Party, check_schema, check_signature, names, one, open_parts
from .test_sealing import CONTENTS, NOW, pmode, unit

ROOT = Party("root", kind="p256")
SOAP = "application/soap+xml; charset=UTF-8"


@dataclass(frozen=True)
class Keys:
    """A suite with a sender and a receiver that fit it."""

    suite: Suite
    sender: Party
    receiver: Party
    answerer: Party  # the receiver as the signer of receipts

    @classmethod
    def make(cls, suite: Suite, signing: str, encryption: str) -> Keys:
        return cls(
            suite,
            Party(f"{signing} sender", ROOT, kind=signing),
            Party(f"{encryption} receiver", ROOT, kind=encryption),
            Party(f"{signing} receiver", ROOT, kind=signing),
        )


KEYS = {
    "1.15": Keys.make(EDELIVERY_115, "rsa", "rsa"),
    "2.0": Keys.make(EDELIVERY_20, "ed25519", "x25519"),
    "ecc P-256": Keys.make(EDELIVERY_20_ECC, "p256", "p256"),
    "ecc brainpoolP256r1": Keys.make(EDELIVERY_20_ECC, "brainpool", "brainpool"),
    "ecc mixed": Keys.make(EDELIVERY_20_ECC, "p256", "brainpool"),
}
SUITES = pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)


class Sealed:
    """One message by one suite, with everything that was made on the way."""

    def __init__(self, keys: Keys, count: int = 2, form: TokenForm | None = None) -> None:
        self.pmode = pmode(
            suite=keys.suite,
            signing_token=form or keys.suite.signing_token,
            encryption_token=form or TokenForm.SUBJECT_KEY_IDENTIFIER,
            partner_signing=(keys.answerer.certificate,),
            partner_encryption=(keys.receiver.certificate,),
        )
        self.key = new_content_key(keys.suite)
        self.wire: dict[str, bytes] = {}
        parts: list[SealedPart] = []
        for cid, (plain, mime_type, _) in list(CONTENTS.items())[:count]:
            part = OutboundPart(cid, mime_type, keys.suite, self.key, True)
            self.wire[cid] = part.receive(plain) + part.finish()
            parts.append(part.sealed())
        self.message: SealedMessage = seal(
            unit(), parts, self.key if count else None, keys.sender, self.pmode
        )
        self.root = etree.fromstring(self.message.soap)


@SUITES
@pytest.mark.parametrize("form", TokenForm)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_others_open_and_verify_it(keys: Keys, form: TokenForm, count: int) -> None:
    sealed = Sealed(keys, count, form)
    soap = sealed.message.soap
    check_schema(soap)
    plain = open_parts(soap, keys.receiver.key, sealed.wire) if count else {}
    check_signature(soap, keys.sender.certificate, plain)
    assert [gzip.decompress(octets) for octets in plain.values()] == [
        CONTENTS[cid][0] for cid in plain
    ]


@SUITES
@pytest.mark.parametrize("form", TokenForm)
def test_our_own_side_believes_it_and_its_receipt(keys: Keys, form: TokenForm) -> None:
    sealed = Sealed(keys, 2, form)
    signed = verify_signature(
        open_envelope(sealed.message.soap), [keys.sender.certificate], keys.suite
    )
    decrypter = FileDecrypter(KeyPair(keys.receiver.key, keys.receiver.certificate))
    secrets = open_ours(signed, [decrypter], keys.suite)
    assert {secret.key for secret in secrets.values()} == {sealed.key}
    receipt = build_receipt(
        message_id="r-1@xu.example",
        timestamp=NOW,
        ref_to_message_id=unit().message_id,
        references=signed.references,
        signer=keys.answerer,
        suite=keys.suite,
        token_form=form,
    )
    check_schema(receipt)
    check_signature(receipt, keys.answerer.certificate, {})
    answer = read_response(200, SOAP, receipt)
    assert isinstance(answer, Envelope)
    check_receipt(
        answer,
        ref_to_message_id=unit().message_id,
        sent=sealed.message.references,
        certificates=[keys.answerer.certificate],
        suite=keys.suite,
    )


AGREEING = [keys for keys in KEYS.values() if keys.suite is not EDELIVERY_115]


@pytest.mark.parametrize("form", TokenForm)
@pytest.mark.parametrize("keys", AGREEING, ids=lambda keys: keys.receiver.name.rfc4514_string())
def test_the_recipient_is_always_named_by_a_token_reference(keys: Keys, form: TokenForm) -> None:
    root = Sealed(keys, 1, form).root
    method = one(root, "//xenc:EncryptedKey/ds:KeyInfo/xenc:AgreementMethod")
    assert names(method) == ["KeyDerivationMethod", "OriginatorKeyInfo", "RecipientKeyInfo"]
    recipient = one(method, "xenc:RecipientKeyInfo")
    assert names(recipient) == ["SecurityTokenReference"]
    assert set(one(root, "//xenc:EncryptedKey").attrib) == {"Id"}
    binary = form in (TokenForm.BST_X509V3, TokenForm.BST_PKIPATH)
    before = ["BinarySecurityToken"] if binary else []
    assert names(one(root, "//wsse:Security"))[: len(before) + 1] == [*before, "EncryptedKey"]


@pytest.mark.parametrize("keys", AGREEING, ids=lambda keys: keys.receiver.name.rfc4514_string())
def test_no_two_messages_share_a_salt_or_a_fresh_key(keys: Keys) -> None:
    said = [
        tuple(
            one(Sealed(keys, 1).root, path).text
            for path in ("//more:Salt", "//dsig11:PublicKey | //dsig11:DEREncodedKeyValue")
        )
        for _ in range(3)
    ]
    assert len({salt for salt, _ in said}) == len({key for _, key in said}) == 3
    assert NS["more"]


def test_a_fresh_key_that_java_peers_misread_is_thrown_away() -> None:
    """WSS4J takes an X25519 key whose octets begin with 02 for a DSA key (limits of the peers)."""
    misread = None
    while misread is None:
        found = X25519PrivateKey.generate()
        if found.public_key().public_bytes_raw()[0] == 0x02:
            misread = found
    good = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert good.public_key().public_bytes_raw()[0] != 0x02
    drawn = iter([misread, misread, good])
    assert fresh_x25519(lambda: next(drawn)) is good


def test_no_message_has_such_a_key() -> None:
    keys = {fresh_x25519().public_key().public_bytes_raw()[0] for _ in range(3000)}
    assert 0x02 not in keys
    assert len(keys) > 200


@pytest.mark.parametrize(
    ("suite", "signing", "encryption", "sentence"),
    [
        (EDELIVERY_115, "ed25519", "rsa", "signs with RSA keys"),
        (EDELIVERY_20, "rsa", "x25519", "signs with Ed25519 keys"),
        (EDELIVERY_20, "p256", "x25519", "signs with Ed25519 keys"),
        (EDELIVERY_20_ECC, "ed25519", "p256", "signs with EC P-256 or EC brainpoolP256r1 keys"),
        (EDELIVERY_20_ECC, "p384", "p256", "signs with EC P-256"),
        (EDELIVERY_115, "rsa", "x25519", "encrypts for RSA keys"),
        (EDELIVERY_20, "ed25519", "p256", "encrypts for X25519 keys"),
        (EDELIVERY_20, "ed25519", "rsa", "encrypts for X25519 keys"),
        (EDELIVERY_20_ECC, "p256", "x25519", "encrypts for EC P-256 or EC brainpoolP256r1 keys"),
        (EDELIVERY_20_ECC, "p256", "p384", "encrypts for EC P-256"),
    ],
)
def test_keys_that_do_not_fit_the_suite_write_nothing(
    suite: Suite, signing: str, encryption: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Sealed(Keys.make(suite, signing, encryption), 1)
