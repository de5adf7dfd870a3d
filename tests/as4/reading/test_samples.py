"""Messages of products that we did not write, as they are and as they must not be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from protocol.as4.encryption import open_parts
from protocol.as4.envelope import Envelope, open_envelope
from protocol.as4.errors import Refused, Severity
from protocol.as4.receipt_check import check_receipt
from protocol.as4.response import read_response
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.values import ErrorSignal, PullRequest, Receipt, UserMessage

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


@pytest.mark.parametrize(("name", "kind"), [("06", UserMessage), ("07", Receipt)])
def test_a_suite_that_we_do_not_have_yet_is_refused_by_policy(name: str, kind: type) -> None:
    soap = example(name)
    assert isinstance(open_envelope(soap).unit, kind)
    with refusal("E:0103"):
        read(soap, example_certificate("ap-alpha-sign-ed25519"))


READABLE = ["05", "06", "07", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "21"]


@pytest.mark.parametrize("number", READABLE)
def test_samples_that_were_edited_still_read_as_envelopes(number: str) -> None:
    soap = sample(f"ok-{number}")
    assert open_envelope(soap).unit.message_id
    with refusal("E:0101", "E:0103"):
        read(soap, example_certificate("ap-alpha-sign-rsa"))


# What the products of the samples answer is told in samples/README.md. Our codes differ in two
# places, by our own table of gates: an algorithm that is not agreed is 0103, not 0101;
# and these two carry their payload in the Body, which is refused before (0008).
REFUSED = [
    ("bad-22", "E:0003"),
    ("bad-23", "E:0008"),
    ("bad-24", "E:0008"),
    ("bad-25", "E:0003"),
    ("bad-26", "E:0009"),
    ("bad-27", "E:0009"),
    ("bad-29", "E:0101"),
    ("bad-30", "E:0009"),
    ("ok-08", "E:0008"),  # edited by its project: the payload stands in the Body
    ("ok-19", "E:0009"),  # an element of its product's own in the header
]


@pytest.mark.parametrize(("name", "code"), REFUSED)
def test_bad_samples_are_refused(name: str, code: str) -> None:
    soap = sample(name)
    with pytest.raises(Refused) as caught:
        read(soap)
    assert code_of(caught.value) == code, caught.value.reason


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
