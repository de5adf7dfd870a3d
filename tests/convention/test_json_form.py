"""JSON is the same document as XML, and its faults are said in its own terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.findings import Finding
from protocol.convention.json_form import MAX_JSON_BYTES, from_json, to_json
from schemas.catalogue import example, example_names

NAMES = [name.removesuffix(".xml") for name in example_names()]
MLA = json.loads(example("mla-request-xu-az.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_both_forms_are_the_same_document(name: str) -> None:
    xml, in_json = example(f"{name}.xml"), example(f"{name}.json")
    assert _content(from_json(in_json)) == _content(xml)
    assert json.loads(to_json(xml)) == json.loads(in_json)


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_changes_nothing(name: str) -> None:
    in_json = example(f"{name}.json")
    assert to_json(from_json(in_json)) == in_json


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_keys_does_not_matter(name: str) -> None:
    turned = _turned(json.loads(example(f"{name}.json")))
    assert _content(from_json(json.dumps(turned).encode())) == _content(example(f"{name}.xml"))


def test_numbers_and_booleans_are_those_of_json_and_texts_are_taken_too() -> None:
    content = MLA["MlaRequest"]
    assert content["Revision"] == 1
    assert content["LegalBasis"][0]["ReciprocityUndertaking"] is True
    written = _changed(("Revision",), "1")
    assert read_document(from_json(json.dumps(written).encode())).kind == "MlaRequest"


def test_every_language_survives() -> None:
    words = "Şübhəli şəxs ə, 嫌疑人, подозреваемый, \U0001f5a5"
    written = _changed(("Purpose", "Text", 0, "$"), words)
    assert words in from_json(json.dumps(written).encode()).decode()


@pytest.mark.parametrize(
    ("place", "value", "path", "expected", "article"),
    [
        (("Revision",), 0, "$.MlaRequest.Revision", "1 for the first", "40"),
        (("Urgency", "@level"), "SOON", "$.MlaRequest.Urgency.@level", "ROUTINE", "40(26)"),
        (("Offence", 0, "@code"), "X", "$.MlaRequest.Offence[0].@code", "UNCC-07", "35"),
        (
            ("Measure", 0, "Purpose"),
            "HACK_BACK",
            "$.MlaRequest.Measure[0].Purpose",
            "SERVE_DOCS",
            "40(3)",
        ),
        (
            ("Measure", 0, "DataRequest", 0, "Identifier", 0, "Value"),
            "",
            "$.MlaRequest.Measure[0].DataRequest[0].Identifier[0].Value",
            "The value of an identifier",
            "40(15)(e)",
        ),
        (("Urgency", "@level"), "URGENT", "$.MlaRequest.Urgency", "Reason", "40(26)"),
        (("RequestedAuthority", "@id"), "XU-X", "$.MlaRequest.RequestedAuthority", "two", "40(12)"),
    ],
)
def test_a_fault_of_the_document_is_found_in_the_json(
    place: tuple[str | int, ...], value: object, path: str, expected: str, article: str
) -> None:
    (finding,) = _findings(_changed(place, value))
    assert (finding.path, finding.line, finding.article) == (path, 0, article)
    assert expected in finding.expected


@pytest.mark.parametrize(
    ("place", "value", "path", "message"),
    [
        (("Colour",), "red", "$.MlaRequest", "'Colour'"),
        (("Purpose", "$"), "x", "$.MlaRequest.Purpose", "'$'"),
        (("Purpose",), "x", "$.MlaRequest.Purpose", "plain value"),
        (("Revision",), None, "$.MlaRequest.Revision", "null"),
        (("Revision",), 1.5, "$.MlaRequest.Revision", "not whole"),
        (("Revision",), {"a": 1}, "$.MlaRequest.Revision", "'a'"),
        (("Measure", 0, "PersonRef"), [["p"]], "$.MlaRequest.Measure[0].PersonRef[0]", "array"),
        (("Purpose", "Text", 0, "$"), "\x00", "$.MlaRequest.Purpose.Text[0]", "character"),
        (("Purpose", "Text", 0, "@lang"), "\ud800", "$.MlaRequest.Purpose.Text[0].@lang", "char"),
        (("Extensions",), {"Note": "x"}, "$.MlaRequest.Extensions", "'Note'"),
    ],
)
def test_what_has_no_place_in_the_document_is_named(
    place: tuple[str | int, ...], value: object, path: str, message: str
) -> None:
    (finding,) = _findings(_changed(place, value))
    assert (finding.rule, finding.path) == ("json", path)
    assert message in finding.message


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"MlaRequest": {}, "MlaRequest": {}}', "twice"),
        (b'{"MlaRequest": {"Revision": ' + b"1" * 5000 + b"}}", "cannot be read"),
        (b"[]", "no document"),
        (b"null", "no document"),
        (b"{}", "no document"),
        (b'{"Gossip": {}}', "no document"),
        (b'{"MlaRequest": {}, "Gossip": {}}', "no document"),
        (b'{"MlaRequest": NaN}', "not whole"),
        (b" " * (MAX_JSON_BYTES + 1), "bytes of JSON"),
    ],
)
def test_what_is_no_document_at_all_is_refused(octets: bytes, message: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        from_json(octets)
    (finding,) = refused.value.findings
    assert message in finding.message


def test_extensions_have_no_json_form() -> None:
    extended = example("mla-request-xu-az.xml").replace(
        b"<c:RequestStatus>",
        b'<c:Extensions><n:Note xmlns:n="urn:example">x</n:Note></c:Extensions><c:RequestStatus>',
    )
    read_document(extended)
    with pytest.raises(DocumentRefused, match="no JSON form"):
        to_json(extended)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PLACES = [
    ("Revision",),
    ("RequestingAuthority", "Contact"),
    ("Offence", 0, "@code"),
    ("Measure",),
    ("Measure", 0, "DataRequest", 0),
    ("Purpose", "Text", 0, "$"),
]


@settings(max_examples=80, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_whatever_arrives_is_a_document_or_refused_with_reasons(
    place: tuple[str | int, ...], value: object
) -> None:
    octets = json.dumps(_changed(place, value)).encode()
    findings: tuple[Finding, ...] | None = None
    try:
        from_json(octets)
    except DocumentRefused as refused:
        findings = refused.findings
    assert findings is None or all(finding.path.startswith("$") for finding in findings)
    assert findings != ()


def _changed(place: tuple[str | int, ...], value: object) -> Any:
    """The example request with another value at `place`."""
    copied = json.loads(json.dumps(MLA))
    target = copied["MlaRequest"]
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return copied


def _findings(written: Any) -> tuple[Finding, ...]:
    with pytest.raises(DocumentRefused) as refused:
        from_json(json.dumps(written).encode())
    return refused.value.findings


def _turned(value: Any) -> Any:
    """The same JSON with the keys of every object in the other order."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(one) for one in value] if isinstance(value, list) else value


def _content(octets: bytes) -> list[tuple[str, dict[str, str], str]]:
    """What a document says, without its layout and its prefixes."""
    return [
        (str(one.tag), {str(k): str(v) for k, v in one.attrib.items()}, (one.text or "").strip())
        for one in etree.fromstring(octets).iter()
    ]
