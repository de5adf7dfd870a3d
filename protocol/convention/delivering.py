"""What an EvidenceDelivery says of the files that it carries, so that nobody has to compute it.

Each item travels as one attachment, in the order of the files. Digests, sizes, the manifest and the
chain of custody follow from the files and from what the author tells; what the author tells goes
before. Source: Convention article 40(14), docs/convention.md (evidence).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from protocol.convention.custody import links_of_custody
from protocol.convention.delivery import ATTACHED
from protocol.convention.drafting import Draft, joined
from protocol.hardened import parse_again

_LATER: Final = "0" * 64  # takes the place of a digest until the event before it is written


@dataclass(frozen=True, slots=True)
class Carried:
    """A file to be delivered: its name, SHA-256 in hexadecimal, size in bytes."""

    name: str
    media_type: str
    sha256: str
    size_bytes: int


def delivery_of(files: Sequence[Carried], told: Mapping[str, Any], delivery_id: str) -> Draft:
    """`told` with the attachments, the manifest and each item completed; in the JSON form.

    The n-th of `told["Item"]` speaks of the n-th file. `delivery_id` names the delivery where
    `told` does not. What is not of the files, such as who held an item, `told` must say itself.
    """
    items = list(told.get("Item", ()))
    items += [{} for _ in files[len(items) :]]
    written = [
        _item(number, file, item)
        for number, (file, item) in enumerate(zip(files, items, strict=True), start=1)
    ]
    manifest: Draft = {
        "DeliveryId": delivery_id,
        "Sequence": 1,
        "LastSequence": True,
        "Entry": [
            {"ItemRef": item["@id"], "Sha256": file.sha256, "SizeBytes": file.size_bytes}
            for item, file in zip(written, files, strict=True)
        ],
        "TotalBytes": sum(file.size_bytes for file in files),
    }
    return {
        **told,
        "Attachment": [_attachment(number, file) for number, file in enumerate(files, start=1)],
        "Manifest": joined(manifest, told.get("Manifest", {})),
        "Item": written,
    }


def with_custody_chained(octets: bytes) -> bytes:
    """The valid EvidenceDelivery, in which every event of custody has the hash of the one before.

    Raises DocumentRefused if its version lives no more.
    """
    root = parse_again(octets)
    for digest, said in links_of_custody(root):
        said.text = digest
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _attachment(number: int, file: Carried) -> Draft:
    return {
        "@id": f"file-{number}",
        "Title": file.name,
        "MediaType": file.media_type,
        "SizeBytes": file.size_bytes,
        "Sha256": file.sha256,
    }


def _item(number: int, file: Carried, told: Mapping[str, Any]) -> Draft:
    facts: Draft = {
        "@id": f"item-{number}",
        "MediaType": file.media_type,
        "SizeBytes": file.size_bytes,
        "Hash": {"Sha256": file.sha256},
        "Encryption": {"Scheme": "NONE"},
        "Location": {"Kind": ATTACHED, "AttachmentRef": f"file-{number}"},
    }
    item = joined(facts, told)
    if "Custody" in item:
        item["Custody"] = [_event(n, one, file) for n, one in enumerate(item["Custody"], start=1)]
    return item


def _event(number: int, told: Mapping[str, Any], file: Carried) -> Draft:
    """An event of custody with its number; the digests of the chain come when it is written."""
    event: Draft = {"HashAfter": file.sha256, **told, "@sequence": number}
    event.pop("PreviousEventHash", None)
    return event if number == 1 else {**event, "PreviousEventHash": _LATER}
