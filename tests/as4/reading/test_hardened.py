"""XML that no gate behind the parser should ever see (threats P01 to P18)."""

from __future__ import annotations

import gzip
import time

import pytest

from protocol.as4.envelope import open_envelope
from protocol.as4.limits import ENVELOPE, MAX_SOAP_BYTES
from protocol.hardened import XmlRefused, parse

from .expect import read, refusal
from .maker import C14N, Draft, party, reference

GOOD = [
    b"<a/>",
    b"\xef\xbb\xbf<a/>",
    b'<?xml version="1.0"?><a/>',
    b"<?xml version='1.0' encoding='utf-8'?>\n<a/>\n",
    b'<?xml version="1.0" encoding="UTF-8" standalone="no" ?><a/>',
    b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><a/>',
    b"<a><![CDATA[text]]></a>",
]


@pytest.mark.parametrize("octets", GOOD)
def test_xml_that_is_read(octets: bytes) -> None:
    assert parse(octets, ENVELOPE).tag == "a"


_DEEP = b"<a>" * 65 + b"</a>" * 65
_DECLARATIONS = " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(65)).encode()
_ONE_PER_LEVEL = "".join(f'<a xmlns:n{n}="urn:{n}">' for n in range(64)).encode()

BAD = {
    "empty": b"",
    "text": b"hello",
    "html": b"<html><br></html>",
    "doctype": b"<!DOCTYPE a><a/>",
    "xxe": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1:9/">%e;]><a/>',
    "laughs": b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>',
    "comment": b"<a>A<!---->DMIN</a>",
    "comment in front": b"<!-- --><a/>",
    "comment behind": b"<a/><!-- -->",
    "instruction": b"<a><?php evil?></a>",
    "stylesheet": b'<?xml-stylesheet href="x"?><a/>',
    "second declaration": b'<?xml version="1.0"?><?xml version="1.0"?><a/>',
    "space before declaration": b' <?xml version="1.0"?><a/>',
    "xml 1.1": b'<?xml version="1.1"?><a/>',
    "xml 1.9": b'<?xml version="1.9"?><a/>',
    "latin 1": b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
    "utf-7": b'<?xml version="1.0" encoding="UTF-7"?><a/>',
    "not utf-8": b"<a>\xff\xfe</a>",
    "utf-16": "<a/>".encode("utf-16"),
    "utf-16 declared": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "utf-32": "<a/>".encode("utf-32"),
    "gzip": gzip.compress(b"<a/>"),
    "two roots": b"<a/><a/>",
    "trailing": b"<a/>x",
    "trailing zero": b"<a/>\0",
    "deep": _DEEP,
    "very deep": b"<a>" * 100_000,
    "wide": b"<a>" + b"<b/>" * 100_000 + b"</a>",
    "attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(65)) + b"/>",
    "many attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>",
    "namespaces": b"<a " + _DECLARATIONS + b"/>",
    "namespaces by level": _ONE_PER_LEVEL + b'<b xmlns:x="urn:x"/>' + b"</a>" * 64,
    "very many namespaces": b"<a " + b" ".join(b'xmlns:n%d="u"' % n for n in range(5000)) + b"/>",
    "long": b"<a>" + b"x" * MAX_SOAP_BYTES + b"</a>",
}


@pytest.mark.parametrize("name", BAD)
def test_xml_that_is_refused(name: str) -> None:
    started = time.process_time()
    with pytest.raises(XmlRefused) as caught:
        parse(BAD[name], ENVELOPE)
    assert time.process_time() - started < 0.2
    assert caught.value.reason
    with refusal("F:Sender:400"):
        open_envelope(BAD[name])


def test_many_declarations_outside_each_other_are_read() -> None:
    """Peers declare the same few prefixes for each of 32 parts."""
    one = b'<b xmlns:x="urn:x" xmlns:y="urn:y" xmlns:z="urn:z" x:a="" y:a="" z:a=""/>'
    assert len(parse(b"<a>" + one * 100 + b"</a>", ENVELOPE)) == 100


def test_comments_can_be_dropped_from_what_is_not_believed() -> None:
    root = parse(b"<!-- x --><a>one<!-- y --> word<?p i?></a>", ENVELOPE, drop_comments=True)
    assert root.text == "one word"
    with pytest.raises(XmlRefused):
        parse(b"<!DOCTYPE a><a/>", ENVELOPE, drop_comments=True)


def test_a_prefix_list_beyond_the_limit_is_refused_before_any_canonicalisation() -> None:
    prefixes = " ".join(f"p{n}" for n in range(17))
    draft = Draft(party("signer"))
    soap = draft.signed().replace(
        b"<ds:SignedInfo><ds:CanonicalizationMethod",
        f'<ds:SignedInfo><ec:InclusiveNamespaces xmlns:ec="{C14N}" PrefixList="{prefixes}"/>'
        "<ds:CanonicalizationMethod".encode(),
    )
    with refusal("F:Sender:400"):
        open_envelope(soap)


def test_the_worst_that_passes_is_still_cheap() -> None:
    """Depth, elements, namespaces and PrefixList near their limits, inside SignedInfo."""
    declared = " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(50))
    junk = f"<ds:Reference {declared}>{'<w>' * 50}{'<x/>' * 18_000}{'</w>' * 50}</ds:Reference>"
    listed = " ".join(f"n{n}" for n in range(16))
    exc = f'<ec:InclusiveNamespaces xmlns:ec="{C14N}" PrefixList="{listed}"/>'
    signer = party("signer")
    soap = Draft(
        signer,
        references=[reference("#msg"), reference("#body"), junk],
        c14n_method=f'<ds:CanonicalizationMethod Algorithm="{C14N}">{exc}'
        "</ds:CanonicalizationMethod>",
    ).text()
    started = time.process_time()
    with refusal("E:0103"):
        read(soap.encode(), signer.certificate)
    assert time.process_time() - started < 1.0
