"""Every form in which a message may name its signer, and those in which it may not (K01 to K13)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from protocol.as4.distinguished import parse_name, rdns_of, same_name
from protocol.as4.pkipath import certificates

from .expect import read, refusal
from .maker import (
    THUMBPRINT,
    X509,
    Draft,
    Party,
    b64,
    binary_token,
    issuer_serial,
    key_identifier,
    party,
    str_of,
    token_reference,
    x509_data,
)

SIGNER = party("signer")
OTHER = party("other", serial_number=4712)
TWIN = party("twin", ski=SIGNER.ski)  # another key behind the same names and marks


def der_sequence(content: bytes) -> bytes:
    length = len(content)
    return b"\x30\x83" + length.to_bytes(3) + content


PATH = der_sequence(OTHER.der + SIGNER.der)
NAME = SIGNER.certificate.issuer.rfc4514_string()
SERIAL = SIGNER.certificate.serial_number
SHA1 = SIGNER.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - a mark, not a proof

# The same issuer as products write it.
NAMES = [
    NAME,
    "1.2.840.113549.1.9.1=keys@xu.example,".join(
        ["CN=Utopia Sıgning,", 'O=Ministry of \\"Light\\"\\, North\\+East,C=XU']
    ),
    'C=XU, O="Ministry of \\"Light\\", North+East", E=keys@xu.example, CN=Utopia Sıgning',
    "CN=utopia  sıgning , EMAILADDRESS=keys@xu.example , "
    "O=Ministry of \\22Light\\22\\2C North\\2BEast , C=XU",
    "CN=Utopia S\\C4\\B1gning,OID.1.2.840.113549.1.9.1=#160f6b6579734078752e6578616d706c65,"
    'O="Ministry of \\"Light\\", North+East",2.5.4.6=XU',
]

FORMS = {
    "X509v3": (token_reference(), binary_token(SIGNER.der)),
    "X509v3 without type": (str_of('<wsse:Reference URI="#token"/>'), binary_token(SIGNER.der)),
    "PKIPath": (
        token_reference(f"{X509}#X509PKIPathv1"),
        binary_token(PATH, f"{X509}#X509PKIPathv1"),
    ),
    "PKIPath of one": (
        token_reference(f"{X509}#X509PKIPathv1"),
        binary_token(der_sequence(SIGNER.der), f"{X509}#X509PKIPathv1"),
    ),
    "SKI": (key_identifier(SIGNER.ski), ""),
    "thumbprint": (key_identifier(SHA1, THUMBPRINT), ""),
    "X509SKI in STR": (str_of(x509_data(f"<ds:X509SKI>{b64(SIGNER.ski)}</ds:X509SKI>")), ""),
    "X509SKI": (x509_data(f"<ds:X509SKI>{b64(SIGNER.ski)}</ds:X509SKI>"), ""),
    **{f"issuer {n}": (issuer_serial(name, SERIAL), "") for n, name in enumerate(NAMES)},
    "issuer with spaces": (issuer_serial(f"\n {NAME} ", f" {SERIAL}\n"), ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_the_signer(form: str) -> None:
    key_info, tokens = FORMS[form]
    draft = Draft(SIGNER, key_info=key_info, tokens=tokens)
    signed = read(draft.signed(), OTHER.certificate, SIGNER.certificate)
    assert signed.signer == SIGNER.certificate


@pytest.mark.parametrize("form", FORMS)
def test_no_form_brings_its_own_key(form: str) -> None:
    key_info, tokens = FORMS[form]
    draft = Draft(SIGNER, key_info=key_info, tokens=tokens)
    with refusal("E:0101"):
        read(draft.signed(), OTHER.certificate)
    with refusal("E:0101"):
        read(draft.signed())


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("thumbprint",)])
def test_k02_a_twin_with_the_same_marks_is_not_the_partner(form: str) -> None:
    """Same subject, issuer, serial number and SKI, another key: signs as if it were the partner."""
    key_info, tokens = FORMS[form]
    if tokens:
        tokens = tokens.replace(b64(SIGNER.der), b64(TWIN.der))
    with refusal("E:0101"):
        read(Draft(TWIN, key_info=key_info, tokens=tokens).signed(), SIGNER.certificate)


def test_of_two_certificates_with_the_same_mark_the_one_that_verifies_signed() -> None:
    draft = Draft(SIGNER, key_info=key_identifier(SIGNER.ski), tokens="")
    signed = read(draft.signed(), TWIN.certificate, SIGNER.certificate)
    assert signed.signer == SIGNER.certificate


NOT_IN_PROFILE = {
    "no KeyInfo content": ("", ""),
    "two references": (key_identifier(SIGNER.ski) * 2, ""),
    "empty STR": (str_of(""), ""),
    "key name": ("<ds:KeyName>signer</ds:KeyName>", ""),
    "key value": ("<ds:KeyValue/>", ""),
    "subject": (str_of(x509_data("<ds:X509SubjectName>CN=x</ds:X509SubjectName>")), ""),
    "certificate": (x509_data(f"<ds:X509Certificate>{b64(SIGNER.der)}</ds:X509Certificate>"), ""),
    "PKCS7": (token_reference(f"{X509}#PKCS7"), binary_token(SIGNER.der, f"{X509}#PKCS7")),
    "types differ": (token_reference(f"{X509}#X509PKIPathv1"), binary_token(SIGNER.der)),
    "hex encoding": (key_identifier(SIGNER.ski).replace("#Base64Binary", "#HexBinary"), ""),
    "username": (str_of("<wsse:UsernameToken/>"), ""),
    "embedded": (str_of(f"<wsse:Embedded>{binary_token(SIGNER.der)}</wsse:Embedded>"), ""),
    "three tokens": (
        token_reference(),
        "".join(binary_token(SIGNER.der, id_=name) for name in ("token", "b", "c")),
    ),
    "huge token": (token_reference(), binary_token(b"\0" * 200_000)),
    "key identifier of another type": (key_identifier(SIGNER.ski, "urn:x"), ""),
}


@pytest.mark.parametrize("form", NOT_IN_PROFILE)
def test_k13_other_forms_are_refused(form: str) -> None:
    key_info, tokens = NOT_IN_PROFILE[form]
    with refusal("E:0103"):
        read(Draft(SIGNER, key_info=key_info, tokens=tokens).signed(), SIGNER.certificate)


NOBODY = {
    "token missing": (token_reference(), ""),
    "token elsewhere": (token_reference("#x"), binary_token(SIGNER.der)),
    "token id": (token_reference(uri="#other"), binary_token(SIGNER.der)),
    "no fragment": (token_reference(uri="token"), binary_token(SIGNER.der)),
    "token without id": (
        token_reference(uri="#None"),
        binary_token(SIGNER.der).replace(' wsu:Id="token"', ""),
    ),
    "not base64": (token_reference(), binary_token(b"").replace("></wsse", ">*</wsse")),
    "serial number": (issuer_serial(NAME, SERIAL + 1), ""),
    "not a number": (issuer_serial(NAME, "x"), ""),
    "long number": (issuer_serial(NAME, "9" * 5000), ""),
    "issuer": (issuer_serial("CN=Somebody", SERIAL), ""),
    "part of the issuer": (issuer_serial(NAME.partition(",")[2], SERIAL), ""),
    "not a name": (issuer_serial("hello", SERIAL), ""),
    "open quotation": (issuer_serial('CN="x', SERIAL), ""),
    "long name": (issuer_serial("CN=" + "x" * 5000, SERIAL), ""),
    "other SKI": (key_identifier(b"x" * 20), ""),
    "empty SKI": (key_identifier(b""), ""),
}


@pytest.mark.parametrize("form", NOBODY)
def test_references_that_mean_nobody(form: str) -> None:
    key_info, tokens = NOBODY[form]
    with refusal("E:0101", "E:0103"):
        read(Draft(SIGNER, key_info=key_info, tokens=tokens).signed(), SIGNER.certificate)


PATHS = {
    "the signer not last": der_sequence(SIGNER.der + OTHER.der),
    "empty": der_sequence(b""),
    "nothing": b"",
    "short": PATH[:-1],
    "trailing": PATH + b"\0",
    "not a sequence": b"\x31" + PATH[1:],
    "indefinite length": b"\x30\x80" + SIGNER.der + b"\0\0",
    "long length": b"\x30\x85" + b"\0" * 5 + SIGNER.der,
    "seven": der_sequence(SIGNER.der * 7),
    "a certificate alone": SIGNER.der,
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_that_are_none(name: str) -> None:
    draft = Draft(
        SIGNER,
        key_info=token_reference(f"{X509}#X509PKIPathv1"),
        tokens=binary_token(PATHS[name], f"{X509}#X509PKIPathv1"),
    )
    with refusal("E:0101"):
        read(draft.signed(), SIGNER.certificate)


def test_a_path_is_cut_into_its_certificates() -> None:
    assert certificates(PATH) == (OTHER.der, SIGNER.der)


@pytest.mark.parametrize("text", NAMES)
def test_names_say_the_same_however_they_are_written(text: str) -> None:
    assert same_name(parse_name(text), rdns_of(SIGNER.certificate.issuer))


def test_names_with_several_values_in_one_rdn() -> None:
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "XU")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, "a"),
                    x509.NameAttribute(NameOID.SERIAL_NUMBER, "7"),
                ]
            ),
        ]
    )
    assert same_name(parse_name("SERIALNUMBER=7+CN=A,C=XU"), rdns_of(name))
    assert not same_name(parse_name("SERIALNUMBER=7,CN=A,C=XU"), rdns_of(name))


def test_a_token_of_the_encryption_does_not_sign() -> None:
    """Two tokens, as phase4 writes them: the one that KeyInfo names counts."""
    tokens = binary_token(OTHER.der, id_="enc") + binary_token(SIGNER.der)
    assert read(Draft(SIGNER, tokens=tokens).signed(), SIGNER.certificate)
    bent = Draft(SIGNER, tokens=tokens, key_info=token_reference(uri="#enc"))
    with refusal("E:0101"):
        read(bent.signed(), SIGNER.certificate)


def test_a_certificate_without_an_identifier_can_still_be_named_otherwise() -> None:
    bare = replace(SIGNER, certificate=_without_ski(SIGNER))
    draft = Draft(bare, tokens=binary_token(bare.der))
    assert read(draft.signed(), bare.certificate)
    with refusal("E:0101"):
        read(Draft(bare, tokens="", key_info=key_identifier(SIGNER.ski)).signed(), bare.certificate)


def _without_ski(holder: Party) -> x509.Certificate:
    old = holder.certificate
    return (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(holder.key.public_key())
        .serial_number(1)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .sign(holder.key, hashes.SHA256())
    )
