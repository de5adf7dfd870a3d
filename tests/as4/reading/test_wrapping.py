"""Signed elements moved, replaced, doubled or left out (threats X01 to X37).

Each attack starts from a message whose signature holds; an attacker changes the bytes afterwards,
a misbehaving partner before it signs.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from lxml import etree

from protocol.as4.envelope import open_envelope
from protocol.as4.values import UserMessage
from protocol.as4.xml import canonical

from .expect import read, refusal
from .maker import (
    C14N,
    DS,
    EB,
    MESSAGE_ID,
    NAMESPACES,
    PART_ID,
    SOAP,
    WSU,
    Draft,
    binary_token,
    part_info,
    party,
    property_xml,
    receipt,
    reference,
    sign,
    transform,
    user_message,
)

SIGNER = party("signer")
OTHER = party("other")


def changed(change: Callable[[etree._Element], None], draft: Draft | None = None) -> bytes:
    """A genuine message, changed after it was signed."""
    root = etree.fromstring((draft or Draft(SIGNER)).signed())
    change(root)
    return etree.tostring(root)


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NAMESPACES)
    assert found is not None
    return found


def forged(root: etree._Element) -> etree._Element:
    """The eb:Messaging an attacker would like us to read."""
    element = deepcopy(find(root, "env:Header/eb:Messaging"))
    element.set(f"{{{WSU}}}Id", "forged")
    find(element, ".//eb:Action").text = "ExtraditionRequest"
    return element


def test_the_genuine_message_holds() -> None:
    signed = read(Draft(SIGNER).signed(), SIGNER.certificate)
    assert isinstance(signed.unit, UserMessage)
    assert signed.unit.message_id == MESSAGE_ID
    assert [r.uri for r in signed.references] == ["#msg", "#body", f"cid:{PART_ID}"]
    assert signed.signer == SIGNER.certificate


def _wrap(root: etree._Element, wrapper_parent: str, tag: str = "{urn:w}Wrapper") -> None:
    genuine = find(root, "env:Header/eb:Messaging")
    replacement = forged(root)
    genuine.addprevious(replacement)
    etree.SubElement(find(root, wrapper_parent), tag).append(genuine)


def x01(root: etree._Element) -> None:
    _wrap(root, "env:Header")


def x02(root: etree._Element) -> None:
    _wrap(root, ".//wsse:Security")


def x03(root: etree._Element) -> None:
    _wrap(root, ".//ds:Signature", f"{{{DS}}}Object")


def x04(root: etree._Element) -> None:
    body = find(root, "env:Body")
    new = etree.SubElement(root, body.tag, {f"{{{WSU}}}Id": "new"})
    etree.SubElement(new, "{urn:w}Order")
    etree.SubElement(find(root, "env:Header"), "{urn:w}Wrapper").append(body)


def x06(root: etree._Element) -> None:
    genuine = find(root, "env:Header/eb:Messaging")
    replacement = forged(root)
    replacement.set(f"{{{WSU}}}Id", "msg")
    genuine.addnext(replacement)


def x06_reversed(root: etree._Element) -> None:
    genuine = find(root, "env:Header/eb:Messaging")
    replacement = forged(root)
    replacement.set(f"{{{WSU}}}Id", "msg")
    genuine.addprevious(replacement)


def x06_other_attribute(root: etree._Element) -> None:
    find(root, ".//eb:UserMessage").set("Id", "msg")


def x10(root: etree._Element) -> None:
    inner = deepcopy(root)
    find(root, "env:Body").append(inner)


def x11(root: etree._Element) -> None:
    security = find(root, ".//wsse:Security")
    security.addnext(deepcopy(security))


def x11_empty(root: etree._Element) -> None:
    find(root, ".//wsse:Security").addprevious(etree.Element(find(root, ".//wsse:Security").tag))


def x13(root: etree._Element) -> None:
    signature = find(root, ".//ds:Signature")
    signature.addnext(deepcopy(signature))


def x16(root: etree._Element) -> None:
    security = find(root, ".//wsse:Security")
    security.getparent().remove(security)


def x16_signature(root: etree._Element) -> None:
    signature = find(root, ".//ds:Signature")
    signature.getparent().remove(signature)


def x33_signature(root: etree._Element) -> None:
    signature = find(root, ".//ds:Signature")
    wrapper = etree.SubElement(signature.getparent(), "{urn:w}Wrapper")
    wrapper.append(signature)


def x33_security(root: etree._Element) -> None:
    security = find(root, ".//wsse:Security")
    etree.SubElement(find(root, "env:Header"), "{urn:w}Wrapper").append(security)


def object_in_signature(root: etree._Element) -> None:
    etree.SubElement(find(root, ".//ds:Signature"), f"{{{DS}}}Object")


AFTERWARDS = [
    x01,
    x02,
    x03,
    x04,
    x06,
    x06_reversed,
    x06_other_attribute,
    x10,
    x11,
    x11_empty,
    x13,
    x16,
    x16_signature,
    x33_signature,
    x33_security,
    object_in_signature,
]


@pytest.mark.parametrize("change", AFTERWARDS, ids=lambda change: change.__name__)
def test_moved_and_doubled_elements_are_refused(change: Callable[[etree._Element], None]) -> None:
    with refusal("E:0103"):
        read(changed(change), SIGNER.certificate)


def test_x13_a_second_signature_by_a_stranger_is_refused() -> None:
    def add(root: etree._Element) -> None:
        stranger = etree.fromstring(
            Draft(OTHER, references=[reference("#forged"), reference("#body")]).text()
        )
        find(root, ".//wsse:Security").append(find(stranger, ".//ds:Signature"))

    with refusal("E:0103"):
        read(changed(add), SIGNER.certificate)


CIDS = [f"cid:{PART_ID}"]
COVERAGE = {
    "X15 alone": (["#none"], "E:0101"),
    "X15 last": (["#msg", "#body", *CIDS, "#none"], "E:0101"),
    "X17 no body": (["#msg", *CIDS], "E:0103"),
    "X17 no messaging": (["#body", *CIDS], "E:0103"),
    "X17 attachments only": (CIDS, "E:0103"),
    "X18 user message": (["#unit", "#body", *CIDS], "E:0103"),
    "X18 besides": (["#msg", "#unit", "#body", *CIDS], "E:0103"),
    "X20 part not signed": (["#msg", "#body"], "E:0103"),
    "X21 unknown part": (["#msg", "#body", *CIDS, "cid:other@xu.example"], "E:0103"),
    "X24 twice": (["#msg", "#body", *CIDS, *CIDS], "E:0103"),
    "X24 messaging twice": (["#msg", "#msg", "#body", *CIDS], "E:0103"),
    "the token too": (["#msg", "#body", "#token", *CIDS], "E:0103"),
}


@pytest.mark.parametrize("name", COVERAGE)
def test_a_signature_covers_exactly_what_it_must(name: str) -> None:
    uris, code = COVERAGE[name]
    draft = Draft(SIGNER, references=[reference(uri) for uri in uris])
    draft.unit = draft.unit.replace("<eb:UserMessage>", '<eb:UserMessage wsu:Id="unit">')
    if "X18" not in name:
        draft.unit = user_message()
    with refusal(code) if "X18" not in name else refusal(code, "E:0009"):
        read(draft.signed(), SIGNER.certificate)


def test_x20_as_many_references_but_for_another_part() -> None:
    draft = Draft(
        SIGNER, references=[reference("#msg"), reference("#body"), reference("cid:other@xu")]
    )
    with refusal("E:0103"):
        read(draft.signed(), SIGNER.certificate)


def test_x24_two_part_infos_for_one_part() -> None:
    with refusal("E:0003"):
        open_envelope(Draft(SIGNER, unit=user_message(parts=part_info() * 2)).signed())


ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
URIS = [
    "",
    "#",
    "#xpointer(id('msg'))",
    "#xpointer(/)",
    "#msg%20",
    "#element(/1/2)",
    "cid:",
    "msg",
    "file:///etc/hostname",
    "http://127.0.0.1:9/",
    "ftp://127.0.0.1/x",
    "jar:file:///x!/y",
    "\\\\host\\x",
    "data:,x",
    "CID:part-1@xu.example",
]


@pytest.mark.parametrize("uri", URIS)
def test_x27_and_a12_other_forms_of_reference(uri: str) -> None:
    escaped = uri.replace("'", "&apos;")
    for references in (
        [reference(escaped)],
        [reference("#msg"), reference("#body"), reference(f"cid:{PART_ID}"), reference(escaped)],
    ):
        with refusal("E:0103"):
            read(Draft(SIGNER, references=references).signed(), SIGNER.certificate)


def test_an_id_may_begin_with_a_digit() -> None:
    """The package `as4` names its Body by a bare UUID, which xs:ID does not allow."""
    bare = "242cb176-c7a0-479d-943f-fab3b103c787"
    references = [reference("#msg"), reference(f"#{bare}"), reference(f"cid:{PART_ID}")]
    draft = Draft(SIGNER, references=references, body=f'<env:Body wsu:Id="{bare}"/>')
    assert read(draft.signed(), SIGNER.certificate)


def test_x25_enveloped_signature_over_the_whole_document() -> None:
    whole = reference("", transform(ENVELOPED) + transform())
    with refusal("E:0103"):
        read(Draft(SIGNER, references=[whole]).signed(), SIGNER.certificate)


def test_x26_a_manifest() -> None:
    manifest = reference("#m", attributes=f' Type="{DS}Manifest"')
    draft = Draft(
        SIGNER,
        references=[manifest],
        after_key_info=f'<ds:Object><ds:Manifest wsu:Id="m">{reference("#msg")}</ds:Manifest>'
        "</ds:Object>",
    )
    with refusal("E:0103"):
        read(draft.signed(), SIGNER.certificate)


@pytest.mark.parametrize("name", ["PartyId", "MessageId", "Action", "Property"])
@pytest.mark.parametrize("markup", [b"<!---->", b"<?x y?>", b"<!-- -->"])
def test_x28_comments_that_canonicalisation_drops(name: str, markup: bytes) -> None:
    soap = Draft(SIGNER).signed()
    start = (
        soap.index(
            b">",
            soap.index(b"<eb:" + name.encode() + b" ")
            if name in ("PartyId", "Property")
            else soap.index(b"<eb:" + name.encode() + b">"),
        )
        + 2
    )
    with refusal("F:Sender:400"):
        read(soap[:start] + markup + soap[start:], SIGNER.certificate)


def _text(text: str) -> Callable[[str], str]:
    return lambda soap: soap.replace("<env:Header>", f"<env:Header>{text}", 1)


STRUCTURES = {
    "X09 two headers": lambda s: s.replace("<env:Body", "<env:Header/><env:Body", 1),
    "X09 two bodies": lambda s: s.replace("</env:Envelope>", "<env:Body/></env:Envelope>"),
    "X09 body first": lambda s: s.replace("<env:Header>", "<env:Body/><env:Header>", 1),
    "X09 after body": lambda s: s.replace("</env:Envelope>", "<x/></env:Envelope>"),
    "X09 text": lambda s: s.replace("</env:Envelope>", "x</env:Envelope>"),
    "text in header": _text("x"),
    "no header": lambda s: s[: s.index("<env:Header>")] + s[s.index("<env:Body") :],
    "no body": lambda s: s.replace('<env:Body wsu:Id="body"/>', ""),
    "other root": lambda s: s.replace("env:Envelope", "env:Letter"),
    "mustUnderstand maybe": _text('<x:x xmlns:x="urn:x" env:mustUnderstand="maybe"/>'),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_x09_envelopes_of_another_shape(name: str) -> None:
    soap = STRUCTURES[name](Draft(SIGNER).signed().decode())
    with refusal("F:Sender:400"):
        read(soap.encode(), SIGNER.certificate)


def test_x35_two_units() -> None:
    for unit in (user_message() * 2, user_message() + receipt(reference("#x")), receipt("") * 2):
        with refusal("E:0003"):
            open_envelope(Draft(SIGNER, unit=unit, references=[reference("#msg")]).signed())


def test_x36_other_versions_of_soap() -> None:
    soap11 = b"http://schemas.xmlsoap.org/soap/envelope/"
    soap = Draft(SIGNER).signed()
    with refusal("F:VersionMismatch:500"):
        open_envelope(soap.replace(SOAP.encode(), soap11))
    mixed = soap.replace(b"<env:Body ", b'<env:Body xmlns:env="' + soap11 + b'" ')
    with refusal("F:Sender:400"):
        open_envelope(mixed)


@pytest.mark.parametrize("value", ["1", "true", " 1 "])
def test_x37_headers_that_must_be_understood(value: str) -> None:
    block = f'<x:x xmlns:x="urn:x" env:mustUnderstand="{value}"/>'
    for draft in (Draft(SIGNER, header_start=block), Draft(SIGNER, header_end=block)):
        with refusal("F:MustUnderstand:500"):
            read(draft.signed(), SIGNER.certificate)


def test_headers_that_need_not_be_understood_are_passed_over() -> None:
    block = '<x:x xmlns:x="urn:x" env:mustUnderstand="0"/><y xmlns="urn:y"/>'
    assert read(Draft(SIGNER, header_start=block).signed(), SIGNER.certificate)


def test_odd_spellings_of_must_understand_are_read() -> None:
    """Holodeck writes the attribute with a prefix of its own."""
    draft = Draft(
        SIGNER,
        messaging_attributes=f'xmlns:mustUnderstand="{SOAP}" '
        'mustUnderstand:mustUnderstand="1" wsu:Id="msg"',
    )
    assert read(draft.signed(), SIGNER.certificate)


def test_messaging_may_have_two_attributes_that_identify_it() -> None:
    draft = Draft(SIGNER, messaging_attributes='id="msg" wsu:Id="msg" env:mustUnderstand="true"')
    assert read(draft.signed(), SIGNER.certificate)


@pytest.mark.parametrize("body", ["text", "<x/>", "<env:Fault/>"])
def test_a_body_with_content_is_refused_even_when_it_is_signed(body: str) -> None:
    draft = Draft(SIGNER, body=f'<env:Body wsu:Id="body">{body}</env:Body>')
    with refusal("E:0103"):
        read(draft.signed(), SIGNER.certificate)


def test_white_space_in_the_body_is_read() -> None:
    draft = Draft(SIGNER, body='<env:Body wsu:Id="body">\n  </env:Body>')
    assert read(draft.signed(), SIGNER.certificate)


def test_a_signed_message_whose_messaging_has_no_id() -> None:
    draft = Draft(SIGNER, messaging_attributes="")
    draft.references = [reference("#body"), reference(f"cid:{PART_ID}")]
    with refusal("E:0103"):
        read(draft.signed(), SIGNER.certificate)


def test_cids_are_compared_decoded() -> None:
    draft = Draft(SIGNER, unit=user_message(parts=part_info("part%401@xu")))
    signed = read(draft.signed(), SIGNER.certificate)
    assert isinstance(signed.unit, UserMessage)
    assert signed.unit.parts[0].content_id == "part@1@xu" == signed.references[2].content_id


def test_the_canonical_form_with_listed_prefixes_is_the_one_of_the_specification() -> None:
    """Written by hand from Exclusive XML Canonicalization 1.0 section 3."""
    text = (
        '<a xmlns="urn:d" xmlns:q="urn:q" xmlns:r="urn:r"><p:b z="" y="&#13;" xmlns:p="urn:p">'
        '<c xmlns=""><q:e/></c><q:x xmlns="urn:other">\r\n</q:x></p:b></a>'
    )
    element = etree.fromstring(text)[0]
    assert canonical(element) == (
        b'<p:b xmlns:p="urn:p" y="&#xD;" z=""><c><q:e xmlns:q="urn:q"></q:e></c>'
        b'<q:x xmlns:q="urn:q">\n</q:x></p:b>'
    )
    assert canonical(element, ("q", "#default", "unknown")) == (
        b'<p:b xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q" y="&#xD;" z=""><c xmlns="">'
        b'<q:e></q:e></c><q:x xmlns="urn:other">\n</q:x></p:b>'
    )


def test_prefix_lists_are_honoured_in_every_place() -> None:
    """The prefixes listed are used nowhere visible, so that ignoring the list breaks digests."""
    draft = Draft(
        SIGNER,
        declared=Draft(SIGNER).declared + ' xmlns:xsd="urn:xsd" xmlns:xsi="urn:xsi" xmlns="urn:d"',
        references=[
            reference("#msg", transform(C14N, "xsd xsi #default")),
            reference("#body", transform(C14N, "xsi eb")),
            reference(f"cid:{PART_ID}"),
        ],
        c14n_method=transform(C14N, "xsd env").replace("ds:Transform", "ds:CanonicalizationMethod"),
    )
    soap = draft.signed()
    assert read(soap, SIGNER.certificate)
    for declared in (b"urn:xsd", b"urn:xsi", b"urn:d"):
        with refusal("E:0101"):
            read(soap.replace(declared, b"urn:other"), SIGNER.certificate)


def test_repeated_properties_are_refused_though_signed() -> None:
    twice = property_xml("originalSender", "XU-CA") + property_xml("originalSender", "XU-MOJ")
    with refusal("E:0003"):
        read(Draft(SIGNER, unit=user_message(properties=twice)).signed(), SIGNER.certificate)
    parts = part_info(properties=property_xml("MimeType", "a/b") * 2)
    with refusal("E:0003"):
        read(Draft(SIGNER, unit=user_message(parts=parts)).signed(), SIGNER.certificate)


def test_a_signature_made_again_by_another_key_is_refused() -> None:
    def sign_again(root: etree._Element) -> None:
        sign(root, OTHER)

    with refusal("E:0101"):
        read(changed(sign_again), SIGNER.certificate)
    own_token = Draft(OTHER, tokens=binary_token(OTHER.der))
    with refusal("E:0101"):
        read(own_token.signed(), SIGNER.certificate)


def test_units_are_told_apart_by_namespace() -> None:
    with refusal("F:MustUnderstand:500"):
        open_envelope(Draft(SIGNER).signed().replace(EB.encode(), b"urn:other/"))
    draft = Draft(SIGNER, messaging_attributes='wsu:Id="msg"')
    with refusal("E:0009"):
        open_envelope(draft.signed().replace(EB.encode(), b"urn:other/"))


def test_what_has_no_canonical_form_is_refused() -> None:
    """A namespace that is a relative URI (XML Names permits it, canonicalisation does not)."""
    soap = Draft(SIGNER).signed()
    relative = soap.replace(b"<ds:SignedInfo>", b'<ds:SignedInfo xmlns:x="relative">')
    with refusal("F:Sender:400"):
        read(relative, SIGNER.certificate)
