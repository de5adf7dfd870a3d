"""Short words for writing rules with: one finding, one text, one set of texts."""

from __future__ import annotations

from typing import Final

from lxml import etree

from protocol.convention.declarations import path_of
from protocol.convention.findings import Finding, line_of
from protocol.convention.kinds import COMMON, DOCUMENTS

C: Final = f"{{{COMMON}}}"
D: Final = f"{{{DOCUMENTS}}}"


def finding(
    rule: str, element: etree._Element, message: str, expected: str, article: str
) -> Finding:
    """A fault at `element`, by the rule that is broken."""
    return Finding(rule, path_of(element), line_of(element), message, expected, article)


def text(element: etree._Element | None) -> str:
    """The text of an element without the white space around it; empty where there is none."""
    return "" if element is None else (element.text or "").strip()


def texts(root: etree._Element, path: str) -> set[str]:
    """The texts of all elements at `path`."""
    return {text(element) for element in root.iterfind(path)}


def kind_of(root: etree._Element) -> str:
    """The kind of the document."""
    return str(etree.QName(root).localname)


def concerned(root: etree._Element) -> str:
    """The kind of the request that the document belongs to; empty for a request."""
    return text(root.find(f"{C}Concerns/{C}Kind"))


def state_of(authority: etree._Element | None) -> str:
    """The State that the id of an authority begins with."""
    return "" if authority is None else authority.get("id", "").strip()[:2]
