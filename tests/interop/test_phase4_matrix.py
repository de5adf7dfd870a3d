"""Our messages to phase4 in every token form, with 0, 1 and 2 parts, contents and faults.

Every pair of these values that can be meets at least once (pairwise.py).
"""

from __future__ import annotations

import gzip
import hashlib

import pytest

from protocol.as4 import sealing
from protocol.as4.envelope import Envelope
from protocol.as4.pmode import PMode
from protocol.as4.receipt_check import check_receipt
from protocol.as4.response import read_response
from protocol.as4.suites import TokenForm
from protocol.as4.values import AgreementRef, ErrorSignal
from tests.interop.conftest import Parties
from tests.interop.matrix import OUTBOUND, PROFILE_1_15, PUSH
from tests.interop.our_wire import Part, WrittenRequest, pmode, write_request
from tests.interop.pairwise import Case, covering
from tests.interop.phase4_cases import (
    CONTENTS,
    DIMENSIONS,
    FAULTS,
    FORMS,
    name_of,
    on_the_way,
    possible,
)
from tests.interop.phase4_peer import PartyKeys, Receiver
from tests.interop.plain_https import Answer, post

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> PartyKeys:
    """Keys that nobody agreed on, under the right name."""
    return PartyKeys.issue(tmp_path_factory.mktemp("stranger") / "keys", "AZ")


@pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, OUTBOUND)
@pytest.mark.parametrize("case", covering(DIMENSIONS, possible), ids=name_of)
def test_phase4_answers_what_we_send(
    case: Case,
    phase4_receiver: Receiver,
    parties: Parties,
    stranger: PartyKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = FORMS[case["form"]]
    encryption = TokenForm.BST_X509V3 if form is TokenForm.BST_PKIPATH else form
    agreed = pmode(("AZ", parties.az), ("XU", parties.xu), form, encryption)
    written, body = _written(case, agreed, parties.az, stranger, monkeypatch)

    def sent() -> Answer:
        return post(phase4_receiver.url, parties.az, parties.xu, written.content_type, body)

    answer = sent()
    said = phase4_receiver.next_line()
    if case["fault"] in ("none", "lost-receipt"):
        assert said["event"] == "received", said
        kind, content, _ = CONTENTS.get(case["content"], ("", b"", False))
        expected = [hashlib.sha256(content).hexdigest()] * int(case["parts"])
        assert [part["sha256"] for part in said["attachments"]] == expected, kind
        _check_receipt(answer, written, agreed)
    if case["fault"] == "lost-receipt":
        answer = sent()
        said = phase4_receiver.next_line()
    expected_code, _ = FAULTS[case["fault"]]
    if expected_code is not None:
        assert said["event"] == "refused", said
        assert _codes(answer) == [expected_code]


def _written(
    case: Case,
    agreed: PMode,
    own: PartyKeys,
    stranger: PartyKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[WrittenRequest, bytes]:
    """The message of a case, and its body as it is on the way."""
    fault = case["fault"]
    kind, content, compress = CONTENTS.get(case["content"], ("", b"", False))
    part = Part(content, kind, compress)
    if fault == "no-gzip":
        part = Part(content, kind, called_gzip=True)
    if fault == "damaged-gzip":
        part = Part(gzip.compress(content)[:-9] + b"damaged!!", kind, called_gzip=True)
    if fault == "unknown-pmode":
        other = AgreementRef("urn:uncc:agreement:other:1")
        agreed = PMode(**{**_fields(agreed), "agreement": other})
    if fault == "two-usermessages":
        once = sealing.user_message
        monkeypatch.setattr(sealing, "user_message", lambda unit: once(unit) * 2)
    signing = stranger if fault == "wrong-certificate" else own
    written = write_request(agreed, signing, [part] * int(case["parts"]))
    return written, on_the_way(fault, written.body)


def _fields(agreed: PMode) -> dict[str, object]:
    return {name: getattr(agreed, name) for name in PMode.__dataclass_fields__}


def _codes(answer: Answer) -> list[str]:
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope), envelope
    assert isinstance(envelope.unit, ErrorSignal), envelope.unit
    return [error.code for error in envelope.unit.errors]


def _check_receipt(answer: Answer, written: WrittenRequest, agreed: PMode) -> None:
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope), envelope
    check_receipt(
        envelope,
        ref_to_message_id=written.unit.message_id,
        sent=written.sealed.references,
        certificates=agreed.partner_signing,
        suite=agreed.suite,
    )
