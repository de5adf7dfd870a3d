"""Spoiled documents in good messages: each is refused over the wire with the element's name."""

from __future__ import annotations

import re

import pytest_twisted

from gateway.app import Gateway
from protocol.convention.documents import read_document
from schemas.catalogue import example
from tests.convention.mutations import WAYS, mutations
from tests.gateway.ground import Partner
from tests.gateway.test_refusals import code_of

COUNT, SEED = 2 * len(WAYS), 40_15


@pytest_twisted.ensureDeferred
async def test_no_spoiled_document_arrives_and_each_refusal_names_the_element(
    az: Gateway, xu: Partner
) -> None:
    del az
    for one in mutations(COUNT, SEED):
        kind = read_document(example(one.example)).kind
        answer = await xu.send(xu.craft([("application/xml", one.octets)], action=kind))
        assert code_of(answer) == "EBMS:0004", one.way
        said = answer.body.decode().partition("ErrorDetail")[2]
        assert any(re.search(rf"(?<!\w){re.escape(n)}(?!\w)", said) for n in one.names), said
