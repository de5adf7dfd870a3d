"""A document on its way into a case: what it does there, whose it is, what a person must look at.

Made beside the database, in the thread that reads the document; the one transaction that stores the
message takes the step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lxml import etree

from protocol.convention.canonical import canonical
from protocol.convention.delivery import Came, ItemOutcome, ItemResult, items_received
from protocol.convention.documents import Document
from protocol.convention.findings import DocumentRefused, Finding
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Flag, FlagCode
from protocol.convention.lifecycle.policy import Times
from protocol.convention.lifecycle.reading import Filing, filing_of
from protocol.convention.lifecycle.tables import MACHINE_OF
from protocol.convention.rules_in_context import FLAGGED, Context, broken_in_context
from protocol.convention.use_limits import Brought, Limited, Use, use_of
from protocol.convention.vocabulary import KINDS


@dataclass(frozen=True, slots=True)
class Docket:
    """One document for one case. `own_side` is the side of our State's authority in it."""

    filing: Filing
    urgency: str
    requesting_authority: str
    requested_authority: str
    own_side: Side
    flags: tuple[Flag, ...] = ()
    use: Use | None = None  # what it says about the use of what it brings, or asks leave for

    @property
    def own_authority(self) -> str:
        """Our authority, whoever wrote the document."""
        own_asks = self.own_side is Side.REQUESTING
        return self.requesting_authority if own_asks else self.requested_authority


def docket_of(
    document: Document,
    *,
    own_state: str,
    times: Times,
    on: date,
    came: Sequence[Came] | None = None,
    limited: Mapping[str, Sequence[Limited]] | None = None,
    carried: Collection[str] = (),
) -> Docket | None:
    """What `document` does in a case; None for a kind that belongs to none.

    Rules that ask the directory are kept here: what our own authority writes must keep all of
    them, what arrives is flagged where the rule says so. `came` are the files that arrived after
    it: an item of evidence that is not among them is flagged, too. `limited` is what came to us for
    one purpose only, by its digest, and `carried` are the digests of the files that go with what we
    send. Raises DocumentRefused.
    """
    sender, receiver = document.author[:2], document.addressee[:2]
    root = canonical(document.root)
    context = Context(
        times.directory,
        on,
        sender,
        receiver,
        limited=limited or {},
        carried=carried,
        written=document.root,
    )
    findings = broken_in_context(root, context)
    ours = sender == own_state
    refusing = [one for one in findings if ours or one.rule not in FLAGGED]
    if refusing:
        raise DocumentRefused(refusing)
    if not (KINDS[document.kind].needs_case or document.kind in MACHINE_OF):
        return None
    zone = times.zone(document.requested_authority)
    own_asks = document.requesting_authority.startswith(f"{own_state}-")
    return Docket(
        filing=filing_of(root, document.written_by, document.author, None, zone),
        urgency=document.urgency,
        requesting_authority=document.requesting_authority,
        requested_authority=document.requested_authority,
        own_side=Side.REQUESTING if own_asks else Side.REQUESTED,
        flags=(*map(_flag, findings), *_items(root, document.kind, came)),
        use=use_of(root, _brought(document, came)),
    )


def _brought(document: Document, came: Sequence[Came] | None) -> Brought:
    files = None if came is None else frozenset(one.sha256 for one in came)
    return Brought(document.sha256.hex(), files)


def _items(root: etree._Element, kind: str, came: Sequence[Came] | None) -> tuple[Flag, ...]:
    """One flag for each attached item of evidence that is damaged or missing."""
    if kind != "EvidenceDelivery" or came is None:
        return ()
    outcomes = items_received(root, came)
    return tuple(_item(one) for one in outcomes if one.result is not ItemResult.RECEIVED)


def _item(outcome: ItemOutcome) -> Flag:
    found = "" if outcome.sha256_found is None else f", SHA-256 found {outcome.sha256_found}"
    sentence = f"item {outcome.item}: {outcome.result.value}{found}; say so in an EvidenceReceipt"
    return Flag(FlagCode.EVIDENCE, sentence, "40(14)")


def _flag(finding: Finding) -> Flag:
    sentence = f"{finding.rule} {finding.path}: {finding.message}; expected {finding.expected}"
    return Flag(FlagCode.RULE, sentence, finding.article or "")
