"""Messages of products that we did not write, as they are and as they must not be."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from protocol.as4.encryption import open_parts
from protocol.as4.envelope import Envelope, check_packaging, open_envelope
from protocol.as4.errors import Refused, Severity
from protocol.as4.receipt_check import check_receipt
from protocol.as4.response import read_response
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.values import ErrorSignal, MessageUnit, PullRequest, Receipt, UserMessage

from .expect import code_of, read, reference_folder, refusal
from .maker import certificate_in

_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)  # licence texts of the projects, not on the wire


def soap_of(path: Path) -> bytes:
    """The envelope in a dump, whatever stands around it."""
    octets = _COMMENT.sub(b"", path.read_bytes())
    start = octets.rindex(b"<", 0, octets.index(b"Envelope"))
    return octets[start : octets.rindex(b"Envelope>") + len(b"Envelope>")]


def sample(name: str) -> bytes:
    return soap_of(next((reference_folder() / "samples").glob(f"{name}-*")))


def example(name: str) -> bytes:
    return soap_of(next((reference_folder() / "examples").glob(f"{name}-*.http")))


def example_certificate(name: str) -> x509.Certificate:
    path = reference_folder() / "examples" / "keys" / f"{name}.crt.pem"
    return x509.load_pem_x509_certificate(path.read_bytes())


class ExampleDecrypter:
    """The receiver of example 01."""

    certificate: x509.Certificate

    def __init__(self) -> None:
        self.certificate = example_certificate("ap-beta-enc-rsa")
        folder = reference_folder() / "examples" / "keys"
        self._key = load_der_private_key((folder / "ap-beta-enc-rsa.key.der").read_bytes(), None)

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        return self._key.decrypt(wrapped, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))


SOUND = [
    ("ok-01", UserMessage, 3),
    ("ok-02", Receipt, 2),
    ("ok-03", Receipt, 2),
    ("ok-04", Receipt, 2),
    ("ok-20", PullRequest, 2),
]


@pytest.mark.parametrize(("name", "kind", "references"), SOUND)
def test_sound_samples_hold(name: str, kind: type, references: int) -> None:
    soap = sample(name)
    signed = read(soap, certificate_in(soap))
    assert isinstance(signed.unit, kind)
    assert len(signed.references) == references
    assert signed.signer == certificate_in(soap)


@pytest.mark.parametrize("name", [name for name, _, _ in SOUND])
def test_sound_samples_need_the_certificate_of_the_pmode(name: str) -> None:
    soap = sample(name)
    with refusal("E:0101"):
        read(soap, example_certificate("ap-alpha-sign-rsa"))


def test_the_receipt_of_a_product_names_what_was_signed() -> None:
    signed = read(sample("ok-03"), certificate_in(sample("ok-03")))
    assert isinstance(signed.unit, Receipt)
    assert signed.unit.ref_to_message_id == "669beff6-bf89-4776-9a27-eddece68083d@phase4"
    assert [reference.content_id for reference in signed.unit.references] == [
        None,
        None,
        "phase4-att-558f9b48-17d0-43f9-bfb6-e0c9574c26b0@cid",
    ]


def test_the_example_message_is_read_and_its_parts_can_be_opened() -> None:
    signed = read(example("01"), example_certificate("ap-alpha-sign-rsa"))
    assert isinstance(signed.unit, UserMessage)
    assert signed.unit.value_of("trackingIdentifier") == "TRK-000123"
    secrets = open_parts(signed, [ExampleDecrypter()], EDELIVERY_115)
    assert list(secrets) == [part.content_id for part in signed.unit.parts]
    assert {len(secret.key) for secret in secrets.values()} == {16}
    assert {secret.mime_type for secret in secrets.values()} == {"application/gzip"}


def test_the_example_receipt_is_for_the_example_message() -> None:
    signed = read(example("01"), example_certificate("ap-alpha-sign-rsa"))
    receipt = check_receipt(
        open_envelope(example("02")),
        ref_to_message_id=signed.unit.message_id,
        sent=signed.references,
        certificates=[example_certificate("ap-beta-sign-rsa")],
        suite=EDELIVERY_115,
    )
    assert receipt.ref_to_message_id == signed.unit.message_id


def test_the_example_pull_request_is_recognised() -> None:
    signed = read(example("04"), example_certificate("ap-beta-sign-rsa"))
    assert isinstance(signed.unit, PullRequest)
    assert signed.unit.mpc == "urn:example:mpc:beta-inbox"


@dataclass(frozen=True)
class Judged:
    """What comes of one file: read as an envelope, from a stranger, from the partner it names."""

    opened: str  # the unit that it claims to be, or the code that refuses it
    stranger: str  # no P-Mode names its certificate
    partner: str  # a P-Mode names the certificates that it carries itself
    because: str


_U, _R, _E, _P = "UserMessage", "Receipt", "ErrorSignal", "PullRequest"
_OUTSIDE = "signed by reference to a certificate that is not in the file"
_EDITED = "its project re-indented or edited it, so that the signature cannot hold"
_UNSIGNED = "not signed: as a message it is refused, as an answer it is read (tests below)"

# Every file that comes with the reference, none left out. Where samples/README.md names a code for
# a bad one, it stands in one of the columns; the reason says why where it needs saying.
JUDGED = {
    "ok-01": Judged(_U, "E:0101", _U, "raw bytes: signature and digests hold"),
    "ok-02": Judged(_R, "E:0101", _R, "raw bytes: signature and digests hold"),
    "ok-03": Judged(_R, "E:0101", _R, "raw bytes with a PrefixList and an odd mustUnderstand"),
    "ok-04": Judged(_R, "E:0101", _R, "raw bytes: signature and digests hold"),
    "ok-05": Judged(_U, "E:0101", "E:0101", _EDITED),
    "ok-06": Judged(_U, "E:0101", "E:0101", _EDITED),
    "ok-07": Judged(_U, "E:0103", "E:0103", "submission of a test driver: not signed"),
    "ok-08": Judged(_U, "E:0101", "E:0101", _OUTSIDE + "; its payload is in the Body (below)"),
    "ok-09": Judged(_U, "E:0101", "E:0101", _EDITED),
    "ok-10": Judged(_R, "E:0101", "E:0101", _OUTSIDE),
    "ok-11": Judged(_U, "E:0101", "E:0101", _OUTSIDE),
    "ok-12": Judged(_U, "E:0101", "E:0101", _OUTSIDE),
    "ok-13": Judged(_U, "E:0101", "E:0101", "its certificates were cut by its project"),
    "ok-14": Judged(_U, "E:0101", "E:0101", "its certificates were cut by its project"),
    "ok-15": Judged(_P, "E:0101", "E:0101", _EDITED),
    "ok-16": Judged(_R, "E:0101", "E:0101", _OUTSIDE),
    "ok-17": Judged(_R, "E:0101", "E:0101", _OUTSIDE),
    "ok-18": Judged(_E, "E:0103", "E:0103", _UNSIGNED),
    # eb:Schemas is in no version of the official schema: a fault of that product, and a header
    # that is not valid is EBMS:0009, whoever sends it.
    "ok-19": Judged("E:0009", "E:0009", "E:0009", "eb:Schemas is not an element of ebMS 3.0"),
    "ok-20": Judged(_P, "E:0101", _P, "raw bytes: signature and digests hold"),
    "ok-21": Judged(_P, "E:0103", "E:0103", "a UsernameToken, which eDelivery forbids"),
    "bad-22": Judged("E:0003", "E:0003", "E:0003", "CompressionType application/rar"),
    # README: EBMS:0101, and that is the answer: nobody agreed on this signer. An algorithm of a
    # partner that is not the agreed one is EBMS:0103 (test_algorithms.py, threat A04); and had a
    # partner sent these two, their payload in the Body would be refused before.
    "bad-23": Judged(_U, "E:0101", "E:0008", "unknown signer, unknown signature algorithm"),
    "bad-24": Judged(_U, "E:0101", "E:0008", "unknown signer, unknown digest algorithm"),
    "bad-25": Judged("E:0003", "E:0003", "E:0003", "two eb:UserMessage"),
    "bad-26": Judged("E:0009", "E:0009", "E:0009", "eb:PartyId is empty"),
    "bad-27": Judged("E:0009", "E:0009", "E:0009", "eb:To is missing"),
    "bad-28": Judged(_E, "E:0103", "E:0103", _UNSIGNED),
    "bad-29": Judged(_U, "E:0101", "E:0101", "a reference to a Body that is not there"),
    "bad-30": Judged("E:0009", "E:0009", "E:0009", "eb:Schemas again, before the odd Id is met"),
    "01": Judged(_U, "E:0101", _U, "signature and digests hold"),
    "02": Judged(_R, "E:0101", _R, "signature and digests hold"),
    "03": Judged(_E, "E:0103", "E:0103", _UNSIGNED),
    "03b": Judged(_E, "E:0103", "E:0103", _UNSIGNED),
    "04": Judged(_P, "E:0101", _P, "signature and digests hold"),
    "05": Judged(_E, "E:0103", "E:0103", _UNSIGNED),
    "06": Judged(_U, "E:0101", "E:0103", "profile 2.0 is not the suite of this P-Mode"),
    "07": Judged(_R, "E:0101", "E:0103", "profile 2.0 is not the suite of this P-Mode"),
}


def octets_of(name: str) -> bytes:
    return sample(name) if name.startswith(("ok-", "bad-")) else example(name)


def certificates_in(name: str, soap: bytes) -> list[x509.Certificate]:
    """What a partner who had sent this file would have given us before."""
    if name in ("06", "07"):  # tokens of whole paths
        return [example_certificate(f"ap-{side}-sign-ed25519") for side in ("alpha", "beta")]
    if name in ("ok-13", "ok-14"):  # broken by their project: not even DER any more
        return []
    tokens = re.findall(rb"<[^>]*BinarySecurityToken[^>]*#X509v3[^>]*>([^<]+)<", soap)
    return [x509.load_der_x509_certificate(base64.b64decode(token)) for token in tokens]


def outcome(read_it: Callable[[], MessageUnit]) -> str:
    try:
        return type(read_it()).__name__
    except Refused as refusal:
        return code_of(refusal)


@pytest.mark.parametrize("name", JUDGED)
def test_every_file_of_the_reference_is_judged(name: str) -> None:
    soap = octets_of(name)
    partner = certificates_in(name, soap)
    judged = Judged(
        outcome(lambda: open_envelope(soap).unit),
        outcome(lambda: read(soap).unit),
        outcome(lambda: read(soap, *partner).unit),
        JUDGED[name].because,
    )
    assert judged == JUDGED[name]


def test_no_file_of_the_reference_is_left_out() -> None:
    files = [
        *(reference_folder() / "samples").glob("*-*"),
        *(reference_folder() / "examples").glob("*.http"),
    ]
    names = {re.match(r"(?:ok-|bad-)?\d+b?", path.name)[0] for path in files}
    assert names == set(JUDGED)
    assert len(files) == len(JUDGED) == 38


def test_a_payload_in_the_body_is_refused_although_the_sample_is_named_ok() -> None:
    """eDelivery AS4 1.15 keeps the Body empty (section 3, packaging); that project did not."""
    with refusal("E:0008"):
        check_packaging(open_envelope(sample("ok-08")))


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("name", "code", "ref"),
    [
        ("ok-18", "EBMS:0001", "a31f939d-36b5-11ee-a721-0a181599d931@domibus.eu"),
        ("bad-28", "EBMS:0103", "1234"),
    ],
)
def test_errors_of_careless_peers_are_understood(
    name: str, code: str, ref: str, status: int
) -> None:
    octets = next((reference_folder() / "samples").glob(f"{name}-*")).read_bytes()
    answer = read_response(status, "application/soap+xml", octets)
    assert isinstance(answer, Envelope)
    assert isinstance(answer.unit, ErrorSignal)
    assert answer.unit.ref_to_message_id == ref
    assert answer.unit.errors[0].code == code
    assert answer.unit.errors[0].severity is Severity.FAILURE


@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("03", "EBMS:0303", Severity.FAILURE),
        ("03b", "EBMS:0303", Severity.FAILURE),
        ("05", "EBMS:0006", Severity.WARNING),
    ],
)
def test_example_errors_are_understood(name: str, code: str, severity: Severity) -> None:
    answer = read_response(200, "application/soap+xml; charset=UTF-8", example(name))
    assert isinstance(answer, Envelope)
    assert isinstance(answer.unit, ErrorSignal)
    assert (answer.unit.errors[0].code, answer.unit.errors[0].severity) == (code, severity)
