"""Key URIs, the keys behind them, and the two things a ring does: sign and open."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, x448, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from keys.certificates import MAX_CHAIN, pem, read_certificates
from keys.files import make_tight_folder, write_new
from keys.material import read_private_key
from keys.refusal import KeyRefused
from keys.ring import FileDecrypter, FileSigner, KeyPair
from keys.uri import KeyUri
from tests.keys.certificates import certificate, ec_key, encryption, other_key, rsa_key, signing

PASSWORD = b"correct horse"


def private_pem(key, password=None):
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


@pytest.fixture
def folder(tmp_path):
    make_tight_folder(tmp_path / "keys")
    keys = tmp_path / "keys"
    write_new(keys / "sign.key.pem", private_pem(rsa_key()))
    write_new(keys / "sign.cert.pem", pem(signing()) + pem(signing(5)))
    write_new(keys / "closed.key.pem", private_pem(rsa_key(), PASSWORD))
    write_new(keys / "password", PASSWORD + b"\n")
    write_new(keys / "wrong", b"battery staple\n")
    store = pkcs12.serialize_key_and_certificates(
        b"sign", rsa_key(), signing(), None, BestAvailableEncryption(PASSWORD)
    )
    write_new(keys / "all.p12", store)
    return tmp_path


def pair(folder, uri="file:keys/sign.key.pem", certificates="keys/sign.cert.pem"):
    return KeyPair.load(KeyUri.parse(uri, folder), folder / certificates)


@pytest.mark.parametrize(
    "uri",
    [
        "file:keys/sign.key.pem",
        "file:keys/sign%2Ekey.pem",
        "file:keys/closed.key.pem?password-file=keys/password",
        "p12:keys/all.p12?password-file=keys/password",
    ],
)
def test_a_key_is_found_by_its_uri(folder, uri):
    loaded = pair(folder, uri)
    assert loaded.private_key.private_numbers() == rsa_key().private_numbers()
    assert loaded.chain == (signing(5),)


def test_an_absolute_path_stays_absolute(folder):
    assert KeyUri.parse("file:/run/credentials/key", folder).path.parts[1] == "run"


@pytest.mark.parametrize(
    ("uri", "fragment"),
    [
        ("keys/sign.key.pem", "no key URI"),
        ("pkcs11:token=gateway", "no key URI"),
        ("FILE:keys/sign.key.pem", "no key URI"),
        ("file:", "only a path"),
        ("file:keys/sign.key.pem?password=x", "only a path"),
        ("file:keys/none.pem", "not there"),
        ("file:keys/closed.key.pem", "password-file"),
        ("file:keys/closed.key.pem?password-file=keys/wrong", "password-file"),
        ("p12:keys/all.p12?password-file=keys/wrong", "password-file"),
        ("p12:keys/all.p12", "password-file"),
        ("p12:keys/sign.key.pem", "PKCS #12"),
        ("file:keys/sign.cert.pem", "no usable PEM private key"),
        ("file:keys/sign.key.pem?password-file=keys/password", "no usable PEM private key"),
    ],
)
def test_a_key_that_cannot_be_had_is_refused_with_its_remedy(folder, uri, fragment):
    with pytest.raises(KeyRefused, match=fragment) as refused:
        pair(folder, uri)
    assert PASSWORD.decode() not in str(refused.value)


def test_a_password_open_to_others_is_refused(folder):
    (folder / "keys/password").chmod(0o644)
    with pytest.raises(KeyRefused, match="password: has mode 0644"):
        pair(folder, "file:keys/closed.key.pem?password-file=keys/password")


def test_a_key_of_another_certificate_is_refused(folder):
    write_new(folder / "keys/other.pem", pem(signing(1)))
    with pytest.raises(KeyRefused, match="does not belong"):
        pair(folder, certificates="keys/other.pem")


def test_a_kind_of_key_that_is_not_used_here_is_refused(folder):
    write_new(folder / "keys/x", private_pem(x448.X448PrivateKey.generate()))
    with pytest.raises(KeyRefused, match="X448"):
        read_private_key(KeyUri.parse("file:keys/x", folder))


def test_an_x25519_key_is_read_and_signs_nothing(folder):
    key = other_key("x25519")
    write_new(folder / "keys/x", private_pem(key))
    write_new(folder / "keys/x.cert", pem(certificate(key, "key_agreement")))
    loaded = pair(folder, "file:keys/x", "keys/x.cert")
    assert FileDecrypter(loaded).certificate == loaded.certificate
    with pytest.raises(TypeError, match="signs nothing"):
        FileSigner(loaded)


def test_an_ed25519_key_opens_nothing():
    key = other_key("ed25519")
    with pytest.raises(TypeError, match="opens nothing"):
        FileDecrypter(KeyPair(key, certificate(key, "digital_signature")))


def test_a_damaged_rsa_key_is_refused_each_time(folder):
    """A validation that was skipped for octets seen before must never skip for others."""
    numbers = rsa_key().private_numbers()
    der = rsa_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    q = numbers.q.to_bytes((numbers.q.bit_length() + 7) // 8, "big")
    import base64

    damaged = der.replace(q, q[:-1] + bytes([q[-1] ^ 2]))
    text = base64.encodebytes(damaged)
    write_new(
        folder / "keys/damaged",
        b"-----BEGIN RSA PRIVATE KEY-----\n" + text + b"-----END RSA PRIVATE KEY-----\n",
    )
    pair(folder)
    for _ in range(2):
        with pytest.raises(KeyRefused, match="no usable PEM private key"):
            read_private_key(KeyUri.parse("file:keys/damaged", folder))


@pytest.mark.parametrize(
    ("octets", "fragment"),
    [
        (b"", "no PEM certificate"),
        (b"nonsense", "no PEM certificate"),
        (pem(signing()) * (MAX_CHAIN + 1), "at most"),
        (pem(signing()) + private_pem(ec_key()), "private key"),
        (pem(signing()).replace(b"MII", b"AII", 1), "no PEM certificate"),
    ],
    ids=["empty", "nonsense", "too-many", "with-a-key", "damaged"],
)
def test_a_file_of_certificates_is_read_under_limits(folder, octets, fragment):
    write_new(folder / "keys/some.pem", octets)
    with pytest.raises(KeyRefused, match=fragment):
        read_certificates(folder / "keys/some.pem")


def test_an_rsa_signer_signs_with_pkcs1_and_sha256(folder):
    signer = FileSigner(pair(folder))
    rsa_key().public_key().verify(signer.sign(b"x"), b"x", padding.PKCS1v15(), hashes.SHA256())
    assert signer.certificate == signing()
    assert list(signer.chain) == [signing(5)]


def test_an_ecdsa_signer_gives_the_two_numbers_raw():
    key = ec_key()
    signed = FileSigner(KeyPair(key, certificate(key, "digital_signature"))).sign(b"x")
    assert len(signed) == 64
    r, s = int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big")
    key.public_key().verify(encode_dss_signature(r, s), b"x", ec.ECDSA(hashes.SHA256()))


def test_a_brainpool_signer_signs_with_sha256():
    key = other_key("brainpool")
    signed = FileSigner(KeyPair(key, certificate(key, "digital_signature"))).sign(b"x")
    assert len(signed) == 64
    r, s = int.from_bytes(signed[:32]), int.from_bytes(signed[32:])
    key.public_key().verify(encode_dss_signature(r, s), b"x", ec.ECDSA(hashes.SHA256()))


def test_a_p521_signer_fills_up_its_numbers():
    key = other_key("p521")
    signer = FileSigner(KeyPair(key, certificate(key, "digital_signature")))
    assert {len(signer.sign(bytes([n]))) for n in range(8)} == {132}


def test_an_ed25519_signer_signs():
    key = other_key("ed25519")
    signed = FileSigner(KeyPair(key, certificate(key, "digital_signature"))).sign(b"x")
    key.public_key().verify(signed, b"x")


OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def test_a_decrypter_opens_what_was_sealed_for_it():
    decrypter = FileDecrypter(KeyPair(rsa_key(), encryption()))
    content_key = os.urandom(16)
    wrapped = rsa_key().public_key().encrypt(content_key, OAEP)
    assert decrypter.unwrap_rsa_oaep_sha256(wrapped) == content_key
    assert decrypter.certificate == encryption()


@pytest.mark.parametrize(
    "wrapped",
    [
        b"",
        b"\0" * 256,
        b"\xff" * 256,
        b"x" * 255,
        b"x" * 257,
        rsa_key(which=1).public_key().encrypt(b"k" * 16, OAEP),
        rsa_key().public_key().encrypt(b"k" * 16, padding.PKCS1v15()),
    ],
)
def test_a_decrypter_that_cannot_open_says_valueerror_only(wrapped):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is OpenSSL's and must not matter
        FileDecrypter(KeyPair(rsa_key(), encryption())).unwrap_rsa_oaep_sha256(wrapped)


AGREEING = {
    "x25519": (other_key("x25519"), x25519.X25519PrivateKey.generate),
    "p256": (ec_key(), lambda: ec.generate_private_key(ec.SECP256R1())),
    "brainpool": (other_key("brainpool"), lambda: ec.generate_private_key(ec.BrainpoolP256R1())),
}


def agreeing(kind):
    key = AGREEING[kind][0]
    return FileDecrypter(KeyPair(key, certificate(key, "key_agreement")))


def exchanged(fresh, public_key):
    if isinstance(fresh, x25519.X25519PrivateKey):
        return fresh.exchange(public_key)
    return fresh.exchange(ec.ECDH(), public_key)


@pytest.mark.parametrize("kind", AGREEING)
def test_a_decrypter_agrees_on_the_secret_of_the_other_side(kind):
    key, generate = AGREEING[kind]
    fresh = generate()
    secret = agreeing(kind).shared_secret(fresh.public_key())
    assert secret == exchanged(fresh, key.public_key())
    assert len(secret) == 32


@pytest.mark.parametrize("kind", AGREEING)
@pytest.mark.parametrize("other", AGREEING)
def test_keys_of_two_kinds_agree_on_nothing(kind, other):
    if kind != other:
        with pytest.raises(ValueError):  # noqa: PT011 - the text is OpenSSL's and must not matter
            agreeing(kind).shared_secret(AGREEING[other][0].public_key())


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_point_of_low_order_gives_no_secret(point):
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        agreeing("x25519").shared_secret(x25519.X25519PublicKey.from_public_bytes(point))


@pytest.mark.parametrize("kind", AGREEING)
def test_a_key_for_agreement_transports_nothing(kind):
    with pytest.raises(ValueError, match="RSA"):
        agreeing(kind).unwrap_rsa_oaep_sha256(b"x" * 256)


def test_an_rsa_key_agrees_on_nothing():
    with pytest.raises(ValueError, match="no secret"):
        FileDecrypter(KeyPair(rsa_key(), encryption())).shared_secret(
            other_key("x25519").public_key()
        )


def test_no_representation_shows_a_key(folder):
    loaded = pair(folder)
    shown = repr((loaded, FileSigner(loaded), FileDecrypter(loaded)))
    assert "private_key" not in shown
    assert str(rsa_key().private_numbers().d) not in shown
