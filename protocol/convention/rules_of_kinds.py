"""Rules about single kinds of document that a schema cannot say; one function each.

They speak about one valid document and nothing else, as those of protocol.convention.rules do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from lxml import etree

from protocol.convention.findings import Finding
from protocol.convention.rule_words import C, D, concerned, finding, kind_of, state_of, text
from protocol.convention.vocabulary import KINDS

_PRESERVING: Final = ("PreservationRequest", "PreservationExtensionRequest")
# Article 42(6): preservation is refused on these grounds only, or by reservation (42(5)).
PRESERVATION_GROUNDS: Final = frozenset({"F21B", "F21C", "F22", "F42RES"})
_SEALED_WAYS: Final = ("BULK_CHANNEL", "PHYSICAL")


def collected_forwards(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R05: the period of a collection ends after it begins."""
    for period in root.iterfind(f"{D}Collection/{D}Period"):
        begin, end = text(period.find(f"{C}From")), text(period.find(f"{C}To"))
        if datetime.fromisoformat(end) <= datetime.fromisoformat(begin):
            message = f"the collection ends at {end}, which is not after {begin}"
            yield finding("UNCC-R05", period, message, "a To after From", "45(3)")


def allowed_refusal(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R06: preservation is refused, and its path withheld, on allowed grounds only."""
    kind = kind_of(root)
    refuses = kind == "RefusalNotice" and concerned(root) in _PRESERVING
    path = f"{D}Reason" if refuses else f"{D}Withheld" if kind == "TrafficPathDisclosure" else ""
    for reason in root.iterfind(path) if path else ():
        ground = reason.get("ground", "").strip()
        if ground not in PRESERVATION_GROUNDS:
            yield finding(
                "UNCC-R06",
                reason,
                f"{ground} is no ground on which preservation may be refused",
                f"one of {', '.join(sorted(PRESERVATION_GROUNDS))}",
                "42(6)",
            )


def manifest_of_every_item(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R09: the manifest names every item once, with its hash and its size."""
    manifest = root.find(f"{D}Manifest")
    if manifest is None:
        return
    listed = [_listed(entry) for entry in manifest.iterfind(f"{C}Entry")]
    items = [_described(item) for item in root.iterfind(f"{D}Item")]
    if sorted(listed) != sorted(items):
        message = "the manifest and the items differ in ids, hashes or sizes"
        yield finding("UNCC-R09", manifest, message, "one Entry for each Item", "40(14)")
    total = manifest.find(f"{C}TotalBytes")
    if total is not None and int(text(total)) != sum(size for _, _, size in listed):
        expected = str(sum(size for _, _, size in listed))
        yield finding("UNCC-R09", total, f"{text(total)} is not the sum", expected, "40(14)")


def custody_without_gaps(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R09: events of custody are numbered from 1, each hashes the one before it."""
    for item in root.iterfind(f"{D}Item"):
        for number, event in enumerate(item.iterfind(f"{C}Custody"), start=1):
            hashed = event.find(f"{C}PreviousEventHash") is not None
            if event.get("sequence", "").strip() != str(number):
                message = f"the {number}. event of custody has another number"
                yield finding("UNCC-R09", event, message, f'sequence="{number}"', "40(14)")
            elif hashed != (number > 1):
                message = "the chain of custody does not hang together here"
                expected = "PreviousEventHash in every event but the first"
                yield finding("UNCC-R09", event, message, expected, "40(14)")


def sealed_abuse_material(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R15: what shows the abuse of children travels sealed, never as an attachment."""
    for item in root.iterfind(f"{D}Item"):
        if text(item.find(f"{C}Csam")) not in ("true", "1"):
            continue
        way, scheme = item.find(f"{C}Location/{C}Kind"), item.find(f"{C}Encryption/{C}Scheme")
        if way is not None and text(way) not in _SEALED_WAYS:
            message = f"{text(way)} is no sealed way"
            yield finding("UNCC-R15", way, message, " or ".join(_SEALED_WAYS), "14")
        if scheme is not None and text(scheme) == "NONE":
            yield finding("UNCC-R15", scheme, "not encrypted", "CMS or OPENPGP", "14")


def belongs_to_what_it_may(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R22: what answers or follows belongs to a kind that it may answer or follow."""
    element = root.find(f"{C}Concerns/{C}Kind")
    if element is None:
        return
    kind, allowed = kind_of(root), KINDS[kind_of(root)].concerns
    if text(element) not in allowed:
        message = f"a {kind} does not belong to a {text(element)}"
        yield finding("UNCC-R22", element, message, f"one of {', '.join(allowed)}", "40(14)")


def of_its_own_state(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R23: an update of the directory speaks of the State of its author, and of no other."""
    if kind_of(root) != "DirectoryUpdate":
        return
    state = state_of(root.find(f"{C}RequestingAuthority"))
    party = root.find(f"{D}Party")
    if party is not None and text(party) != state:
        message = f"an authority of {state} speaks for {text(party)}"
        yield finding("UNCC-R23", party, message, f"{state}, the State of its author", "40(12)")
    changed = [(one, one.get("id", "").strip()) for one in root.iterfind(f"{D}AuthorityChange")]
    named = root.iterfind(f"{D}CompetenceChange/{D}Authority")
    for element, authority in [*changed, *((one, text(one)) for one in named)]:
        if not authority.startswith(f"{state}-"):
            message = f"{authority} is no authority of {state}"
            yield finding("UNCC-R23", element, message, f"an authority {state}-...", "40(12)")


def _listed(entry: etree._Element) -> tuple[str, str, int]:
    return (
        text(entry.find(f"{C}ItemRef")),
        text(entry.find(f"{C}Sha256")),
        int(text(entry.find(f"{C}SizeBytes"))),
    )


def _described(item: etree._Element) -> tuple[str, str, int]:
    return (
        item.get("id", "").strip(),
        text(item.find(f"{C}Hash/{C}Sha256")),
        int(text(item.find(f"{C}SizeBytes"))),
    )


RULES_OF_KINDS: Final = (
    collected_forwards,
    allowed_refusal,
    manifest_of_every_item,
    custody_without_gaps,
    sealed_abuse_material,
    belongs_to_what_it_may,
    of_its_own_state,
)
