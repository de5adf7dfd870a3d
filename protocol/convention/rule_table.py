"""Every business rule in one table: what it says, its article, who keeps it. For docs/rules.md.

A rule without a function is kept by something else, and the table says by what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from protocol.convention.rules import RULES
from protocol.convention.rules_in_context import FLAGGED, RULES_IN_CONTEXT

PREFIX: Final = "UNCC-R"

_ARTICLES: Final = {
    "UNCC-R01": "40(15)(c)",
    "UNCC-R02": "35",
    "UNCC-R02E": "35",
    "UNCC-R03": "37(1)",
    "UNCC-R04": "42(8)",
    "UNCC-R04C": "42(8)",
    "UNCC-R05": "45(3)",
    "UNCC-R05L": "45(3)",
    "UNCC-R05S": "23(3)",
    "UNCC-R06": "42(6)",
    "UNCC-R06R": "42(5)",
    "UNCC-R07": "40(28)",
    "UNCC-R09": "40(14)",
    "UNCC-R09C": "40(14)",
    "UNCC-R10": "40(13)",
    "UNCC-R11": "40(12)",
    "UNCC-R12": "64",
    "UNCC-R13": "40(19)",
    "UNCC-R13I": "40(19)",
    "UNCC-R14": "41(3)(e)",
    "UNCC-R15": "14",
    "UNCC-R18": "40(26)",
    "UNCC-R19": "40(13)",
    "UNCC-R20": "37",
    "UNCC-R21": "42(9)",
    "UNCC-R22": "40(14)",
    "UNCC-R23": "40(12)",
}

_ELSEWHERE: Final = (
    ("UNCC-R01", "40(15)", "items (a), (b), (d) and (g) are there", "the schema"),
    ("UNCC-R04", "42(3)", "all seven items are there, and IntendsMla is true", "the schema"),
    ("UNCC-R05", "45(3)", "a collection has both ends and its justification", "the schema"),
    ("UNCC-R06", "40(25)", "a refusal has a ground, never fiscal or of bank secrecy, and reasons",
     "the schema"),
    ("UNCC-R08", "40(15)", "every moment has its offset, every IP address its time", "the schema"),
    ("UNCC-R09", "40(14)", "every item has its SHA-256 and an event of custody", "the schema"),
    ("UNCC-R11", "40(12)", "the receiver is the authority that the directory names; else D08 with "
     "the right address", "competence"),
    ("UNCC-R16", "40(14)", "a message that comes twice gets the same receipt", "the store"),
    ("UNCC-R17", "40(14)", "a version that the receiver does not know is refused by name, never "
     "guessed and never dropped", "the live versions"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `on_arrival` is "refused" or "flagged"; empty where another part
    of the gateway decides."""

    rule: str
    article: str
    says: str
    kept_by: str
    on_arrival: str


def lines() -> list[Line]:
    """Every rule, in the order of its name."""
    found = [*_functions(RULES), *_functions(RULES_IN_CONTEXT)]
    found += [Line(rule, article, says, kept_by, "") for rule, article, says, kept_by in _ELSEWHERE]
    return sorted(found, key=lambda line: line.rule)


def as_table() -> str:
    """The table in Markdown."""
    head = ["| rule | article | says | kept by | on arrival |", "|---|---|---|---|---|"]
    rows = [(one.rule, one.article, one.says, one.kept_by, one.on_arrival) for one in lines()]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _functions(rules: tuple[Callable[..., Any], ...]) -> Iterator[Line]:
    """The lines of rules that are functions: their docstrings begin with their names."""
    for rule in rules:
        name, _, says = (rule.__doc__ or "").partition(": ")
        arrival = "flagged" if name in FLAGGED else "refused"
        sentence = " ".join(says.split()).removesuffix(".")
        yield Line(name, _ARTICLES[name], sentence, f"`{rule.__name__}`", arrival)
