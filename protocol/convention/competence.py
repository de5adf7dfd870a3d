"""Which authority a request goes to, and whether its sender may send it: never a default.

Pure: the directory and the day go in, an authority with its rule or a reason comes out. A State
must name exactly one receiver for a matter; where it names none or several, nothing is routed.
Source: Convention articles 37(19), 40(12), 41(2), 42, 53; the matter of each kind stands in
protocol.convention.vocabulary; docs/convention.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from protocol.convention.directory import (
    CompetenceRule,
    Directory,
    Function,
    Matter,
    StateRecord,
    Trust,
)
from protocol.convention.vocabulary import KINDS

CONTACT_CHECK = "ContactCheck"  # asks whether the 24/7 point answers; has no document

MATTERS: Mapping[str, Matter] = MappingProxyType(
    {kind.name: kind.matter for kind in KINDS.values() if kind.matter is not None}
    | {CONTACT_CHECK: Matter.POC247}
)
"""The matter of each kind that opens a case or goes to the authority of a matter."""

OF_A_CASE = frozenset(kind.name for kind in KINDS.values() if kind.matter is None)
"""Kinds that go between the two authorities of a case, whatever its matter is."""


@dataclass(frozen=True, slots=True)
class Competent:
    """This authority, by this rule, and how far the line of the directory may be relied on."""

    authority: str
    rule: str
    article: str
    source: str
    trust: Trust

    @property
    def because(self) -> Mapping[str, str]:
        """Why, as it is kept with a message and told to whoever asks."""
        return {
            "rule": self.rule,
            "article": self.article,
            "source": self.source,
            "trust": self.trust.value,
        }


@dataclass(frozen=True, slots=True)
class NotCompetent:
    """Nobody, because ...; `right_address` is the authority to write to, when there is one."""

    reason: str
    right_address: str | None = None


def receiving_authority(
    directory: Directory, state: str, kind: str, addressed_to: str | None, on: date
) -> Competent | NotCompetent:
    """Who in `state` receives a `kind` that is addressed to `addressed_to`, on that day.

    The addressee must be the competent authority itself; a request to another one is answered
    with the right address. What belongs to a case goes to any known authority that sends or
    receives.
    """
    record = directory.states.get(state)
    if record is None:
        return NotCompetent(f"the directory does not know the State {state}")
    if addressed_to is None:
        return NotCompetent(f"a {kind} must name the authority that it is for")
    if kind in OF_A_CASE:
        return _of_a_case(record, kind, addressed_to, on)
    matter = MATTERS.get(kind)
    if matter is None:
        return NotCompetent(f"no rule of competence covers {kind}")
    rules = [rule for rule in record.rules if rule.holds(matter, Function.RECEIVE, on)]
    if not rules:
        return _nobody(record, matter, "receives", on)
    if len(rules) > 1:
        named = ", ".join(sorted(rule.authority for rule in rules))
        return NotCompetent(
            f"{state} names several receivers of {matter.value} on {on} ({named}); "
            "its directory must name one"
        )
    (rule,) = rules
    if addressed_to != rule.authority:
        return _wrong_address(record, kind, addressed_to, rule)
    return _by(rule)


def sending_authority(
    directory: Directory, state: str, kind: str, authority: str, on: date
) -> Competent | NotCompetent:
    """Whether `authority` of `state` may send a `kind` on that day."""
    record = directory.states.get(state)
    if record is None:
        return NotCompetent(f"the directory does not know the State {state}")
    if authority not in record.authorities:
        return NotCompetent(f"{authority} is no authority of {state} in the directory")
    if kind in OF_A_CASE:
        return _of_a_case(record, kind, authority, on)
    matter = MATTERS.get(kind)
    if matter is None:
        return NotCompetent(f"no rule of competence covers {kind}")
    senders = [rule for rule in record.rules if rule.holds(matter, Function.SEND, on)]
    mine = [rule for rule in senders if rule.authority == authority]
    if mine:
        return _by(mine[0])
    if not senders:
        return _nobody(record, matter, "sends", on)
    right = sorted({rule.authority for rule in senders})
    return NotCompetent(
        f"{authority} does not send {kind} for {state}",
        right[0] if len(right) == 1 else None,
    )


def _nobody(record: StateRecord, matter: Matter, does: str, on: date) -> NotCompetent:
    """Nobody is known; where that is an open question, the reason says so, with its article."""
    reason = f"{record.code} names no authority that {does} {matter.value} on {on}"
    for question in record.open_questions:
        if matter in question.matters:
            return NotCompetent(
                f"{reason}; unknown, article {question.article}: {question.subject}"
            )
    return NotCompetent(reason)


def _of_a_case(
    record: StateRecord, kind: str, authority: str, on: date
) -> Competent | NotCompetent:
    """It may come from, and go to, whoever sends or receives anything on that day."""
    if authority not in record.authorities:
        return NotCompetent(f"{authority} is no authority of {record.code} in the directory")
    for rule in record.rules:
        if rule.authority == authority and rule.holds(rule.matter, rule.function, on):
            return Competent(
                authority,
                f"{kind} goes between the authorities of its case",
                rule.article,
                rule.provenance.source,
                rule.provenance.trust,
            )
    return NotCompetent(f"{authority} has no function in the directory on {on}")


def _wrong_address(
    record: StateRecord, kind: str, addressed_to: str, rule: CompetenceRule
) -> NotCompetent:
    known = addressed_to in record.authorities
    what = "does not receive" if known else "is not an authority that is known to receive"
    return NotCompetent(f"{addressed_to} {what} {kind} for {record.code}", rule.authority)


def _by(rule: CompetenceRule) -> Competent:
    return Competent(
        rule.authority,
        f"{rule.authority} has the function {rule.function.value} in {rule.matter.value}",
        rule.article,
        rule.provenance.source,
        rule.provenance.trust,
    )
