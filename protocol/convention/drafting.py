"""A new document, begun: everything that need not be asked is there already.

A draft is the JSON form of a document (protocol.convention.json_form) that lacks what only its
author knows. What is missing is asked by protocol.convention.questions, or comes from a file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocol.convention.canonical import canonical
from protocol.convention.declarations import children_of, root_declaration
from protocol.convention.directory import Authority
from protocol.convention.documents import read_document
from protocol.convention.json_form import part_to_json
from protocol.convention.kinds import COMMON, Kind, Side
from protocol.convention.versions import CURRENT
from protocol.hardened import parse_again
from schemas.code_lists import VERSION

Draft = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known before the first question.

    `author` writes, `addressee` is written to; `request_id` is fresh for a request and the
    request's own for everything that belongs to one; `concerned` is that document, if it is at
    hand; `language` is the BCP 47 tag of the directory's names to write.
    """

    kind: Kind
    author: Authority | None
    addressee: Authority | None
    request_id: str
    now: datetime
    language: str = "en"
    concerned: bytes | None = None


def begin(known: Beginning) -> Draft:
    """The draft with everything that need not be asked. Raises DocumentRefused for `concerned`."""
    kind = known.kind
    draft: Draft = {
        "@specVersion": CURRENT.spec,
        "@codeListVersion": VERSION,
        "RequestId": known.request_id,
        "Revision": 1,
        "IssuedAt": known.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    turned = kind.author is Side.REQUESTED
    asking, asked = known.author, known.addressee
    if turned:
        asking, asked = asked, asking
    if kind.author is Side.EITHER:
        draft["@writtenBy"] = Side.REQUESTING.value
    for name, authority in (("RequestingAuthority", asking), ("RequestedAuthority", asked)):
        if authority is not None:
            draft[name] = _authority(authority, known.language)
    if "RequestStatus" in _declared(kind):
        draft["RequestStatus"] = "NEW"
    if kind.urgency == "ROUTINE":
        draft["Urgency"] = {"@level": kind.urgency}
    if known.concerned is not None:
        _follow(draft, known.concerned, _declared(kind))
    return draft


def joined(draft: Mapping[str, Any], answers: Mapping[str, Any]) -> Draft:
    """`draft` with what `answers` says; what both say comes from `answers`, objects key by key."""
    whole: Draft = dict(draft)
    for key, value in answers.items():
        before = whole.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            whole[key] = joined(before, value)
        else:
            whole[key] = value
    return whole


def _declared(kind: Kind) -> frozenset[str]:
    declaration = root_declaration(kind.name, CURRENT.schema)
    return frozenset(children_of(declaration)) if declaration is not None else frozenset()


def _follow(draft: Draft, octets: bytes, declared: Collection[str]) -> None:
    """The draft belongs to the document in `octets`: its number, and what it is."""
    concerned = read_document(octets)
    root = canonical(parse_again(octets))
    issued = root.findtext(f"{{{COMMON}}}IssuedAt")
    draft["RequestId"] = concerned.request_id
    if "Concerns" in declared:
        draft["Concerns"] = {"Kind": concerned.kind}
        if issued is not None:
            draft["Concerns"]["IssuedAt"] = issued.strip()
    if "Acknowledges" in declared:
        draft["Acknowledges"] = concerned.kind
    for name in ("RequestingAuthority", "RequestedAuthority"):
        found = part_to_json(root, name)
        if found is not None and found["@id"] == draft.get(name, found)["@id"]:
            draft[name] = found  # with its contacts, which every document of the case repeats


def _authority(authority: Authority, language: str) -> Draft:
    names = authority.names
    own = language if language in names else next(iter(names), None)
    named: Draft = {"@id": authority.id}
    if own is not None:
        named["Name"] = {"Text": [{"@lang": own, "@kind": "ORIGINAL", "$": names[own]}]}
    return named
