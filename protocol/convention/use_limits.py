"""What came for one purpose only, who may have it besides, and what its sender decided on that.

Evidence and information carry a UseLimitation (Convention article 40(19)); personal data go on to a
third State only with the leave of whoever sent them (article 36(3)), which is asked for with an
OnwardTransferRequest and given with a DecisionNotice. What is limited is known by the SHA-256 of
its octets: an excerpt or a copy in another form is not, and stays a matter of the authority.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
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
    """What an OnwardTransferRequest asks leave for."""

    recipients: frozenset[str]  # States
    data: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """What one document says about use: limits, a wish, or the decision on a wish."""

    limits: tuple[UseLimit, ...] = ()
    wish: OnwardWish | None = None
    granted: bool | None = None  # of an OnwardTransferRequest in the same case


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


def use_of(root: etree._Element, came: Collection[str]) -> Use | None:
    """What the valid document `root` says about use; None, quickly, for most kinds.

    `root` is in canonical names. `came` are the digests of the octets that arrived: the document's
    own and those of its files, also where they are not what the document says.
    """
    reader = _READERS.get(kind_of(root))
    if reader is None:
        return None
    require_canonical(root)
    return reader(root, frozenset(came))


def limitations_in(root: etree._Element) -> list[etree._Element]:
    """Every UseLimitation that the document puts on what it brings."""
    if kind_of(root) not in BRINGING:
        return []
    return list(root.iter(f"{C}UseLimitation", f"{D}UseLimitation"))


def digests_in(root: etree._Element) -> frozenset[str]:
    """Every SHA-256 that the document names, in hexadecimal."""
    return frozenset(text(one).lower() for one in root.iter(f"{C}Sha256"))


def _delivered(root: etree._Element, came: frozenset[str]) -> Use:
    delivery_id = text(root.find(f"{D}Manifest/{C}DeliveryId"))
    whole = root.find(f"{D}UseLimitation")
    attached = _attached(root)
    limits = []
    for item in root.iterfind(f"{D}Item"):
        own = item.find(f"{C}UseLimitation")
        digests = digests_in(item) | _attachments(item, attached)
        limit = whole if own is None else own
        if limit is not None:
            limits.append(_limit(limit, digests, item.get("id", ""), delivery_id))
    if whole is not None:
        named = frozenset().union(*(one.digests for one in limits))
        rest = (came | frozenset(attached.values())) - named
        limits.append(_limit(whole, rest, "", delivery_id))
    return Use(tuple(limits))


def _told(root: etree._Element, came: frozenset[str]) -> Use | None:
    """Information that nobody asked for, and the path of traffic data."""
    limitation = next(root.iterchildren(f"{C}UseLimitation", f"{D}UseLimitation"), None)
    if limitation is None:
        return None
    return Use((_limit(limitation, came | frozenset(_attached(root).values())),))


def _wished(root: etree._Element, came: frozenset[str]) -> Use:
    data = tuple(
        Named(
            text(one.find(f"{D}DeliveryId")),
            frozenset(text(item) for item in one.iterfind(f"{D}ItemId")),
        )
        for one in root.iterfind(f"{D}DataReceived")
    )
    states = (text(one) for one in root.iterfind(f"{D}Recipient/{D}State"))
    return Use(wish=OnwardWish(frozenset(state for state in states if state), data))


def _decided(root: etree._Element, came: frozenset[str]) -> Use | None:
    if concerned(root) != ONWARD:
        return None
    return Use(granted=text(root.find(f"{D}Decision")) in _GRANTED)


_READERS: Final[Mapping[str, Callable[[etree._Element, frozenset[str]], Use | None]]] = {
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


def _attached(root: etree._Element) -> dict[str, str]:
    """The digest of each attachment, by its id."""
    return {
        one.get("id", ""): text(one.find(f"{C}Sha256")).lower()
        for one in root.iterfind(f"{C}Attachment")
    }


def _attachments(item: etree._Element, attached: Mapping[str, str]) -> frozenset[str]:
    location = item.find(f"{C}Location")
    if location is None or text(location.find(f"{C}Kind")) != ATTACHED:
        return frozenset()
    found = attached.get(text(location.find(f"{C}AttachmentRef")))
    return frozenset() if found is None else frozenset({found})
