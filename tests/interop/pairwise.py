"""A small set of cases in which every allowed pair of values meets at least once.

All combinations of form, parts, content and fault would be hundreds of messages to a peer; most
defects show when two of them meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product

Case = Mapping[str, str]
Pair = frozenset[tuple[str, str]]


def covering(
    dimensions: Mapping[str, Sequence[str]], allowed: Callable[[Case], bool]
) -> list[Case]:
    """Cases that hold all pairs which some allowed case holds; always the same ones."""
    candidates = [case for case in _combinations(dimensions) if allowed(case)]
    missing = {pair for case in candidates for pair in pairs(case)}
    chosen: list[Case] = []
    while missing:
        best = max(candidates, key=lambda case: len(missing & pairs(case)))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


def pairs(case: Case) -> set[Pair]:
    """Every two values of a case."""
    return {frozenset(pair) for pair in combinations(case.items(), 2)}


def _combinations(dimensions: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    for values in product(*dimensions.values()):
        yield dict(zip(dimensions, values, strict=True))
