"""Which versions of the documents are live: namespaces, schema, and the version that JSON names.

This is the one place that knows. A new version is a new folder of schemas with namespaces of its
own, a line in the catalogue and a line here. It may add to the current one and change nothing of
it: rules, cases and routing are written in the names of the current version, and
protocol.convention.canonical brings every document to these names. The old one stays until its
partners are gone: a document is read by the version that its root element names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from lxml import etree

from protocol.convention.kinds import COMMON, DOCUMENTS
from schemas.catalogue import changed_in

CODES: Final = "urn:uncc:cl:1"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the documents."""

    documents: str  # the namespace of the root elements
    common: str  # the namespace of the shared types
    codes: str  # the namespace of the code lists
    schema: str  # its name in the catalogue
    spec: str  # specVersion, as documents and their JSON form say it

    @property
    def names(self) -> Mapping[str, str]:
        """Its namespaces, each with the one of the current version whose place it takes."""
        return {
            self.documents: CURRENT.documents,
            self.common: CURRENT.common,
            self.codes: CURRENT.codes,
        }


CURRENT: Final = Version(DOCUMENTS, COMMON, CODES, "documents", "1.0")
"""The version that we write, and in whose names rules and readers are written."""

VERSIONS: Final[dict[str, Version]] = {CURRENT.documents: CURRENT}
"""The versions that are live, by the namespace of their documents."""


def version_of(root: etree._Element) -> Version | None:
    """The version of the document `root`; None if its namespace is none of ours."""
    return VERSIONS.get(etree.QName(root).namespace or "")


def version_said(content: Any) -> Version:
    """The version that the JSON object of a document names, else the current one."""
    said = content.get("@specVersion") if isinstance(content, dict) else None
    return next((one for one in VERSIONS.values() if one.spec == said), CURRENT)


def live_specs() -> tuple[str, ...]:
    """The versions that are live as documents say them ("1.0"), the current one first."""
    specs = (one.spec for one in VERSIONS.values() if one is not CURRENT)
    return (CURRENT.spec, *sorted(specs))


@lru_cache(maxsize=8)  # versions that live at once
def changed_by(version: Version) -> tuple[str, ...]:
    """What `version` changes in the current one, so that its documents cannot be read; or nothing.

    Takes some milliseconds for each version but the current one, once.
    """
    if version is CURRENT:
        return ()
    return changed_in(version.schema, CURRENT.schema, version.names)
