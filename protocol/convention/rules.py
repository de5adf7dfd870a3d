"""Rules that a schema cannot say: one small function each, with its article.

A rule speaks about one valid document, in canonical names, and nothing else: competence is asked of
the directory, and what went before in a case is not looked at. Which of these rules rest on law
that was read, and which are assumptions of ours, stands in docs/convention.md, by the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Final, cast

from lxml import etree

from protocol.convention.canonical import require_canonical
from protocol.convention.declarations import path_of
from protocol.convention.findings import Finding, line_of
from protocol.convention.kinds import COMMON, DOCUMENTS
from protocol.convention.rules_of_kinds import PRESERVATION_GROUNDS, RULES_OF_KINDS
from protocol.convention.vocabulary import KINDS

C: Final = f"{{{COMMON}}}"
D: Final = f"{{{DOCUMENTS}}}"

SERIOUS_CRIME_MONTHS: Final = 48  # article 2: deprivation of liberty of four years or more
PRESERVATION_DAYS: Final = 60  # article 42(8): the least time for which data are preserved
ELECTRONIC_PURPOSES: Final = frozenset({"ACCESS_STORED_DATA", "RT_TRAFFIC", "INTERCEPT_CONTENT"})
# Requests that are for electronic evidence by their kind, or for no evidence at all.
_ELECTRONIC_KINDS: Final = frozenset(
    {
        "PreservationRequest", "DataLocationQuery", "EmergencyDataRequest", "AssistanceQuery",
        "StoredDataRequest", "RealTimeTrafficRequest", "ContentInterceptionRequest",
        "LawEnforcementQuery", "PreventiveAssistanceRequest", "JurisdictionConsultation",
    }
)  # fmt: skip
_SURRENDER: Final = (f"{D}ExtraditionRequest", f"{D}ProvisionalArrestRequest")

_NOT_ONE_ORIGINAL: Final = etree.XPath(
    "//c:Text[1]/parent::*[count(c:Text[normalize-space(@kind) = 'ORIGINAL']) != 1]",
    namespaces={"c": COMMON},
)

Rule = Callable[[etree._Element], Iterator[Finding]]


def broken_rules(root: etree._Element) -> list[Finding]:
    """Every rule that the valid document `root`, in canonical names, does not keep."""
    require_canonical(root)
    return [finding for rule in RULES for finding in rule(root)]


def facts_unless_service(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R01: the facts may be left out only where nothing but service of documents is asked."""
    if root.tag != f"{D}MlaRequest" or root.find(f"{D}Facts") is not None:
        return
    if _texts(root, f"{D}Measure/{C}Purpose") != {"SERVE_DOCS"}:
        yield _finding(
            "UNCC-R01",
            root,
            "the summary of the facts is missing",
            "Facts, unless every measure is SERVE_DOCS",
            "40(15)(c)",
        )


