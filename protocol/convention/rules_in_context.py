"""Rules that ask the State directory, the day, or the case: one small function each.

Our own side keeps all of them before it sends. On arrival, what a rule of `FLAGGED` finds is shown
to a person and refuses nothing: the partner meant what it wrote, and a person can deal with it.
Competence (UNCC-R11) is asked in protocol.convention.competence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from lxml import etree

from protocol.convention.canonical import require_canonical
from protocol.convention.custody import links_of_custody
from protocol.convention.directory import Directory
from protocol.convention.findings import Finding
from protocol.convention.lifecycle.case import Case
from protocol.convention.lifecycle.periods import Length
from protocol.convention.rule_words import C, D, concerned, finding, kind_of, text
from protocol.convention.rules import PRESERVATION_DAYS
from protocol.convention.rules_of_reservations import collected_there, reserved_ground
from protocol.convention.use_limits import BRINGING, ONWARD, Limited, limitations_in

COLLECTION: Final = "COLLECTION"  # the time limit of a State's record that bounds a collection
FLAGGED: Final = frozenset(
    {"UNCC-R04C", "UNCC-R07", "UNCC-R06R", "UNCC-R09C", "UNCC-R10", "UNCC-R13", "UNCC-R13I"}
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may ask: the directory on a day, the case before this document, what came to us
    under limitations of use, by SHA-256 in hexadecimal, the digests of the files beside the
    document, and the document as it was written, where that is not in canonical names."""

    directory: Directory
    on: date
    sender: str  # State
    receiver: str  # State
    case: Case | None = None
    limited: Mapping[str, Sequence[Limited]] = field(default_factory=dict)
    carried: Collection[str] = ()
    written: etree._Element | None = None


def broken_in_context(root: etree._Element, context: Context) -> list[Finding]:
    """Every rule that the valid document `root`, in canonical names, does not keep there."""
    require_canonical(root)
    return [found for rule in RULES_IN_CONTEXT for found in rule(root, context)]


