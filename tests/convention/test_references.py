"""The fast way of checking ids and references says the same as the schema does."""

from __future__ import annotations

import pytest
from lxml import etree

from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.references import references_hold
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import compiled, example, example_names, form, identity
from tests.convention.mutations import mutations

DOCUMENTS = "{urn:uncc:doc:1}"
DELIVERY = example("evidence-delivery-az-xu.xml")


def _fast(root: etree._Element) -> bool:
    return form("documents").validate(root) and references_hold(root, "documents")


@pytest.mark.parametrize("name", example_names())
def test_an_example_holds_both_ways(name: str) -> None:
    root = etree.fromstring(example(name))
    assert compiled("documents").validate(root)
    assert _fast(root)


def test_a_spoiled_document_gets_the_same_verdict_both_ways() -> None:
    for mutation in mutations(600, seed=18):
        root = etree.fromstring(mutation.octets)
        assert _fast(root) is compiled("documents").validate(root), mutation.way


@pytest.mark.parametrize("name", example_names())
def test_every_reference_and_every_id_is_watched(name: str) -> None:
    """A broken reference, or an id that stands twice, is seen wherever it is."""
    for position, one in enumerate(etree.fromstring(example(name)).iter(etree.Element)):
        spoiled = etree.fromstring(example(name))
        element = list(spoiled.iter(etree.Element))[position]
        if str(one.tag).endswith("Ref") and not len(one):
            element.text = "nothing-of-this-name"
        elif one.get("id") and not str(one.tag).endswith("Authority"):
            element.addnext(etree.fromstring(etree.tostring(element)))
        else:
            continue
        if form("documents").validate(spoiled):  # not merely one element too many
            whole = compiled("documents").validate(spoiled)
            assert references_hold(spoiled, "documents") is whole, one.tag


def test_the_form_alone_does_not_see_a_broken_reference() -> None:
    """If it did, the constraints would still be in it, and every message would pay for them."""
    root = etree.fromstring(DELIVERY.replace(b"<c:ItemRef>item-2<", b"<c:ItemRef>item-9<"))
    assert form("documents").validate(root)
    assert not references_hold(root, "documents")


def test_what_is_referred_to_has_a_key() -> None:
    for kind in KINDS:
        constraints = identity("documents", f"{DOCUMENTS}{kind}")
        assert set(constraints.references.values()) <= set(constraints.keys.values())
        assert not set(constraints.references) & set(constraints.keys)


def test_what_looks_like_a_reference_in_extensions_refuses_nothing() -> None:
    reference = b'<d:PersonRef xmlns:d="urn:uncc:doc:1">person-9</d:PersonRef>'
    inside = b"<c:Extensions>" + reference + b"</c:Extensions>"
    extended = DELIVERY.replace(b"<c:Concerns>", inside + b"<c:Concerns>")
    assert read_document(extended).kind == "EvidenceDelivery"
    with pytest.raises(DocumentRefused):
        read_document(extended.replace(b"<c:ItemRef>item-2<", b"<c:ItemRef>item-9<"))
