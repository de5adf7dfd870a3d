"""Every kind of document, both ways between two running gateways, to the authority it is for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_twisted

from config.node import load_node
from protocol.convention.competence import MATTERS
from protocol.convention.directory import Matter as MatterOfLaw
from protocol.convention.kinds import Side
from protocol.convention.vocabulary import KINDS
from tests.gateway.correspondence import (
    OTHER,
    Correspondence,
    Letter,
    Matter,
    goes,
    letters,
)
from tests.gateway.ground import STATES, copy_ground, started
from tests.gateway.local_client import LocalClient
from tests.gateway.patterns import until

XML = "application/xml"
NOBODYS = frozenset(
    {
        MatterOfLaw.SENTENCED_PERSONS,
        MatterOfLaw.PROCEEDINGS,
        MatterOfLaw.LAW_ENFORCEMENT,
        MatterOfLaw.JOINT_INVESTIGATION,
        MatterOfLaw.PROPERTY_RETURN,
        MatterOfLaw.JURISDICTION,
    }
)
"""Of these nobody knows who is competent for Azerbaijan, so they neither come nor go."""

# Azerbaijan helps others with prevention; that it asks for such help nobody has reported.
UNSENT = frozenset({("PreventiveAssistanceRequest", "AZ")})


@dataclass
class Running:
    """Both gateways, by State, and what was written between them."""

    sides: dict[str, LocalClient]
    correspondence: Correspondence = field(default_factory=Correspondence)


@pytest_twisted.async_yield_fixture(scope="module")
async def running(ground: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folders = copy_ground(ground, tmp_path_factory.mktemp("every-kind"))
    gateways = [await started(folders[state]) for state in STATES]
    yield Running({state: LocalClient(load_node(folders[state])) for state in STATES})
    for gateway in gateways:
        await gateway.stop()


def is_sent(kind: str, sender: str) -> bool:
    return MATTERS.get(kind) not in NOBODYS and (kind, sender) not in UNSENT


BOTH_WAYS = [(kind, sender) for kind in KINDS for sender in STATES]
SENT = [one for one in BOTH_WAYS if is_sent(*one)]
REFUSED = [one for one in BOTH_WAYS if not is_sent(*one)]


@pytest.mark.parametrize(("kind", "sender"), SENT)
@pytest_twisted.ensureDeferred
async def test_a_document_reaches_the_authority_of_the_directory(
    running: Running, kind: str, sender: str
) -> None:
    if kind == "DirectoryUpdate":  # of no case
        letter = next(one for one in letters() if (one.kind, one.sender) == (kind, sender))
        await cross(running, letter, letter.authorities, letter.text.encode(), {})
        return
    first, way = running.correspondence.way_to(kind, sender)
    matter = first
    for letter in way:
        matter = await answered(running, matter, letter)
    running.correspondence.moved(first, matter)


@pytest.mark.parametrize(("kind", "sender"), REFUSED)
@pytest_twisted.ensureDeferred
async def test_what_nobody_is_known_to_receive_or_to_send_is_refused_with_the_reason(
    running: Running, kind: str, sender: str
) -> None:
    letter = next(one for one in letters() if (one.kind, one.asking) == (kind, sender))
    assert not goes(kind, sender, letter.authorities)
    said = await running.sides[sender].submit(letter.authorities[0], letter.text.encode(), XML)
    assert said.status == 422
    problem = said.json
    assert problem["type"].endswith(":not-competent")
    if kind == "PreventiveAssistanceRequest":
        assert "does not send" in problem["detail"] or "names no authority" in problem["detail"]
    else:
        article = KINDS[kind].article
        assert f"unknown, article {article}: Which authority" in problem["detail"]


async def answered(running: Running, matter: Matter, letter: Letter) -> Matter:
    """The matter after `letter` was sent in it, as a reply to what was said last."""
    concerns = matter.concerned_by(letter.kind)
    document = letter.written(matter.request_id, matter.authorities, concerns)
    fields = {} if matter.last is None else {"refToMessageId": matter.last}
    message_id = await cross(running, letter, matter.authorities, document, fields)
    after = matter.with_letter(letter)
    assert after is not None
    return replace(after, last=message_id)


async def cross(
    running: Running,
    letter: Letter,
    authorities: tuple[str, str],
    document: bytes,
    fields: Mapping[str, str],
) -> str:
    """The MessageId of `document`, which was sent, lay in one queue only, octet for octet."""
    author, addressee = authorities if letter.side is Side.REQUESTING else authorities[::-1]
    own, other = running.sides[letter.sender], running.sides[OTHER[letter.sender]]
    said = await own.submit(author, document, XML, **fields)
    assert said.status == 202, said.octets
    message_id = said.json["messageId"]
    assert said.json["receivingAuthority"] == addressee
    taken = await other.take(addressee)
    assert taken is not None
    assert (taken["messageId"], taken["kind"]) == (message_id, letter.kind)
    here = await other.ask(addressee, "GET", f"/v1/messages/{message_id}/document")
    assert here.octets == document
    for authority in other.node.times.directory.states[OTHER[letter.sender]].authorities:
        assert await other.take(authority, 0) is None, f"{authority} has it, too"
    await receipted(own, author, message_id)
    return str(message_id)


async def receipted(side: LocalClient, author: str, message_id: str) -> None:
    """The receipt for a message of `author` is there."""

    async def here() -> bool:
        sent = await side.ask(author, "GET", f"/v1/messages/{message_id}")
        return bool(sent.json["state"] == "ACKNOWLEDGED")

    await until(here, f"the receipt for {message_id} is here")


@pytest_twisted.ensureDeferred
async def test_items_of_evidence_that_did_not_come_are_flagged(running: Running) -> None:
    first, way = running.correspondence.way_to("EvidenceDelivery", "XU")
    matter = first
    for letter in way:
        matter = await answered(running, matter, letter)
    running.correspondence.moved(first, matter)
    asked = await running.sides["AZ"].ask(
        matter.authorities[0], "GET", f"/v1/cases/{matter.request_id}"
    )
    flags = [flag for step in asked.json["steps"] for flag in step["flags"]]
    told = [flag["sentence"] for flag in flags if flag["code"] == "EVIDENCE"]
    assert told
    assert all("MISSING" in sentence for sentence in told)


@pytest_twisted.ensureDeferred
async def test_an_emergency_overtakes_what_is_routine_at_the_contact_point(
    running: Running,
) -> None:
    own, other = running.sides["XU"], running.sides["AZ"]
    for kind in ("MlaRequest", "EmergencyDataRequest"):
        letter = next(one for one in letters() if (one.kind, one.asking) == (kind, "XU"))
        document = letter.written(str(uuid4()), letter.authorities, None)
        said = await own.submit(letter.authorities[0], document, XML)
        assert said.status == 202
        await receipted(own, letter.authorities[0], said.json["messageId"])
    taken = [await other.take("AZ-SSS", 0) for _ in range(2)]
    assert [one and one["kind"] for one in taken] == ["EmergencyDataRequest", "MlaRequest"]
