"""What came with an EvidenceDelivery, item by item: received, damaged, or missing.

An item that travels as an attachment names it by id, and the attachments stand in the document in
the order in which they travel: the n-th Attachment is the n-th file after the document. So a file
with another digest than its item's is that item damaged, not a stranger. Items that travel
otherwise (inline, by a bulk channel, on a carrier) are not judged here.

Source: Convention article 40(14), docs/convention.md (evidence).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from lxml import etree

from protocol.convention.canonical import require_canonical
from protocol.convention.rule_words import C, D, text

ATTACHED: Final = "ATTACHED"


class ItemResult(Enum):
    """What became of an item on its way; the codes of the list ItemResult."""

    RECEIVED = "RECEIVED"
    HASH_MISMATCH = "HASH_MISMATCH"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Came:
    """One file that came with the document: SHA-256 in hexadecimal, size in bytes."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one item. `sha256_found` is set where something else came in its place."""

    item: str
    result: ItemResult
    sha256_found: str | None = None


def items_received(delivery: etree._Element, came: Sequence[Came]) -> tuple[ItemOutcome, ...]:
    """What became of every attached item of the valid EvidenceDelivery `delivery`.

    It is in canonical names. `came` are the files after the document, in the order in which they
    travelled.
    """
    require_canonical(delivery)
    places = {
        attachment.get("id", ""): place
        for place, attachment in enumerate(delivery.iterfind(f"{C}Attachment"))
    }
    return tuple(_outcomes(delivery, places, came))


def _outcomes(
    delivery: etree._Element, places: dict[str, int], came: Sequence[Came]
) -> Iterator[ItemOutcome]:
    for item in delivery.iterfind(f"{D}Item"):
        location = item.find(f"{C}Location")
        if location is None or text(location.find(f"{C}Kind")) != ATTACHED:
            continue
        place = places.get(text(location.find(f"{C}AttachmentRef")))
        yield _outcome(item, came[place] if place is not None and place < len(came) else None)


def _outcome(item: etree._Element, came: Came | None) -> ItemOutcome:
    identifier = item.get("id", "")
    if came is None:
        return ItemOutcome(identifier, ItemResult.MISSING)
    expected = Came(
        text(item.find(f"{C}Hash/{C}Sha256")).lower(), int(text(item.find(f"{C}SizeBytes")))
    )
    if came == expected:
        return ItemOutcome(identifier, ItemResult.RECEIVED)
    return ItemOutcome(identifier, ItemResult.HASH_MISMATCH, came.sha256)


def receipt_of(
    delivery: etree._Element, outcomes: Sequence[ItemOutcome], received_at: str
) -> dict[str, Any]:
    """What an EvidenceReceipt for `delivery` says, in the JSON form; to be joined to a draft.

    `received_at` is an xs:dateTime with its offset. What is damaged or missing is asked for again.
    """
    manifest = delivery.find(f"{D}Manifest")
    if manifest is None:
        raise ValueError("an EvidenceDelivery has a Manifest")
    return {
        "DeliveryId": text(manifest.find(f"{C}DeliveryId")),
        "Sequence": int(text(manifest.find(f"{C}Sequence"))),
        "Item": [_receipt_of_item(outcome) for outcome in outcomes],
        "ReceivedAt": received_at,
        "SendAgain": any(outcome.result is not ItemResult.RECEIVED for outcome in outcomes),
    }


def _receipt_of_item(outcome: ItemOutcome) -> dict[str, Any]:
    said: dict[str, Any] = {"@item": outcome.item, "Result": outcome.result.value}
    if outcome.sha256_found is not None:
        said["Sha256Found"] = outcome.sha256_found
    return said
