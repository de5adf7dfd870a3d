"""Key agreement in a message: what is policy is refused before the private key is used.

And what does not open says nothing about why.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys.ring import FileDecrypter, KeyPair
from protocol.as4.attachments import InboundPart
from protocol.as4.encryption import open_parts
from protocol.as4.errors import Refused
from protocol.as4.pmode import SizeLimits
from protocol.as4.secrets import PartSecret
from protocol.as4.suites import EDELIVERY_20, EDELIVERY_20_ECC, Suite
from protocol.as4.values import SignedReference, UserMessage
from tests.as4.writing.independent import Party as OtherParty

from .expect import read, refusal
from .maker import (
    PART_ID,
    Draft,
    b64,
    encrypted_data,
    key_identifier,
    party,
    user_message,
    x509_data,
)

DSIG11 = "http://www.w3.org/2009/xmldsig11#"
MORE = "http://www.w3.org/2021/04/xmldsig-more#"
MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
KEY = b"0123456789abcdef"
SALT = b"s" * 32

SIGNER = party("signer")  # RSA: the envelope is read by 1.15, the encryption by the suite in hand
ROOT = OtherParty("root", kind="p256")
AGREEING = {
    kind: OtherParty(f"{kind} receiver", ROOT, kind=kind)
    for kind in ("x25519", "p256", "brainpool")
}
SUITE = {"x25519": EDELIVERY_20, "p256": EDELIVERY_20_ECC, "brainpool": EDELIVERY_20_ECC}
KINDS = pytest.mark.parametrize("kind", AGREEING)


class Watched:
    """A decrypter that counts how often the private key was used."""

    def __init__(self, holder: OtherParty) -> None:
        self._inner = FileDecrypter(KeyPair(holder.key, holder.certificate))
        self.uses = 0

    @property
    def certificate(self) -> x509.Certificate:
        return self._inner.certificate

    def shared_secret(self, originator: object) -> bytes:
        self.uses += 1
        return self._inner.shared_secret(originator)

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        self.uses += 1
        return self._inner.unwrap_rsa_oaep_sha256(wrapped)


def ski(holder: OtherParty) -> bytes:
    found = holder.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return found.value.digest


def spki(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def der_value(octets: bytes) -> str:
    return f'<d:DEREncodedKeyValue xmlns:d="{DSIG11}">{b64(octets)}</d:DEREncodedKeyValue>'


def ec_value(curve: str, point: bytes) -> str:
    return (
        f'<ds:KeyValue><d:ECKeyValue xmlns:d="{DSIG11}"><d:NamedCurve URI="{curve}"/>'
        f"<d:PublicKey>{b64(point)}</d:PublicKey></d:ECKeyValue></ds:KeyValue>"
    )


OIDS = {
    "secp256r1": "urn:oid:1.2.840.10045.3.1.7",
    "brainpoolP256r1": "urn:oid:1.3.36.3.3.2.8.1.1.7",
}


def hkdf_params(
    *, namespace: str = MORE, salt: str | None = b64(SALT), info: str | None = None, length="16"
) -> str:
    def one(name: str, value: str | None) -> str:
        return "" if value is None else f"<m:{name}>{value}</m:{name}>"

    return (
        f'<m:HKDFParams xmlns:m="{namespace}"><m:PRF Algorithm="{MORE_2001}hmac-sha256"/>'
        f"{one('Salt', salt)}{one('Info', info)}{one('KeyLength', length)}</m:HKDFParams>"
    )


def encryption(
    receiver: OtherParty,
    *,
    params: str = hkdf_params(),
    salt: bytes | None = SALT,
    info: bytes = b"",
    content_key: bytes = KEY,
    as_der: bool = False,
    secret: bytes | None = None,
    originator: str | None = None,
) -> str:
    """EncryptedKey and EncryptedData as the 2.0 profile wants them, for one part."""
    if isinstance(receiver.key, x25519.X25519PrivateKey):
        algorithm = f"{MORE}x25519"
        fresh = x25519.X25519PrivateKey.generate()
        agreed = fresh.exchange(receiver.key.public_key())
        value = der_value(spki(fresh.public_key()))
    else:
        algorithm = f"{XENC11}ECDH-ES"
        on_curve = ec.generate_private_key(receiver.key.curve)
        agreed = on_curve.exchange(ec.ECDH(), receiver.key.public_key())
        point = on_curve.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        value = ec_value(OIDS[receiver.key.curve.name], point)
        if as_der:
            value = der_value(spki(on_curve.public_key()))
    wrapping_key = HKDF(SHA256(), 16, salt, info).derive(secret or agreed)
    wrapped = b64(aes_key_wrap(wrapping_key, content_key))
    return (
        '<xenc:EncryptedKey Id="EK">'
        '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#kw-aes128"/>'
        f'<ds:KeyInfo><xenc:AgreementMethod Algorithm="{algorithm}">'
        f'<x:KeyDerivationMethod xmlns:x="{XENC11}" Algorithm="{MORE}hkdf">{params}'
        "</x:KeyDerivationMethod>"
        f"<xenc:OriginatorKeyInfo>{originator or value}</xenc:OriginatorKeyInfo>"
        f"<xenc:RecipientKeyInfo>{key_identifier(ski(receiver))}</xenc:RecipientKeyInfo>"
        "</xenc:AgreementMethod></ds:KeyInfo>"
        f"<xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData>"
        '<xenc:ReferenceList><xenc:DataReference URI="#EK-D0"/></xenc:ReferenceList>'
        "</xenc:EncryptedKey>" + encrypted_data(PART_ID)
    )


def opened(security: str, suite: Suite, *decrypters: Watched) -> dict[str, PartSecret]:
    signed = read(Draft(SIGNER, before_signature=security).signed(), SIGNER.certificate)
    return open_parts(signed, decrypters, suite)


@KINDS
def test_the_key_opens(kind: str) -> None:
    others = [Watched(holder) for name, holder in AGREEING.items() if name != kind]
    secrets = opened(encryption(AGREEING[kind]), SUITE[kind], *others, Watched(AGREEING[kind]))
    assert secrets == {PART_ID: PartSecret(KEY, "application/gzip")}
    assert [other.uses for other in others] == [0, 0]


READ_ANYHOW: dict[str, dict[str, object]] = {
    "HKDFParams of 2001/04": {"params": hkdf_params(namespace=MORE_2001)},
    "Salt/Specified": {"params": hkdf_params(salt=f"<m:Specified>{b64(SALT)}</m:Specified>")},
    "KeyLength in bits": {"params": hkdf_params(length="128")},
    "no KeyLength": {"params": hkdf_params(length=None)},
    "KeyLength in white space": {"params": hkdf_params(length="\n 16 ")},
    "no Salt": {"params": hkdf_params(salt=None), "salt": None},
    "Salt of zeros is no Salt": {"params": hkdf_params(salt=None), "salt": bytes(32)},
    "empty Salt": {"params": hkdf_params(salt=""), "salt": None},
    "short Salt": {"params": hkdf_params(salt=b64(b"x")), "salt": b"x"},
    "Info": {"params": hkdf_params(info=b64(b"purpose")), "info": b"purpose"},
    "empty Info": {"params": hkdf_params(info="")},
}


@KINDS
@pytest.mark.parametrize("name", READ_ANYHOW)
def test_forms_that_products_and_drafts_write(kind: str, name: str) -> None:
    security = encryption(AGREEING[kind], **READ_ANYHOW[name])  # type: ignore[arg-type]
    assert opened(security, SUITE[kind], Watched(AGREEING[kind]))[PART_ID].key == KEY


@pytest.mark.parametrize("kind", ["p256", "brainpool"])
def test_an_ec_originator_as_encoded_key(kind: str) -> None:
    security = encryption(AGREEING[kind], as_der=True)
    assert opened(security, SUITE[kind], Watched(AGREEING[kind]))[PART_ID].key == KEY


def test_other_forms_that_are_read() -> None:
    plain = encryption(AGREEING["x25519"])
    wsu_id = plain.replace('<xenc:EncryptedKey Id="EK"', '<xenc:EncryptedKey wsu:Id="EK"')
    mark = f"<ds:X509SKI>{b64(ski(AGREEING['x25519']))}</ds:X509SKI>"
    bare = plain.replace(key_identifier(ski(AGREEING["x25519"])), x509_data(mark))
    white = plain.replace("<xenc:CipherValue>", "<xenc:CipherValue>\n")
    for security in (wsu_id, bare, white):
        assert security != plain
        assert opened(security, EDELIVERY_20, Watched(AGREEING["x25519"]))[PART_ID].key == KEY


def _replace(old: str, new: str) -> Callable[[str], str]:
    def bent(security: str) -> str:
        assert old in security
        return security.replace(old, new)

    return bent


def _without(name: str) -> Callable[[str], str]:
    def bent(security: str) -> str:
        start, end = security.index(f"<xenc:{name}>"), security.index(f"</xenc:{name}>")
        return security[:start] + security[end + len(name) + 8 :]

    return bent


def _originator(value: str) -> Callable[[str], str]:
    def bent(security: str) -> str:
        start = security.index("<xenc:OriginatorKeyInfo>") + len("<xenc:OriginatorKeyInfo>")
        return security[:start] + value + security[security.index("</xenc:OriginatorKeyInfo>") :]

    return bent


WRAP = "http://www.w3.org/2001/04/xmlenc#kw-aes"
BENT: dict[str, Callable[[str], str]] = {
    "kw-aes256": _replace(f"{WRAP}128", f"{WRAP}256"),
    "kw-aes192": _replace(f"{WRAP}128", f"{WRAP}192"),
    "kw-tripledes": _replace(f"{WRAP}128", "http://www.w3.org/2001/04/xmlenc#kw-tripledes"),
    "a parameter of the wrap": _replace(
        f'{WRAP}128"/>', f'{WRAP}128"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>'
    ),
    "X448": _replace(f"{MORE}x25519", f"{MORE}x448"),
    "static DH": _replace(f"{MORE}x25519", "http://www.w3.org/2001/04/xmlenc#dh"),
    "ECDH-ES": _replace(f"{MORE}x25519", f"{XENC11}ECDH-ES"),
    "ConcatKDF": _replace(f"{MORE}hkdf", f"{XENC11}ConcatKDF"),
    "PBKDF2": _replace(f"{MORE}hkdf", f"{XENC11}pbkdf2"),
    "PRF sha1": _replace(f"{MORE_2001}hmac-sha256", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
    "PRF sha512": _replace(f"{MORE_2001}hmac-sha256", f"{MORE_2001}hmac-sha512"),
    "no PRF": _replace(f'<m:PRF Algorithm="{MORE_2001}hmac-sha256"/>', ""),
    "a parameter of the PRF": _replace('hmac-sha256"/>', 'hmac-sha256"><m:X/></m:PRF>'),
    "other parameters": _replace("HKDFParams", "ConcatKDFParams"),
    "parameters elsewhere": _replace(f'xmlns:m="{MORE}"', 'xmlns:m="urn:x"'),
    "no parameters": _replace(hkdf_params(), ""),
    "parameters twice": _replace(hkdf_params(), hkdf_params() * 2),
    "an unknown parameter": _replace("</m:HKDFParams>", "<m:Rounds>1</m:Rounds></m:HKDFParams>"),
    "Salt twice": _replace("<m:KeyLength>", "<m:Salt>AAAA</m:Salt><m:KeyLength>"),
    "KeyLength 32": _replace("<m:KeyLength>16", "<m:KeyLength>32"),
    "KeyLength 0": _replace("<m:KeyLength>16", "<m:KeyLength>0"),
    "KeyLength 16.0": _replace("<m:KeyLength>16", "<m:KeyLength>16.0"),
    "a huge Salt": _replace(b64(SALT), b64(b"s" * 5000)),
    "no originator": _without("OriginatorKeyInfo"),
    "no recipient": _without("RecipientKeyInfo"),
    "a nonce": _replace(
        "<xenc:OriginatorKeyInfo>", "<xenc:KA-Nonce>AA==</xenc:KA-Nonce><xenc:OriginatorKeyInfo>"
    ),
    "originator by name": _originator("<ds:KeyName>x</ds:KeyName>"),
    "originator by certificate": _originator(key_identifier(b"x")),
    "two originators": _originator(der_value(b"x") * 2),
    "an RSA originator": _originator(
        der_value(spki(rsa.generate_private_key(65537, 2048).public_key()))
    ),
    "an Ed25519 originator": _originator(
        der_value(spki(ed25519.Ed25519PrivateKey.generate().public_key()))
    ),
    "a P-256 originator": _originator(
        der_value(spki(ec.generate_private_key(ec.SECP256R1()).public_key()))
    ),
    "an X448 originator": _originator(der_value(b"x" * 600)),
    "RSA transport": lambda security: security.replace(
        security[security.index("<xenc:AgreementMethod") : security.index("</ds:KeyInfo>")],
        key_identifier(ski(AGREEING["x25519"])),
    ),
    "recipient by name": _replace(
        key_identifier(ski(AGREEING["x25519"])), "<ds:KeyName>x</ds:KeyName>"
    ),
    "aes256-gcm": _replace(f"{XENC11}aes128-gcm", f"{XENC11}aes256-gcm"),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_not_agreed_is_refused_before_the_private_key_is_used(name: str) -> None:
    decrypter = Watched(AGREEING["x25519"])
    security = BENT[name](encryption(AGREEING["x25519"]))
    with refusal("E:0103"):
        opened(security, EDELIVERY_20, decrypter)
    assert decrypter.uses == 0


P384_POINT = ec.generate_private_key(ec.SECP384R1()).public_key()
BENT_CURVES: dict[str, tuple[str, str]] = {
    "P-384": (
        ec_value(
            "urn:oid:1.3.132.0.34",
            P384_POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        ),
        "E:0103",
    ),
    "P-384 encoded": (der_value(spki(P384_POINT)), "E:0103"),
    "a curve by another name": (ec_value("secp256r1", b"\4" + b"x" * 64), "E:0103"),
    "a compressed point": (ec_value(OIDS["secp256r1"], b"\2" + b"x" * 32), "E:0103"),
    "the point at infinity": (ec_value(OIDS["secp256r1"], b"\0"), "E:0103"),
    "a point beside the curve": (ec_value(OIDS["secp256r1"], b"\4" + b"\1" * 64), "E:0102"),
    "a short point": (ec_value(OIDS["secp256r1"], b"\4" + b"\1" * 63), "E:0102"),
    "an RSA value": ("<ds:KeyValue><ds:RSAKeyValue/></ds:KeyValue>", "E:0103"),
    "an X25519 key": (der_value(spki(x25519.X25519PrivateKey.generate().public_key())), "E:0103"),
}


@pytest.mark.parametrize("name", BENT_CURVES)
def test_points_that_are_none_never_meet_the_private_key(name: str) -> None:
    value, code = BENT_CURVES[name]
    decrypter = Watched(AGREEING["p256"])
    with refusal(code):
        opened(encryption(AGREEING["p256"], originator=value), EDELIVERY_20_ECC, decrypter)
    assert decrypter.uses == 0


def test_an_originator_on_another_curve_than_the_receiver() -> None:
    key = ec.generate_private_key(ec.BrainpoolP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    decrypter = Watched(AGREEING["p256"])
    value = ec_value(OIDS["brainpoolP256r1"], point)
    with refusal("E:0103"):
        opened(encryption(AGREEING["p256"], originator=value), EDELIVERY_20_ECC, decrypter)
    assert decrypter.uses == 0


def test_an_encoded_key_that_is_none() -> None:
    decrypter = Watched(AGREEING["x25519"])
    for octets in (b"", b"x" * 44, spki(AGREEING["x25519"].key.public_key())[:-1]):
        with refusal("E:0102"):
            security = encryption(AGREEING["x25519"], originator=der_value(octets))
            opened(security, EDELIVERY_20, decrypter)
    assert decrypter.uses == 0


def test_a_key_for_somebody_else() -> None:
    stranger = OtherParty("stranger", ROOT, kind="x25519")
    decrypter = Watched(AGREEING["x25519"])
    with refusal("E:0102"):
        opened(encryption(stranger), EDELIVERY_20, decrypter)
    assert decrypter.uses == 0


def test_a_receiver_with_a_key_that_the_suite_does_not_use_is_nobody() -> None:
    """The certificate is ours, but agreed for another suite."""
    decrypter = Watched(AGREEING["p256"])
    bent = encryption(AGREEING["x25519"]).replace(
        key_identifier(ski(AGREEING["x25519"])), key_identifier(ski(AGREEING["p256"]))
    )
    with refusal("E:0102"):
        opened(bent, EDELIVERY_20, decrypter)
    assert decrypter.uses == 0


# RFC 7748 section 6.1 and the list of the curve's author: with these, everybody knows the secret.
LOW_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_point_of_low_order_opens_nothing(point: bytes) -> None:
    """Whoever chose the point knows that the secret is zeros, and wraps accordingly."""
    originator = der_value(spki(x25519.X25519PublicKey.from_public_bytes(point)))
    security = encryption(AGREEING["x25519"], originator=originator, secret=bytes(32))
    secrets = opened(security, EDELIVERY_20, Watched(AGREEING["x25519"]))
    assert secrets[PART_ID].key != KEY
    assert len(secrets[PART_ID].key) == 16


def _cipher_value(security: str, octets: bytes) -> str:
    start = security.index("<xenc:CipherValue>") + len("<xenc:CipherValue>")
    return security[:start] + b64(octets) + security[security.index("</xenc:CipherValue>") :]


def _wrapped(security: str) -> bytes:
    start = security.index("<xenc:CipherValue>") + len("<xenc:CipherValue>")
    return b64decode(security[start : security.index("</xenc:CipherValue>")])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flip": lambda wrapped: wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
    "garbage": lambda wrapped: b"\1" * len(wrapped),
    "empty": lambda _wrapped: b"",
    "short": lambda wrapped: wrapped[:-8],
    "long": lambda wrapped: wrapped + bytes(8),
    "odd": lambda wrapped: wrapped + b"x",
}


@KINDS
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_key_that_does_not_unwrap_is_replaced_by_a_random_one(kind: str, damage: str) -> None:
    security = encryption(AGREEING[kind])
    bent = _cipher_value(security, DAMAGE[damage](_wrapped(security)))
    first, again = (opened(bent, SUITE[kind], Watched(AGREEING[kind])) for _ in range(2))
    assert len(first[PART_ID].key) == 16
    assert first[PART_ID].key not in (KEY, again[PART_ID].key)


@pytest.mark.parametrize("length", [24, 32])
def test_a_content_key_of_another_length(length: int) -> None:
    security = encryption(AGREEING["x25519"], content_key=b"k" * length)
    assert len(opened(security, EDELIVERY_20, Watched(AGREEING["x25519"]))[PART_ID].key) == 16


def answer_to(secret: PartSecret, wire: bytes) -> tuple[object, str]:
    """How a part is refused, opened with `secret`."""
    unit = read(Draft(SIGNER).signed(), SIGNER.certificate).unit
    assert isinstance(unit, UserMessage)
    reference = SignedReference(f"cid:{PART_ID}", EDELIVERY_20.digest, bytes(32), b"")
    part = InboundPart(unit.parts[0], reference, secret, "application/octet-stream", SizeLimits())
    with pytest.raises(Refused) as caught:
        [*part.receive(wire), *part.finish()]
    return caught.value.answer, caught.value.detail


def test_the_answer_is_the_one_for_a_damaged_part() -> None:
    wire = bytes(200)
    damaged = answer_to(PartSecret(KEY, "application/gzip"), wire)
    security = encryption(AGREEING["x25519"])
    bent = _cipher_value(security, DAMAGE["flip"](_wrapped(security)))
    unwrapped = opened(bent, EDELIVERY_20, Watched(AGREEING["x25519"]))[PART_ID]
    assert answer_to(unwrapped, wire) == damaged
    assert replace(unwrapped, key=KEY) == PartSecret(KEY, "application/gzip")
    assert b64encode(KEY).decode() not in repr(unwrapped)


def test_a_message_by_user_message_without_parts_needs_none() -> None:
    draft = Draft(SIGNER, unit=user_message(parts=""))
    assert open_parts(read(draft.signed(), SIGNER.certificate), [], EDELIVERY_20) == {}
