"""The list of everything in schemas and code lists that rests on memory or on ourselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from protocol.convention.declarations import ARTICLE
from schemas.catalogue import ROOM

XS = "{http://www.w3.org/2001/XMLSchema}"
NAMED = tuple(f"{XS}{name}" for name in ("element", "attribute", "complexType", "simpleType"))
SAID = {"unsure": "an open question", "recalled": "recalled, not read again", "assumed": "ours"}


def unconfirmed() -> str:
    """The page: by trust and article, the parts of the schemas that are not confirmed."""
    found: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for article, trust, name in _parts():
        found[trust, article][name] = None
    lines = [
        "# What is not confirmed",
        "",
        "Every element, attribute, type and code whose line was not read in a source, by article:",
        "for whoever has the official text. Written by `make documents`; a correction is made in",
        "`schemas/convention/` or `schemas/codes/`. What rests on a parent treaty is not listed.",
    ]
    for trust, words in SAID.items():
        lines += ["", f"## {trust}: {words}", "", "| article | parts |", "|---|---|"]
        articles = sorted((article for said, article in found if said == trust), key=_order)
        lines += [f"| {one} | {', '.join(found[trust, one])} |" for one in articles]
    return "\n".join(lines) + "\n"


def _parts() -> Iterator[tuple[str, str, str]]:
    """Article, trust and name of every part that says them."""
    for path in sorted((ROOM / "convention").glob("*.xsd")):
        for part in etree.parse(path).iter(*NAMED, f"{XS}enumeration"):
            text = part.find(f"{XS}annotation/{XS}documentation")
            source = "" if text is None else text.get("source", "")
            article, _, trust = source.removeprefix(ARTICLE).partition("#")
            if trust in SAID:
                yield article, trust, f"`{_name(part)}`"


def _name(part: etree._Element) -> str:
    own = part.get("name") or part.get("value") or ""
    own = f"@{own}" if part.tag == f"{XS}attribute" else own
    around = [one.get("name") for one in part.iterancestors(*NAMED)]
    return f"{around[0]}.{own}" if around else own


def _order(article: str) -> list[tuple[int, str]]:
    return [(int(one) if one.isdigit() else 0, one) for one in re.findall(r"\d+|[a-z]", article)]
