"""What is wrong with a document: one Finding for each fault, and the refusal that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a document, for the person who has to mend it."""

    rule: str  # "xml", "xsd", "json" or the name of a rule of protocol.convention.rules
    path: str  # /MlaRequest/Measure[2]/Description in XML, $.Measure[1].Description in JSON
    line: int  # of the XML octets, from 1; 0 where a fault has no line
    message: str
    expected: str = ""
    article: str | None = None  # of the Convention, where the rule comes from it

    def __str__(self) -> str:
        where = f"line {self.line}, {self.path}" if self.line else self.path
        expected = f" (expected: {self.expected})" if self.expected else ""
        article = f" [article {self.article}]" if self.article else ""
        return f"{where}: {self.message}{expected}{article}"


class DocumentRefused(Exception):
    """A document does not hold to its form; `findings` has at least one entry."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


def line_of(element: etree._Element) -> int:
    """The line of `element` in its octets, from 1; 0 where it is not known."""
    line: int | None = getattr(element, "sourceline")  # noqa: B009 - its stub has no usable type
    return line or 0
