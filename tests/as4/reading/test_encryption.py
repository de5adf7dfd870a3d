"""What is encrypted, for whom and how, is policy before it is a key operation (E04 to E12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509

from protocol.as4.encryption import open_parts
from protocol.as4.envelope import open_envelope
from protocol.as4.secrets import PartSecret
from protocol.as4.suites import EDELIVERY_115

from .expect import read, refusal
from .maker import (
    BASE64,
    PART_ID,
    SHA256,
    SWA,
    XENC,
    XENC11,
    Draft,
    Party,
    b64,
    encrypted_data,
    encryption,
    oaep,
    part_info,
    party,
    user_message,
)

SIGNER = party("signer")
RECEIVER = party("receiver")
STRANGER = party("stranger")
KEY = b"0123456789abcdef"


class WatchedDecrypter:
    """Counts how often the private key was used."""

    def __init__(self, holder: Party) -> None:
        self.holder = holder
        self.uses = 0

    @property
    def certificate(self) -> x509.Certificate:
        return self.holder.certificate

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        self.uses += 1
        return self.holder.unwrap_rsa_oaep_sha256(wrapped)


def opened(
    security: str, *decrypters: WatchedDecrypter, unit: str | None = None
) -> dict[str, PartSecret]:
    draft = Draft(SIGNER, before_signature=security)
    if unit is not None:
        draft.unit = unit
    return open_parts(read(draft.signed(), SIGNER.certificate), decrypters, EDELIVERY_115)


def test_the_key_opens_every_part() -> None:
    ids = (PART_ID, "part-2@xu.example")
    unit = user_message(parts="".join(part_info(content_id) for content_id in ids))
    security = encryption(RECEIVER, ids, content_key=KEY)
    secrets = opened(security, WatchedDecrypter(STRANGER), WatchedDecrypter(RECEIVER), unit=unit)
    assert secrets == {content_id: PartSecret(KEY, "application/gzip") for content_id in ids}
    assert KEY.hex() not in repr(secrets)
    assert repr(KEY) not in repr(secrets)


def test_a_message_without_parts_has_no_encryption() -> None:
    assert opened("", unit=user_message(parts="")) == {}
    with refusal("E:0103"):
        opened(encryption(RECEIVER, ()), WatchedDecrypter(RECEIVER), unit=user_message(parts=""))


def _replace(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def bent(security: str) -> str:
        for old, new in pairs:
            assert old in security
            security = security.replace(old, new)
        return security

    return bent


OAEP = f"{XENC11}rsa-oaep"
MGF = f'<x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha256"/>'
DIGEST = f'<ds:DigestMethod Algorithm="{SHA256}"/>'
GCM = f"{XENC11}aes128-gcm"
DS_SHA1 = '<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'

CIPHER_REFERENCE = f'CipherReference URI="cid:{PART_ID}"'
LISTED = '<xenc:DataReference URI="#EK-D0"/>'
TRANSFORM = f'<ds:Transform Algorithm="{SWA}#Attachment-Ciphertext-Transform"/>'

BENT = {
    "E04 rsa-1_5": _replace((OAEP, f"{XENC}rsa-1_5")),
    "E04 mgf1p": _replace((OAEP, f"{XENC}rsa-oaep-mgf1p")),
    "E04 mgf1 with sha1": _replace((MGF, MGF.replace("mgf1sha256", "mgf1sha1"))),
    "E04 no mgf": _replace((MGF, "")),
    "E04 digest sha1": _replace((DIGEST, DS_SHA1)),
    "E04 no digest": _replace((DIGEST, "")),
    "E04 label": _replace((DIGEST, f"<xenc:OAEPparams>AAAA</xenc:OAEPparams>{DIGEST}")),
    "E05 aes128-cbc": _replace((GCM, f"{XENC}aes128-cbc")),
    "E05 aes256-cbc": _replace((GCM, f"{XENC}aes256-cbc")),
    "E05 tripledes": _replace((GCM, f"{XENC}tripledes-cbc")),
    "aes256-gcm": _replace((GCM, f"{XENC11}aes256-gcm")),
    "E07 http": _replace((CIPHER_REFERENCE, 'CipherReference URI="http://127.0.0.1:9/"')),
    "E07 file": _replace((CIPHER_REFERENCE, 'CipherReference URI="file:///etc/hostname"')),
    "E07 id": _replace((CIPHER_REFERENCE, 'CipherReference URI="#msg"')),
    "E07 other part": _replace((CIPHER_REFERENCE, 'CipherReference URI="cid:other@xu"')),
    "E07 missing": _replace((f' URI="cid:{PART_ID}"', "")),
    "E09 no list": _replace((f"<xenc:ReferenceList>{LISTED}</xenc:ReferenceList>", "")),
    "E09 empty list": _replace((LISTED, "")),
    "E09 list to nothing": _replace(('DataReference URI="#EK-D0"', 'DataReference URI="#none"')),
    "E09 list twice": _replace((LISTED, LISTED * 2)),
    "E09 key reference": _replace(('DataReference URI="#EK-D0"', 'KeyReference URI="#EK-D0"')),
    "other key": _replace(('<wsse:Reference URI="#EK"/>', '<wsse:Reference URI="#other"/>')),
    "no key named": _replace(('<wsse:Reference URI="#EK"/>', "<wsse:Reference/>")),
    "complete attachment": _replace(("#Attachment-Content-Only", "#Attachment-Complete")),
    "element type": _replace((f"{SWA}#Attachment-Content-Only", f"{XENC}Element")),
    "no type": _replace((f' Type="{SWA}#Attachment-Content-Only"', "")),
    "no mime type": _replace((' MimeType="application/gzip"', "")),
    "signature transform": _replace(("#Attachment-Ciphertext-", "#Attachment-Content-Signature-")),
    "no transform": _replace((TRANSFORM, "")),
    "cipher value in data": lambda security: security.replace(
        security[security.index("<xenc:CipherReference") : security.rindex("</xenc:CipherData>")],
        "<xenc:CipherValue>AAAA</xenc:CipherValue>",
    ),
    "no KeyInfo": lambda security: security.replace("<ds:KeyInfo>", "<ds:Key>", 1).replace(
        "</ds:KeyInfo>", "</ds:Key>", 1
    ),
    "key name": lambda security: (
        security[: security.index("<ds:KeyInfo>")]
        + "<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>"
        + security[security.index("</ds:KeyInfo>") + len("</ds:KeyInfo>") :]
    ),
    "E09 two keys": lambda security: security + encryption(STRANGER, (), key_id="EK2"),
    "E10 nothing encrypted": lambda _security: "",
    "E10 key only": lambda security: security[: security.index("<xenc:EncryptedData")],
    "E10 data only": lambda security: security[security.index("<xenc:EncryptedData") :],
    "the same part twice": lambda security: (
        security.replace('URI="#EK-D0"/>', 'URI="#EK-D0"/><xenc:DataReference URI="#EK-D1"/>')
        + encrypted_data(PART_ID, "EK-D1")
    ),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_not_agreed_is_refused_before_the_private_key_is_used(name: str) -> None:
    decrypter = WatchedDecrypter(RECEIVER)
    security = BENT[name](encryption(RECEIVER))
    with refusal("E:0103"):
        opened(security, decrypter)
    assert decrypter.uses == 0


def test_e10_one_of_two_parts_in_clear() -> None:
    unit = user_message(parts=part_info() + part_info("part-2@xu.example"))
    decrypter = WatchedDecrypter(RECEIVER)
    with refusal("E:0103"):
        opened(encryption(RECEIVER), decrypter, unit=unit)
    assert decrypter.uses == 0


def test_e11_messaging_or_signature_encrypted() -> None:
    soap = Draft(SIGNER).signed().decode()
    data = encrypted_data("x@y")
    start, end = soap.index("<eb:Messaging"), soap.index("</eb:Messaging>") + 15
    with refusal("E:0103"):
        open_envelope((soap[:start] + data + soap[end:]).encode())
    start, end = soap.index("<ds:Signature>"), soap.index("</ds:Signature>") + 15
    with refusal("E:0103"):
        read((soap[:start] + data + soap[end:]).encode(), SIGNER.certificate)


def test_a_key_for_somebody_else() -> None:
    decrypter = WatchedDecrypter(RECEIVER)
    with refusal("E:0102"):
        opened(encryption(STRANGER), decrypter)
    with refusal("E:0102"):
        opened(encryption(RECEIVER))
    assert decrypter.uses == 0


@pytest.mark.parametrize("damage", ["flip", "garbage", "empty", "short key", "long key"])
def test_a_key_that_does_not_open_is_replaced_by_a_random_one(damage: str) -> None:
    """The peer learns nothing: the parts fail later, as damaged parts do."""
    public = RECEIVER.certificate.public_key()
    wrapped = {
        "flip": lambda: public.encrypt(KEY, oaep())[:-1] + b"?",
        "garbage": lambda: b"\x01" * 256,
        "empty": lambda: b"",
        "short key": lambda: public.encrypt(KEY[:15], oaep()),
        "long key": lambda: public.encrypt(KEY * 2, oaep()),
    }[damage]()
    security = encryption(RECEIVER, content_key=KEY)
    start = security.index("<xenc:CipherValue>") + len("<xenc:CipherValue>")
    end = security.index("</xenc:CipherValue>")
    first = opened(security[:start] + b64(wrapped) + security[end:], WatchedDecrypter(RECEIVER))
    again = opened(security[:start] + b64(wrapped) + security[end:], WatchedDecrypter(RECEIVER))
    assert len(first[PART_ID].key) == 16
    assert first[PART_ID].key not in (KEY, again[PART_ID].key)


def test_variants_of_products_that_are_read() -> None:
    plain = encryption(RECEIVER, content_key=KEY)
    mgf_first = plain.replace(DIGEST + MGF, MGF + DIGEST)
    wsu_id = plain.replace('<xenc:EncryptedKey Id="EK"', '<xenc:EncryptedKey wsu:Id="EK"')
    without_token_type = plain.replace(" w:TokenType=", " w:Other=")
    white = plain.replace("<xenc:CipherValue>", "<xenc:CipherValue>\n")
    percent = plain.replace("cid:part-1@xu", "cid:part-1%40xu")
    without_encoding = plain.replace(f' EncodingType="{BASE64}"', "")
    for security in (mgf_first, wsu_id, without_token_type, white, percent, without_encoding):
        assert security != plain
        assert opened(security, WatchedDecrypter(RECEIVER))[PART_ID].key == KEY


def test_broken_base64_in_the_wrapped_key() -> None:
    security = encryption(RECEIVER).replace("<xenc:CipherValue>", "<xenc:CipherValue>*")
    with refusal("E:0102"):
        opened(security, WatchedDecrypter(RECEIVER))
