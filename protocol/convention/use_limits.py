"""What came for one purpose only, who may have it besides, and what its sender decided on that.

Evidence and information carry a UseLimitation (Convention article 40(19)); personal data go on to a
third State only with the leave of whoever sent them (article 36(3)), which is asked for with an
OnwardTransferRequest and given with a DecisionNotice. What is limited is known by the SHA-256 of
its octets: an excerpt or a copy in another form is not, and stays a matter of the authority.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from lxml import etree

from protocol.convention.canonical import require_canonical
from protocol.convention.delivery import ATTACHED
from protocol.convention.rule_words import C, D, concerned, kind_of, text

ONWARD: Final = "OnwardTransferRequest"
NO: Final = "NO"  # OnwardTransferRule: nobody else may have it
WITH_CONSENT: Final = "WITH_CONSENT"  # whoever sent it is asked first
LISTED: Final = "LISTED"  # those who are named may have it
_GRANTED: Final = frozenset({"GRANTED", "GRANTED_CONDITIONAL"})  # conditions bind the authority
_NOTHING: Final = sha256(b"").hexdigest()  # an empty file is nobody's
_RECIPIENT: Final = f"{C}OnwardRecipient"
_STATE: Final = re.compile(r"([A-Z]{2})(?:-[A-Z0-9]+)?")  # a State, or an authority of one


@dataclass(frozen=True, slots=True)
class UseLimit:
    """Octets, by SHA-256 in hexadecimal, that came under one limitation.

    `item` and `delivery_id` are those of an EvidenceDelivery, empty where there is none; `listed`
    are the States that may have it anyway.
    """

    digests: frozenset[str]
    onward: str  # OnwardTransferRule: NO, WITH_CONSENT or LISTED
    listed: frozenset[str] = frozenset()
    item: str = ""
    delivery_id: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """Data in a wish: a delivery, or any; some items of it, or all."""

    delivery_id: str = ""
    items: frozenset[str] = frozenset()

    def covers(self, item: str, delivery_id: str) -> bool:
        """Whether what came as `item` of that delivery is among the data."""
        return self.delivery_id in ("", delivery_id) and (not self.items or item in self.items)


@dataclass(frozen=True, slots=True)
class OnwardWish:
    """What an OnwardTransferRequest asks leave for, and when it was written (UTC, ISO 8601)."""

    recipients: frozenset[str]  # States
    data: tuple[Named, ...]
    issued_at: str


@dataclass(frozen=True, slots=True)
class OnwardDecision:
    """What a DecisionNotice says to an OnwardTransferRequest of the same case.

    `issued_at` is when that one was written, empty where the notice does not say it.
    """

    granted: bool
    issued_at: str


@dataclass(frozen=True, slots=True)
class Use:
    """What one document says about use: limits, a wish, or the decision on a wish."""

    limits: tuple[UseLimit, ...] = ()
    wish: OnwardWish | None = None
    decision: OnwardDecision | None = None


@dataclass(frozen=True, slots=True)
class Limited:
    """Something that came to us for one purpose; `state` sent it, in the case `request_id`."""

    state: str
    request_id: str
    allowed: frozenset[str] = frozenset()  # States: listed, or consented to
    onward: str = WITH_CONSENT  # OnwardTransferRule
    listed: frozenset[str] = frozenset()  # States

    def allows(self, receiver: str) -> bool:
        """Whether the State `receiver` may have it: whoever sent it may."""
        return receiver == self.state or receiver in self.allowed

    def is_kept_by(self, limitation: etree._Element) -> bool:
        """Whether what goes on under `limitation` is as limited as it came.

        A recipient in words may be anybody, so it is none of those who are listed.
        """
        onward = text(limitation.find(f"{C}OnwardTransfer"))
        if onward == NO or self.onward == NO:
            return onward == NO
        if onward != LISTED:
            return True
        named = [_STATE.fullmatch(text(one)) for one in limitation.iterfind(_RECIPIENT)]
        return self.onward == LISTED and all(one and one[1] in self.listed for one in named)


@dataclass(frozen=True, slots=True)
class Brought:
    """SHA-256, in hexadecimal, of a document and of the files that came with it; None: unknown."""

    document: str
    files: frozenset[str] | None


def use_of(root: etree._Element, brought: Brought) -> Use | None:
    """What the valid document `root` says about use; None, quickly, for most kinds.

    `root` is in canonical names. What it says is attached is limited where it has come: nobody
    limits octets that he only names. What comes by another way is limited by its name.
    """
    reader = _READERS.get(kind_of(root))
    if reader is None:
        return None
    require_canonical(root)
    return reader(root, brought)


def limitations_in(root: etree._Element) -> list[etree._Element]:
    """Every UseLimitation that the document puts on what it brings."""
    if kind_of(root) not in BRINGING:
        return []
    return list(root.iter(f"{C}UseLimitation", f"{D}UseLimitation"))


def digests_in(root: etree._Element) -> frozenset[str]:
    """Every SHA-256 that the document names, in hexadecimal."""
    return frozenset(text(one).lower() for one in root.iter(f"{C}Sha256"))


def _delivered(root: etree._Element, brought: Brought) -> Use:
    delivery_id = text(root.find(f"{D}Manifest/{C}DeliveryId"))
    whole = root.find(f"{D}UseLimitation")
    limits: dict[str, UseLimit] = {}
    for item in root.iterfind(f"{D}Item"):
        own, name = item.find(f"{C}UseLimitation"), item.get("id", "")
        limit = whole if own is None else own
        if limit is not None:
            limits[name] = _limit(limit, _octets_of(item, brought), name, delivery_id)
    if whole is not None:
        named = frozenset().union(*(one.digests for one in limits.values()))
        rest = _came(root, brought) - named
        limits[""] = _limit(whole, rest, "", delivery_id)
    return Use(tuple(limits.values()))


def _told(root: etree._Element, brought: Brought) -> Use | None:
    """Information that nobody asked for, and the path of traffic data."""
    limitation = next(root.iterchildren(f"{C}UseLimitation", f"{D}UseLimitation"), None)
    return None if limitation is None else Use((_limit(limitation, _came(root, brought)),))


def _wished(root: etree._Element, brought: Brought) -> Use:
    data = tuple(
        Named(
            text(one.find(f"{D}DeliveryId")),
            frozenset(text(item) for item in one.iterfind(f"{D}ItemId")),
        )
        for one in root.iterfind(f"{D}DataReceived")
    )
    states = (text(one) for one in root.iterfind(f"{D}Recipient/{D}State"))
    issued_at = _moment(root.find(f"{C}IssuedAt"))
    return Use(wish=OnwardWish(frozenset(state for state in states if state), data, issued_at))


def _decided(root: etree._Element, brought: Brought) -> Use | None:
    if concerned(root) != ONWARD:
        return None
    granted = text(root.find(f"{D}Decision")) in _GRANTED
    return Use(decision=OnwardDecision(granted, _moment(root.find(f"{C}Concerns/{C}IssuedAt"))))


_READERS: Final[Mapping[str, Callable[[etree._Element, Brought], Use | None]]] = {
    "EvidenceDelivery": _delivered,
    "SpontaneousInformation": _told,
    "SpontaneousProceedsInfo": _told,
    "TrafficPathDisclosure": _told,
    ONWARD: _wished,
    "DecisionNotice": _decided,
}

BRINGING: Final = frozenset(_READERS) - {ONWARD, "DecisionNotice"}
"""Kinds that bring something under a limitation of use."""


def _limit(
    limitation: etree._Element, digests: frozenset[str], item: str = "", delivery_id: str = ""
) -> UseLimit:
    onward = text(limitation.find(f"{C}OnwardTransfer"))
    listed = frozenset(_states(limitation)) if onward == LISTED else frozenset()
    return UseLimit(digests, onward, listed, item, delivery_id)


def _states(limitation: etree._Element) -> Iterator[str]:
    """The States among the recipients; a name in words is none that a machine may judge."""
    for recipient in limitation.iterfind(_RECIPIENT):
        named = _STATE.fullmatch(text(recipient))
        if named is not None:
            yield named[1]


def _came(root: etree._Element, brought: Brought) -> frozenset[str]:
    """The document and its files."""
    if brought.files is not None:
        return (brought.files | {brought.document}) - {_NOTHING}
    said = root.iterfind(f"{C}Attachment/{C}Sha256")
    return frozenset(text(one).lower() for one in said) | {brought.document}


def _octets_of(item: etree._Element, brought: Brought) -> frozenset[str]:
    """The item's octets: of what is attached, those that came."""
    named = frozenset(text(one).lower() for one in item.iterfind(f"{C}Hash/{C}Sha256"))
    attached = text(item.find(f"{C}Location/{C}Kind")) == ATTACHED
    came = named if not attached or brought.files is None else named & brought.files
    return came - {_NOTHING}


def _moment(element: etree._Element | None) -> str:
    said = text(element)
    return datetime.fromisoformat(said).astimezone(UTC).isoformat() if said else ""