def kept_long_enough(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R04C: what is preserved is kept for the least time that the Convention grants."""
    for part in root.iterfind(f"{D}Preserved"):
        since, until = part.find(f"{D}From"), part.find(f"{D}Until")
        if since is None or until is None:
            continue
        first = datetime.fromisoformat(text(since)).date()
        least = first + timedelta(days=PRESERVATION_DAYS)
        if date.fromisoformat(text(until)) < least:
            message = f"{text(until)} is less than {PRESERVATION_DAYS} days after {first}"
            yield finding("UNCC-R04C", until, message, f"{least} or later", "42(8)")


def collected_no_longer(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R05L: no longer collection is asked for than the law of the requested State allows."""
    record = context.directory.states.get(context.receiver)
    limits = () if record is None else record.time_limits
    for limit in (one for one in limits if one.clock == COLLECTION):
        longest = Length.read(limit.length).elapsed
        for period in root.iterfind(f"{D}Collection/{D}Period"):
            begin, end = text(period.find(f"{C}From")), text(period.find(f"{C}To"))
            if datetime.fromisoformat(end) - datetime.fromisoformat(begin) > longest:
                message = f"{context.receiver} allows a collection of {limit.length} at most"
                yield finding("UNCC-R05L", period, message, limit.length, limit.article)


def real_time_for_its_offences(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R05S: real-time collection is asked for offences to which the State applies it."""
    yield from collected_there(root, context.directory, context.receiver, context.on)


def refused_by_its_own_reservation(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R06R: preservation is refused by reservation only by a State that made it."""
    yield from reserved_ground(root, context.directory, context.sender, context.on)


def consulted_before(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R07: refusing or postponing comes after a consultation, or after why there was none."""
    refuses = kind_of(root) in ("RefusalNotice", "PostponementNotice")
    if not refuses or concerned(root) == "PreservationRequest":
        return
    if context.case is not None and not context.case.consulted:
        message = "no ConsultationNotice went before"
        expected = "a ConsultationNotice, with SkippedReason if there is to be no consultation"
        yield finding("UNCC-R07", root, message, expected, "40(28)")


def custody_hangs_together(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R09C: every event of custody has the hash of the one before it."""
    for held, said in links_of_custody(root if context.written is None else context.written):
        if text(said) != held:
            message = "the event of custody before this one has another hash"
            yield finding("UNCC-R09C", said, message, held, "40(14)")


def readable_there(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R10: texts are in a language that the receiver accepts, or translated by oath."""
    record = context.directory.states.get(context.receiver)
    languages = None if record is None else record.languages_on(context.on)
    if languages is None:  # nobody knows, so nothing is wrong
        return
    accepted = frozenset(languages)
    for parent in _texts_of(root):
        if not any(_readable(one, accepted) for one in parent.iterfind(f"{C}Text")):
            message = f"no version that {context.receiver} accepts"
            expected = f"an original or a certified translation in {', '.join(sorted(accepted))}"
            yield finding("UNCC-R10", parent, message, expected, "40(13)")


def applied_between(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R12: the Convention is applied between the two States."""
    for one, other in (
        (context.sender, context.receiver),
        (context.receiver, context.sender),
    ):
        record = context.directory.states.get(one)
        if record is not None and other in record.excluded_parties:
            asked = root.find(f"{C}RequestedAuthority")
            message = f"{one} declared that it does not apply the Convention to {other}"
            element = root if asked is None else asked
            yield finding("UNCC-R12", element, message, "another treaty, another channel", "64")


def used_as_allowed(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R13: what came under a limitation of use goes to no other State without leave."""
    for digest, element, limit in _limited(root, context):
        if not limit.allows(context.receiver):
            where = f"in the request {limit.request_id}"
            message = f"{digest} came from {limit.state} {where}, for that purpose only"
            expected = f"leave of {limit.state}: {ONWARD} that names {context.receiver}, granted"
            yield finding("UNCC-R13", element, message, expected, "40(19)")
            return  # one is enough to stop it, and a delivery may have thousands


def limits_passed_on(root: etree._Element, context: Context) -> Iterator[Finding]:
    """UNCC-R13I: what goes on with leave goes on under the limits with which it came."""
    limitations = limitations_in(root)
    for digest, _, limit in _limited(root, context):
        if context.receiver == limit.state or not limit.allows(context.receiver):
            continue
        came = f"{digest} came from {limit.state} with OnwardTransfer {limit.onward}"
        if not limitations:
            expected = f"a document with a UseLimitation: {', '.join(sorted(BRINGING))}"
            yield finding("UNCC-R13I", root, f"{came}; this says nothing of it", expected, "40(19)")
            return
        for limitation in limitations:
            if not limit.is_kept_by(limitation):
                listed = f" of {', '.join(sorted(limit.listed))}" if limit.listed else ""
                message, expected = f"{came}", f"{limit.onward}{listed}, or less"
                yield finding("UNCC-R13I", limitation, message, expected, "40(19)")
                return


def _limited(
    root: etree._Element, context: Context
) -> Iterator[tuple[str, etree._Element, Limited]]:
    """What the document names or carries that came to us under a limit: where, and which."""
    if not context.limited:
        return
    named = ((text(one).lower(), one) for one in root.iter(f"{C}Sha256"))
    beside = ((digest, root) for digest in sorted(context.carried))
    for digest, element in chain(named, beside):
        for limit in context.limited.get(digest, ()):
            yield digest, element, limit


ContextRule = Callable[[etree._Element, Context], Iterator[Finding]]

RULES_IN_CONTEXT: Final[tuple[ContextRule, ...]] = (
    kept_long_enough,
    collected_no_longer,
    real_time_for_its_offences,
    refused_by_its_own_reservation,
    consulted_before,
    custody_hangs_together,
    readable_there,
    applied_between,
    used_as_allowed,
    limits_passed_on,
)


def _texts_of(root: etree._Element) -> Iterator[etree._Element]:
    """What is to be understood abroad: texts of every kind but names."""
    before = None
    for one in root.iter(f"{C}Text"):
        parent = one.getparent()
        if parent is None or parent is before:
            continue
        before = parent
        if etree.QName(parent).localname != "Name":
            yield parent


def _readable(one: etree._Element, accepted: frozenset[str]) -> bool:
    language = one.get("lang", "").strip().partition("-")[0]
    original = one.get("kind", "").strip() == "ORIGINAL"
    certified = one.get("certified", "").strip() in ("true", "1")
    return language in accepted and (original or certified)
