"""Every fault of a document is refused with its place, what was expected, and its article."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.convention.documents import LIMITS, DocumentRefused, read_document
from protocol.convention.explanation import MAX_FINDINGS
from protocol.convention.findings import Finding
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import example, example_names


@dataclass(frozen=True)
class Fault:
    """One change to a valid example, and what must be said of it.

    `edits` are swap (old, new), rename (old, new: an element) and cut (from, to: both inclusive);
    `line` stands on the line that the finding names.
    """

    name: str
    example: str
    edits: list[list[str]]
    rule: str
    path: str
    expected: str
    line: str
    article: str | None = None


MLA = "mla-request-xu-az.xml"
FAULTS = [
    Fault(**entry)
    for path in sorted(Path(__file__).with_name("faults").glob("*.toml"))
    for entry in tomllib.loads(path.read_text())["fault"]
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_one_fault_is_said_precisely(fault: Fault) -> None:
    octets = spoiled(fault)
    finding = _only(octets, fault.rule)
    assert finding.path == fault.path
    assert fault.expected in finding.expected
    assert finding.article == fault.article
    assert fault.line in octets.decode().splitlines()[finding.line - 1]
    assert finding.message


def test_every_kind_is_refused_for_several_reasons_by_name() -> None:
    reasons = Counter(read_document(example(fault.example)).kind for fault in FAULTS)
    assert set(reasons) == set(KINDS)
    assert min(reasons.values()) >= 2
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_every_fault_of_several_is_found() -> None:
    octets = (
        example(MLA)
        .replace(b"<c:Revision>1<", b"<c:Revision>0<")
        .replace(b'level="ROUTINE"', b'level="SOON"')
        .replace(b'"UNCC-07"', b'"UNCC-99"')
    )
    paths = [finding.path for finding in findings_of(octets)]
    assert paths == [
        "/MlaRequest/Revision",
        "/MlaRequest/Urgency/@level",
        "/MlaRequest/Offence/@code",
    ]


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "not well-formed"),
        (b"no xml", "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        ("<a/>".encode("utf-16"), ""),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "UTF-8"),
        (b"<a><!-- b --></a>", "comment"),
        (b"<a>&b;</a>", ""),
        (b"<a>" * 40 + b"</a>" * 40, "deeper"),
        (b"<a" + b"".join(b' b%d=""' % n for n in range(17)) + b"/>", "attributes"),
        (b"<a>" + b"<b/>" * (LIMITS.max_elements + 1) + b"</a>", "elements"),
        (b" " * (LIMITS.max_bytes + 1), "bytes"),
    ],
)
def test_what_is_no_clean_xml_is_refused_before_anything_else(octets: bytes, says: str) -> None:
    findings = findings_of(octets)
    assert [finding.rule for finding in findings] == ["xml"]
    assert says in findings[0].message


@pytest.mark.parametrize(
    ("octets", "kinds"),
    [
        (b"<MlaRequest/>", "MlaRequest"),
        (b'<MlaRequest xmlns="urn:uncc:doc:2"/>', "MlaRequest"),
        (b'<Gossip xmlns="urn:uncc:doc:1"/>', ", ".join(KINDS)),
        (
            b'<c:Text xmlns:c="urn:uncc:cmn:1" lang="en" kind="ORIGINAL">x</c:Text>',
            ", ".join(KINDS),
        ),
    ],
)
def test_an_unknown_document_is_told_the_known_ones(octets: bytes, kinds: str) -> None:
    (finding,) = findings_of(octets)
    assert finding.rule == "UNCC-R17"
    assert finding.expected == f"{kinds} in the namespace urn:uncc:doc:1"


def test_a_large_faulty_document_is_explained_from_the_fast_log() -> None:
    octets = example(MLA)
    start, end = octets.index(b"<c:DataRequest"), octets.index(b"</c:DataRequest>") + 16
    one = octets[start:end]
    many = b"\n".join(one.replace(b'"q1"', b'"q%d"' % n) for n in range(800))
    wrong = octets[:start] + many + octets[end:]
    wrong = wrong.replace(b'<c:Identifier type="DOMAIN">', b'<c:Identifier type="PLANET">')
    findings = findings_of(wrong)
    assert len(findings) == MAX_FINDINGS
    assert findings[0].path == "/MlaRequest/Measure/DataRequest[1]/Identifier"
    assert findings[0].article == "40(15)(e)"
    assert b"PLANET" in wrong.splitlines()[findings[0].line - 1]


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(example_names()),
    at=st.floats(0, 1),
    cut=st.integers(0, 40),
    put=st.one_of(
        st.binary(max_size=20),
        st.text(max_size=20).map(str.encode),
        st.sampled_from([b"<!--", b"]]>", b"<![CDATA[", b"&lt;", b'" x="', b"<c:Text/>", b"\xef"]),
    ),
)
def test_whatever_arrives_is_a_document_or_refused_with_reasons(
    name: str, at: float, cut: int, put: bytes
) -> None:
    octets = example(name)
    start = int(at * len(octets))
    changed = octets[:start] + put + octets[start + cut :]
    findings: tuple[Finding, ...] | None = None
    try:
        read_document(changed)
    except DocumentRefused as refused:
        findings = refused.findings
    assert findings is None or all(str(finding) for finding in findings)
    assert findings != ()


def spoiled(fault: Fault) -> bytes:
    text = example(fault.example).decode()
    for edit, old, new in fault.edits:
        assert old in text, "the example no longer has what this fault changes"
        match edit:
            case "swap":
                text = text.replace(old, new, 1)
            case "rename":
                text = text.replace(f"<{old}>", f"<{new}>", 1).replace(f"</{old}>", f"</{new}>", 1)
            case "cut":
                start = text.index(old)
                text = text[:start] + text[text.index(new, start) + len(new) :]
    return text.encode()


def _only(octets: bytes, rule: str) -> Finding:
    found = findings_of(octets)
    assert [finding.rule for finding in found] == [rule], [str(finding) for finding in found]
    return found[0]


def findings_of(octets: bytes) -> tuple[Finding, ...]:
    with pytest.raises(DocumentRefused) as refused:
        read_document(octets)
    assert refused.value.findings
    return refused.value.findings
