"""The chain of custody in a delivery: each event has the hash of the one before, as it was written.

The hash is SHA-256 over the exclusive canonical form of an event, so it is asked of the document in
the names of its own version: the same event has another form in other namespaces.
Source: Convention article 40(14), docs/convention.md (evidence).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

from lxml import etree

from protocol.convention.canonical import live_version


def links_of_custody(written: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """The hash of each event, in hexadecimal, and the element of the next event that says it.

    One after the other, so that whoever writes a hash gets the next one over what he wrote.
    `written` is a valid document of any live version, unchanged. Raises DocumentRefused.
    """
    version = live_version(written)
    common = f"{{{version.common}}}"
    for item in written.iterfind(f"{{{version.documents}}}Item"):
        for before, event in pairwise(item.iterfind(f"{common}Custody")):
            octets = etree.tostring(before, method="c14n", exclusive=True, with_tail=False)
            digest = sha256(octets).hexdigest()
            for said in event.iterfind(f"{common}PreviousEventHash"):
                yield digest, said
