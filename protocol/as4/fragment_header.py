"""mf:MessageFragment becomes a MessageFragment value, and a value becomes the header again.

Source: ebMS 3.0 Part 2 section 4.3. Our schema is stricter than the official one but for `Type`,
where the official one does not allow the type that eDelivery uses (docs/interop.md, S2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lxml import etree

from protocol.as4.errors import BAD_FRAGMENT_STRUCTURE, Refused, refused
from protocol.as4.fragment import GroupTerms, MessageFragment, PackageCompression, SourceHeader
from protocol.as4.names import MF, SOAP12, WSU, content_id_of, qname
from protocol.as4.writing import attribute, element, text
from protocol.as4.xml import token_of
from schemas.catalogue import compiled, compiled_for_one_thread

MESSAGE_FRAGMENT: Final = qname(MF, "MessageFragment")

_MAX_DETAIL_CHARACTERS: Final = 400


def open_fragment(block: etree._Element) -> MessageFragment:
    """The value of a header block that is valid by our schema. Raises Refused (EBMS:0047)."""
    if not compiled("fragment").validate(block):
        sentence = _first_fault(block).replace(f"{{{MF}}}", "mf:")
        raise _bad(f"mf:MessageFragment is not valid: {sentence}", sentence)
    return read_fragment(block)


def read_fragment(block: etree._Element) -> MessageFragment:
    """The same of a block that was found valid before."""
    fields = {child.tag: child for child in block}
    content_id = content_id_of(token_of_attribute(block, "href"))
    if not content_id:
        raise _bad("mf:MessageFragment/@href names no MIME part", "@href must name a MIME part")
    return MessageFragment(
        group_id=token_of(fields[qname(MF, "GroupId")]),
        number=int(token_of(fields[qname(MF, "FragmentNum")])),
        content_id=content_id,
        terms=GroupTerms(
            message_bytes=_number(fields, "MessageSize"),
            fragment_count=_number(fields, "FragmentCount"),
            header=_source_header(fields.get(qname(MF, "MessageHeader"))),
            action=_token(fields, "Action"),
            compression=_compression(fields),
        ),
    )


def token_of_attribute(block: etree._Element, name: str) -> str:
    """The value of an attribute that is an xs:token, "" where it is absent."""
    return " ".join(block.get(name, "").split())


def fragment_block(fragment: MessageFragment, wsu_id: str) -> bytes:
    """mf:MessageFragment in canonical form. Raises ValueError for what XML cannot hold."""
    terms = fragment.terms
    content = element("mf:GroupId", text(fragment.group_id))
    content += _written_number("mf:MessageSize", terms.message_bytes)
    content += _written_number("mf:FragmentCount", terms.fragment_count)
    content += _written_number("mf:FragmentNum", fragment.number)
    if terms.header is not None:
        content += _written_header(terms.header)
    if terms.action is not None:
        content += element("mf:Action", text(terms.action))
    if terms.compression is not None:
        content += element("mf:CompressionAlgorithm", text(terms.compression.algorithm))
        content += _written_number("mf:CompressedMessageSize", terms.compression.size_bytes)
    return (
        f'<mf:MessageFragment xmlns:env="{SOAP12}" xmlns:mf="{MF}" xmlns:wsu="{WSU}"'
        f' href="cid:{attribute(fragment.content_id)}" wsu:Id="{attribute(wsu_id)}"'
        f' env:mustUnderstand="true">{content}</mf:MessageFragment>'
    ).encode()


def _source_header(block: etree._Element | None) -> SourceHeader | None:
    if block is None:
        return None
    fields = {child.tag: child for child in block}
    return SourceHeader(
        boundary=token_of(fields[qname(MF, "Boundary")]),
        start=token_of(fields[qname(MF, "Start")]).strip("<>"),
        type=token_of(fields[qname(MF, "Type")]),
        start_info=_token(fields, "StartInfo"),
    )


def _compression(fields: Mapping[str, etree._Element]) -> PackageCompression | None:
    algorithm, size_bytes = _token(fields, "CompressionAlgorithm"), None
    size_bytes = _number(fields, "CompressedMessageSize")
    if algorithm is None or size_bytes is None:
        return None  # the schema has seen that they come together
    return PackageCompression(algorithm, size_bytes)


def _token(fields: Mapping[str, etree._Element], local: str) -> str | None:
    found = fields.get(qname(MF, local))
    return None if found is None else token_of(found)


def _number(fields: Mapping[str, etree._Element], local: str) -> int | None:
    written = _token(fields, local)
    return None if written is None else int(written)


def _written_number(tag: str, number: int | None) -> str:
    return "" if number is None else element(tag, str(number))


def _written_header(header: SourceHeader) -> str:
    content = element("mf:Content-Type", "Multipart/Related")
    content += element("mf:Boundary", text(header.boundary))
    content += element("mf:Type", text(header.type))
    content += element("mf:Start", text(f"<{header.start}>"))
    if header.start_info is not None:
        content += element("mf:StartInfo", text(header.start_info))
    return element("mf:MessageHeader", content)


def _first_fault(block: etree._Element) -> str:
    """By a schema of our own: the log of a shared one mixes up what other threads check."""
    try:
        compiled_for_one_thread("fragment").assertValid(block)
    except etree.DocumentInvalid as fault:
        return str(fault)
    return "it does not have the form that was agreed"


def _bad(reason: str, detail: str) -> Refused:
    return refused(BAD_FRAGMENT_STRUCTURE, "G5", reason, detail[:_MAX_DETAIL_CHARACTERS])
