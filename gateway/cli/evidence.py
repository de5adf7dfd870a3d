"""Evidence for `new`: what a delivery carries, and what became of each item that came."""

from __future__ import annotations

import hashlib
import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from gateway.cli.outcome import refused, wrong_usage
from gateway.cli.words import Arguments

_UNKNOWN: Final = "application/octet-stream"


def items_of(arguments: Arguments, octets: bytes | None) -> dict[str, Any]:
    """What became of each item of the delivery in `octets`, by the digests of its files.

    Raises Stop where it is none.
    """
    from protocol.convention.canonical import canonical
    from protocol.convention.delivery import Came, items_received, receipt_of
    from protocol.convention.documents import read_document
    from protocol.hardened import parse_again

    if arguments.kind != "EvidenceReceipt" or octets is None:
        raise wrong_usage("--received is for an EvidenceReceipt that --concerns a delivery")
    if read_document(octets).kind != "EvidenceDelivery":
        raise refused(f"{arguments.concerns} is no EvidenceDelivery")
    files = sorted(path for path in arguments.received.iterdir() if path.name[:2].isdigit())
    came = [Came(*_measured(path)) for path in files]
    delivery = canonical(parse_again(octets))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return receipt_of(delivery, items_received(delivery, came), now)


def _measured(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal and size in bytes of a file of any size."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    except OSError as e:
        raise refused(f"{path}: {e.strerror}") from e


def with_files(arguments: Arguments, draft: dict[str, Any]) -> dict[str, Any]:
    """The draft of an EvidenceDelivery with what follows from the files it carries. Raises Stop."""
    from protocol.convention.delivering import Carried, delivery_of

    if arguments.kind != "EvidenceDelivery" or arguments.answers is None:
        raise wrong_usage("--item is for an EvidenceDelivery that --answers says the rest of")
    if len(draft.get("Item", ())) > len(arguments.item):
        raise refused(f"{arguments.answers} has more items than there are files")
    files = [Carried(path.name, _media_type(path), *_measured(path)) for path in arguments.item]
    return delivery_of(files, draft, str(uuid4()))


def chained(octets: bytes) -> bytes:
    """The delivery with the chain of custody closed."""
    from protocol.convention.delivering import with_custody_chained

    return with_custody_chained(octets)


def _media_type(path: Path) -> str:
    found, packed = mimetypes.guess_type(path.name)
    return found if found is not None and packed is None else _UNKNOWN
