"""A document on its way into a case: what it does there, whose it is, what a person must look at.

Made beside the database, in the thread that reads the document; the one transaction that stores the
message takes the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from protocol.convention.documents import LIMITS, Document
from protocol.convention.findings import DocumentRefused, Finding
from protocol.convention.kinds import Side
from protocol.convention.lifecycle.case import Flag, FlagCode
from protocol.convention.lifecycle.policy import Times
from protocol.convention.lifecycle.reading import Filing, filing_of
from protocol.convention.lifecycle.tables import MACHINE_OF
from protocol.convention.rules_in_context import FLAGGED, Context, broken_in_context
from protocol.convention.vocabulary import KINDS
from protocol.hardened import parse


@dataclass(frozen=True, slots=True)
class Docket:
    """One document for one case. `own_side` is the side of our State's authority in it."""

    filing: Filing
    urgency: str
    requesting_authority: str
    requested_authority: str
    own_side: Side
    flags: tuple[Flag, ...] = ()

    @property
    def own_authority(self) -> str:
        """Our authority, whoever wrote the document."""
        own_asks = self.own_side is Side.REQUESTING
        return self.requesting_authority if own_asks else self.requested_authority


def docket_of(
    document: Document, *, own_state: str, times: Times, on: date, message_id: str | None = None
) -> Docket | None:
    """What `document` does in a case; None for a kind that belongs to none.

    Rules that ask the directory are kept here: what our own authority writes must keep all of
    them, what arrives is flagged where the rule says so. Raises DocumentRefused.
    """
    sender, receiver = document.author[:2], document.addressee[:2]
    root = parse(document.octets, LIMITS)
    findings = broken_in_context(root, Context(times.directory, on, sender, receiver))
    ours = sender == own_state
    refusing = [one for one in findings if ours or one.rule not in FLAGGED]
    if refusing:
        raise DocumentRefused(refusing)
    if not (KINDS[document.kind].needs_case or document.kind in MACHINE_OF):
        return None
    zone = times.zone(document.requested_authority)
    own_asks = document.requesting_authority.startswith(f"{own_state}-")
    return Docket(
        filing=filing_of(root, document.written_by, document.author, message_id, zone),
        urgency=document.urgency,
        requesting_authority=document.requesting_authority,
        requested_authority=document.requested_authority,
        own_side=Side.REQUESTING if own_asks else Side.REQUESTED,
        flags=tuple(map(_flag, findings)),
    )


def _flag(finding: Finding) -> Flag:
    sentence = f"{finding.rule} {finding.path}: {finding.message}; expected {finding.expected}"
    return Flag(FlagCode.RULE, sentence, finding.article or "")
