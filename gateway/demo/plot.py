"""The story: Utopia asks Azerbaijan to preserve, for the data, for a person, and for help at once.

Source: docs/lifecycle.md for what may follow what; Convention articles 37, 40, 41, 42 and 44.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lxml import etree

from gateway.demo.nodes import DemoFailed
from gateway.demo.papers import Content, content, day, evidence_item, instant
from gateway.demo.stage import Paper, Stage, ask, ask_json, compare, say
from protocol.convention.documents import read_document
from protocol.convention.rule_words import C, D

CONTACT_POINT: Final = "XU-POC247"
CENTRAL: Final = "XU-CA"
SECURITY: Final = "AZ-SSS"
JUSTICE: Final = "AZ-MOJ"
THEIR_JUSTICE: Final = "XU-MOJ"

KEPT_DAYS: Final = 60  # article 42(8): at least
EXTENDED_DAYS: Final = 120
ANSWER_DAYS: Final = 10
ITEM_BYTES: Final = 1024 * 1024


def play(stage: Stage) -> None:
    """Every act has been played; who holds what is in the queues, cases and evidence of both."""
    preserved = _preservation(stage)
    emergency = _emergency(stage)
    _stored_data(stage, preserved)
    _surrender(stage)
    _answered(stage, emergency)


def _preservation(stage: Stage) -> Paper:
    say("Act 1. The contact point of Utopia asks for data to be preserved, and for longer")
    asking, asked = CONTACT_POINT, SECURITY
    request = _request(
        stage, "PreservationRequest", asking, asked, {"RequestedUntil": day(KEPT_DAYS)}
    )
    _acknowledged(stage, request, asking, asked)
    parts = [part["@id"] for part in content(request.kind, asking, asked)["DataToPreserve"]]
    for until, concerned in ((KEPT_DAYS, request), (EXTENDED_DAYS, None)):
        if concerned is None:
            changes = {
                "Preservation": {"Reference": "SSS-2026-0093", "Day": day(), "Channel": "GATEWAY"},
                "PreservedUntil": day(KEPT_DAYS),
                "ExtendUntil": day(until),
            }
            kind = "PreservationExtensionRequest"
            concerned = _follow(stage, kind, asking, asked, request, changes)
        kept = [
            {"@part": part, "Result": "PRESERVED", "From": instant(), "Until": day(until)}
            for part in parts
        ]
        _answer(stage, "PreservationConfirmation", asking, asked, concerned, {"Preserved": kept})
    return request


def _stored_data(stage: Stage, preserved: Paper) -> None:
    say("Act 3. The central authority asks for what was preserved")
    asking, asked = CENTRAL, SECURITY
    wanted = content("StoredDataRequest", asking, asked)["DataRequest"]
    wanted[0]["PreservationReference"] = [
        {**_cited(preserved), "Channel": "GATEWAY"},
    ]
    changes = {
        "DataRequest": wanted,
        "PriorRequest": [_cited(preserved)],
    }
    request = _request(stage, "StoredDataRequest", asking, asked, changes)
    _acknowledged(stage, request, asking, asked)
    _progress(stage, request, "UNDER_REVIEW")
    _clarified(stage, request)
    accepted = {"ExecutionExpectedOn": day(30)}
    _answer(stage, "AcceptanceNotice", asking, asked, request, accepted)
    _forwarded(stage, request)
    _progress(stage, request, "IN_EXECUTION")
    _evidence(stage, request)
    closed = {"ClosedOn": day(), "RetainedUntil": day(3650)}
    _follow(stage, "ClosureNotice", asking, asked, request, closed)


def _clarified(stage: Stage, request: Paper) -> None:
    asked = _answer(
        stage, "ClarificationRequest", CENTRAL, SECURITY, request,
        {"ResponseRequiredBy": instant(ANSWER_DAYS)},
    )  # fmt: skip
    _follow(stage, "AdditionalInformation", CENTRAL, SECURITY, asked, {})


def _forwarded(stage: Stage, request: Paper) -> None:
    """The Ministry of Justice gets the request, and Utopia a ReferralNotice."""
    say(f"  {SECURITY} forwards the request to {JUSTICE}")
    ask(
        *("forward", str(stage.node_of(SECURITY).folder), request_id(request), "--as", SECURITY),
        *("--to", JUSTICE, "--reference", "SSS-2026-0130", "--reason", "it holds the register"),
    )
    handed = stage.take(JUSTICE, request.message_id, "FORWARDED")
    compare(handed, [request.document])
    notice = stage.next_of(CENTRAL)
    if notice["message"]["kind"] != "ReferralNotice":
        raise DemoFailed(f"{CENTRAL} was told {notice['message']['kind']}, not the referral")
    stage.note(notice)


def _progress(stage: Stage, request: Paper, state: str) -> None:
    changes = {"State": state, "Since": day(), "NextStepExpectedOn": day(14)}
    _answer(stage, "ProgressReport", CENTRAL, SECURITY, request, changes)


def _evidence(stage: Stage, request: Paper) -> None:
    """Three items, of which one is damaged at the receiver; it is sent again and all is well."""
    items = {
        f"item-{number}": stage.folder / name
        for number, name in enumerate(("logs.csv", "disk.raw", "subscriber.csv"), start=1)
    }
    for file in items.values():
        file.write_bytes(secrets.token_bytes(ITEM_BYTES))
    delivery = _delivery(stage, request, items)
    came = next(delivery.taken.glob("02-*"))
    _damage(came)
    say(f"  item-2 is damaged on the disk of {CENTRAL}")
    _received(stage, delivery)
    again = _delivery(stage, request, {"item-2": items["item-2"]}, delivery_id(delivery))
    report = {
        "DeliveryId": [delivery_id(delivery)],
        "Part": [{"@part": part, "Outcome": "EXECUTED"} for part in ("q1", "q2")],
    }
    _answer(stage, "ExecutionReport", CENTRAL, SECURITY, request, report)
    _received(stage, again)


def _delivery(
    stage: Stage, request: Paper, items: Mapping[str, Path], again: str | None = None
) -> Paper:
    """The items, by their ids, as a delivery; or of the delivery `again`, what was damaged."""
    said = content("EvidenceDelivery", CENTRAL, SECURITY)
    for name in ("Attachment", "Manifest"):
        said.pop(name)
    if again is not None:
        said["Manifest"] = {"DeliveryId": again}
    said["Item"] = [
        {"@id": name, **evidence_item(f"Contents of {file.name}", "TRAFFIC", "Baku Hosting LLC")}
        for name, file in items.items()
    ]
    words = [word for file in items.values() for word in ("--item", str(file))]
    document = stage.write("EvidenceDelivery", SECURITY, CENTRAL, said, request.document, *words)
    return stage.cross("EvidenceDelivery", SECURITY, CENTRAL, document, list(items.values()))


def _received(stage: Stage, delivery: Paper) -> Paper:
    """What became of each item, from the files that came."""
    said = {
        key: value
        for key, value in content("EvidenceReceipt", CENTRAL, SECURITY).items()
        if key in ("Confidentiality", "Urgency", "Reference", "RequestingAuthority")
    }
    document = stage.write(
        "EvidenceReceipt", CENTRAL, SECURITY, said, next(delivery.taken.glob("document.*")),
        "--received", str(delivery.taken),
    )  # fmt: skip
    for item in etree.parse(document).iterfind(f"{D}Item"):
        say(f"  {item.get('item')}: {item.findtext(f'{D}Result')}")
    return stage.cross("EvidenceReceipt", CENTRAL, SECURITY, document)


def _damage(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def _surrender(stage: Stage) -> None:
    say("Act 4. A person: arrest, then extradition, through the two ministries of justice")
    asking, asked = THEIR_JUSTICE, JUSTICE
    arrest = _request(stage, "ProvisionalArrestRequest", asking, asked, {})
    _acknowledged(stage, arrest, asking, asked)
    prior = {"PriorRequest": [_cited(arrest)]}
    extradition = _request(stage, "ExtraditionRequest", asking, asked, prior)
    _acknowledged(stage, extradition, asking, asked)
    other_way = _request(stage, "ExtraditionRequest", asked, asking, {})
    _acknowledged(stage, other_way, asked, asking)


def _emergency(stage: Stage) -> Paper:
    say("Act 2. A child is in danger: an alarm that does not stop until a person answers")
    request = _request(stage, "EmergencyDataRequest", CONTACT_POINT, SECURITY, {})
    stage.until_told(SECURITY, "ALARM")
    say("  nobody answers yet")
    return request


def _answered(stage: Stage, request: Paper) -> None:
    say("Act 5. The alarm rings again, and a person answers")
    stage.until_told(SECURITY, "ALARM")
    (ringing,) = (one for one in _deadlines(stage) if one["clock"] == "EMERGENCY_ANSWER")
    node = str(stage.node_of(SECURITY).folder)
    words = ("deadlines", node, "--as", SECURITY, "--answer", str(ringing["number"]))
    ask(*words, may_ring=True)
    _acknowledged(stage, request, CONTACT_POINT, SECURITY)
    if any(one["clock"] == "EMERGENCY_ANSWER" for one in _deadlines(stage)):
        raise DemoFailed("the alarm still runs after the answer")


def _deadlines(stage: Stage) -> list[Any]:
    node = str(stage.node_of(SECURITY).folder)
    found: list[Any] = ask_json("deadlines", node, "--as", SECURITY, may_ring=True)
    return found


def _request(stage: Stage, kind: str, writer: str, reader: str, changes: Content) -> Paper:
    document = stage.write(kind, writer, reader, content(kind, writer, reader, changes))
    return stage.cross(kind, writer, reader, document)


def _follow(
    stage: Stage, kind: str, asking: str, asked: str, concerns: Paper, changes: Content
) -> Paper:
    """The requesting authority writes again in the case of the document `concerns`."""
    said = content(kind, asking, asked, changes)
    document = stage.write(kind, asking, asked, said, concerns.document)
    return stage.cross(kind, asking, asked, document)


def _answer(
    stage: Stage, kind: str, asking: str, asked: str, concerns: Paper, changes: Content
) -> Paper:
    """The requested authority answers the document `concerns`."""
    said = content(kind, asking, asked, changes)
    document = stage.write(kind, asked, asking, said, concerns.document)
    return stage.cross(kind, asked, asking, document)


def _acknowledged(stage: Stage, request: Paper, asking: str, asked: str) -> Paper:
    changes = {"RegisteredAt": instant(), "DecisionExpectedOn": day(7)}
    return _answer(stage, "Acknowledgement", asking, asked, request, changes)


def _cited(earlier: Paper) -> Content:
    """How a later request names an earlier one."""
    reference = f"{earlier.kind} of {day()}"
    return {"RequestId": request_id(earlier), "Reference": reference, "Day": day()}


def request_id(paper: Paper) -> str:
    """The RequestId of the case that the document belongs to."""
    return str(read_document(paper.document.read_bytes()).request_id)


def delivery_id(paper: Paper) -> str:
    """The DeliveryId of a delivery."""
    return str(etree.parse(paper.document).findtext(f"{D}Manifest/{C}DeliveryId")).strip()