def within_the_convention(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R02: one offence of articles 7 to 17, or one that is a serious crime."""
    offences = root.findall(f"{C}Offence")
    if not offences or _is_of_the_convention(offences) or any(map(_is_serious, offences)):
        return
    yield _finding(
        "UNCC-R02",
        offences[0],
        "no offence is one of articles 7 to 17, and none is a serious crime",
        f"a code UNCC-07 to UNCC-17, or MaxPenaltyMonths of {SERIOUS_CRIME_MONTHS} or more",
        "35",
    )


def only_electronic_evidence(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R02E: of other serious crimes the Convention alone gives electronic evidence only."""
    offences = root.findall(f"{C}Offence")
    if not offences or root.tag in _SURRENDER or not _rests_on_the_convention_alone(root):
        return
    if _is_of_the_convention(offences):
        return
    name = str(etree.QName(root).localname)
    if root.tag != f"{D}MlaRequest":
        if name not in _ELECTRONIC_KINDS:
            message = f"{name} is not for electronic evidence; no offence is of articles 7 to 17"
            yield _finding("UNCC-R02E", offences[0], message, "another treaty in LegalBasis", "35")
        return
    for purpose in root.iterfind(f"{D}Measure/{C}Purpose"):
        if _text(purpose) not in ELECTRONIC_PURPOSES:
            yield _finding(
                "UNCC-R02E",
                purpose,
                f"{_text(purpose)} is not for electronic evidence, and no offence is one of "
                "articles 7 to 17",
                f"{', '.join(sorted(ELECTRONIC_PURPOSES))}, or another treaty in LegalBasis",
                "35",
            )


def extraditable(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R03: extradition and arrest under the Convention alone need an offence of 7 to 17."""
    if root.tag not in _SURRENDER or not _rests_on_the_convention_alone(root):
        return
    offences = root.findall(f"{C}Offence")
    if not _is_of_the_convention(offences):
        yield _finding(
            "UNCC-R03",
            offences[0],
            "the Convention alone is no basis for extradition for these offences",
            "an offence UNCC-07 to UNCC-17, or another treaty in LegalBasis",
            "37(1)",
        )


def long_enough(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R04: preservation is asked for at least as long as the Convention grants it."""
    until, issued = root.find(f"{D}RequestedUntil"), root.find(f"{C}IssuedAt")
    if until is None or issued is None:
        return
    earliest = datetime.fromisoformat(_text(issued)).date() + timedelta(days=PRESERVATION_DAYS)
    if date.fromisoformat(_text(until)) < earliest:
        yield _finding(
            "UNCC-R04",
            until,
            f"{_text(until)} is less than {PRESERVATION_DAYS} days after the request",
            f"{earliest.isoformat()} or later",
            "42(8)",
        )


def allowed_obstacle(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R06: preservation meets only the obstacles that the Convention allows it to meet."""
    acknowledged = root.find(f"{D}Acknowledges")
    if acknowledged is None or _text(acknowledged) != "PreservationRequest":
        return
    for obstacle in root.iterfind(f"{D}ForeseenObstacle"):
        ground = obstacle.get("ground", "").strip()
        if ground not in PRESERVATION_GROUNDS:
            yield _finding(
                "UNCC-R06",
                obstacle,
                f"{ground} is no ground on which preservation may be refused",
                f"one of {', '.join(sorted(PRESERVATION_GROUNDS))}",
                "42(6)",
            )


def two_states(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R11: a document goes between authorities of two States."""
    asking, asked = root.find(f"{C}RequestingAuthority"), root.find(f"{C}RequestedAuthority")
    if asking is None or asked is None:
        return
    if _state(asking) == _state(asked):
        yield _finding(
            "UNCC-R11",
            asked,
            "requesting and requested authority are of the same State",
            "authorities of two States",
            "40(12)",
        )


def emergency_names_who_is_at_risk(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R14: an emergency says whose life or safety is at risk, and whom to call about it."""
    urgency = root.find(f"{C}Urgency")
    if urgency is None or urgency.get("level", "").strip() != "EMERGENCY" or _has_case(root):
        return
    if urgency.find(f"{C}AtRisk") is None:
        message = "an EMERGENCY without the persons or the place at risk"
        yield _finding("UNCC-R14", urgency, message, "AtRisk", "41(3)(e)")
    asking = root.find(f"{C}RequestingAuthority")
    if asking is not None and asking.find(f"{C}Contact/{C}Phone") is None:
        message = "an EMERGENCY without a telephone number to call about it"
        yield _finding("UNCC-R14", asking, message, "a Contact with a Phone", "41(3)(e)")


def urgency_has_its_reason(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R18: who asks for haste says why."""
    urgency = root.find(f"{C}Urgency")
    if urgency is None or _has_case(root) or urgency.find(f"{C}Reason") is not None:
        return
    level = urgency.get("level", "").strip()
    if level != "ROUTINE":
        yield _finding("UNCC-R18", urgency, f"{level} without its reason", "Reason", "40(26)")


def one_original(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R19: of every text one language version is the original, the others are translations."""
    for text in cast(list[etree._Element], _NOT_ONE_ORIGINAL(root)):
        message = "not exactly one of the language versions is the original"
        yield _finding("UNCC-R19", text, message, "one Text of kind ORIGINAL", "40(13)")


def sentence_to_serve(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R20: who is sought to serve a sentence has one."""
    purpose = root.find(f"{D}PersonSought/{D}Purpose")
    if purpose is None or _text(purpose) != "ENFORCEMENT_OF_SENTENCE":
        return
    if root.find(f"{D}Sentence") is None:
        message = "surrender to serve a sentence, without the sentence"
        yield _finding("UNCC-R20", purpose, message, "Sentence", "37")


def extension_of_something(root: etree._Element) -> Iterator[Finding]:
    """UNCC-R21: an extension or a supplement names the request that it belongs to."""
    status = root.find(f"{C}RequestStatus")
    if status is None or _text(status) == "NEW" or root.find(f"{C}PriorRequest") is not None:
        return
    message = f"{_text(status)} without the request that it belongs to"
    yield _finding("UNCC-R21", status, message, "PriorRequest", "42(9)")


RULES: Final[tuple[Rule, ...]] = (
    facts_unless_service,
    within_the_convention,
    only_electronic_evidence,
    extraditable,
    long_enough,
    allowed_obstacle,
    two_states,
    emergency_names_who_is_at_risk,
    urgency_has_its_reason,
    one_original,
    sentence_to_serve,
    extension_of_something,
    *RULES_OF_KINDS,
)


def _finding(
    rule: str, element: etree._Element, message: str, expected: str, article: str
) -> Finding:
    return Finding(rule, path_of(element), line_of(element), message, expected, article)


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _texts(root: etree._Element, path: str) -> set[str]:
    return {_text(element) for element in root.iterfind(path)}


def _state(authority: etree._Element) -> str:
    return authority.get("id", "").strip()[:2]


def _has_case(root: etree._Element) -> bool:
    return KINDS[str(etree.QName(root).localname)].needs_case


def _is_of_the_convention(offences: list[etree._Element]) -> bool:
    return any(offence.get("code", "").strip().startswith("UNCC-") for offence in offences)


def _is_serious(offence: etree._Element) -> bool:
    months = offence.findtext(f"{C}MaxPenaltyMonths") or "0"
    return int(months) >= SERIOUS_CRIME_MONTHS


def _rests_on_the_convention_alone(root: etree._Element) -> bool:
    return _texts(root, f"{C}LegalBasis/{C}Instrument") == {"UNCC"}
