"""The octets of a part that its signature covers (SwA Profile 1.1 sections 5.3.2 and 5.4.2).

By the part's own type, parameters ignored, as the products in the field do it:

* XML types: the exclusive canonical form without comments;
* other text types: line ends made CRLF;
* everything else, compressed parts among them: the octets as they are.

What is delivered is always the part verbatim; for XML parts it may therefore differ from what was
signed in comments and in lexical form, never in elements, attributes and text.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import Final, Protocol, cast

from lxml import etree

from protocol.as4.limits import MEBIBYTE

#: An XML part must be held whole to be canonicalised. Larger ones are to be sent compressed.
MAX_CANONICAL_BYTES: Final = 8 * MEBIBYTE
#: The cost of canonical form grows with their square and more (limits: docs/performance.md).
MAX_NAMESPACES_IN_SCOPE: Final = 64
MAX_ATTRIBUTES: Final = 256
#: Elements and attributes together: a tree takes some 160 bytes for each, so 80 MiB at most.
MAX_NODES: Final = 500_000

_XML_TYPE: Final = re.compile(r"(?:text/xml|application/xml|(?:application|image)/.*\+xml).*")

#: ds:DigestMethod identifiers that we can compute; a suite allows some of them.
_HASHES: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}


class NotDigestible(Exception):
    """The part has no canonical form, so no digest of it can be right."""


class PartDigest(Protocol):
    """The digest of one part, fed as a stream."""

    def receive(self, octets: bytes) -> None:
        """Count `octets` in. Raises NotDigestible."""

    def finish(self) -> bytes:
        """The digest. Raises NotDigestible."""


def is_transformed(mime_type: str) -> bool:
    """Whether a part of this type is signed in another form than it travels in."""
    essence = _essence(mime_type)
    return essence.startswith("text/") or _XML_TYPE.fullmatch(essence) is not None


def new_hash(digest_algorithm: str) -> hashlib._Hash:
    """A new hash by its ds:DigestMethod identifier. Raises NotDigestible for an unknown one."""
    name = _HASHES.get(digest_algorithm)
    if name is None:
        raise NotDigestible(f"the digest algorithm {digest_algorithm!r} is not known")
    return hashlib.new(name)


def digest_for(mime_type: str, digest_algorithm: str) -> PartDigest:
    """A new digest for a part of `mime_type`. Raises NotDigestible for an unknown algorithm."""
    hashed = new_hash(digest_algorithm)
    essence = _essence(mime_type)
    if _XML_TYPE.fullmatch(essence) is not None:
        return _XmlDigest(hashed)
    return _TextDigest(hashed) if essence.startswith("text/") else _PlainDigest(hashed)


def _essence(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


class _PlainDigest:
    def __init__(self, hashed: hashlib._Hash) -> None:
        self._hash = hashed

    def receive(self, octets: bytes) -> None:
        self._hash.update(octets)

    def finish(self) -> bytes:
        return self._hash.digest()


class _TextDigest(_PlainDigest):
    """CR, LF and CRLF all become CRLF; a CR at the end of a slice is counted at once."""

    _after_cr = False

    def receive(self, octets: bytes) -> None:
        if not octets:
            return
        if self._after_cr and octets.startswith(b"\n"):
            octets = octets[1:]
        self._after_cr = octets.endswith(b"\r") if octets else False
        octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        super().receive(octets)


class _XmlDigest(_PlainDigest):
    def __init__(self, hashed: hashlib._Hash) -> None:
        super().__init__(hashed)
        self._octets = bytearray()

    def receive(self, octets: bytes) -> None:
        if len(self._octets) + len(octets) > MAX_CANONICAL_BYTES:
            raise NotDigestible(f"an uncompressed XML part is over {MAX_CANONICAL_BYTES} bytes")
        self._octets += octets

    def finish(self) -> bytes:
        super().receive(_canonical(bytes(self._octets)))
        self._octets.clear()
        return super().finish()


def _canonical(octets: bytes) -> bytes:
    try:
        document = _parse_bounded(octets)
        if cast("etree.DTD | None", document.docinfo.internalDTD) is not None:
            raise NotDigestible("an XML part has a document type declaration")
        return etree.tostring(document, method="c14n", exclusive=True, with_comments=False)
    except (etree.XMLSyntaxError, etree.C14NError) as error:
        raise NotDigestible(f"an XML part has no canonical form: {error}") from error


def _parse_bounded(octets: bytes) -> etree._ElementTree:
    namespaces_in_scope = nodes = 0
    root: etree._Element | None = None
    for event, subject in etree.iterparse(
        io.BytesIO(octets),
        events=("start", "start-ns", "end-ns"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    ):
        if event == "start":
            root = subject if root is None else root
            nodes += 1 + len(subject.attrib)
            if len(subject.attrib) > MAX_ATTRIBUTES:
                raise NotDigestible(f"an XML element has over {MAX_ATTRIBUTES} attributes")
            if nodes > MAX_NODES:
                raise NotDigestible(f"an XML part has over {MAX_NODES} elements and attributes")
            continue
        namespaces_in_scope += 1 if event == "start-ns" else -1
        if namespaces_in_scope > MAX_NAMESPACES_IN_SCOPE:
            raise NotDigestible(
                f"an XML part has over {MAX_NAMESPACES_IN_SCOPE} namespaces at once"
            )
    if root is None:
        raise NotDigestible("an XML part has no element")
    return root.getroottree()
