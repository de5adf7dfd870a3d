"""What we write, our own reading side believes: every token form, zero to three parts."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from protocol.as4.encryption import open_parts
from protocol.as4.envelope import Envelope, open_envelope
from protocol.as4.errors import Refused
from protocol.as4.receipt_check import check_receipt
from protocol.as4.response import read_response
from protocol.as4.signature import verify_signature
from protocol.as4.suites import EDELIVERY_115, TokenForm
from protocol.as4.values import ErrorSignal

from .independent import Party
from .test_sealing import NOW, RECEIVER, SENDER, Sealing, error, receipt, unit

SOAP = "application/soap+xml; charset=UTF-8"


class Decrypter:
    """The private key of a party, as the encryption wing wants it."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self.certificate = party.certificate

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
        return self._party.key.decrypt(wrapped, oaep)


@pytest.mark.parametrize("form", TokenForm)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_message_and_receipt(form: TokenForm, count: int) -> None:
    sealing = Sealing(count, signing_token=form, encryption_token=form)
    sent = sealing.message.references
    signed = verify_signature(
        open_envelope(sealing.message.soap), [SENDER.certificate], EDELIVERY_115
    )
    assert [(r, r.octets) for r in signed.references] == [(r, r.octets) for r in sent]
    microseconds = NOW.microsecond // 1000 * 1000
    expected = unit(
        timestamp=NOW.replace(microsecond=microseconds), parts=tuple(p.info for p in sealing.parts)
    )
    assert signed.unit == expected
    secrets = open_parts(signed, [Decrypter(RECEIVER)], EDELIVERY_115) if count else {}
    assert {cid: (s.key, s.mime_type) for cid, s in secrets.items()} == {
        part.info.content_id: (sealing.key, part.encrypted_mime_type) for part in sealing.parts
    }
    answer = read_response(200, SOAP, receipt(signed.references, token_form=form))
    assert isinstance(answer, Envelope)
    check_receipt(
        answer,
        ref_to_message_id=unit().message_id,
        sent=sent,
        certificates=[RECEIVER.certificate],
        suite=EDELIVERY_115,
    )
    with pytest.raises(Refused):
        check_receipt(
            answer,
            ref_to_message_id=unit().message_id,
            sent=sent[:-1],
            certificates=[RECEIVER.certificate],
            suite=EDELIVERY_115,
        )


@pytest.mark.parametrize("signed", [True, False])
def test_errors(signed: bool) -> None:
    answer = read_response(200, SOAP, error() if signed else error(signer=None))
    assert isinstance(answer, Envelope)
    assert isinstance(answer.unit, ErrorSignal)
    assert answer.unit.ref_to_message_id == unit().message_id
    (said,) = answer.unit.errors
    assert (said.code, said.detail) == ("EBMS:0303", "part p1: not a gzip stream")
