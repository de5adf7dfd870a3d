"""Bugs that products had with the Security header: numbers 31 to 49 of docs/interop-bugs.md."""

from __future__ import annotations

import re

import pytest
import pytest_twisted
from lxml import etree

from config.faults import ConfigRefused
from config.node import load_node
from gateway.app import Gateway
from gateway.conformance.drafts import ping
from gateway.outbound.interpretation import interpret
from gateway.outbound.posting import PeerAnswer
from gateway.store.values import Sealed
from keys.ring import FileDecrypter, KeyPair
from protocol.as4.encryption import open_parts as open_ours
from protocol.as4.envelope import open_envelope
from protocol.as4.exchange import PeerRefused, ReceiptInvalid
from protocol.as4.signature import verify_signature
from protocol.as4.suites import EDELIVERY_20_ECC
from tests.as4.reading.expect import read, refusal
from tests.as4.reading.maker import (
    Draft,
    b64,
    binary_token,
    key_identifier,
    party,
    str_of,
    token_reference,
    transform,
    x509_data,
)
from tests.as4.writing.independent import NS, check_signature, open_parts
from tests.as4.writing.test_suites import KEYS
from tests.as4.writing.test_suites import Sealed as SealedBySuite
from tests.conformance.sent import Exchanged
from tests.gateway.ground import Partner
from tests.gateway.test_refusals import code_of, flip_signature, without_security

SIGNER = party("signer")


@pytest_twisted.ensureDeferred
async def test_bug_31_white_space_in_the_encrypted_key_is_ignored_and_never_written(
    az: Gateway, xu: Partner
) -> None:
    crafted = xu.preservation()
    assert b">\n" not in crafted.sealed.soap.partition(b"?>")[2]
    soap = crafted.sealed.soap.replace(b"<xenc:CipherData>", b"\n  <xenc:CipherData>\n  ")
    assert code_of(await xu.post(*crafted.body(soap))) == "receipt"


@pytest.mark.parametrize("prefixes", ["env", "env eb #default", "ds wsu"])
def test_bug_32_prefix_lists_are_honoured(prefixes: str) -> None:
    listed = transform(prefixes=prefixes)
    method = listed.replace("ds:Transform", "ds:CanonicalizationMethod")
    assert read(Draft(SIGNER, c14n_method=method).signed(), SIGNER.certificate)


@pytest_twisted.ensureDeferred
async def test_bug_33_the_key_is_transported_by_the_new_rsa_oaep(exchanged: Exchanged) -> None:
    method = exchanged.one("//xenc:EncryptedKey/xenc:EncryptionMethod")
    assert method.get("Algorithm") == "http://www.w3.org/2009/xmlenc11#rsa-oaep"
    names = [etree.QName(child).localname for child in method]
    assert names == ["DigestMethod", "MGF"]


