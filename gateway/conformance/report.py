"""What the probes saw, as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.conformance.assertions import Assertion, Level
from gateway.conformance.verdicts import Seen
from keys.certificates import fingerprint
from protocol.as4.pmode import PMode

HEAD: Final = ("assertion", "level", "result", "what was asked", "what was seen")


@dataclass(frozen=True, slots=True)
class Line:
    """One assertion and what came of it; `seen` is None where it cannot be seen from outside."""

    assertion: Assertion
    seen: Seen | None

    @property
    def result(self) -> str:
        """ "holds", "fails", or "not run"."""
        if self.seen is None:
            return "not run"
        return "holds" if self.seen.holds else "fails"

    @property
    def note(self) -> str:
        """What was seen, or why nothing was."""
        if self.seen is not None:
            return self.seen.sentence
        return self.assertion.absent or "cannot be seen from outside"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run against the partner of `pmode`."""

    pmode: PMode
    begun: datetime
    version: str
    lines: tuple[Line, ...]

    @property
    def conforms(self) -> bool:
        """Whether every mandatory assertion that was run holds."""
        return not any(
            line.result == "fails" and line.assertion.level is Level.MANDATORY
            for line in self.lines
        )

    def rows(self) -> Iterable[Sequence[str]]:
        """The cells of the table under HEAD, those that were run first."""
        for line in sorted(self.lines, key=lambda line: line.seen is None):
            asked = line.assertion
            yield asked.id, asked.level.value, line.result, asked.sentence, line.note

    def summary(self) -> str:
        """One sentence over all of it."""
        counts = dict.fromkeys(("holds", "fails", "not run"), 0)
        for line in self.lines:
            counts[line.result] += 1
        verdict = "conforms" if self.conforms else "does not conform"
        return (
            f"{self.pmode.partner_state} {verdict}: {counts['holds']} hold, "
            f"{counts['fails']} fail, {counts['not run']} cannot be run from outside"
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, for a machine; `format` changes when a field changes its meaning."""
        return {
            "format": "hanoi-gateway-conformance-1",
            "source": "eDelivery AS4 Test Assertion Description 1.2",
            "partner": self.pmode.partner_state,
            "address": self.pmode.address,
            "suite": self.pmode.suite.id,
            "partnerSigning": [fingerprint(one) for one in self.pmode.partner_signing],
            "begun": self.begun.isoformat(),
            "version": self.version,
            "conforms": self.conforms,
            "assertions": [
                {
                    "id": line.assertion.id,
                    "side": line.assertion.side.value,
                    "level": line.assertion.level.value,
                    "result": line.result,
                    "asked": line.assertion.sentence,
                    "seen": line.note,
                }
                for line in self.lines
            ],
        }
