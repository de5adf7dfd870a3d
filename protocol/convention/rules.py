"""Rules of the Convention that a schema cannot say: one small function each, with its article."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from lxml import etree

from protocol.convention.findings import Finding, line_of
from protocol.convention.kinds import COMMON, DOCUMENTS

C: Final = f"{{{COMMON}}}"
D: Final = f"{{{DOCUMENTS}}}"
SERIOUS_CRIME_MONTHS: Final = 48  # article 2: deprivation of liberty of four years or more

Rule = Callable[[etree._Element], Iterator[Finding]]


def broken_rules(root: etree._Element) -> list[Finding]:
    """Every rule that the valid document `root` does not keep."""
    return [finding for rule in RULES for finding in rule(root)]


def within_the_convention(root: etree._Element) -> Iterator[Finding]:
    """R-02: one offence of articles 7 to 17, or one that is a serious crime."""
    offences = root.findall(f"{C}Offence")
    if not offences or any(_is_covered(offence) for offence in offences):
        return
    yield Finding(
        "R-02",
        f"/{_local(root)}/Offence",
        line_of(offences[0]),
        "no offence is one of articles 7 to 17, and none is a serious crime",
        f"a code UNCC-07 to UNCC-17, or MaxPenaltyMonths of {SERIOUS_CRIME_MONTHS} or more",
        "35",
    )


def facts_unless_service(root: etree._Element) -> Iterator[Finding]:
    """R-01: the facts may be left out only where nothing but service of documents is asked."""
    if root.tag != f"{D}MlaRequest" or root.find(f"{D}Facts") is not None:
        return
    purposes = {purpose.text for purpose in root.iterfind(f"{D}Measure/{C}Purpose")}
    if purposes != {"SERVE_DOCS"}:
        yield Finding(
            "R-01",
            "/MlaRequest",
            line_of(root),
            "the summary of the facts is missing",
            "Facts, unless every measure is SERVE_DOCS",
            "40(15)",
        )


def extraditable(root: etree._Element) -> Iterator[Finding]:
    """R-03: extradition under the Convention needs an offence of articles 7 to 17."""
    if root.tag != f"{D}ExtraditionRequest":
        return
    instruments = {e.text for e in root.iterfind(f"{C}LegalBasis/{C}Instrument")}
    codes = [offence.get("code", "") for offence in root.iterfind(f"{C}Offence")]
    if instruments == {"UNCC"} and not any(code.startswith("UNCC-") for code in codes):
        yield Finding(
            "R-03",
            "/ExtraditionRequest/Offence",
            line_of(root),
            "the Convention alone is no basis for extradition for these offences",
            "an offence UNCC-07 to UNCC-17, or another treaty in LegalBasis",
            "37(1)",
        )


def emergency_names_who_is_at_risk(root: etree._Element) -> Iterator[Finding]:
    """R-14: an emergency says whose life or safety is at risk."""
    urgency = root.find(f"{C}Urgency")
    if urgency is None or urgency.get("level") != "EMERGENCY":
        return
    if urgency.find(f"{C}AtRisk") is None:
        yield Finding(
            "R-14",
            f"/{_local(root)}/Urgency",
            line_of(urgency),
            "an EMERGENCY without the person or place at risk",
            "AtRisk",
            "41",
        )


def two_authorities(root: etree._Element) -> Iterator[Finding]:
    """R-11: a document goes between two States."""
    asking, asked = root.find(f"{C}RequestingAuthority"), root.find(f"{C}RequestedAuthority")
    if asking is None or asked is None:
        return
    if asking.get("id", "")[:2] == asked.get("id", "")[:2]:
        yield Finding(
            "R-11",
            f"/{_local(root)}/RequestedAuthority",
            line_of(asked),
            "requesting and requested authority are of the same State",
            "authorities of two States",
            "40(12)",
        )


RULES: Final[tuple[Rule, ...]] = (
    facts_unless_service,
    within_the_convention,
    extraditable,
    two_authorities,
    emergency_names_who_is_at_risk,
)


def _is_covered(offence: etree._Element) -> bool:
    months = offence.findtext(f"{C}MaxPenaltyMonths") or "0"
    return offence.get("code", "").startswith("UNCC-") or int(months) >= SERIOUS_CRIME_MONTHS


def _local(root: etree._Element) -> str:
    return str(etree.QName(root).localname)
