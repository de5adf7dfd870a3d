"""phase4's messages to the running gateway, in every pair of token form, parts, content and fault.

What is changed on the way is phase4's own message, taken down before it reaches us. Damage under a
good signature is left out: phase4 does not let one make it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.as4.envelope import Envelope
from protocol.as4.response import read_response
from protocol.as4.values import ErrorSignal, Receipt
from schemas.catalogue import example
from tests.interop import phase4_peer
from tests.interop.conftest import Parties
from tests.interop.ground import AZ_PARTY, XU_PARTY, Ground, az_running
from tests.interop.matrix import INBOUND, PROFILE_1_15, PUSH
from tests.interop.pairwise import Case, covering
from tests.interop.phase4_cases import (
    CONTENTS,
    DIMENSIONS,
    FAULTS,
    name_of,
    on_the_way,
    possible_inbound,
)
from tests.interop.phase4_peer import PartyKeys, Sender
from tests.interop.plain_https import Answer, answering, post

pytestmark = [pytest.mark.slow, pytest.mark.exchange("phase4", PROFILE_1_15, PUSH, INBOUND)]

USER_MESSAGE = re.compile(rb"<eb:UserMessage.*</eb:UserMessage>", re.DOTALL)
TAKEN_DOWN = 503  # phase4 hears that nobody is there


@pytest.fixture(scope="module")
def ground(phase4: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """AZ's gateway runs and knows XU."""
    with az_running(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.fixture(scope="module")
def xu_sender(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """phase4 ready to send as XU."""
    log = tmp_path_factory.mktemp("phase4") / "sender.log"
    with phase4_peer.sending(ground.peer, XU_PARTY, AZ_PARTY, log) as sender:
        yield sender


@pytest.mark.parametrize("case", covering(DIMENSIONS, possible_inbound), ids=name_of)
def test_the_gateway_answers_what_phase4_sends(
    case: Case, ground: Ground, xu_sender: Sender, parties: Parties, tmp_path: Path
) -> None:
    options = [*_content(case, tmp_path), *_tokens(case), *_agreed(case, parties.xu)]
    content_type, body = _taken_down(ground, xu_sender, options)
    body = on_the_way(case["fault"], body)
    if case["fault"] == "two-usermessages":
        body = USER_MESSAGE.sub(rb"\g<0>\g<0>", body)
    keys = (ground.xu.keys, ground.az.keys)
    answer = post(ground.url, *keys, content_type, body)
    _, code = FAULTS[case["fault"]]
    assert _said(answer) == code
    if case["fault"] == "lost-receipt":
        again = post(ground.url, *keys, content_type, body)
        assert (again.status, again.body) == (answer.status, answer.body)
    if code is None:
        _check_delivered(case, ground, tmp_path)


def test_the_evidence_of_it_all_holds(ground: Ground) -> None:
    assert "findings: 0" in ground.az.verify()


def _content(case: Case, folder: Path) -> list[str]:
    """A document and an annex of the content's type, or a contact check without either."""
    if case["parts"] == "0":
        addresses = ("originalSender=XU-POC247", "finalRecipient=AZ-SSS")
        return ["--action", "ContactCheck", *(w for one in addresses for w in ("--property", one))]
    document = folder / "preservation-request-xu-az.xml"
    document.write_bytes(example(document.name))
    kind, content, compress = CONTENTS[case["content"]]
    annex = folder / "annex"
    annex.write_bytes(content)
    words = ["--action", "PreservationRequest", "--payload", f"{document}:application/xml"]
    if case["parts"] == "2":
        words += ["--payload", f"{annex}:{kind}"]
    return words if compress else [*words, "--without-compression"]


def _tokens(case: Case) -> list[str]:
    form = case["form"]
    return ["--sign-token", form, "--encrypt-token", "bst" if form == "pkipath" else form]


def _agreed(case: Case, stranger: PartyKeys) -> list[str]:
    """What the fault changes before phase4 signs: whose key it is, or what was agreed."""
    if case["fault"] == "unknown-pmode":
        return ["--agreement", "urn:uncc:agreement:other:1"]
    if case["fault"] == "wrong-certificate":
        key, certificate = stranger.private_key("sign"), stranger.certificate("sign")
        return ["--sign-key", str(key), "--sign-cert", str(certificate)]
    return []


def _taken_down(ground: Ground, sender: Sender, options: list[str]) -> tuple[str, bytes]:
    """Type and body of what phase4 sends, which nobody receives."""
    taken: list[tuple[str, bytes]] = []

    def take(content_type: str, body: bytes) -> Answer:
        taken.append((" ".join(content_type.split()), body))
        return Answer(TAKEN_DOWN, "text/plain", b"nobody is here")

    with answering(ground.az.keys, ground.xu.keys, take) as url:
        assert not sender.send(url, *options)["accepted"]
    [only] = taken
    return only


def _said(answer: Answer) -> str | None:
    """The code of the error in `answer`, None for a receipt."""
    envelope = read_response(answer.status, answer.content_type, answer.body)
    assert isinstance(envelope, Envelope), envelope
    if isinstance(envelope.unit, Receipt):
        return None
    assert isinstance(envelope.unit, ErrorSignal), envelope.unit
    [error] = envelope.unit.errors
    return error.code


def _check_delivered(case: Case, ground: Ground, folder: Path) -> None:
    message, taken = ground.az.take("AZ-SSS", folder)
    if case["parts"] == "0":
        assert message["kind"] == "ContactCheck"
        return
    document = folder / "preservation-request-xu-az.xml"
    assert (taken / "document.xml").read_bytes() == document.read_bytes()
    if case["parts"] == "2":
        assert (taken / "01-attachment").read_bytes() == (folder / "annex").read_bytes()
