"""Two hundred spoiled documents in XML and in JSON, handed in over the local API: none gets in."""

from __future__ import annotations

import re
from typing import Any

import pytest_twisted

from tests.convention.json_mutations import json_mutations
from tests.convention.mutations import mutations
from tests.local.conftest import XML, Served, form

COUNT, SEED = 200, 40_15
JSON = {"type": "application/json"}


@pytest_twisted.ensureDeferred
async def test_no_spoiled_xml_is_taken_and_each_is_told_the_element(served: Served) -> None:
    for one in mutations(COUNT, SEED):
        findings = await refused(served, one.octets, XML)
        told = [(finding["path"], finding["message"], finding["expected"]) for finding in findings]
        assert any(one.is_told_by(*said) for said in told), (one.way, findings)


@pytest_twisted.ensureDeferred
async def test_no_spoiled_json_is_taken_and_each_is_told_the_element(served: Served) -> None:
    for one in json_mutations(COUNT, SEED):
        findings = await refused(served, one.octets, JSON)
        assert any(speaks_of(finding, one.name) for finding in findings), (one, findings)


async def refused(served: Served, octets: bytes, media: dict[str, str]) -> list[dict[str, Any]]:
    """The findings with which the document was refused."""
    body, content_type = form(("document", octets, media))
    reply = await served.ask("POST", "/v1/messages", body=body, Content_Type=content_type)
    assert (reply.status, reply.problem) == (422, "document-refused"), reply.body
    assert served.woken == []
    findings: list[dict[str, Any]] = reply.json["findings"]
    assert findings
    return findings


def speaks_of(finding: dict[str, Any], *names: str) -> bool:
    said = f"{finding['path']} {finding['message']} {finding['expected']}"
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in names)
