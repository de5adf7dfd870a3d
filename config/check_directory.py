"""Gaps between the State directory, the credentials and the P-Modes, and a directory grown old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from config.authorities import authorities_of
from config.credentials import AUDITOR
from config.credentials import FILE as CREDENTIALS_FILE
from config.faults import Fault, Weight
from config.node import PARTNERS_FOLDER, STATES_FOLDER, Node
from protocol.convention.competence import MATTERS
from protocol.convention.directory import Function

OLD = timedelta(days=730)  # authorities are renamed and moved at about every change of government


def directory_gaps(node: Node, today: date) -> Iterator[Fault]:
    """Who or what is in one list and is missing in another. All of these are warnings."""
    yield from _partners(node)
    yield from _holders(node)
    yield from _matters(node, today)
    yield from _age(node, today)


def _partners(node: Node) -> Iterator[Fault]:
    for pmode in node.pmodes:
        if not authorities_of(node.directory, pmode.partner_state):
            yield _warning(
                f"{PARTNERS_FOLDER}/{pmode.partner_state}.toml",
                f"{pmode.partner_state} has no authority in the directory, so that every request "
                f"from it or to it is refused; add {STATES_FOLDER}/{pmode.partner_state}.toml",
                node,
            )


def _holders(node: Node) -> Iterator[Fault]:
    for holder in (*authorities_of(node.directory, node.settings.state), AUDITOR):
        if holder not in node.credentials.holders:
            yield _warning(
                CREDENTIALS_FILE,
                f"{holder} has no token, so that it cannot use the local API; add a [[credential]]",
                node,
            )


def _matters(node: Node, today: date) -> Iterator[Fault]:
    """Kinds of request that reach nobody in our own State today, and nobody said so."""
    record = node.directory.states[node.settings.state]
    unknown = {matter for question in record.open_questions for matter in question.matters}
    for kind, matter in MATTERS.items():
        if matter not in unknown and not any(
            rule.holds(matter, Function.RECEIVE, today) for rule in record.rules
        ):
            yield _warning(
                f"{STATES_FOLDER}/{record.code}.toml",
                f"no authority receives {matter.value} on {today}, so that every {kind} is "
                "refused; add a competence",
                node,
            )


def _age(node: Node, today: date) -> Iterator[Fault]:
    """When each record was last compared with its source: one warning for each State."""
    for state, record in node.directory.states.items():
        days = [rule.provenance.as_of for rule in record.rules]
        if days and min(days) < today - OLD:
            sentence = f"was last compared with its source on {min(days)}; do so, and set as_of"
            yield _warning(f"{STATES_FOLDER}/{state}.toml", sentence, node)
        if days and max(days) > today:
            sentence = f"says as_of {max(days)}, which is after today, {today}; correct it"
            yield _warning(f"{STATES_FOLDER}/{state}.toml", sentence, node)


def _warning(name: str, sentence: str, node: Node) -> Fault:
    return Fault(str(node.folder / name), sentence, Weight.WARNING)
