"""openapi.yaml is what the code does: every route, status, field and header, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import pytest_twisted
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.local import limits, routes
from gateway.local.form import FIELDS
from gateway.local.openapi import openapi_text
from gateway.local.problems import CATALOGUE
from gateway.local.routes import Credential
from gateway.store.case_handling import NOTICE_FORWARDED
from gateway.store.dispatching import NOTICE_FAILED, NOTICE_LATE
from gateway.store.faults import StoreClosed
from gateway.store.values import StoredPart
from protocol.as4.exchange import Exchange, ExchangeState
from protocol.convention.lifecycle.clocks import NoticeKind
from schemas import catalogue
from tests.local.casework import handle_cases
from tests.local.conftest import NOW, XML, Reply, Served, document, form

DESCRIPTION: dict[str, Any] = yaml.safe_load(openapi_text())
SCHEMAS: dict[str, Any] = DESCRIPTION["components"]["schemas"]
METHODS = ("get", "post", "put", "delete", "patch")


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """`node`, or what its $ref points to."""
    if "$ref" not in node:
        return node
    found: Any = DESCRIPTION
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return resolved(found)


def operations() -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
    """Method, address, operation and parameters of everything that is described."""
    for path, item in DESCRIPTION["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = item.get("parameters", []) + item[method].get("parameters", [])
                yield method.upper(), path, item[method], [resolved(one) for one in parameters]


BY_ID = {operation["operationId"]: operation for _, _, operation, _ in operations()}


def test_the_description_is_valid_openapi() -> None:
    validate(DESCRIPTION)
    assert DESCRIPTION["openapi"].startswith("3.1.")


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    described = {
        (method, path, operation["operationId"]) for method, path, operation, _ in operations()
    }
    coded = {(route.method, route.template, route.operation) for route in routes.ROUTES}
    assert described == coded


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.operation)
def test_parameters_and_credentials(route: routes.Route) -> None:
    (parameters,) = [
        parameters
        for _, _, operation, parameters in operations()
        if operation["operationId"] == route.operation
    ]
    query = {one["name"] for one in parameters if one["in"] == "query"}
    assert query == route.query
    path = {one["name"] for one in parameters if one["in"] == "path"}
    assert path == {piece[1:-1] for piece in route.template.split("/") if piece.startswith("{")}
    security = BY_ID[route.operation].get("security", DESCRIPTION["security"])
    assert (security == []) is (route.credential is Credential.NONE)


def test_figures_and_words_are_those_of_the_code() -> None:
    lease = {one["name"]: one["schema"] for _, _, o, ps in operations()
             if o["operationId"] == "leaseMessages" for one in ps}  # fmt: skip
    assert lease["wait"]["maximum"] == limits.MAX_WAIT_SECONDS
    assert lease["limit"]["maximum"] == limits.MAX_LEASES
    form_schema = SCHEMAS["SubmissionForm"]["properties"]
    assert set(form_schema) == FIELDS | {"document", "attachment"}
    assert form_schema["attachment"]["maxItems"] == limits.MAX_ATTACHMENTS
    assert SCHEMAS["Rejection"]["properties"]["reason"]["maxLength"] == limits.MAX_REASON_CHARACTERS
    assert SCHEMAS["SentState"]["enum"] == [state.value for state in ExchangeState]
    assert SCHEMAS["Problem"]["properties"]["type"]["enum"] == [kind.type for kind in CATALOGUE]
    notices = SCHEMAS["Lease"]["properties"]["notice"]["enum"]
    told = [kind.value for kind in NoticeKind]
    assert notices == [NOTICE_FAILED, NOTICE_LATE, *told, NOTICE_FORWARDED, None]


def test_every_example_holds_to_its_schema() -> None:
    examples = 0
    for operation in BY_ID.values():
        contents = [resolved(one).get("content", {}) for one in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                given = [media["example"]] if "example" in media else []
                given += [one["value"] for one in media.get("examples", {}).values()]
                for example in given:
                    validator(media["schema"]).validate(example)
                    examples += 1
    assert examples > 20


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Checks against `schema`, whose references are to the description's components."""
    return Draft202012Validator({**schema, "components": DESCRIPTION["components"]})


