"""Documents that are read at the same time do not see each other's faults."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from protocol.convention import explanation
from protocol.convention.documents import DocumentRefused, read_document
from schemas.catalogue import example

MLA = example("mla-request-xu-az.xml")
READERS = 8
DOCUMENTS = 300
BY_LXML, BY_XMLSCHEMA = 0, explanation.MAX_EXPLAINED_ELEMENTS


@pytest.fixture(autouse=True)
def _impatient_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def _faulty(number: int) -> bytes:
    """A document whose revision is a word that no other document has, at differing lengths."""
    identifier = re.search(rb"<c:Identifier .*?</c:Identifier>", MLA, re.DOTALL)
    assert identifier
    longer = MLA.replace(identifier[0], identifier[0] * (1 + number % 40))
    return longer.replace(b"<c:Revision>1<", b"<c:Revision>secret-%d<" % number)


def _told(number: int) -> set[str]:
    with pytest.raises(DocumentRefused) as refused:
        read_document(_faulty(number))
    return set(re.findall(r"secret-\d+", str(refused.value)))


@pytest.mark.parametrize(
    ("explained_elements", "documents"), [(BY_LXML, DOCUMENTS), (BY_XMLSCHEMA, 40)]
)
def test_a_refusal_tells_the_faults_of_its_own_document(
    explained_elements: int, documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanation, "MAX_EXPLAINED_ELEMENTS", explained_elements)
    with ThreadPoolExecutor(READERS) as readers:
        told = list(readers.map(_told, range(documents)))
    assert told == [{f"secret-{number}"} for number in range(documents)]


def test_a_valid_document_is_accepted_beside_faulty_ones() -> None:
    with ThreadPoolExecutor(READERS) as readers:
        for number in range(40):
            readers.submit(_told, number)
        kinds = list(readers.map(lambda _: read_document(MLA).kind, range(DOCUMENTS)))
    assert set(kinds) == {"MlaRequest"}
