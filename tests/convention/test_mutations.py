"""Eight hundred spoiled documents: each is refused with the name of what is wrong, none crashes."""

from __future__ import annotations

from collections import Counter

import pytest

from protocol.convention.documents import DocumentRefused, read_document
from schemas.catalogue import example_names
from tests.convention.mutations import WAYS, Mutation, mutations

COUNT, SEED = 800, 40_15
MUTATIONS = list(mutations(COUNT, SEED))


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{n}-{one.way}" for n, one in enumerate(MUTATIONS)]
)
def test_a_spoiled_document_is_refused_and_the_element_is_named(mutation: Mutation) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_document(mutation.octets)
    findings = refused.value.findings
    assert any(mutation.is_told_by(one.path, one.message, one.expected) for one in findings), [
        str(finding) for finding in findings
    ]
    assert all(finding.line > 0 for finding in findings)


def test_every_example_and_every_way_has_its_turn() -> None:
    assert len({mutation.example for mutation in MUTATIONS}) == len(example_names())
    ways = Counter(mutation.way for mutation in MUTATIONS)
    assert set(ways) == {way.__name__ for way in WAYS}
    assert len({mutation.octets for mutation in MUTATIONS}) > 0.99 * COUNT


def test_the_same_seed_spoils_the_same_documents() -> None:
    assert list(mutations(20, SEED)) == MUTATIONS[:20]