class Journal:
    """What was answered, held against the description while it comes."""

    def __init__(self) -> None:
        self.statuses: set[tuple[str, int]] = set()
        self.fields: set[str] = set()

    def note(self, method: str, path: str, reply: Reply) -> None:
        """Fails unless the description allows this answer."""
        try:
            route, _ = routes.find_route(method, path.partition("?")[0][1:].split("/"))
        except routes.Problem:
            return
        answers = BY_ID[route.operation]["responses"]
        assert str(reply.status) in answers, (route.operation, reply.status)
        answer = resolved(answers[str(reply.status)])
        self.statuses.add((route.operation, reply.status))
        for name in answer.get("headers", {}):
            assert name.lower() in reply.headers
        content = answer.get("content", {})
        if not content:
            assert reply.body == b""
            return
        media = reply.headers["content-type"].partition(";")[0]
        self._check_body(media, content[media]["schema"], reply)

    def _check_body(self, media: str, schema: Mapping[str, Any], reply: Reply) -> None:
        if media.endswith("json"):
            for line in reply.body.splitlines() if media.endswith("ndjson") else [reply.body]:
                validator(schema).validate(json.loads(line))
                self._see(json.loads(line))

    def _see(self, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                self.fields.add(name)
                self._see(inner)
        elif isinstance(value, list):
            for inner in value:
                self._see(inner)


# These statuses need a gateway that stops or fails, or a flood; each has its test elsewhere.
ELSEWHERE = {429, 431, 500, 503}


@pytest_twisted.ensureDeferred
async def test_what_is_answered_is_described_and_what_is_described_is_answered(
    served: Served,
) -> None:
    await walk_through(served)
    journal = Journal()
    for method, path, reply in served.replies:
        journal.note(method, path, reply)
    described = {
        (name, int(status))
        for name, operation in BY_ID.items()
        for status in operation["responses"]
        if int(status) not in ELSEWHERE
    }
    seen = {one for one in journal.statuses if one[1] not in ELSEWHERE}
    assert seen == described
    fields = {
        name
        for title in SCHEMAS
        if title not in {"SubmissionForm", "Rejection", "Acceptance", "UpdateRefusal"}
        for name in SCHEMAS[title].get("properties", {})
    }
    assert fields <= journal.fields


async def walk_through(served: Served) -> None:
    """Every operation, with every answer that a caller alone can bring about."""
    await hand_in_everything(served)
    await take_everything(served)
    await look_at_every_alert(served)
    await handle_cases(served)
    await decide_about_updates(served)
    for route in routes.ROUTES:
        path = route.template.replace("{messageId}", "m@x").replace("{leaseId}", "l")
        path = path.replace("{partner}", "XU").replace("{n}", "1").replace("{number}", "1")
        path = path.replace("{requestId}", "r").replace("{step}", "1")
        if route.credential is not Credential.NONE:
            await served.ask(route.method, path, authority=None)
            other = "auditor" if route.credential is Credential.AUTHORITY else "AZ-SSS"
            await served.ask(route.method, path, authority=other)
        await served.ask(route.method, path, body=b'{"reason": "r"}', **JSON_BODY)
        if route.query:
            await served.ask(route.method, f"{path}?partner=XU&wait=x")
    served.audit_steps.append({"event": "finding", "where": "row 1", "what": "was changed"})
    served.audit_steps.append({"event": "end", "findings": 1})
    for path in ("/v1/audit/verify", "/metrics", "/v1/partners"):
        await served.ask("GET", path, authority="auditor")
    for partner in ("XU", "ZZ"):
        await served.ask("POST", f"/v1/partners/{partner}/ping", authority="auditor")
    await served.ask("GET", "/healthz")
    served.store.failure = StoreClosed("closed")
    await served.ask("GET", "/healthz")


JSON_BODY = {"Content_Type": "application/json"}


async def hand_in_everything(served: Served) -> None:
    async def hand_in(*parts: Any, **headers: str) -> Reply:
        body, content_type = form(*parts)
        return await served.ask(
            "POST", "/v1/messages", body=body, Content_Type=content_type, **headers
        )

    good = ("document", document(), XML)
    attachment = ("attachment", b"x", {"filename": "a.txt"})
    reply = await hand_in(good, attachment, Idempotency_Key="k")
    path = f"/v1/messages/{reply.json['messageId']}"
    for end in ("", "/document", "/attachments/1"):
        await served.ask("GET", path + end)
    await hand_in(good, Idempotency_Key="k")
    await hand_in(good, Idempotency_Key="not visible")
    assert (await hand_in(good)).problem == "illegal-step"
    await hand_in(("document", b"<x/>", XML))
    await hand_in(("document", document(requesting="AZ-MOJ"), XML))
    await hand_in(("document", document(requested="XU-MOJ"), XML))
    await hand_in(("document", b"x", {"type": "text/plain"}))
    await hand_in(good, *[attachment] * 5)
    (dispatch,) = await served.store.claim_due(NOW, 1, {"XU": 1})
    failed = Exchange(
        ExchangeState.FAILED, dispatch.exchange.attempts, None, "EBMS:0301", "no receipt came"
    )
    await served.store.settle(dispatch.submission, failed, kind="FAILED", facts={}, at=NOW)


async def look_at_every_alert(served: Served) -> None:
    await served.store.record("REFUSED", {"reason": "ALERT: a lie"}, NOW)
    for method, path in (("GET", "/v1/alerts"), ("POST", "/v1/alerts/1/ack")):
        await served.ask(method, path, authority="auditor")
    await served.ask("POST", "/v1/alerts/1/ack", authority="auditor")


async def decide_about_updates(served: Served) -> None:
    good = catalogue.example("directory-update-xu-az.xml")
    unknown = good.replace(b"<d:Authority>XU-POC247", b"<d:Authority>XU-NEW")
    for message_id, content in (("u1@xu", good), ("u2@xu", unknown)):
        writer = served.spool.writer()
        writer.write(content)
        part = StoredPart(0, f"{message_id}-0", "application/xml", writer.finish())
        await served.arrive(message_id, parts=(part,), kind="DirectoryUpdate")
    await served.ask("GET", "/v1/directory", authority="auditor")
    for message_id in ("u1@xu", "u2@xu"):
        path = f"/v1/directory/updates/{message_id}"
        for end, body in (
            ("accept", b"{}"),
            ("accept", b'{"by": "A"}'),
            ("accept", b" " * 70_000),
            ("refuse", b"x"),
            ("refuse", b" " * 70_000),
            ("refuse", b'{"by": "A", "reason": "r"}'),
        ):
            more = {"authority": "auditor", "body": body, **JSON_BODY}
            await served.ask("POST", f"{path}/{end}", **more)
        text = {"Content_Type": "text/plain"}
        for end in ("accept", "refuse"):
            await served.ask("POST", f"{path}/{end}", authority="auditor", body=b"x", **text)
    gone = {"authority": "auditor", "body": b'{"by": "A"}', **JSON_BODY}
    await served.ask("POST", "/v1/directory/updates/u1@xu/accept", **gone)
    await served.ask("POST", "/v1/directory/publish")
    await served.ask("POST", "/v1/directory/publish?to=ZZ")


async def take_everything(served: Served) -> None:
    writer = served.spool.writer()
    writer.write(b"content")
    await served.arrive("m1@xu", parts=(StoredPart(1, "c@x", "text/plain", writer.finish()),))
    await served.arrive("m2@xu")
    await served.arrive("m3@xu")
    leases = (await served.ask("POST", "/v1/inbox/lease?limit=9")).json["leases"]
    assert len(leases) == 4
    ids = [lease["leaseId"] for lease in leases]
    await served.ask("POST", f"/v1/leases/{ids[0]}/ack")
    await served.ask("POST", f"/v1/leases/{ids[1]}/release")
    path = f"/v1/leases/{ids[2]}/reject"
    await served.ask("POST", path, body=b"{}", **JSON_BODY)
    await served.ask("POST", path, body=b" " * 70_000, **JSON_BODY)
    await served.ask("POST", path, body=b"x", Content_Type="text/plain")
    await served.ask("POST", path, body=b'{"reason": "r"}', **JSON_BODY)
    await served.ask("POST", "/v1/inbox/lease?limit=0")