@pytest_twisted.ensureDeferred
async def test_bug_34_oaep_with_sha1_is_refused_in_both_its_disguises(
    az: Gateway, xu: Partner
) -> None:
    crafted = xu.preservation()
    old = crafted.sealed.soap.replace(
        b"http://www.w3.org/2009/xmlenc11#rsa-oaep",
        b"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    )
    silent = re.sub(rb"<xenc11:MGF [^>]*/>", b"", crafted.sealed.soap)
    for soap in (old, silent):
        assert soap != crafted.sealed.soap
        assert code_of(await xu.post(*crafted.body(soap))) == "EBMS:0103"


@pytest_twisted.ensureDeferred
async def test_bug_35_receipts_sign_their_body(az: Gateway, xu: Partner) -> None:
    answer = etree.fromstring((await xu.send(xu.preservation())).body)
    (body,) = answer.xpath("/env:Envelope/env:Body/@wsu:Id", namespaces=NS)
    assert f"#{body}" in answer.xpath("//ds:SignedInfo/ds:Reference/@URI", namespaces=NS)


@pytest_twisted.ensureDeferred
async def test_bug_36_receipts_carry_their_token(az: Gateway, xu: Partner) -> None:
    answer = etree.fromstring((await xu.send(xu.preservation())).body)
    (token,) = answer.xpath("//wsse:BinarySecurityToken/@wsu:Id", namespaces=NS)
    (reference,) = answer.xpath("//ds:Signature/ds:KeyInfo//wsse:Reference", namespaces=NS)
    assert reference.get("URI") == f"#{token}"
    assert reference.get("ValueType")


def test_bug_37_an_unsigned_error_is_heard_on_the_connection_it_answers(xu: Partner) -> None:
    draft = ping(xu.pmode, xu.node.signer_for(xu.pmode.suite))
    error = (
        f'<env:Envelope xmlns:env="{NS["env"]}"><env:Header><eb:Messaging xmlns:eb="{NS["eb"]}">'
        "<eb:SignalMessage><eb:MessageInfo><eb:Timestamp>2026-03-02T08:15:30Z</eb:Timestamp>"
        "<eb:MessageId>e@x</eb:MessageId></eb:MessageInfo><eb:Error errorCode='EBMS:0010' "
        "severity='failure'/></eb:SignalMessage></eb:Messaging></env:Header><env:Body/>"
        "</env:Envelope>"
    )
    answer = PeerAnswer(200, "application/soap+xml", error.encode())
    sealed = Sealed(draft.body, draft.references, ())
    told = interpret(answer, sealed, draft.unit.message_id, xu.pmode)
    assert isinstance(told.event, PeerRefused)


@pytest_twisted.ensureDeferred
async def test_bug_38_a_receipt_signs_no_parts_of_the_message(az: Gateway, xu: Partner) -> None:
    answer = etree.fromstring((await xu.send(xu.preservation())).body)
    uris = answer.xpath("//ds:SignedInfo/ds:Reference/@URI", namespaces=NS)
    assert len(uris) == 2
    assert not any(uri.startswith("cid:") for uri in uris)


def test_bug_39_the_signer_is_the_last_of_a_path() -> None:
    other = party("other", serial_number=4712)

    def path(*certificates: bytes) -> bytes:
        content = b"".join(certificates)
        return b"\x30\x82" + len(content).to_bytes(2, "big") + content

    value_type = token_reference().split('ValueType="')[1].split('"')[0]
    pki_path = value_type.replace("#X509v3", "#X509PKIPathv1")
    key_info = token_reference(pki_path)
    good = binary_token(path(other.der, SIGNER.der), pki_path)
    assert read(Draft(SIGNER, tokens=good, key_info=key_info).signed(), SIGNER.certificate)
    turned = binary_token(path(SIGNER.der, other.der), pki_path)
    with refusal("E:0101"):
        read(Draft(SIGNER, tokens=turned, key_info=key_info).signed(), SIGNER.certificate)


def test_bug_40_suite_and_keys_are_compared_when_read(folders) -> None:
    """The partner's RSA certificates do not fit a suite of elliptic curves."""
    partner = folders["AZ"] / "partners" / "XU.toml"
    text = partner.read_text()
    other = re.sub(r'(?m)^suite = ".*"$', f'suite = "{EDELIVERY_20_ECC.id}"', text)
    assert other != text
    partner.write_text(other)
    with pytest.raises(ConfigRefused, match="certificate"):
        load_node(folders["AZ"])


@pytest.mark.parametrize("keys", ["ecc brainpoolP256r1", "ecc mixed"])
def test_bug_41_brainpool_curves_work(keys: str) -> None:
    held = KEYS[keys]
    sealed = SealedBySuite(held)
    soap = sealed.message.soap
    plain = open_parts(soap, held.receiver.key, sealed.wire)
    check_signature(soap, held.sender.certificate, plain)
    signed = verify_signature(open_envelope(soap), [held.sender.certificate], held.suite)
    decrypter = FileDecrypter(KeyPair(held.receiver.key, held.receiver.certificate))
    secrets = open_ours(signed, [decrypter], held.suite)
    assert {secret.key for secret in secrets.values()} == {sealed.key}


def test_bug_42_both_ways_to_name_a_key_identifier_are_read() -> None:
    forms = (
        key_identifier(SIGNER.ski),
        str_of(x509_data(f"<ds:X509SKI>{b64(SIGNER.ski)}</ds:X509SKI>")),
    )
    for form in forms:
        soap = Draft(SIGNER, tokens="", key_info=form).signed()
        assert read(soap, SIGNER.certificate).signer == SIGNER.certificate


def test_bug_43_one_key_may_not_sign_and_decrypt(folders) -> None:
    settings = folders["AZ"] / "gateway.toml"
    text = settings.read_text()
    settings.write_text(
        text.replace("encrypt.key.pem", "sign.key.pem").replace("encrypt.cert", "sign.cert")
    )
    with pytest.raises(ConfigRefused, match="sign"):
        load_node(folders["AZ"])


@pytest_twisted.ensureDeferred
async def test_bug_44_the_order_of_headers_does_not_matter(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    root = etree.fromstring(crafted.sealed.soap)
    header = root.find(f"{{{NS['env']}}}Header")
    header.insert(0, header[-1])
    assert etree.QName(header[0]).localname == "Security"
    assert code_of(await xu.post(*crafted.body(etree.tostring(root)))) == "receipt"


@pytest_twisted.ensureDeferred
async def test_bug_45_unsigned_messages_are_refused(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    soap = without_security(crafted.sealed.soap)
    assert code_of(await xu.post(*crafted.body(soap))) == "EBMS:0103"


@pytest_twisted.ensureDeferred
async def test_bug_46_a_receipt_is_verified_by_the_sender(az: Gateway, xu: Partner) -> None:
    crafted = xu.preservation()
    answer = await xu.send(crafted)
    damaged = PeerAnswer(200, answer.content_type, flip_signature(answer.body))
    sealed = Sealed(crafted.sealed.soap, crafted.sealed.references, ())
    told = interpret(damaged, sealed, crafted.unit.message_id, xu.pmode)
    assert isinstance(told.event, ReceiptInvalid)
    other = Sealed(crafted.sealed.soap, crafted.sealed.references[:-1], ())
    told = interpret(answer, other, crafted.unit.message_id, xu.pmode)
    assert isinstance(told.event, ReceiptInvalid)


@pytest.mark.parametrize("keys", ["2.0", "ecc P-256"])
def test_bug_47_the_recipients_key_is_named(keys: str) -> None:
    root = etree.fromstring(SealedBySuite(KEYS[keys]).message.soap)
    (recipient,) = root.xpath("//xenc:AgreementMethod/xenc:RecipientKeyInfo", namespaces=NS)
    assert recipient.xpath("wsse:SecurityTokenReference/*", namespaces=NS)


def test_bug_48_the_suite_is_a_matter_of_each_partner(folders) -> None:
    """A node that holds keys for every suite, and a partner with the oldest."""
    node = load_node(folders["AZ"])
    assert len(node.suite_keys) > 1
    for pmode in node.pmodes:
        assert node.signer_for(pmode.suite).certificate


def test_bug_49_a_pmode_without_security_does_not_load(folders) -> None:
    partner = folders["AZ"] / "partners" / "XU.toml"
    text = partner.read_text()
    partner.write_text(re.sub(r"(?ms)^\[security\].*?(?=^\[)", "", text))
    assert partner.read_text() != text
    with pytest.raises(ConfigRefused, match="security"):
        load_node(folders["AZ"])
